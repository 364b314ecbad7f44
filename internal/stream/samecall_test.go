package stream_test

import (
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

func callsOf(t *testing.T, nc *nats.Conn) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	calls, err := js.Stream(ctx(t), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	return calls
}

func TestAnEndIsOfTheSameCallWhileNothingBeginsOrIsAnsweredOnItsLine(t *testing.T) {
	t.Parallel()
	at := func(site, line string, e call.EventType) call.Event {
		return call.Event{Site: site, Line: call.Line(line), Type: e}
	}
	for name, c := range map[string]struct {
		between []call.Event
		spoil   func(jetstream.Stream) error
		want    bool
	}{
		"nothing between":         {want: true},
		"another line's ring":     {between: []call.Event{at("", "102", call.Incoming)}, want: true},
		"another site's ring":     {between: []call.Event{at("north", "101", call.Incoming)}, want: true},
		"a hold and another end":  {between: []call.Event{at("", "101", call.Held), at("", "101", call.Rejected)}, want: true},
		"a ring":                  {between: []call.Event{at("", "101", call.Incoming)}},
		"a dial":                  {between: []call.Event{at("", "101", call.Outgoing)}},
		"an answer":               {between: []call.Event{at("", "101", call.Answered)}},
		"a ring behind another's": {between: []call.Event{at("", "102", call.Incoming), at("", "101", call.Incoming)}},
		"something that is gone": {
			between: []call.Event{at("", "101", call.Incoming)},
			spoil:   func(s jetstream.Stream) error { return s.DeleteMsg(t.Context(), 2) },
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			nc := natstest.Start(t).Declared()
			for _, e := range append(append([]call.Event{at("", "101", call.Missed)}, c.between...), at("", "101", call.Ended), at("", "101", call.Incoming)) {
				p, err := stream.NewPublisher(nc, e.Site)
				if err != nil {
					t.Fatal(err)
				}
				p.Patience = natstest.Patience
				if _, err := p.Publish(ctx(t), e); err != nil {
					t.Fatal(err)
				}
			}
			l := lane(t, target(t, nc, "main", 1), 0)
			m := next(t, l)
			for range len(c.between) + 1 {
				end(t, m, verdict.Done())
				m = next(t, l)
			}
			if c.spoil != nil {
				if err := c.spoil(callsOf(t, nc)); err != nil {
					t.Fatal(err)
				}
			}
			if got, err := m.SameCall(ctx(t), 1); got != c.want || err != nil {
				t.Errorf("event %d (%s) is of the same call as event 1: %v (%v), want %v", m.Sequence(), m.Event().Type, got, err, c.want)
			}
			if got, err := m.SameCall(ctx(t), m.Sequence()); got || err != nil {
				t.Errorf("as an event of another CALLS: %v (%v), want false", got, err)
			}
		})
	}
}
