package natstest

import (
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/stream"
)

// Together lets a publisher's events share fsyncs as ingest does with its embedded store: from two of them on, staged
// in memory where the system has a folder there.
func (s *Server) Together(p *stream.Publisher) {
	s.broker.Stage(stream.Calls, stream.Phones)
	p.Together(2, s.broker.Health)
}

// InProcess connects a service as ingest connects to its embedded store; the connection is closed with the test.
func (s *Server) InProcess() *nats.Conn {
	s.t.Helper()
	nc, err := stream.Connect(stream.ConnectOptions{Name: s.t.Name(), Broker: s.broker})
	if err != nil {
		s.t.Fatalf("connect: %v", err)
	}
	s.t.Cleanup(nc.Close)
	return nc
}

// Unsynced is a connection to a server of NATS' own settings: it fsyncs every two minutes.
func Unsynced(t testing.TB) *nats.Conn {
	t.Helper()
	s, err := server.NewServer(&server.Options{DontListen: true, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir()})
	if err != nil {
		t.Fatalf("set up a server: %v", err)
	}
	s.Start()
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(nc.Close)
	return nc
}
