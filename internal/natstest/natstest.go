// Package natstest is a real NATS server inside a test: the embedded broker as it ships, in a folder of the test's
// own, with fsync. It never ships.
package natstest

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/porttest"
	"github.com/callbus/callbus/internal/stream"
)

// Room is what CALLS may hold in a test, in bytes.
const Room = 16 << 20

// Patience is how long a test waits for what should come at once: few cores, and a disk that fsyncs, may be busy with other tests.
const Patience = time.Minute

// Server is a broker that can be restarted under its clients.
type Server struct {
	t       testing.TB
	dir     string
	listen  string
	broker  *broker.Broker
	clients []*nats.Conn
}

// Start starts a server on a free loopback port and stops it with the test.
func Start(t testing.TB) *Server {
	t.Helper()
	s := &Server{t: t, dir: t.TempDir(), listen: porttest.Free(t)}
	s.start()
	t.Cleanup(func() {
		if s.broker != nil {
			s.Stop()
		}
	})
	return s
}

func (s *Server) start() {
	s.t.Helper()
	b, err := broker.Start(broker.Options{Dir: s.dir, Listen: s.listen, Room: Room})
	if err != nil {
		s.t.Fatalf("start the broker: %v", err)
	}
	s.broker = b
}

// Stop stops the server; Restart starts it again on the same port and store.
func (s *Server) Stop() {
	s.t.Helper()
	if err := s.broker.Stop(); err != nil {
		s.t.Errorf("stop the broker: %v", err)
	}
	s.broker = nil
}

// Restart stops the server, if it runs, and starts it on the same port and store. The connections of Connect are back when it
// returns: they need not have noticed by themselves that the former server is gone.
func (s *Server) Restart() {
	s.t.Helper()
	if s.broker != nil {
		s.Stop()
	}
	former := s.clients
	s.start()
	now := s.Connect().ConnectedServerId()
	for _, nc := range former {
		await(s.t, nc, func() bool { return nc.IsClosed() || nc.ConnectedServerId() == now })
	}
}

// URL is where clients connect, also across restarts.
func (s *Server) URL() string { return "nats://" + s.listen }

// Creds is the file with the key of services.
func (s *Server) Creds() string { return s.dir + "/" + broker.CredsFile }

// Connect connects a service over TCP; the connection is closed with the test.
func (s *Server) Connect() *nats.Conn {
	s.t.Helper()
	nc := connect(s.t, s.URL(), s.Creds())
	s.clients = append(s.clients, nc)
	return nc
}

// connect returns when the server has answered: a connection that is still trying would refuse what is published.
func connect(t testing.TB, url, creds string) *nats.Conn {
	t.Helper()
	nc, err := stream.Connect(stream.ConnectOptions{Name: t.Name(), URL: url, Creds: creds})
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(nc.Close)
	await(t, nc, nc.IsConnected)
	return nc
}

func await(t testing.TB, nc *nats.Conn, holds func() bool) {
	t.Helper()
	for begin := time.Now(); !holds(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > Patience {
			t.Fatalf("not connected within %v: %v, %v", Patience, nc.Status(), nc.LastError())
		}
	}
}

// Declared is Connect with ingest's streams declared.
func (s *Server) Declared() *nats.Conn {
	s.t.Helper()
	nc := s.Connect()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	js, err := jetstream.New(nc)
	if err == nil {
		_, err = stream.DeclareIngest(ctx, js, Room, 1, true)
	}
	if err != nil {
		s.t.Fatalf("declare the streams: %v", err)
	}
	return nc
}
