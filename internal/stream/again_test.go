package stream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

// letters are the dead letters that are meant.
func letters(t testing.TB, nc *nats.Conn, w stream.Which) (all []stream.DeadLetter) {
	t.Helper()
	err := stream.DeadLetters(ctx(t), nc, func(d stream.DeadLetter) {
		if w.Means(d.Ended) {
			all = append(all, d)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// work ends what comes with a verdict until the test ends, and tells what came.
func work(t testing.TB, l *stream.Lane, v verdict.Verdict) (came func() []call.Event) {
	c, stop := context.WithCancel(context.Background())
	var seen atomic.Pointer[[]call.Event]
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			m, err := l.Next(c)
			if err != nil {
				return
			}
			all := []call.Event{m.Event()}
			if before := seen.Load(); before != nil {
				all = append(slices.Clone(*before), all...)
			}
			seen.Store(&all)
			if _, err := m.End(c, verdict.Ending{Verdict: v, Attempts: 1}, func(error) {}); err != nil {
				return
			}
		}
	}()
	t.Cleanup(func() { stop(); <-done })
	return func() []call.Event {
		if all := seen.Load(); all != nil {
			return *all
		}
		return nil
	}
}

// callIDs tells events apart as publish has numbered them.
func callIDs(events []call.Event) (ids []string) {
	for _, e := range events {
		ids = append(ids, e.CallID)
	}
	return ids
}

func TestLettersAreSentAgainInTheirOrderAndAFewAtATime(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p, l := publisher(t, nc), lane(t, target(t, nc, "main", 1), 0)
	for n := range 7 {
		publish(t, p, fmt.Sprint(101+n%2), n)
		end(t, next(t, l), verdict.Never("1C refused"))
	}
	all, err := stream.Retries(ctx(t), nc, letters(t, nc, stream.Which{Line: "101"}))
	if err != nil || len(all) != 1 || len(all[0].Events) != 4 || all[0].Waiting != 0 {
		t.Fatalf("got %+v, %v, want four events of main", all, err)
	}
	came := work(t, l, verdict.Done())
	ahead := 0
	if err := all[0].Send(ctx(t), func(h stream.Headway) { ahead = max(ahead, h.Sent-h.Ended()) }); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0", "2", "4", "6"}, callIDs(came())); diff != "" {
		t.Errorf("sent again (-want +got):\n%s", diff)
	}
	if ahead > 2 {
		t.Errorf("%d were on their way at once, want 2 at most for one lane", ahead)
	}
	if left := letters(t, nc, stream.Which{}); len(left) != 3 || left[0].Event.Line != "102" {
		t.Errorf("left are %+v, want the three of line 102", left)
	}
}

func TestWhatWaitsIsNotSentOnceMore(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	publish(t, publisher(t, nc), "101", 1)
	end(t, next(t, lane(t, target(t, nc, "main", 1), 0)), verdict.Never("1C refused"))
	dead := letters(t, nc, stream.Which{})
	if err := stream.Retry(ctx(t), nc, dead[0].Number); err != nil {
		t.Fatal(err)
	}
	all, err := stream.Retries(ctx(t), nc, dead)
	if err != nil || len(all) != 1 || len(all[0].Events) != 0 || all[0].Waiting != 1 {
		t.Errorf("got %+v, %v, want none, and one that waits", all, err)
	}
}

func TestARepeatEndsWhereTheTargetStillRefuses(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p, l := publisher(t, nc), lane(t, target(t, nc, "main", 1), 0)
	for n := range 20 {
		publish(t, p, "101", n)
		end(t, next(t, l), verdict.Never("1C refused"))
	}
	all, err := stream.Retries(ctx(t), nc, letters(t, nc, stream.Which{}))
	if err != nil {
		t.Fatal(err)
	}
	came := work(t, l, verdict.Never("1C refused: still"))
	err = all[0].Send(ctx(t), func(stream.Headway) {})
	if !errors.Is(err, stream.ErrStillRefused) || len(came()) > 8 {
		t.Errorf("got %v after %d events, want an end after a few", err, len(came()))
	}
}

// hole publishes events that two targets take, and tells when the first was not yet and the last was accepted.
func hole(t *testing.T, nc *nats.Conn, events int) (main, crm *stream.Lane, w stream.Which) {
	t.Helper()
	p := publisher(t, nc)
	main, crm = lane(t, target(t, nc, "main", 1), 0), lane(t, target(t, nc, "crm", 1), 0)
	w = stream.Which{Target: "main", Since: time.Now().Add(-time.Second)}
	for n := range events {
		publish(t, p, fmt.Sprint(101+n%2), n)
		end(t, next(t, crm), verdict.Done())
		v := verdict.Done()
		switch n {
		case 1:
			v = verdict.Never("1C refused")
		case 2:
			v = verdict.Skip("a rule")
		case 3:
			v = verdict.Skip("stale")
		}
		end(t, next(t, main), v)
	}
	w.Until = time.Now()
	return main, crm, w
}

func stale(e stream.Ended) bool { return e.Why == "stale" }

func TestAHoleIsFilledOnceInOrderAndForItsTargetOnly(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	main, crm, w := hole(t, nc, 6)
	r, err := stream.Hole(ctx(t), nc, w, stale)
	if err != nil || r.Kept != 1 || len(r.Events) != 5 {
		t.Fatalf("got %+v, %v; want five events, and one that a rule keeps", r, err)
	}
	came := work(t, main, verdict.Done())
	if err := r.Send(ctx(t), func(stream.Headway) {}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0", "1", "3", "4", "5"}, callIDs(came())); diff != "" {
		t.Errorf("sent again (-want +got):\n%s", diff)
	}
	if left := letters(t, nc, stream.Which{}); len(left) != 0 {
		t.Errorf("left are %+v: the dead letter has been delivered", left)
	}
	if r, err = stream.Hole(ctx(t), nc, w, stale); err != nil || len(r.Events) != 0 || r.Told != 4 {
		t.Errorf("the second run finds %+v, %v; want the four that were told since (the letter is gone)", r, err)
	}
	nothingFor(t, crm, 300*time.Millisecond)
}

// A run that is broken off has sent some: they are delivered by themselves, and the next run leaves them alone.
func TestAHoleIsFilledOnAfterABreak(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	main, _, w := hole(t, nc, 8)
	r, err := stream.Hole(ctx(t), nc, w, stale)
	if err != nil {
		t.Fatal(err)
	}
	c, stop := context.WithCancel(context.Background())
	if err := r.Send(c, func(h stream.Headway) {
		if h.Sent == 2 { // nobody works: these two wait
			stop()
		}
	}); !errors.Is(err, context.Canceled) {
		t.Fatalf("broken off: %v", err)
	}
	if r, err = stream.Hole(ctx(t), nc, w, stale); err != nil || r.Waiting != 2 || len(r.Events) != 5 {
		t.Fatalf("the second run finds %+v, %v; want two that wait and five to send", r, err)
	}
	came := work(t, main, verdict.Done())
	if err := r.Send(ctx(t), func(stream.Headway) {}); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"0", "1", "3", "4", "5", "6", "7"}, callIDs(came())); diff != "" {
		t.Errorf("sent again (-want +got):\n%s", diff)
	}
}

func TestNothingIsSentToATargetThatIsNotThere(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	target(t, nc, "main", 1)
	var unknown stream.UnknownTarget
	if _, err := stream.Hole(ctx(t), nc, stream.Which{Target: "crm", Until: time.Now()}, stale); !errors.As(err, &unknown) {
		t.Errorf("got %v, want UnknownTarget", err)
	}
}

// A lane's last ending is its cursor. Without it a consumer that is made anew would hand the event out again.
func TestWhatIsDroppedStaysDropped(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p, main := publisher(t, nc), target(t, nc, "main", 1)
	l := lane(t, main, 0)
	for n := range 2 {
		publish(t, p, "101", n)
		end(t, next(t, l), verdict.Never("1C refused"))
	}
	for _, d := range letters(t, nc, stream.Which{}) {
		if err := stream.Drop(ctx(t), nc, d.Number); err != nil {
			t.Fatal(err)
		}
		if err := stream.Drop(ctx(t), nc, d.Number); !errors.Is(err, stream.ErrNoDeadLetter) {
			t.Errorf("dropped twice: %v, want ErrNoDeadLetter", err)
		}
	}
	if left := letters(t, nc, stream.Which{}); len(left) != 0 {
		t.Errorf("left are %+v", left)
	}
	l.Pause()
	js, _ := jetstream.New(nc)
	if err := js.DeleteConsumer(ctx(t), stream.Calls, "onec-main-"+l.Name()); err != nil {
		t.Fatal(err)
	}
	sent := publish(t, p, "101", 3)
	if m := next(t, lane(t, main, 0)); m.Event().ID != sent.ID {
		t.Errorf("got call %s once more, want the new event", m.Event().CallID)
	}
}

func TestAFilterMeansWhatItNames(t *testing.T) {
	now := time.Now()
	e := stream.Ended{
		Ending: verdict.Ending{Verdict: verdict.Never("1C refused: Деление на 0"), Reply: verdict.Reply{Answer: "Ошибка"}},
		Event:  call.Event{Line: "101", Type: call.Incoming, Remote: call.Party{URI: "sip:74951234567@pbx", Number: "+74951234567"}},
		Target: "main", Time: now,
	}
	for _, c := range []struct {
		which stream.Which
		means bool
	}{
		{stream.Which{}, true},
		{stream.Which{Target: "main", Line: "101", Event: call.Incoming, Why: "деление", Remote: "8 (495) 123-45-67", Since: now, Until: now.Add(1)}, true},
		{stream.Which{Target: "crm"}, false},
		{stream.Which{Line: "10"}, false},
		{stream.Which{Event: call.Ended}, false},
		{stream.Which{Why: "ошибка"}, true},
		{stream.Which{Why: "умножение"}, false},
		{stream.Which{Remote: "+74951234567"}, true},
		{stream.Which{Remote: "@PBX"}, true},
		{stream.Which{Remote: "+74951234568"}, false},
		{stream.Which{Since: now.Add(1)}, false},
		{stream.Which{Until: now}, false},
	} {
		if got := c.which.Means(e); got != c.means {
			t.Errorf("%+v: got %v, want %v", c.which, got, c.means)
		}
	}
}
