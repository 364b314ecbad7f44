package stream_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

// backlog is a target with one lane, in which events of ten lines wait.
type backlog struct {
	t      *testing.T
	server *natstest.Server
	nc     *nats.Conn
	p      *stream.Publisher
	target *stream.Target
	lane   *stream.Lane
	adapter
}

func piledUp(t *testing.T, events int) *backlog {
	t.Helper()
	return piledUpFor(t, events, natstest.Patience)
}

// piledUpFor is piledUp where the broker waits so long for whoever has a message in hand.
func piledUpFor(t *testing.T, events int, ackWait time.Duration) *backlog {
	t.Helper()
	server := natstest.Start(t)
	b := &backlog{t: t, server: server, nc: server.Declared()}
	b.p = publisher(t, b.nc)
	for i := range events {
		publish(t, b.p, fmt.Sprint(101+i%10), i)
	}
	b.own(server.Connect(), ackWait)
	return b
}

// readAhead ends the first event, and waits until the reader has come to the last.
func (b *backlog) readAhead(last uint64) *backlog {
	b.t.Helper()
	told(b.t, b.next(1, "nothing is fresh yet"))
	b.noted(last)
	return b
}

// own lets another adapter work on the lane.
func (b *backlog) own(nc *nats.Conn, ackWait time.Duration) {
	b.t.Helper()
	var err error
	b.adapter.nc = nc
	if b.target, _, err = stream.OpenTarget(ctx(b.t), nc, stream.TargetOptions{Name: "main", Sessions: 1, AckWait: ackWait}); err != nil {
		b.t.Fatal(err)
	}
	b.t.Cleanup(b.target.Close)
	b.lane = lane(b.t, b.target, 0)
}

// ring publishes an event of a line, and waits until the lane's reader has noted it.
func (b *backlog) ring(line string) uint64 {
	b.t.Helper()
	e := publish(b.t, b.p, line, 0)
	calls, err := b.stream().GetLastMsgForSubject(ctx(b.t), "calls.incoming")
	if err != nil || calls.Header.Get("ce-id") != e.ID {
		b.t.Fatalf("the last event is not the one that was published (%v)", err)
	}
	b.noted(calls.Sequence)
	return calls.Sequence
}

func (b *backlog) noted(sequence uint64) {
	b.t.Helper()
	for deadline := time.Now().Add(natstest.Patience); b.target.Noted() < sequence; time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			b.t.Fatalf("the reader has come to %d, want %d", b.target.Noted(), sequence)
		}
	}
}

func (b *backlog) stream() jetstream.Stream {
	b.t.Helper()
	js, _ := jetstream.New(b.nc)
	calls, err := js.Stream(ctx(b.t), stream.Calls)
	if err != nil {
		b.t.Fatal(err)
	}
	return calls
}

// front takes the lane's next event, which must be this one.
func (b *backlog) next(want uint64, why string) *stream.Message {
	b.t.Helper()
	m := next(b.t, b.lane)
	if m.Sequence() != want {
		b.t.Fatalf("event %d of line %s comes next, want %d: %s", m.Sequence(), m.Event().Line, want, why)
	}
	return m
}

// call is the fence before a call of 1C.
func call1C(t *testing.T, m *stream.Message) {
	t.Helper()
	if ours, err := m.Ours(ctx(t)); err != nil || !ours {
		t.Fatalf("the fence of event %d says %v (%v), want true", m.Sequence(), ours, err)
	}
}

func told(t *testing.T, m *stream.Message) {
	t.Helper()
	call1C(t, m)
	if !end(t, m, verdict.Done()) {
		t.Errorf("the ending of event %d was refused", m.Sequence())
	}
}

// rest works the lane off, and returns how often each event was delivered, in the order in which they came.
func (b *backlog) rest(events int) (order []uint64, deliveries map[uint64]int) {
	b.t.Helper()
	deliveries = map[uint64]int{}
	for range events {
		m := next(b.t, b.lane)
		order, deliveries[m.Sequence()] = append(order, m.Sequence()), m.Deliveries()
		told(b.t, m)
	}
	return order, deliveries
}

// restAfterOutage works the lane off while it is found out anew whose it is.
func (b *backlog) restAfterOutage(events int) (order []uint64) {
	b.t.Helper()
	for range events {
		m := nextAfterOutage(b.t, b.lane)
		for ours, err := m.Ours(ctx(b.t)); err != nil || !ours; ours, err = m.Ours(ctx(b.t)) {
			m = nextAfterOutage(b.t, b.lane)
		}
		order = append(order, m.Sequence())
		if !end(b.t, m, verdict.Done()) {
			b.t.Errorf("the ending of event %d was refused", m.Sequence())
		}
	}
	return order
}

// tellUpTo tells the target of the next events, from one to another.
func (b *backlog) tellUpTo(first, last uint64) {
	b.t.Helper()
	for sequence := first; sequence <= last; sequence++ {
		told(b.t, b.next(sequence, "it is the oldest"))
	}
}

// endedOnce holds the endings against the promises.
func (b *backlog) endedOnce(events int) {
	b.t.Helper()
	ended := map[uint64]int{}
	heard := map[call.Line]string{}
	if err := stream.EndingsSince(ctx(b.t), b.nc, time.Now().Add(-time.Hour), func(e stream.Ended) {
		ended[e.Sequence]++
		if e.Event.ID < heard[e.Event.Line] {
			b.t.Errorf("line %s: event %d has ended after one that came later", e.Event.Line, e.Sequence)
		}
		heard[e.Event.Line] = e.Event.ID
	}); err != nil {
		b.t.Fatal(err)
	}
	for sequence, n := range ended {
		if n != 1 {
			b.t.Errorf("event %d has %d endings, want 1", sequence, n)
		}
	}
	if len(ended) != events {
		b.t.Errorf("%d events have ended, want %d", len(ended), events)
	}
}

func TestANewRingOfALineWithoutABacklogGoesBeforeTwoThousand(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 2000).readAhead(2000)
	known := b.ring("101")
	fresh, then := b.ring("900"), b.ring("900")
	told(t, b.next(fresh, "its line has nothing waiting, and 1,999 events wait"))
	told(t, b.next(then, "it follows on its line"))
	told(t, b.next(2, "nothing else is fresh"))
	if again := b.ring("900"); again < known {
		t.Fatal("the test is wrong")
	} else {
		told(t, b.next(again, "its line has nothing waiting again"))
	}
	order, deliveries := b.rest(1999)
	if !slices.IsSorted(order) || order[len(order)-1] != known {
		t.Errorf("the rest came as %v, want 3 to 2000 and then %d, which has events of its line before it", order, known)
	}
	for sequence, n := range deliveries {
		if n != 1 {
			t.Errorf("event %d was delivered %d times, want once", sequence, n)
		}
	}
	nothingFor(t, b.lane, 300*time.Millisecond)
	b.endedOnce(2004)
}

// Where little waits everything keeps its turn.
func TestAFewThatWaitAreNotOvertaken(t *testing.T) {
	t.Parallel()
	b := piledUp(t, stream.FarBehind)
	told(t, b.next(1, "it is the oldest"))
	if n := b.target.Noted(); n != 0 {
		t.Errorf("a reader is at work, and has come to %d: want none", n)
	}
}

func TestWhatHasEndedAheadIsNotToldAgainByTheNextOwner(t *testing.T) {
	t.Parallel()
	b := piledUpFor(t, 100, 2*time.Second).readAhead(100)
	fresh := b.ring("900")
	told(t, b.next(fresh, "it is fresh"))
	call1C(t, b.next(2, "nothing else is fresh")) // a kill in mid-call
	b.adapter.nc.Close()
	b.own(b.server.Connect(), 2*time.Second)
	order, deliveries := b.rest(99)
	if slices.Contains(order, fresh) {
		t.Error("the new owner was handed out what had ended ahead")
	}
	if deliveries[2] < 2 {
		t.Error("what was called when the owner was killed does not say so")
	}
	nothingFor(t, b.lane, 300*time.Millisecond)
	b.endedOnce(101)
}

// Bug: to the next owner's reader a line that had rung before waited for the whole backlog, though all of it had ended ahead.
func TestALineWhoseRingsHaveEndedAheadIsClearForTheNextOwnerToo(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 100).readAhead(100)
	told(t, b.next(b.ring("900"), "it is fresh"))
	if err := b.lane.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	b.own(b.server.Connect(), time.Hour)
	told(t, b.next(2, "another adapter may have had it"))
	told(t, b.next(3, "nothing is fresh yet"))
	b.noted(100)
	told(t, b.next(b.ring("900"), "it is fresh, and all of its line before has ended"))
}

func TestAKillInTheCallOfAFreshEventMarksItAndNoOtherButTheFront(t *testing.T) {
	t.Parallel()
	b := piledUpFor(t, 100, 2*time.Second).readAhead(100)
	fresh := b.ring("900")
	call1C(t, b.next(fresh, "it is fresh"))
	b.adapter.nc.Close()
	b.own(b.server.Connect(), 2*time.Second)
	order, deliveries := b.rest(100)
	if order[len(order)-1] != fresh {
		t.Errorf("event %d came last, want %d in its turn", order[len(order)-1], fresh)
	}
	for sequence, n := range deliveries {
		if marked := n > 1; marked != (sequence == 2 || sequence == fresh) {
			t.Errorf("event %d counts as delivered %d times: want twice for %d, which was called, and 2, which was in hand", sequence, n, fresh)
		}
	}
	b.endedOnce(101)
}

func TestWhatIsRefusedAheadFallsBackIntoItsTurnWithItsLine(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 100).readAhead(100)
	fresh, after := b.ring("900"), b.ring("900")
	m := b.next(fresh, "it is fresh")
	call1C(t, m)
	if err := m.Later(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	front := b.next(2, "what is fresh was refused")
	if front.Deliveries() != 1 {
		t.Errorf("the front counts as delivered %d times, want once: it was never called", front.Deliveries())
	}
	told(t, front)
	last := b.ring("900")
	order, deliveries := b.rest(101)
	if want := []uint64{fresh, after, last}; !slices.Equal(order[98:], want) {
		t.Errorf("the end came as %v, want %v: the line in its turn", order[98:], want)
	}
	if deliveries[fresh] != 2 || deliveries[after] != 1 {
		t.Errorf("deliveries %d and %d, want 2 of what was called ahead and 1 of the next", deliveries[fresh], deliveries[after])
	}
	b.endedOnce(103)
}

func TestAChangeOfLanesKeepsWhatHasEndedAheadAndWhatHasBegun(t *testing.T) {
	t.Parallel()
	b := piledUpFor(t, 100, 2*time.Second).readAhead(100)
	ended, begun, waits := b.ring("900"), b.ring("901"), b.ring("902")
	told(t, b.next(ended, "it is fresh"))
	call1C(t, b.next(begun, "it is fresh"))
	b.adapter.nc.Close()
	for _, lanes := range []int{3, 2} { // the second change must keep what the first one did
		err := stream.ChangeLanes(ctx(t), b.nc, "main", lanes, "test", func(stream.Step) {})
		if err != nil {
			t.Fatal(err)
		}
	}
	tg := target(t, b.nc, "main", 2)
	got := map[uint64]int{}
	for i := range 2 {
		l := lane(t, tg, i)
		for {
			short, cancel := context.WithTimeout(ctx(t), time.Second)
			m, err := l.Next(short)
			cancel()
			if err != nil {
				break
			}
			got[m.Sequence()] = m.Deliveries()
			told(t, m)
		}
	}
	if len(got) != 101 || got[ended] != 0 {
		t.Errorf("%d events came from the new lanes, and the one that had ended ahead %d times: want 101 without it", len(got), got[ended])
	}
	if got[begun] != 2 || got[waits] != 1 || got[2] != 2 {
		t.Errorf("deliveries %d, %d and %d: want 2 of the event that was called ahead, 1 of the next, 2 of the front", got[begun], got[waits], got[2])
	}
	b.endedOnce(103)
}

// A lane that was given up with an event in hand which it had not called hands it over at once.
func TestAStopHandsTheFrontBack(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 100)
	b.own(b.server.Connect(), time.Hour)
	told(t, b.next(1, "another adapter may have had it"))
	told(t, b.next(2, "nothing is fresh yet"))
	b.noted(100)
	told(t, b.next(b.ring("900"), "it is fresh"))
	if err := b.lane.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	b.own(b.server.Connect(), time.Hour) // AckWait would bring it in an hour
	told(t, b.next(3, "it was in the hand of the first"))
}

// A front that nobody spoke for may be with another adapter.
func TestAFrontThatWasInHandForTooLongIsWaitedFor(t *testing.T) {
	t.Parallel()
	b := piledUpFor(t, 100, 2*time.Second).readAhead(100)
	told(t, b.next(b.ring("900"), "it is fresh"))
	b.ring("900")
	time.Sleep(2 * time.Second) // AckWait: the target is away, and the lane is not asked
	if m := b.next(2, "it was delivered anew"); m.Deliveries() < 2 {
		t.Errorf("it was handed out from the hand after AckWait")
	} else {
		told(t, m)
	}
}

func TestAProbeOfATargetThatIsAwayTakesTheFront(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 100).readAhead(100)
	b.ring("900")
	m, err := b.lane.Front(ctx(t))
	if err != nil || m.Sequence() != 2 {
		t.Fatalf("event %d (%v), want 2", m.Sequence(), err)
	}
}

// What an operator sends again goes past nobody, and what follows on its line follows it.
func TestWhatIsSentAgainKeepsItsTurn(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 0)
	publish(t, b.p, "900", 0)
	if !end(t, next(t, b.lane), verdict.Never("1C refused")) {
		t.Fatal("no letter")
	}
	for i := range 100 {
		publish(t, b.p, "101", i)
	}
	told(t, b.next(2, "it is the oldest"))
	told(t, b.next(3, "nothing is fresh yet"))
	b.noted(101)
	var letter uint64
	if err := stream.DeadLetters(ctx(t), b.nc, func(d stream.DeadLetter) { letter = d.Number }); err != nil {
		t.Fatal(err)
	}
	if err := stream.Retry(ctx(t), b.nc, letter); err != nil {
		t.Fatal(err)
	}
	b.ring("900")
	told(t, b.next(4, "nothing goes before it"))
}

// The bug that there would be: the letter is the lane's last ending, and its cursor is far behind it.
func TestALetterOfAFreshEventThatIsDroppedTakesNoCursorWithIt(t *testing.T) {
	t.Parallel()
	b := piledUpFor(t, 100, 2*time.Second).readAhead(100)
	m := b.next(b.ring("900"), "it is fresh")
	call1C(t, m)
	end(t, m, verdict.Never("1C refused"))
	var letter uint64
	if err := stream.DeadLetters(ctx(t), b.nc, func(d stream.DeadLetter) { letter = d.Number }); err != nil {
		t.Fatal(err)
	}
	if err := stream.Drop(ctx(t), b.nc, letter); err != nil {
		t.Fatal(err)
	}
	b.adapter.nc.Close()
	b.own(b.server.Connect(), 2*time.Second)
	if order, _ := b.rest(99); order[0] != 2 || order[98] != 100 {
		t.Errorf("the new owner was handed out %v, want 2 to 100", order)
	}
	b.endedOnce(101)
}

func TestALaneRemembersAsMuchAsItsShare(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	b := &backlog{t: t, server: server, nc: server.Declared()}
	b.p = publisher(t, b.nc)
	var lines []string // of lane 0
	for n := 100; len(lines) < 2*stream.ShareOf(stream.MaxLanes); n++ {
		if line := fmt.Sprint(n); stream.LaneOf("", call.Line(line), stream.MaxLanes) == 0 {
			lines = append(lines, line)
		}
	}
	for i := range 2 * stream.FarBehind {
		publish(t, b.p, lines[0], i)
	}
	b.target = target(t, b.nc, "main", stream.MaxLanes)
	t.Cleanup(b.target.Close)
	b.lane = lane(t, b.target, 0)
	told(t, b.next(1, "nothing is fresh yet"))
	b.noted(2 * stream.FarBehind)
	var fresh []uint64
	for _, line := range lines[1:] {
		fresh = append(fresh, b.ring(line))
		if len(fresh) <= stream.ShareOf(stream.MaxLanes) {
			told(t, b.next(fresh[len(fresh)-1], "it is fresh"))
		}
	}
	told(t, b.next(2, "the lane has let as many pass as it can remember"))
}

func TestALaneGoesOnWithoutItsReaderAndGetsAnotherOne(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 300)
	told(t, b.next(1, "nothing is fresh yet"))
	b.noted(300)
	names := consumers(t, b.nc)
	names = slices.DeleteFunc(names, func(name string) bool { return strings.HasPrefix(name, "onec-") })
	if len(names) != 1 {
		t.Fatalf("readers %v, want one", names)
	}
	if err := b.stream().DeleteConsumer(ctx(t), names[0]); err != nil {
		t.Fatal(err)
	}
	for b.target.Noted() > 0 {
		time.Sleep(time.Millisecond)
	}
	for want := uint64(2); b.target.Noted() == 0; want++ {
		told(t, b.next(want, "there is no reader"))
		time.Sleep(10 * time.Millisecond)
	}
	b.noted(300)
	told(t, b.next(b.ring("900"), "there is a reader again"))
}

func TestARestartOfNATSBreaksNoPromiseOfWhatGoesAhead(t *testing.T) {
	t.Parallel()
	b := piledUpFor(t, 100, 2*time.Second).readAhead(100)
	fresh := b.ring("900")
	told(t, b.next(fresh, "it is fresh"))
	later := b.ring("901")
	b.server.Restart()
	order := b.restAfterOutage(100)
	if slices.Contains(order, fresh) || order[len(order)-1] != later {
		t.Errorf("after the restart came %v: want %d last, since the broker may have lost what was read of it, and not %d, which had ended", order, later, fresh)
	}
	b.endedOnce(102)
}

func TestWhoLooksSeesThatItHasEndedAhead(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 100).readAhead(100)
	told(t, b.next(b.ring("900"), "it is fresh"))
	standings, err := stream.Standings(ctx(t), b.nc)
	if err != nil || standings[0].Queue != 99 {
		t.Errorf("%+v (%v), want a queue of 99", standings, err)
	}
	lives, err := stream.Lives(ctx(t), b.nc, stream.Search{Word: "110", Since: time.Now().Add(-time.Hour), Most: 100})
	if err != nil {
		t.Fatal(err)
	}
	if p := lives[len(lives)-1].Passages[0]; p.Wait == nil || p.Wait.Ahead != 98 {
		t.Errorf("the last of those that wait: %+v, want 98 ahead of it", p)
	}
	if lives, err = stream.Lives(ctx(t), b.nc, stream.Search{Word: "900", Since: time.Now().Add(-time.Hour), Most: 100}); err != nil {
		t.Fatal(err)
	}
	if p := lives[0].Passages[0]; p.Wait != nil || p.Ending == nil {
		t.Errorf("what has ended ahead: %+v, want its ending", p)
	}
}

func none(uint64) bool { return false }

func TestWhatIsFreshForTooLongFallsBackWithItsLine(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := stream.NewFresh(1, 100)
		r.Take(0, 1, none)
		r.Note("900", 101, false)
		time.Sleep(stream.FreshFor / 2)
		r.Note("900", 102, false)
		r.Note("901", 103, false)
		time.Sleep(stream.FreshFor/2 + time.Second)
		if got, _ := r.Take(0, 1, none); got != 103 {
			t.Errorf("%d is next, want 103: 101 has been fresh for too long, and 102 comes after it", got)
		}
		r.Note("900", 104, false)
		if got, _ := r.Take(0, 1, none); got != 0 {
			t.Errorf("%d is next, want nothing: its line has fallen back", got)
		}
		r.Note("900", 105, false)
		if got, _ := r.Take(0, 105, none); got != 0 {
			t.Errorf("%d is next, want nothing: it fell when its line waited", got)
		}
		r.Note("900", 106, false)
		if got, _ := r.Take(0, 106, none); got != 0 {
			t.Errorf("%d is next, want nothing: it is the front itself", got)
		}
		r.Take(0, 107, none)
		r.Note("900", 108, false)
		if got, _ := r.Take(0, 107, none); got != 108 {
			t.Errorf("%d is next, want 108: all of its line has ended", got)
		}
	})
}

// Whatever comes, in whatever order a lane works, no event is taken before an open one of its line.
func FuzzNothingIsTakenBeforeItsLine(f *testing.F) {
	f.Add(uint64(1), uint64(2))
	f.Fuzz(func(t *testing.T, a, b uint64) {
		dice := rand.New(rand.NewPCG(a, b))
		begin := 1 + uint64(dice.IntN(20))
		r := stream.NewFresh(1, begin)
		lines, ended := map[uint64]int{}, map[uint64]bool{}
		sequence, front := uint64(0), uint64(1)
		note := func() {
			sequence++
			lines[sequence] = dice.IntN(6)
			r.Note(call.Line(fmt.Sprint(lines[sequence])), sequence, dice.IntN(10) == 0)
		}
		for sequence < begin {
			note()
		}
		for range 200 {
			if dice.IntN(2) == 0 {
				note()
			}
			for ended[front] {
				front++
			}
			if front > sequence {
				continue
			}
			switch dice.IntN(8) {
			case 0, 1: // too little waits behind the front, or it was tried before
				ended[front] = true
				continue
			case 2:
				r.StandAside()
			}
			got, putBack := r.Take(0, front, func(n uint64) bool { return ended[n] })
			for earlier := range got {
				if earlier > 0 && lines[earlier] == lines[got] && !ended[earlier] {
					t.Fatalf("event %d of line %d was taken before %d", got, lines[got], earlier)
				}
			}
			switch {
			case got == 0:
				ended[front] = true
			case ended[got]:
				t.Fatalf("event %d was taken though it has ended", got)
			case dice.IntN(4) == 0:
				putBack()
				ended[front] = true
			default:
				ended[got] = true
			}
		}
	})
}

func TestNothingGoesBeforeAFrontOfItsLine(t *testing.T) {
	t.Parallel()
	r := stream.NewFresh(1, 100)
	r.Take(0, 1, none)
	for sequence := range uint64(2) {
		r.Note("900", 101+sequence, false)
	}
	if got, _ := r.Take(0, 101, none); got != 0 { // it was not asked for a while
		t.Errorf("%d is next, want nothing: 101 is the front itself, and not ended", got)
	}
}

// A lane that works no more has no new events: what comes while the target is away waits in its turn.
func TestWhatIsFreshForALaneThatStopsFallsBack(t *testing.T) {
	t.Parallel()
	r := stream.NewFresh(1, 100)
	r.Take(0, 1, none)
	r.Note("900", 101, false)
	r.StandAside()
	r.Note("901", 102, false)
	if got, _ := r.Take(0, 1, none); got != 0 {
		t.Errorf("%d is next, want nothing", got)
	}
	r.Note("900", 103, false)
	r.Note("902", 104, false)
	if got, _ := r.Take(0, 1, none); got != 104 {
		t.Errorf("%d is next, want 104: 900 waits in its turn", got)
	}
}

// A hostile phone that invents lines costs no memory but the lane's share.
func TestAnyNumberOfLinesCostsTheSame(t *testing.T) {
	t.Parallel()
	r := stream.NewFresh(2, 0)
	r.Take(0, 1, none)
	r.Take(1, 1, none)
	for n := range uint64(200_000) {
		r.Note(call.Line(fmt.Sprint(n)), n+2, false)
	}
	if n := r.Waiting(0) + r.Waiting(1); n != 2*stream.ShareOf(2) {
		t.Errorf("%d events are kept, want %d", n, 2*stream.ShareOf(2))
	}
}

// What a lane's cursor says is read as it was written, and what nobody wrote so is refused.
func FuzzACursorIsReadAsItWasWritten(f *testing.F) {
	f.Add("140", "12,3", "1", uint64(160))
	f.Add("", "", "", uint64(7))
	f.Add("18446744073709551615", "1", "0", uint64(1))
	f.Fuzz(func(t *testing.T, at, ahead, begun string, event uint64) {
		h := nats.Header{}
		for name, value := range map[string]string{stream.HeaderCursor: at, stream.HeaderAhead: ahead, stream.HeaderBegun: begun} {
			if value != "" {
				h.Set(name, value)
			}
		}
		calls, ended, told, written, err := stream.ReadCursor(h, event)
		if err != nil {
			return
		}
		for _, list := range [][]uint64{ended, told} {
			for i, n := range list {
				if n <= calls || i > 0 && n <= list[i-1] {
					t.Fatalf("%v reads as %d, %v, %v: want it to ascend", h, calls, ended, told)
				}
			}
		}
		if len(ended)+len(told) == 0 {
			return
		}
		again, endedAgain, toldAgain, _, err := stream.ReadCursor(written, event)
		if err != nil || again != calls || !slices.Equal(ended, endedAgain) || !slices.Equal(told, toldAgain) {
			t.Fatalf("%v was written as %v (%v)", h, written, err)
		}
	})
}

// A broker whose clock is set may drop a lane's last ending before older ones.
func TestWhatALaneKnowsToHaveEndedAheadStaysEnded(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 100).readAhead(100)
	told(t, b.next(b.ring("900"), "it is fresh"))
	js, _ := jetstream.New(b.nc)
	ends, err := js.Stream(ctx(t), stream.Endings)
	if err == nil {
		err = ends.DeleteMsg(ctx(t), ends.CachedInfo().State.LastSeq)
	}
	if err != nil {
		t.Fatal(err)
	}
	if order, _ := b.rest(99); order[0] != 2 || order[98] != 100 {
		t.Errorf("there came %v, want 2 to 100", order)
	}
	nothingFor(t, b.lane, 300*time.Millisecond)
}

// While NATS is slow the front would wait for each of them, and nobody holds it.
func TestAFreshEventThatCannotBeReadCostsNoOtherItsPlace(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 100).readAhead(100)
	told(t, b.next(b.ring("900"), "it is fresh"))
	unread, fresh := b.ring("901"), b.ring("902")
	away, cancel := context.WithCancel(ctx(t))
	cancel()
	m, err := b.lane.Next(away)
	if err != nil || m.Sequence() != 2 {
		t.Fatalf("event %v (%v), want the front, 2", m, err)
	}
	told(t, m)
	told(t, b.next(fresh, "it was not its reading that failed"))
	if order, _ := b.rest(99); order[98] != unread {
		t.Errorf("event %d came last, want %d in its turn", order[98], unread)
	}
}

// The lease is that of the front, whose last confirmation may be as old as it may be.
func TestTheHoldOfAnEventThatGoesAheadLastsAsLongAsThatOfTheFront(t *testing.T) {
	t.Parallel()
	b := piledUpFor(t, 100, forAges).readAhead(100)
	m := b.next(b.ring("900"), "it is fresh")
	m.Unconfirmed(forAges)
	held, drop := m.Hold(ctx(t))
	defer drop()
	select {
	case <-held.Done():
	case <-time.After(natstest.Patience):
		t.Error("it is held, though the broker has confirmed nothing for longer than a lease lasts")
	}
}

// Else it would take the room of those who ring now, and the lane could not let them pass.
func TestWhatABranchHandsOnLateKeepsItsTurn(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 100).readAhead(100)
	id, err := uuid.NewV7()
	if err != nil {
		t.Fatal(err)
	}
	late := call.Event{ID: id.String(), Time: time.Now().Add(-time.Hour), Type: call.Incoming, Line: "900", Source: "yealink"}
	if err := b.p.Once(ctx(t), late); err != nil {
		t.Fatal(err)
	}
	b.noted(101)
	after, fresh := b.ring("900"), b.ring("901")
	told(t, b.next(fresh, "it is the only new one of a line that has nothing waiting"))
	if order, _ := b.rest(101); order[0] != 2 || order[99] != 101 || order[100] != after {
		t.Errorf("there came %v, want 2 to 101, and then %d", order, after)
	}
}
