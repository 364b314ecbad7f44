package main

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/test/faults/check"
)

// witness reads CALLS and ONEC while they are written. It remembers what a broker with a clock of its own throws away, and when
// things happened by our clock.
type witness struct {
	*store

	mu     sync.Mutex
	stored []check.Event
	ended  []check.Ending
	failed error
}

func (r *room) watch(ctx context.Context) (*witness, error) {
	s, err := openStore(r.nats, r.creds)
	if err != nil {
		return nil, err
	}
	w := &witness{store: s}
	for _, name := range []string{stream.Calls, stream.Endings} {
		c, err := w.untilThere(ctx, name)
		if err != nil {
			return nil, err
		}
		if _, err := c.Consume(w.see); err != nil {
			return nil, err
		}
	}
	return w, nil
}

// untilThere waits for a stream: the first adapter makes that of the endings.
func (w *witness) untilThere(ctx context.Context, name string) (c jetstream.Consumer, err error) {
	for begin := time.Now(); time.Since(begin) < startLimit; {
		c, err = w.js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{})
		if err == nil || !sleep(ctx, 50*time.Millisecond) {
			return c, err
		}
	}
	return nil, err
}

func (w *witness) see(m jetstream.Msg) {
	w.mu.Lock()
	defer w.mu.Unlock()
	meta, err := m.Metadata()
	if err != nil {
		w.failed = err
		return
	}
	raw := &jetstream.RawStreamMsg{Subject: m.Subject(), Sequence: meta.Sequence.Stream, Header: m.Headers(), Data: m.Data(), Time: time.Now()}
	if meta.Stream == stream.Calls {
		w.stored, err = addEvent(w.stored, raw)
	} else {
		w.ended, err = addEnding(w.ended, raw)
	}
	if err != nil {
		w.failed = err
	}
}

// untilEnded waits until as many endings were seen as events, and all events were.
func (w *witness) untilEnded(ctx context.Context, limit time.Duration) (missing int, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	missing = -1
	for {
		left, err := w.unseen(ctx)
		if err == nil {
			missing = left
		}
		if err == nil && left == 0 || !sleep(ctx, 200*time.Millisecond) {
			return missing, nil
		}
	}
}

func (w *witness) unseen(ctx context.Context) (int, error) {
	look, done := context.WithTimeout(ctx, 2*time.Second)
	defer done()
	calls, err := w.js.Stream(look, stream.Calls)
	if err != nil {
		return 0, err
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return int(calls.CachedInfo().State.LastSeq) - len(w.ended), w.failed
}

func (w *witness) events(context.Context) ([]check.Event, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stored, w.failed
}

func (w *witness) endings(context.Context) ([]check.Ending, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.ended, w.failed
}
