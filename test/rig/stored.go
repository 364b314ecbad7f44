package rig

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

// Stored reads everything that CALLS holds now, oldest first.
func Stored(t testing.TB, nc *nats.Conn) []call.Event {
	t.Helper()
	var events []call.Event
	each(t, nc, stream.Calls, func(data []byte) error {
		e, err := stream.Decode(data)
		events = append(events, e)
		return err
	})
	return events
}

// Ending is how one event ended, as its JSON in the stream of endings says it.
type Ending struct {
	Event    struct{ ID, Type, Line string }
	Kind     string
	Attempts int
	Reason   string
	Answer   string
	Unsure   bool
	Time     time.Time
}

// Endings reads the endings so far, oldest first.
func Endings(t testing.TB, nc *nats.Conn) []Ending {
	t.Helper()
	var all []Ending
	each(t, nc, stream.Endings, func(data []byte) error {
		var e Ending
		err := json.Unmarshal(data, &e)
		all = append(all, e)
		return err
	})
	return all
}

// Ended waits for n endings and returns all that are there.
func Ended(t testing.TB, nc *nats.Conn, n int) []Ending {
	t.Helper()
	var all []Ending
	Until(t, fmt.Sprintf("%d endings", n), func() (any, bool) {
		all = Endings(t, nc)
		return all, len(all) >= n
	})
	return all
}

// DeadLetter waits for the first dead letter.
func DeadLetter(t testing.TB, nc *nats.Conn) stream.DeadLetter {
	t.Helper()
	var found []stream.DeadLetter
	Until(t, "a dead letter", func() (any, bool) {
		found = nil
		err := stream.DeadLetters(Context(t), nc, func(d stream.DeadLetter) { found = append(found, d) })
		return err, err == nil && len(found) > 0
	})
	return found[0]
}

// each hands out the messages of a stream, oldest first. A stream that is not there yet has none.
func each(t testing.TB, nc *nats.Conn, name string, take func(data []byte) error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatalf("JetStream: %v", err)
	}
	s, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return
	}
	if err != nil {
		t.Fatalf("stream %s: %v", name, err)
	}
	state := s.CachedInfo().State
	for sequence := state.FirstSeq; sequence <= state.LastSeq && sequence > 0; sequence++ {
		m, err := s.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue // removed: a dead letter that was sent again
		}
		if err == nil {
			err = take(m.Data)
		}
		if err != nil {
			t.Fatalf("message %d of %s: %v", sequence, name, err)
		}
	}
}
