package ingest_test

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/ingest"
)

// lossy is a broker some of whose answers do not arrive.
type lossy struct {
	stream.Embedded
	lose func(answer []byte) bool
}

// over are the options of an ingest that sees its broker as another one.
func over(as func(stream.Embedded) stream.Embedded, o ingest.Options) ingest.Options {
	return o.Dialling(func(c stream.ConnectOptions) (*nats.Conn, error) {
		c.Broker = as(c.Broker)
		return stream.Connect(c)
	})
}

func losing(lose func([]byte) bool) func(stream.Embedded) stream.Embedded {
	return func(b stream.Embedded) stream.Embedded { return lossy{b, lose} }
}

func (l lossy) InProcessConn() (net.Conn, error) {
	far, err := l.Embedded.InProcessConn()
	if err != nil {
		return nil, err
	}
	client, near := net.Pipe()
	go func() { _, _ = io.Copy(far, near); far.Close() }()
	go func() { l.answer(near, bufio.NewReader(far)); near.Close() }()
	return client, nil
}

// answer passes on what the server says. A message is a line that ends with the length of what follows.
func (l lossy) answer(client io.Writer, server *bufio.Reader) {
	for {
		said, err := server.ReadBytes('\n')
		if err != nil {
			return
		}
		if words := bytes.Fields(said); bytes.HasSuffix(words[0], []byte("MSG")) {
			length, _ := strconv.Atoi(string(words[len(words)-1]))
			payload := make([]byte, length+len("\r\n"))
			if _, err := io.ReadFull(server, payload); err != nil {
				return
			}
			if l.lose(payload) {
				continue
			}
			said = append(said, payload...)
		}
		if _, err := client.Write(said); err != nil {
			return
		}
	}
}

// firstOf loses the first answer of each of these kinds, and tells how many it has lost.
func firstOf(kinds ...string) (lose func([]byte) bool, lost *atomic.Int32) {
	seen := make([]atomic.Bool, len(kinds))
	lost = new(atomic.Int32)
	return func(answer []byte) bool {
		for i, kind := range kinds {
			if bytes.Contains(answer, []byte(kind)) && !seen[i].Swap(true) {
				lost.Add(1)
				return true
			}
		}
		return false
	}, lost
}

// The bug: on a busy machine the embedded store needed more than 5 s for the first answer, and the process ended with
// "look at stream CALLS: context deadline exceeded".
func TestAnAnswerThatDoesNotComeEndsNoStart(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	for name, c := range map[string]struct {
		options ingest.Options
		lost    []string
	}{
		"about the streams":      {ingest.Options{}, []string{"stream_info_response", "stream_create_response"}},
		"about the hub":          {ingest.Options{Site: "b2", Hub: hub.URL(), HubCreds: hub.Creds()}, []string{"consumer_create_response"}},
		"about a hub that is no": {ingest.Options{}, []string{"consumer_info_response"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log := &lines{}
			lose, lost := firstOf(c.lost...)
			o := c.options
			o.Store, o.Log = t.TempDir(), zerolog.New(log)
			url, _ := run(t, over(losing(lose), o))
			if n := int(lost.Load()); n != len(c.lost) {
				t.Fatalf("%d answers were lost, want %d: this test proves nothing", n, len(c.lost))
			}
			if said := log.named("store.slow"); len(said) < len(c.lost) {
				t.Errorf("the log says %v, want a line for each answer that was lost", said)
			}
			if code := get(t, url+"/phone/incoming?line=101&remote=sip:74951234567@pbx"); code != 200 {
				t.Errorf("status %d, want 200", code)
			}
		})
	}
}

// late is a broker that does not take the first connection.
type late struct {
	stream.Embedded
	taken atomic.Int32
}

func (l *late) InProcessConn() (net.Conn, error) {
	if l.taken.Add(1) == 1 {
		return nil, os.ErrDeadlineExceeded
	}
	return l.Embedded.InProcessConn()
}

func TestAConnectionThatNeedsASecondTryEndsNoStart(t *testing.T) {
	t.Parallel()
	b := &late{}
	run(t, over(func(real stream.Embedded) stream.Embedded { b.Embedded = real; return b }, ingest.Options{Store: t.TempDir()}))
	if b.taken.Load() < 2 {
		t.Error("it connected at once: this test proves nothing")
	}
}

func TestAStartThatGetsNoAnswerCanBeStopped(t *testing.T) {
	t.Parallel()
	log := &lines{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() {
		ended <- ingest.Run(ctx, over(losing(func([]byte) bool { return true }),
			ingest.Options{HTTP: "127.0.0.1:0", Store: t.TempDir(), StoreMax: 16 * config.MiB, Log: zerolog.New(log)}))
	}()
	waitFor(t, func() bool { return len(log.named("store.slow")) > 0 })
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("stopped with %v, want no error", err)
	}
}

// What NATS refuses, it would refuse again.
func TestAStartThatIsRefusedEnds(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	b, err := broker.Start(broker.Options{Dir: dir, Listen: "127.0.0.1:0", Room: natstest.Room})
	if err != nil {
		t.Fatal(err)
	}
	nc := connect(t, b.URL(), b.Creds())
	js, _ := jetstream.New(nc)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"calls.incoming"}})
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	err = ingest.Run(t.Context(), ingest.Options{HTTP: "127.0.0.1:0", Store: dir, StoreMax: natstest.Room})
	if err == nil || !strings.Contains(err.Error(), "create stream CALLS: ") || !strings.Contains(err.Error(), "subjects overlap") {
		t.Errorf("error %v, want one that says which stream is refused, and why", err)
	}
}
