package main

import (
	"context"
	"fmt"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/test/faults/check"
)

// reader is somebody with a tap, on a machine of his own: he remembers what he was given, from the stream and live.
type reader struct {
	nc   *nats.Conn
	stop context.CancelFunc
	done sync.WaitGroup

	mu    sync.Mutex
	heard map[check.Heard]bool
}

// newReader adds the tap with our command, and reads from now on.
func newReader(ctx context.Context, b *bench, r *room, data string) (*reader, error) {
	creds := filepath.Join(b.dir, r.name, "screen.creds")
	add := exec.CommandContext(ctx, b.bin("callbus"), "tap", "add", "screen", "--nats", "nats://"+r.nats, "--data", data, "--out", creds)
	if said, err := add.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("add a tap: %w %s", err, said)
	}
	nc, err := stream.Connect(stream.ConnectOptions{Name: "screen", URL: "nats://" + r.nats, Creds: creds})
	if err != nil {
		return nil, err
	}
	t := &reader{nc: nc, heard: map[check.Heard]bool{}}
	if _, err := nc.Subscribe("lines.>", func(m *nats.Msg) { t.hear(0, m.Header) }); err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	ctx, t.stop = context.WithCancel(ctx)
	t.done.Go(func() { t.read(ctx, js) })
	return t, nil
}

// read goes on where the power was cut, and wherever else it meets with an error.
func (t *reader) read(ctx context.Context, js jetstream.JetStream) {
	for sleep(ctx, 50*time.Millisecond) {
		look, done := context.WithTimeout(ctx, time.Second)
		consumer, err := js.Consumer(look, stream.Calls, "tap-screen")
		if err == nil {
			t.fetch(consumer)
		}
		done()
	}
}

func (t *reader) fetch(consumer jetstream.Consumer) {
	batch, err := consumer.Fetch(100, jetstream.FetchMaxWait(500*time.Millisecond))
	if err != nil {
		return
	}
	for m := range batch.Messages() {
		if meta, err := m.Metadata(); err == nil {
			t.hear(meta.Sequence.Stream, m.Headers())
		}
		_ = m.Ack() // it comes again where the acknowledgement is lost
	}
}

func (t *reader) hear(sequence uint64, h nats.Header) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.heard[check.Heard{Sequence: sequence, ID: h.Get(nats.MsgIdHdr)}] = true
}

// untilAll waits until the reader was given all events, and tells how many are missing where the limit comes first.
func (t *reader) untilAll(ctx context.Context, events []check.Event, limit time.Duration) (heard []check.Heard, missing int) {
	for end := time.Now().Add(limit); ; {
		heard, missing = nil, 0
		t.mu.Lock()
		for h := range t.heard {
			heard = append(heard, h)
		}
		for _, e := range events {
			if !t.heard[check.Heard{Sequence: e.Sequence, ID: e.ID}] {
				missing++
			}
		}
		t.mu.Unlock()
		if missing == 0 || time.Now().After(end) || !sleep(ctx, 100*time.Millisecond) {
			return heard, missing
		}
	}
}

func (t *reader) close() {
	t.stop()
	t.done.Wait()
	t.nc.Close()
}
