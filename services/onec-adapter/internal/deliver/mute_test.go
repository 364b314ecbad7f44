package deliver

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
)

// on puts an event on another line than 101.
func on(l call.Line, e call.Event) call.Event {
	e.Line = l
	return e
}

// hangs is a 1C that shows its WSDL and answers some events after ten seconds of silence with nothing.
func hangs(silent func(call.Event) bool) *fakeOneC {
	return &fakeOneC{answer: func(_ int, e call.Event) error {
		if !silent(e) {
			return nil
		}
		time.Sleep(10 * time.Second)
		return timeout
	}}
}

// Bug: the mark of one poisoned message stood until the next answer, so that after a quiet night 1C's hang in the
// morning was older than ten minutes from its beginning, and cost the first events.
func TestTheSilenceOfYesterdayMeansNothing(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		one, two := newFakeLane("0", event("evening", call.Incoming), event("a", call.Incoming)), newFakeLane("1", event("b", call.Incoming))
		all := []*fakeMessage{one.waiting[0], one.waiting[1], two.waiting[0]}
		morning := time.Now().Add(12 * time.Hour)
		all[1].after, all[2].after = morning, morning
		o := hangs(func(e call.Event) bool { return e.ID == "evening" || time.Since(morning) < 5*time.Minute })
		deliver(o, 13*time.Hour, 0, one, two)
		if diff := cmp.Diff([]string{"dead time-out", "delivered", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// Bug: the next event of a poisoned call counted as somebody else who got no answer, and the line stood for ten minutes.
func TestTheEventsOfOnePoisonedCallAreTriedTwiceEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("ring", call.Incoming), event("answer", call.Answered), event("end", call.Ended), event("next", call.Incoming))
		all := l.waiting
		o := hangs(func(e call.Event) bool { return e.ID != "next" })
		deliver(o, 5*time.Minute, 0, l, newFakeLane("1"))
		if diff := cmp.Diff([]string{"dead time-out", "dead time-out", "dead time-out", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
		if want := "ring@0s ring@11s answer@21s answer@32s end@42s end@53s next@1m3s"; o.seen() != want {
			t.Errorf("calls %q, want %q", o.seen(), want)
		}
	})
}

// Where there is one lane only, nobody else meets with the silence before its head is dead.
func TestOneLaneLosesOneMessageToAHangingTarget(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), on("102", event("b", call.Incoming)), event("c", call.Ended), on("103", event("d", call.Incoming)))
		all := l.waiting
		begin := time.Now()
		deliver(hangs(func(call.Event) bool { return time.Since(begin) < 8*time.Minute }), 10*time.Minute, 0, l)
		if diff := cmp.Diff([]string{"dead time-out", "delivered", "delivered", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

func TestOneLaneWaitsForPoisonedMessagesTenMinutesEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), on("102", event("b", call.Incoming)), on("103", event("c", call.Incoming)), on("104", event("d", call.Incoming)))
		all := l.waiting
		deliver(hangs(func(e call.Event) bool { return e.ID != "d" }), 22*time.Minute, 0, l)
		if diff := cmp.Diff([]string{"dead time-out", "dead time-out", "dead time-out", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// The rule by itself.
func TestWhoseASilenceIs(t *testing.T) {
	a, a2, b := asker{"0", lineKey{line: "101"}}, asker{"0", lineKey{line: "102"}}, asker{"1", lineKey{line: "103"}}
	type step struct {
		at       time.Duration
		who      asker
		answered bool // instead of a silence
		want     bool // the target's
	}
	for name, steps := range map[string][]step{
		"one alone":              {{0, a, false, false}, {time.Minute, a, false, false}, {time.Hour, a, false, false}},
		"another lane":           {{0, a, false, false}, {1, b, false, true}, {2, a, false, true}},
		"another line":           {{0, a, false, false}, {1, a2, false, true}, {2, a2, false, true}},
		"an answer between":      {{0, a, false, false}, {1, a, true, false}, {2, b, false, false}},
		"ten minutes":            {{0, a, false, false}, {longestMute - 1, b, false, true}, {longestMute, b, false, false}},
		"not for longer":         {{0, a, false, false}, {1, b, false, true}, {5 * time.Minute, a, false, true}, {5 * time.Minute, b, false, true}, {longestMute + 1, a, false, false}, {longestMute + 2, b, false, false}},
		"from the second one on": {{0, a, false, false}, {9 * time.Minute, a, false, false}, {11 * time.Minute, b, false, true}, {12 * time.Minute, a, false, true}},
		"long ago":               {{0, a, false, false}, {12 * time.Hour, b, false, false}, {12*time.Hour + 1, a, false, true}},
	} {
		var m mute
		begin := time.Now()
		for i, s := range steps {
			if s.answered {
				m.answered()
			} else if got := m.silent(s.who, begin.Add(s.at)); got != s.want {
				t.Errorf("%s: step %d: the target's: %v, want %v", name, i, got, s.want)
			}
		}
	}
}

// Bug, found by an hour of faults: a call that began while nothing could be had of 1C, and ended in silence when it was back, was taken
// for its message's second failure, and the event was dead.
func TestTheFirstSilenceAfterTheTargetWasAwayIsItsOwn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming))
		all := l.waiting
		o := &fakeOneC{}
		o.answer = func(n int, _ call.Event) error {
			if n == 4 {
				return nil
			}
			time.Sleep(10 * time.Second)
			o.alive = nil
			if n == 2 {
				o.alive = errors.New("no WSDL either")
			}
			return timeout
		}
		deliver(o, 2*time.Minute, 0, l)
		if diff := cmp.Diff([]string{"delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// It is the first one alone: a message that cannot be borne would stand for ever else.
func TestTheSecondSilenceAfterTheTargetWasAwayIsTheMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), event("b", call.Incoming))
		all := l.waiting
		o := &fakeOneC{answer: func(n int, e call.Event) error {
			switch {
			case n == 1:
				return away
			case e.ID == "b":
				return nil
			}
			time.Sleep(10 * time.Second)
			return timeout
		}}
		deliver(o, 2*time.Minute, 0, l)
		if diff := cmp.Diff([]string{"dead time-out", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}
