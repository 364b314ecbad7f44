package stream_test

import (
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
)

// Bug: a branch that had been removed knocked three times a second for ever, and the hub's log had a line for each.
func TestAClientWhoseKeyIsRefusedKnocksSeldom(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	door, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer door.Close()
	knocks := make(chan time.Time, 100)
	go func() {
		for {
			client, err := door.Accept()
			if err != nil {
				return
			}
			knocks <- time.Now()
			if back, err := net.Dial("tcp", strings.TrimPrefix(server.URL(), "nats://")); err == nil {
				go io.Copy(back, client) //nolint:errcheck // it ends with the connection
				go func() {
					defer client.Close()
					defer back.Close()
					_, _ = io.Copy(client, back)
				}()
			}
		}
	}()
	nc, err := stream.Connect(stream.ConnectOptions{Name: "removed", URL: "nats://" + door.Addr().String(), Creds: natstest.Start(t).Creds()})
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	var gap time.Duration
	last, n := <-knocks, 1
	for ; gap < 4*time.Second && n < 10; n++ { // the first two follow each other soon
		select {
		case at := <-knocks:
			gap, last = at.Sub(last), at
		case <-time.After(time.Minute):
			t.Fatal("it knocks no more: a key may be known tomorrow")
		}
	}
	if n == 10 {
		t.Fatal("it knocks all the time")
	}
	if err := nc.LastError(); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("it says %v", err)
	}
}
