// Command unsynced breaks the promise on purpose: an HTTP server that answers 200 after the PubAck of a NATS server
// which does not fsync. The test of ingest's promise must notice it, or it notices nothing.
package main

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

func main() {
	if err := run(os.Args[1]); err != nil {
		log.Fatal(err)
	}
}

func run(dir string) error {
	s, err := server.NewServer(&server.Options{DontListen: true, JetStream: true, StoreDir: dir, NoSigs: true})
	if err != nil {
		return err
	}
	s.Start()
	defer s.Shutdown()
	if !s.ReadyForConnections(10 * time.Second) {
		return fmt.Errorf("NATS is not ready")
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		return err
	}
	defer nc.Close()
	return serve(nc)
}

func serve(nc *nats.Conn) error {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM)
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go http.Serve(l, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { //nolint:errcheck // the process ends with it
		if _, err := js.Publish(r.Context(), "calls.incoming", []byte(r.URL.RawQuery)); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
		}
	}))
	_, err = js.CreateStream(context.Background(), jetstream.StreamConfig{Name: "CALLS", Subjects: []string{"calls.>"}})
	if err != nil {
		return err
	}
	fmt.Println("address", l.Addr())
	<-end
	return nil
}
