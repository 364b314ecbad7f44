package onecadapter_test

import (
	"context"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

func recordOf(t *testing.T, nc *nats.Conn) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	record, err := js.Stream(context.Background(), stream.Endings)
	if err != nil {
		t.Fatal(err)
	}
	return record
}

// subjectOf is where an ending was written, and so its kind.
func subjectOf(t *testing.T, nc *nats.Conn, n uint64) string {
	t.Helper()
	m, err := recordOf(t, nc).GetMsg(context.Background(), n)
	if err != nil {
		t.Fatal(err)
	}
	return m.Subject
}

// Bug: NATS' clock was 31 days back when the ring's ending was written, and then right again, so the ring's ending was dropped for its
// age while that of the call before stayed. The next owner took the end of the ring's call for a second one.
func TestAnEndIsToldThoughTheEndingOfItsRingIsGone(t *testing.T) {
	t.Parallel()
	for name, gone := range map[string]bool{"the ring's ending is gone": true, "nothing is gone, and there was no ring": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := natstest.Start(t)
			nc := server.Declared()
			s := standin(t, onectest.Options{})
			say := func(e call.EventType) { publishOne(t, nc, call.Event{Type: e, Line: "101", Source: "yealink"}) }
			say(call.Incoming)
			say(call.Ended)
			third, want := call.Held, "onec.skipped.main.1-0" // a second end
			if gone {
				third, want = call.Incoming, "onec.delivered.main.1-0"
			}
			say(third)
			first := run(t, server, single(s.URL(), 1))
			eventually(t, "three endings", func() bool { return endings(t, nc) == 3 })
			first.stop()
			if gone {
				if err := recordOf(t, nc).DeleteMsg(context.Background(), 3); err != nil {
					t.Fatal(err)
				}
			}
			say(call.Missed)
			run(t, server, single(s.URL(), 1))
			eventually(t, "the last ending", func() bool { return recordOf(t, nc).CachedInfo().State.LastSeq >= 4 })
			if got := subjectOf(t, nc, 4); got != want {
				t.Errorf("the end of the missed call is %s, want %s", got, want)
			}
		})
	}
}
