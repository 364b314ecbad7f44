package natstest

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

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
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		routes = append(routes, &url.URL{Scheme: "nats-route", Host: l.Addr().String()})
		l.Close()
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
	for begin := time.Now(); time.Since(begin) < 30*time.Second; time.Sleep(100 * time.Millisecond) {
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		_, err = stream.DeclareIngest(ctx, js, Room, 3)
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
	nc, err := stream.Connect(stream.ConnectOptions{Name: c.t.Name(), URL: c.url})
	if err != nil {
		c.t.Fatalf("connect: %v", err)
	}
	c.t.Cleanup(nc.Close)
	return nc
}

// CutOff starts a server of a cluster whose other servers cannot be reached, and returns its URL.
func CutOff(t testing.TB) string {
	t.Helper()
	nobody, err := net.Listen("tcp", "127.0.0.1:0") // it never answers
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { nobody.Close() })
	own, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	own.Close()
	port, _ := strconv.Atoi(own.Addr().String()[len("127.0.0.1:"):])
	s, err := server.NewServer(&server.Options{
		ServerName: "alone", Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true,
		JetStream: true, StoreDir: t.TempDir(), JetStreamMaxStore: 1 << 30, JetStreamMaxMemory: 16 << 20,
		Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port},
		Routes:  []*url.URL{{Scheme: "nats-route", Host: own.Addr().String()}, {Scheme: "nats-route", Host: nobody.Addr().String()}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	if !s.ReadyForConnections(30 * time.Second) {
		t.Fatal("the server does not start")
	}
	return s.ClientURL()
}
