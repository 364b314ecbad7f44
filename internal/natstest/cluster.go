package natstest

import (
	"context"
	"fmt"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/porttest"
	"github.com/callbus/callbus/internal/stream"
)

// Cluster is three servers inside a test, without users.
type Cluster struct {
	t   testing.TB
	url string
}

// StartCluster starts three servers, declares ingest's streams with three replicas, and stops them with the test.
func StartCluster(t testing.TB) *Cluster {
	t.Helper()
	c := &Cluster{t: t}
	var routes []*url.URL
	for range 3 {
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: porttest.Free(t)})
	}
	for i, own := range routes {
		port, _ := strconv.Atoi(own.Port())
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("nats", i+1), Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 1 << 30, JetStreamMaxMemory: 16 << 20,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port}, Routes: routes,
		})
		if err != nil {
			t.Fatalf("set up a cluster: %v", err)
		}
		s.Start()
		t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
		c.url = s.ClientURL()
	}
	c.declare()
	return c
}

// declare tries until the cluster has a leader.
func (c *Cluster) declare() {
	c.t.Helper()
	js, err := jetstream.New(c.Connect())
	if err != nil {
		c.t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < Patience; time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		_, err = stream.DeclareIngest(ctx, js, Room, 3, false)
		cancel()
		if err == nil {
			return
		}
	}
	c.t.Fatalf("declare the streams in a cluster: %v", err)
}

// Connect connects a service; the connection is closed with the test.
func (c *Cluster) Connect() *nats.Conn {
	c.t.Helper()
	return connect(c.t, c.url, "")
}

// CutOff starts a server of a cluster whose other servers cannot be reached, and returns its URL.
func CutOff(t testing.TB) string {
	t.Helper()
	own, nobody := porttest.Free(t), porttest.Free(t)
	port, _ := strconv.Atoi(own[len("127.0.0.1:"):])
	s, err := server.NewServer(&server.Options{
		ServerName: "alone", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 1 << 30, JetStreamMaxMemory: 16 << 20,
		Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port},
		Routes:  []*url.URL{{Scheme: "nats-route", Host: own}, {Scheme: "nats-route", Host: nobody}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(Patience) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}
