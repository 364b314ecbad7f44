package deliver

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/verdict"
)

// The lanes of these tests are lists in memory: what is under test is time, and a real server has its own. The order
// of real lanes is tested in package stream, both together in the adapter's own tests.
type fakeLane struct {
	mu      sync.Mutex
	name    string
	waiting []*fakeMessage
	ready   chan struct{}
	sent    uint64
	pulls   int
	fronts  int // of them, those for the oldest event
	pauses  int
	closed  bool
	past    []past
}

type past struct {
	event call.Event
	kind  verdict.Kind
}

type fakeMessage struct {
	lane       *fakeLane
	event      call.Event
	sequence   uint64
	deliveries int
	after      time.Time
	broken     error
	again      bool
	taken      bool
	notOurs    bool
	another    error         // why it cannot be told whether the line had another call since; errAnotherCall: it had
	fence      error         // what the first question whether it is ours meets with
	heldFor    time.Duration // at the first try; 0: for as long as it takes
	endings    []verdict.Ending
}

func newFakeLane(name string, events ...call.Event) *fakeLane {
	l := &fakeLane{name: name, ready: make(chan struct{}, 100)}
	for i, e := range events {
		l.waiting = append(l.waiting, &fakeMessage{lane: l, event: e, sequence: uint64(i + 1)})
	}
	return l
}

func (l *fakeLane) Name() string { return l.name }
func (l *fakeLane) Pause()       { l.mu.Lock(); l.pauses++; l.mu.Unlock() }
func (l *fakeLane) Close(context.Context) error {
	l.closed = true
	return nil
}

func (l *fakeLane) Recall(_ context.Context, _ time.Time, tell func(uint64, call.Event, verdict.Kind)) error {
	for i, p := range l.past {
		p.event.Time = time.Now() // of the bubble
		tell(uint64(i+1), p.event, p.kind)
	}
	return nil
}

func (l *fakeLane) Front(ctx context.Context) (Message, error) {
	l.mu.Lock()
	l.fronts++
	l.mu.Unlock()
	return l.Next(ctx)
}

func (l *fakeLane) Next(ctx context.Context) (Message, error) {
	l.mu.Lock()
	l.pulls++
	l.mu.Unlock()
	for {
		l.mu.Lock()
		if len(l.waiting) > 0 && !l.waiting[0].after.After(time.Now()) {
			m := l.waiting[0]
			m.deliveries++
			m.after = time.Now().Add(time.Hour) // AckWait, as it were: it does not come by itself
			l.mu.Unlock()
			return m, nil
		}
		look := time.Hour
		if len(l.waiting) > 0 {
			look = time.Until(l.waiting[0].after)
		}
		l.mu.Unlock()
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-l.ready: // something new
		case <-time.After(look):
		}
	}
}

func (m *fakeMessage) Event() call.Event { return m.event }
func (m *fakeMessage) Broken() error     { return m.broken }
func (m *fakeMessage) Again() bool       { return m.again }
func (m *fakeMessage) TakenOver() bool   { return m.taken }
func (m *fakeMessage) Sequence() uint64  { return m.sequence }
func (m *fakeMessage) Deliveries() int   { return m.deliveries }

func (m *fakeMessage) Hold(ctx context.Context) (context.Context, func()) {
	if m.heldFor == 0 {
		return context.WithCancel(ctx)
	}
	most := m.heldFor
	m.heldFor = 0
	return context.WithTimeout(ctx, most)
}

func (m *fakeMessage) Ours(context.Context) (bool, error) {
	err := m.fence
	m.fence = nil
	return !m.notOurs && err == nil, err
}

// errAnotherCall is what fakeMessage.another is where a call of the line lies between.
var errAnotherCall = errors.New("there was another call")

func (m *fakeMessage) SameCall(context.Context, uint64) (bool, error) {
	if m.another == errAnotherCall {
		return false, nil
	}
	return m.another == nil, m.another
}

func (m *fakeMessage) Later(d time.Duration) error {
	m.lane.mu.Lock()
	defer m.lane.mu.Unlock()
	m.after = time.Now().Add(d)
	return nil
}

func (m *fakeMessage) End(_ context.Context, e verdict.Ending, _ func(error)) (bool, error) {
	m.lane.mu.Lock()
	defer m.lane.mu.Unlock()
	m.endings = append(m.endings, e)
	m.lane.waiting = m.lane.waiting[1:]
	return true, nil
}

// failure is what a 1C client's error looks like.
type failure struct {
	why    string
	blame  verdict.Blame
	unsure bool
	down   bool
	status int
}

func (f failure) Error() string        { return f.why }
func (f failure) Blame() verdict.Blame { return f.blame }
func (f failure) Unsure() bool         { return f.unsure }
func (f failure) Outage() verdict.Outage {
	return verdict.Outage{Cause: f.why, Sure: f.down}
}
func (f failure) Status() int { return f.status }

// errHangs makes 1C not answer.
var errHangs = errors.New("hangs")

var (
	fault   = failure{why: "fault", blame: verdict.Message}
	away    = failure{why: "503", blame: verdict.Target}
	refused = failure{why: "connection refused", blame: verdict.Target, down: true}
	timeout = failure{why: "time-out", blame: verdict.Unclear, unsure: true}
)

// fakeOneC answers as it is told, and keeps when it was called for what.
type fakeOneC struct {
	mu     sync.Mutex
	answer func(n int, e call.Event) error // n counts from 1
	alive  error
	calls  []string
	start  time.Time
}

func (o *fakeOneC) Call(ctx context.Context, e call.Event) (verdict.Reply, error) {
	o.mu.Lock()
	o.calls = append(o.calls, fmt.Sprintf("%s@%v", e.ID, time.Since(o.start).Round(100*time.Millisecond)))
	n := len(o.calls)
	o.mu.Unlock()
	if o.answer == nil {
		return verdict.Reply{Answer: "OK"}, nil
	}
	err := o.answer(n, e)
	if errors.Is(err, errHangs) {
		<-ctx.Done()
		return verdict.Reply{}, timeout
	}
	return verdict.Reply{}, err
}

func (o *fakeOneC) Alive(context.Context) error { return o.alive }

func (o *fakeOneC) seen() string { return strings.Join(o.calls, " ") }

// word is TelData's, of which this target gets four.
func word(t call.EventType) string {
	return map[call.EventType]string{call.Incoming: "1", call.Answered: "2", call.Outgoing: "3", call.Ended: "4", call.Missed: "4"}[t]
}

func notFor(e call.Event) string {
	if word(e.Type) == "" {
		return "not for this target"
	}
	return ""
}

func event(id string, t call.EventType) call.Event {
	return call.Event{ID: id, Type: t, Line: "101", Time: time.Now()}
}

// deliver runs a deliverer over lanes for a while of bubble time.
func deliver(o *fakeOneC, d time.Duration, freshFor time.Duration, lanes ...*fakeLane) *Deliverer {
	var list []Lane
	for _, l := range lanes {
		list = append(list, l)
	}
	o.start = time.Now()
	dl := New(Options{Target: "main", Timeout: 10 * time.Second, FreshFor: freshFor, NotFor: notFor, Word: word, Log: zerolog.Nop()}, o, list)
	ctx, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if err := dl.Run(ctx); err != nil {
		panic(err)
	}
	return dl
}

func kinds(ms []*fakeMessage) (out []string) {
	for _, m := range ms {
		var k []string
		for _, e := range m.endings {
			k = append(k, strings.TrimSpace(e.Kind.String()+" "+e.Why))
		}
		out = append(out, strings.Join(k, "+"))
	}
	return out
}

func TestAFaultIsTriedTwiceAndIsDeadThen(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), event("b", call.Incoming))
		all := l.waiting
		o := &fakeOneC{answer: func(_ int, e call.Event) error {
			if e.ID == "a" {
				return fault
			}
			return nil
		}}
		deliver(o, 10*time.Second, 0, l)
		if diff := cmp.Diff([]string{"dead fault", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
		if got := o.seen(); got != "a@0s a@1s b@1s" {
			t.Errorf("calls %q, want a twice within the budget and b after it", got)
		}
		if got := all[0].endings[0].Attempts; got != 2 {
			t.Errorf("attempts %d, want 2", got)
		}
	})
}

func TestNothingIsThrownAwayWhileTheTargetIsAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), event("b", call.Answered))
		all := l.waiting
		begin := time.Now()
		o := &fakeOneC{answer: func(int, call.Event) error {
			if time.Since(begin) < 10*time.Minute {
				return away
			}
			return nil
		}}
		deliver(o, 11*time.Minute, 0, l)
		if diff := cmp.Diff([]string{"delivered", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
		if all[0].endings[0].Unsure {
			t.Error("a 503 leaves no doubt, and the ending says unsure")
		}
	})
}

func TestARefusedConnectShutsAtOnceAndFiveOtherFailuresDo(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{refused, "a@0s a@1s a@3s a@7s a@12s a@17s"},
		{away, "a@0s a@1s a@2s a@3s a@4s a@5s a@7s a@11s a@16s"},
	} {
		synctest.Test(t, func(t *testing.T) {
			o := &fakeOneC{answer: func(int, call.Event) error { return c.err }}
			d := deliver(o, 20*time.Second, 0, newFakeLane("0", event("a", call.Incoming)))
			if o.seen() != c.want {
				t.Errorf("%v: calls %q, want %q", c.err, o.seen(), c.want)
			}
			if shut, why := d.Shut(); !shut || why != c.err.Error() {
				t.Errorf("%v: shut %v because of %q", c.err, shut, why)
			}
		})
	}
}

func TestOneBadHeadDoesNotKeepTheTargetShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, good := newFakeLane("0", event("bad", call.Incoming)), newFakeLane("1", event("good", call.Incoming))
		all := good.waiting
		o := &fakeOneC{answer: func(n int, e call.Event) error {
			if e.ID == "bad" || n <= 6 {
				return away
			}
			return nil
		}}
		deliver(o, 30*time.Second, 0, bad, good)
		if diff := cmp.Diff([]string{"delivered"}, kinds(all)); diff != "" {
			t.Errorf("the good head (-want +got):\n%s\ncalls: %s", diff, o.seen())
		}
	})
}

// Bug: a webhook that answered 403 to one caller's events only was shut for all others, again and again, and that event's lane
// stood for ever.
func TestAnEventThatAloneIsRefusedEndsAndKeepsNobodyWaiting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad := newFakeLane("0", event("bad", call.Incoming), event("after", call.Ended))
		var calls []call.Event
		for i := range 900 {
			calls = append(calls, event(fmt.Sprint("good", i), call.Incoming))
		}
		good := newFakeLane("1", calls...)
		all, others := bad.waiting, good.waiting
		o := &fakeOneC{answer: func(_ int, e call.Event) error {
			time.Sleep(time.Second)
			if e.ID == "bad" {
				return refused
			}
			return nil
		}}
		deliver(o, 16*time.Minute, 0, bad, good)
		if diff := cmp.Diff([]string{"dead connection refused" + takesOthers, "delivered"}, kinds(all)); diff != "" {
			t.Errorf("the refused one's lane (-want +got):\n%s", diff)
		}
		if late := slices.IndexFunc(others, func(m *fakeMessage) bool { return len(m.endings) == 0 }); late >= 0 {
			t.Errorf("event %d of the others has not ended", late)
		}
	})
}

// Else a new event would be tried with, and fall behind the backlog for it.
func TestATargetThatIsAwayIsTriedWithTheOldestEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), event("b", call.Incoming))
		o := &fakeOneC{answer: func(n int, _ call.Event) error {
			if n <= 3 {
				return refused
			}
			return nil
		}}
		deliver(o, 20*time.Second, 0, l)
		if l.fronts != 3 {
			t.Errorf("the lane was asked for its oldest event %d times, want 3: each try but the first, which shut the gate (%s)", l.fronts, o.seen())
		}
	})
}

func TestALaneWithoutEventsPassesItsTurnOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		empty, full := newFakeLane("0"), newFakeLane("1", event("a", call.Incoming))
		all := full.waiting
		o := &fakeOneC{answer: func(n int, _ call.Event) error {
			if n == 1 {
				return refused
			}
			return nil
		}}
		deliver(o, 10*time.Second, 0, empty, full)
		if diff := cmp.Diff([]string{"delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// Bug: when the target was back, each lane without events held the only waiting one up for a second.
func TestTenEmptyLanesDoNotHoldAHeadUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lanes := []*fakeLane{newFakeLane("full", event("a", call.Incoming))}
		for i := range 10 {
			lanes = append(lanes, newFakeLane(fmt.Sprint(i)))
		}
		back, late := time.Now().Add(30*time.Second), time.Duration(-1)
		o := &fakeOneC{answer: func(int, call.Event) error {
			if time.Now().Before(back) {
				return refused
			}
			late = time.Since(back)
			return nil
		}}
		deliver(o, time.Minute, 0, lanes...)
		// The wait that was under way, one turn of an empty lane before the head's, and one after the wait.
		if late < 0 || late > longestWait+2*probePull {
			t.Errorf("delivered %v after 1C was back, want at most %v", late, longestWait+2*probePull)
		}
	})
}

func TestALanesFirstEventDoesNotStarveBehindABadHead(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		bad, worse := newFakeLane("0", event("bad", call.Incoming)), newFakeLane("1", event("worse", call.Incoming))
		late := newFakeLane("2", event("late", call.Incoming))
		came := time.Now().Add(time.Minute)
		all := late.waiting
		all[0].after = came
		delay := time.Duration(-1)
		o := &fakeOneC{answer: func(_ int, e call.Event) error {
			if e.ID == "late" {
				delay = time.Since(came)
				return nil
			}
			return refused
		}}
		deliver(o, 2*time.Minute, 0, bad, worse, late)
		if delay < 0 || delay > 2*longestWait+probePull {
			t.Errorf("the first event of a lane was tried after %v, want at most %v", delay, 2*longestWait+probePull)
		}
	})
}

func TestNothingIsPulledWhileTheTargetIsShut(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		idle, full := newFakeLane("0"), newFakeLane("1", event("a", call.Incoming))
		o := &fakeOneC{answer: func(int, call.Event) error { return refused }}
		deliver(o, time.Minute, 0, idle, full)
		// One pull before it shut, and one for each turn to probe: 1, 3, 7 and then every 5 s, shared by two lanes.
		if idle.pulls > 15 {
			t.Errorf("an idle lane pulled %d times in a minute", idle.pulls)
		}
	})
}

func TestATimeOutIsTheMessagesWhenTheTargetLives(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming))
		all := l.waiting
		deliver(&fakeOneC{answer: func(int, call.Event) error { return timeout }}, time.Minute, 0, l)
		if diff := cmp.Diff([]string{"dead time-out"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
		if !all[0].endings[0].Unsure {
			t.Error("the dead letter does not say that 1C may have taken it")
		}
	})
}

// An operator reads in the ending what became of each call; one that waited for days must not fill the store.
func TestAnEndingHoldsItsLastFiveTries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming))
		all := l.waiting
		o := &fakeOneC{answer: func(n int, _ call.Event) error {
			time.Sleep(time.Duration(n) * time.Millisecond)
			if n < 7 {
				return failure{why: fmt.Sprint("no ", n), blame: verdict.Target, status: 500 + n}
			}
			return nil
		}}
		begin := time.Now().UTC()
		deliver(o, time.Minute, 0, l)
		e := all[0].endings[0]
		var got []string
		for _, try := range e.Tries {
			got = append(got, fmt.Sprint(try.Status, " ", try.Took, " ", try.Why))
		}
		want := []string{"503 3ms no 3", "504 4ms no 4", "505 5ms no 5", "506 6ms no 6", "0 7ms "}
		if diff := cmp.Diff(want, got); diff != "" || e.Attempts != 7 {
			t.Errorf("%d attempts, want 7; tries (-want +got):\n%s", e.Attempts, diff)
		}
		if first := e.Tries[0].Time; !first.After(begin.Add(2 * time.Second)) {
			t.Errorf("the third try began at %v, want later than two pauses after %v", first, begin)
		}
	})
}

func TestATimeOutIsTheTargetsWhenItIsDumb(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming))
		all := l.waiting
		o := &fakeOneC{alive: errors.New("no answer"), answer: func(n int, _ call.Event) error {
			if n < 4 {
				return timeout
			}
			return nil
		}}
		deliver(o, time.Minute, 0, l)
		if diff := cmp.Diff([]string{"delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
		if e := all[0].endings[0]; !e.Unsure || e.Attempts != 4 {
			t.Errorf("ending %+v: want 4 attempts, unsure", e)
		}
	})
}

// Bug: a 1C that waited for a lock of its database, and showed its WSDL all the while, cost every event its two tries:
// ten seconds of it made eight dead letters.
func TestATargetThatAnswersNobodyCostsNoEvent(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFakeLane("0", event("a", call.Incoming)), newFakeLane("1", event("b", call.Incoming))
		all := []*fakeMessage{a.waiting[0], b.waiting[0]}
		begin := time.Now()
		o := &fakeOneC{answer: func(int, call.Event) error {
			time.Sleep(2 * time.Second)
			if time.Since(begin) < 3*time.Minute {
				return timeout
			}
			return nil
		}}
		deliver(o, 5*time.Minute, 0, a, b)
		if diff := cmp.Diff([]string{"delivered", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

func TestPoisonedHeadsOfAllLanesAreDeadInTheEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := newFakeLane("0", event("a", call.Incoming), event("c", call.Ended)), newFakeLane("1", event("b", call.Incoming))
		all := []*fakeMessage{a.waiting[0], a.waiting[1], b.waiting[0]}
		o := &fakeOneC{answer: func(_ int, e call.Event) error {
			if e.ID == "c" {
				return nil
			}
			return timeout
		}}
		deliver(o, 15*time.Minute, 0, a, b)
		if diff := cmp.Diff([]string{"dead time-out", "delivered", "dead time-out"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// Bug: a fence that could not be asked left the message in the hand, and its lane standing for AckWait.
func TestAFenceThatCannotBeAskedCostsTheLaneASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming))
		all := l.waiting
		all[0].fence = errors.New("nats: timeout")
		o := &fakeOneC{}
		deliver(o, 10*time.Second, 0, l)
		if diff := cmp.Diff([]string{"delivered"}, kinds(all)); diff != "" || o.seen() != "a@1s" {
			t.Errorf("endings (-want +got):\n%s\ncalls %q, want a@1s", diff, o.seen())
		}
	})
}

func TestWhatIsNotOursIsLeftAlone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming))
		all := l.waiting
		all[0].notOurs = true
		o := &fakeOneC{}
		deliver(o, 50*time.Millisecond, 0, l)
		if o.seen() != "" || len(all[0].endings) != 0 {
			t.Errorf("1C was called (%q) or an ending written (%v) for a fenced message", o.seen(), all[0].endings)
		}
	})
}

// What another adapter may get must not be under way here.
func TestACallEndsWhereItsMessageIsNotHeldAnyMore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming))
		all := l.waiting
		all[0].heldFor = 4 * time.Second
		o := &fakeOneC{answer: func(n int, _ call.Event) error {
			if n == 1 {
				return errHangs
			}
			return nil
		}}
		d := deliver(o, 20*time.Second, 0, l)
		if diff := cmp.Diff([]string{"delivered"}, kinds(all)); diff != "" {
			t.Fatalf("endings (-want +got):\n%s", diff)
		}
		if got := o.seen(); got != "a@0s a@5s" {
			t.Errorf("calls %q, want the first broken off after 4 s and the second 1 s later", got)
		}
		e := all[0].endings[0]
		if !e.Unsure || len(e.Tries) != 2 || e.Tries[0].Why != brokenOff || e.Tries[0].Took != 4*time.Second {
			t.Errorf("ending %+v, want unsure, and a first try of 4 s that was broken off", e)
		}
		if shut, why := d.Shut(); shut {
			t.Errorf("the target is shut (%s), want open: it was no failure of its", why)
		}
	})
}

func TestAnEventThatAnotherHadBeforeIsUnsure(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming))
		all := l.waiting
		all[0].deliveries = 1
		deliver(&fakeOneC{}, time.Second, 0, l)
		if e := all[0].endings[0]; !e.Unsure || e.Kind != verdict.Delivered {
			t.Errorf("ending %+v, want delivered, unsure", e)
		}
	})
}

func TestWhatIsNoEventIsDeadAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", call.Event{})
		all := l.waiting
		all[0].broken = errors.New("not a call event")
		o := &fakeOneC{}
		deliver(o, time.Second, 0, l)
		if diff := cmp.Diff([]string{"dead not a call event"}, kinds(all)); diff != "" || o.seen() != "" {
			t.Errorf("endings (-want +got):\n%s\ncalls: %s", diff, o.seen())
		}
	})
}

func TestTheRulesSkip(t *testing.T) {
	old := func(e call.Event) call.Event { e.Time = e.Time.Add(-time.Hour); return e }
	from := func(n phone.Number, e call.Event) call.Event { e.Remote.Number = n; return e }
	for _, c := range []struct {
		name     string
		freshFor time.Duration
		events   func() []call.Event
		past     []past
		want     []string
	}{
		{"what is not for the target", 0, func() []call.Event { return []call.Event{event("a", call.Held)} }, nil,
			[]string{"skipped not for this target"}},
		{"a second end", 0, func() []call.Event {
			return []call.Event{event("a", call.Incoming), event("b", call.Missed), event("c", call.Ended), event("d", call.Incoming), event("e", call.Ended)}
		}, nil, []string{"delivered", "delivered", "skipped the end of this line's call was told already", "delivered", "delivered"}},
		{"bug: without a ring between, the end of an hour later counted as the same", 0, func() []call.Event {
			return []call.Event{old(event("a", call.Missed)), event("b", call.Missed)}
		}, nil, []string{"delivered", "delivered"}},
		{"bug: the end of another caller's call counted as the same", 0, func() []call.Event {
			return []call.Event{from("+74951230001", event("a", call.Missed)), from("+74951230002", event("b", call.Missed)), from("+74951230002", event("c", call.Ended))}
		}, nil, []string{"delivered", "delivered", "skipped the end of this line's call was told already"}},
		{"bug: behind an end that told no number the end of another caller's call counted as the same", 0, func() []call.Event {
			return []call.Event{event("a", call.Ended), from("+74951230001", event("b", call.Missed)), from("+74951230002", event("c", call.Missed))}
		}, nil, []string{"delivered", "skipped the end of this line's call was told already", "delivered"}},
		{"an end without a known beginning goes through", 0, func() []call.Event { return []call.Event{event("a", call.Ended)} }, nil,
			[]string{"delivered"}},
		{"late rings go through by default", 0, func() []call.Event { return []call.Event{old(event("a", call.Incoming))} }, nil,
			[]string{"delivered"}},
		{"stale rings and their ends", time.Minute, func() []call.Event {
			return []call.Event{old(event("a", call.Incoming)), event("b", call.Ended), event("c", call.Incoming)}
		}, nil, []string{"skipped stale: older than 1m0s", "skipped its ring was stale", "delivered"}},
		{"a stale ring that was answered in time has an end", time.Minute, func() []call.Event {
			return []call.Event{old(event("a", call.Incoming)), event("b", call.Answered), event("c", call.Ended)}
		}, nil, []string{"skipped stale: older than 1m0s", "delivered", "delivered"}},
		{"what another owner told", 0, func() []call.Event { return []call.Event{event("b", call.Ended)} },
			[]past{{event("x", call.Incoming), verdict.Delivered}, {event("a", call.Missed), verdict.Delivered}},
			[]string{"skipped the end of this line's call was told already"}},
		{"bug: a stale answer of a ring that was told kept the end from 1C", time.Minute, func() []call.Event {
			return []call.Event{event("a", call.Incoming), old(event("b", call.Answered)), event("c", call.Ended)}
		}, nil, []string{"delivered", "skipped stale: older than 1m0s", "delivered"}},
		{"bug: a stale second ring kept the end of the first from 1C", time.Minute, func() []call.Event {
			return []call.Event{event("a", call.Incoming), old(event("b", call.Incoming)), event("c", call.Ended)}
		}, nil, []string{"delivered", "skipped stale: older than 1m0s", "delivered"}},
		{"bug: a stale end counted as told", time.Minute, func() []call.Event {
			return []call.Event{event("a", call.Incoming), old(event("b", call.Ended)), event("c", call.Ended)}
		}, nil, []string{"delivered", "skipped stale: older than 1m0s", "delivered"}},
		{"bug: what another owner could not tell counted as told", 0, func() []call.Event { return []call.Event{event("b", call.Ended)} },
			[]past{{event("x", call.Incoming), verdict.Delivered}, {event("a", call.Missed), verdict.Dead}},
			[]string{"delivered"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newFakeLane("0", c.events()...)
				l.past = c.past
				all := l.waiting
				all[0].taken = true
				deliver(&fakeOneC{}, 10*time.Second, c.freshFor, l)
				if diff := cmp.Diff(c.want, kinds(all)); diff != "" {
					t.Errorf("endings (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// Bug: what an earlier owner told was taken for all that the line was told, though its ring's ending was missing.
func TestAnEndIsKeptForWhatAnotherOwnerToldOnlyWhereNoCallLiesBetween(t *testing.T) {
	told := []past{{event("x", call.Incoming), verdict.Delivered}, {event("a", call.Missed), verdict.Delivered}}
	stale := []past{{event("x", call.Incoming), verdict.Skipped}}
	for _, c := range []struct {
		name     string
		past     []past
		another  error
		freshFor time.Duration
		want     []string
	}{
		{"none lies between", told, nil, 0, []string{"skipped " + endedTwice, "skipped " + endedTwice}},
		{"one does", told, errAnotherCall, 0, []string{"delivered", "skipped " + endedTwice}},
		{"nobody can tell", told, errors.New("NATS is away"), 0, []string{"delivered", "skipped " + endedTwice}},
		{"its ring was stale", stale, nil, 0, []string{"skipped " + ringWas, "skipped " + ringWas}},
		{"its ring was stale, and that was another call's", stale, errAnotherCall, 0, []string{"delivered", "skipped " + endedTwice}},
		{"one does, and it is stale itself", told, errAnotherCall, time.Nanosecond, []string{"skipped stale: older than 1ns", "skipped stale: older than 1ns"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				l := newFakeLane("0", event("b", call.Ended), event("c", call.Ended))
				l.past = c.past
				all := l.waiting
				all[0].taken, all[0].another = true, c.another
				time.Sleep(time.Second) // the events have an age
				deliver(&fakeOneC{}, 10*time.Second, c.freshFor, l)
				if diff := cmp.Diff(c.want, kinds(all)); diff != "" {
					t.Errorf("endings (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// An end of our own in another word, behind one that was read back: what lies before ours may still be another call.
func TestAnEndOfOurOwnVouchesForNoneThatWasReadBack(t *testing.T) {
	r := newRules(Options{NotFor: notFor, Word: func(t call.EventType) string { return string(t) }})
	again := event("c", call.Ended)
	r.learn(5, event("a", call.Ended), verdict.Delivered)
	r.learn(0, event("b", call.Missed), verdict.Delivered)
	if why := r.skip(again, time.Now()); why != endedTwice || r.recalled(again, why) != 5 {
		t.Errorf("%q, read back of event %d, want %q and 5", why, r.recalled(again, why), endedTwice)
	}
	r.learn(0, event("d", call.Incoming), verdict.Delivered)
	r.learn(0, again, verdict.Delivered)
	if why := r.skip(again, time.Now()); why != endedTwice || r.recalled(again, why) != 0 {
		t.Errorf("behind a ring of our own: %q, read back of event %d, want %q and 0", why, r.recalled(again, why), endedTwice)
	}
}

func TestWhatAnOperatorSendsAgainGoesPastTheRules(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Ended), event("b", call.Ended))
		all := l.waiting
		all[1].again = true
		deliver(&fakeOneC{}, 10*time.Second, 0, l)
		if diff := cmp.Diff([]string{"delivered", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// Bug: an end that 1C refused counted as told, and the next end of the line was kept from 1C.
func TestADeadEndWasNotTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), event("b", call.Ended), event("c", call.Missed))
		all := l.waiting
		o := &fakeOneC{answer: func(_ int, e call.Event) error {
			if e.ID == "b" {
				return fault
			}
			return nil
		}}
		deliver(o, 10*time.Second, 0, l)
		if diff := cmp.Diff([]string{"delivered", "dead fault", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// A webhook has a word for each event: that the call which has ended was missed is news to it.
func TestAnEndInAnotherWordIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), event("b", call.Ended), event("c", call.Missed), event("d", call.Ended), event("e", call.Missed))
		all := l.waiting
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		each := func(t call.EventType) string { return string(t) }
		d := New(Options{Timeout: time.Second, NotFor: notFor, Word: each, Log: zerolog.Nop()}, &fakeOneC{}, []Lane{l})
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		const twice = "skipped the end of this line's call was told already"
		if diff := cmp.Diff([]string{"delivered", "delivered", "delivered", twice, twice}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// Bug: a target that hears of missed calls only heard of the first one of each line.
func TestATargetOfMissedCallsHearsOfEach(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), event("b", call.Missed), event("c", call.Incoming), event("d", call.Missed),
			event("e", call.Answered), event("f", call.Missed), event("g", call.Missed))
		all := l.waiting
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		defer cancel()
		missedOnly := func(e call.Event) string {
			if e.Type != call.Missed {
				return "not for this target"
			}
			return ""
		}
		d := New(Options{Timeout: time.Second, NotFor: missedOnly, Word: word, Log: zerolog.Nop()}, &fakeOneC{}, []Lane{l})
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		const not, twice = "skipped not for this target", "skipped the end of this line's call was told already"
		if diff := cmp.Diff([]string{not, "delivered", not, "delivered", not, "delivered", twice}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// A ring that died of a time-out may have popped up.
func TestTheEndOfADeadRingIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Ended), event("b", call.Incoming), event("c", call.Ended))
		all := l.waiting
		o := &fakeOneC{answer: func(_ int, e call.Event) error {
			if e.ID == "b" {
				return timeout
			}
			return nil
		}}
		deliver(o, 10*time.Second, 0, l)
		if diff := cmp.Diff([]string{"delivered", "dead time-out", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// Bug: an end of last week, sent again while the line was in a call, kept the end of that call from 1C.
func TestTheRulesLearnNothingFromWhatAnOperatorSendsAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("ring", call.Incoming), event("last week", call.Ended), event("end", call.Ended))
		all := l.waiting
		all[1].again = true
		deliver(&fakeOneC{}, 10*time.Second, 0, l)
		if diff := cmp.Diff([]string{"delivered", "delivered", "delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
	})
}

// Bug: 1C's own words stood in the log with full numbers, and so did a line written with separators.
func TestTheLogShowsNoFullNumber(t *testing.T) {
	for _, err := range []error{
		nil,
		failure{why: "1C refused: нет контрагента 8 (495) 123-45-67", blame: verdict.Message},
		failure{why: "a web page: /tel/74951234567", blame: verdict.Target, down: true},
	} {
		synctest.Test(t, func(t *testing.T) {
			e := event("a", call.Incoming)
			e.Line, e.Remote.Number = "8 (495) 123-45-67", "+74951234567"
			l := newFakeLane("0", e)
			all := l.waiting
			var log bytes.Buffer
			d := New(Options{Timeout: time.Second, NotFor: notFor, Word: word, Log: zerolog.New(&log)}, says{"Принят звонок +7 495 1234567", err}, []Lane{l})
			ctx, cancel := context.WithTimeout(t.Context(), 5*time.Second)
			defer cancel()
			if err := d.Run(ctx); err != nil {
				t.Fatal(err)
			}
			if s := log.String(); strings.Contains(s, "495") || !strings.Contains(s, "67") {
				t.Errorf("%v: the log says %s", err, s)
			}
			for _, e := range all[0].endings {
				if !strings.Contains(e.Answer+e.Why, "495") {
					t.Errorf("%v: the ending does not keep 1C's words: %+v", err, e)
				}
			}
		})
	}
}

// says is a 1C that always says the same.
type says struct {
	answer string
	err    error
}

func (o says) Call(context.Context, call.Event) (verdict.Reply, error) {
	return verdict.Reply{Answer: o.answer}, o.err
}
func (o says) Alive(context.Context) error { return nil }

func TestAStopFinishesTheCallUnderWayAndGivesTheLaneUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming), event("b", call.Incoming))
		all := l.waiting
		o := &fakeOneC{answer: func(int, call.Event) error { time.Sleep(3 * time.Second); return nil }}
		deliver(o, time.Second, 0, l)
		if diff := cmp.Diff([]string{"delivered", ""}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s", diff)
		}
		if !l.closed {
			t.Error("the lane was not given up")
		}
	})
}

// What a lane has in hand between two events nobody holds: AckWait would give it to somebody, marked.
func TestALaneThatWaitsAtAShutGateHasNothingInHand(t *testing.T) {
	l := &fakeLane{name: "1-0"}
	d := New(Options{Target: "main"}, nil, []Lane{l})
	d.gate.shut, d.gate.probing = true, true // another lane tries
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	w := &worker{Deliverer: d, lane: l}
	w.turn(ctx, ctx)
	if l.pauses != 1 || l.pulls != 0 {
		t.Errorf("the lane was paused %d times and asked for %d events, want once and none", l.pauses, l.pulls)
	}
}
