package stream_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

// office is a target with its adapters, and the 1C that they call.
type office struct {
	t      *testing.T
	server *natstest.Server
	nc     *nats.Conn
	begin  time.Time

	refusals int // 1C refuses one call in so many; 0: none

	mu      sync.Mutex
	calls   []*asked
	workers []*adapter
}

// asked is one call of 1C.
type asked struct {
	line       call.Line
	number     string // of the event on its line
	generation string
	by         string
	begin, end time.Time
	killed     bool // its process was, while it was under way
}

func newOffice(t *testing.T) *office {
	server := natstest.Start(t)
	return &office{t: t, server: server, nc: server.Declared(), begin: time.Now()}
}

// adapter does what work.go does with the lanes of a target.
type adapter struct {
	*office
	name   string
	nc     *nats.Conn
	stop   context.CancelFunc // as SIGTERM
	dead   atomic.Bool        // as kill -9
	ended  chan struct{}
	rhythm func() time.Duration // of 1C
	refuse func() bool          // 1C does
}

const callAtMost = time.Second // of 1C; AckWait is twice that

func (o *office) hire(name string, sessions int) *adapter {
	nc, err := stream.Connect(stream.ConnectOptions{Name: name, URL: o.server.URL(), Creds: o.server.Creds()})
	if err != nil {
		o.t.Fatal(err)
	}
	work, stop := context.WithCancel(context.Background())
	a := &adapter{office: o, name: name, nc: nc, stop: stop, ended: make(chan struct{}), rhythm: func() time.Duration { return rand.N(8 * time.Millisecond) },
		refuse: func() bool { return o.refusals > 0 && rand.N(o.refusals) == 0 }}
	o.workers = append(o.workers, a)
	go func() {
		defer close(a.ended)
		for work.Err() == nil {
			if err := a.session(work, sessions); err != nil && work.Err() == nil {
				time.Sleep(20 * time.Millisecond)
			}
		}
	}()
	return a
}

func (a *adapter) kill() {
	a.dead.Store(true)
	a.nc.Close()
	a.stop()
	<-a.ended
}

func (a *adapter) retire() {
	a.stop()
	<-a.ended
	a.nc.Close()
}

func (a *adapter) session(ctx context.Context, sessions int) error {
	ctx, end := context.WithCancel(ctx)
	defer end()
	target, _, err := stream.OpenTarget(ctx, a.nc, stream.TargetOptions{Name: "main", Sessions: sessions, AckWait: 2 * callAtMost})
	if err != nil {
		return err
	}
	defer target.Close()
	switch {
	case target.Changing():
		return target.FinishChange(ctx)
	case target.Paused() != nil:
		target.Moved(ctx)
		return nil
	}
	var lanes []*stream.Lane
	for i := range target.Set().Lanes {
		l, err := target.Lane(ctx, i)
		if err != nil {
			return err
		}
		lanes = append(lanes, l)
	}
	go func() { target.Moved(ctx); end() }()
	var wg sync.WaitGroup
	for _, l := range lanes {
		wg.Go(func() { a.lane(ctx, l) })
	}
	wg.Wait()
	return nil
}

func (a *adapter) lane(ctx context.Context, l *stream.Lane) {
	work, cancel := context.WithCancel(context.Background())
	defer cancel()
	for ctx.Err() == nil && !a.dead.Load() {
		m, err := l.Next(ctx)
		if errors.Is(err, stream.ErrLaneGone) {
			return
		}
		if err != nil {
			l.Pause()
			continue
		}
		if ctx.Err() != nil {
			_ = m.Later(0)
			break
		}
		if ours, err := m.Ours(work); err != nil || !ours {
			continue
		}
		c := a.call(m.Event(), l)
		if a.dead.Load() {
			return
		}
		if a.refuse() {
			_ = m.Later(time.Millisecond)
			continue
		}
		e := verdict.Ending{Verdict: verdict.Done(), Attempts: 1, Unsure: m.Deliveries() > 1}
		if _, err := m.End(work, e, func(error) { // NATS is away, or this process is dead
			if a.dead.Load() {
				cancel()
			}
		}); err != nil && !a.dead.Load() {
			a.t.Errorf("%s: %s %s: %v", a.name, c.line, c.number, err)
		}
	}
	if !a.dead.Load() {
		_ = l.Close(work)
	}
}

func (a *adapter) call(e call.Event, l *stream.Lane) *asked {
	generation, _, _ := strings.Cut(l.Name(), "-")
	c := &asked{line: e.Line, number: e.CallID, generation: generation, by: a.name, begin: time.Now()}
	a.mu.Lock()
	a.calls = append(a.calls, c)
	a.mu.Unlock()
	time.Sleep(a.rhythm())
	a.mu.Lock()
	c.end, c.killed = time.Now(), a.dead.Load()
	a.mu.Unlock()
	return c
}

// change is callbus lanes.
func (o *office) change(lanes int) {
	o.t.Helper()
	begin := time.Now()
	err := stream.ChangeLanes(ctx(o.t), o.nc, "main", lanes, "test", func(s stream.Step) {
		o.t.Logf("%.2f s: lanes %d to %d, waiting %.1f s for %v", time.Since(begin).Seconds(), s.From, s.To, s.For.Seconds(), s.Waits)
	})
	if err != nil {
		o.t.Fatalf("change to %d lanes: %v", lanes, err)
	}
}

func (o *office) set() stream.LaneSet {
	o.t.Helper()
	set, err := stream.PlannedChange(ctx(o.t), o.nc, "main")
	if err != nil {
		o.t.Fatal(err)
	}
	return set
}

// endings are those of the target main, by sequence.
func (o *office) endings() map[uint64][]stream.Ended {
	o.t.Helper()
	ended := map[uint64][]stream.Ended{}
	if err := stream.EndingsSince(ctx(o.t), o.nc, o.begin.Add(-time.Minute), func(e stream.Ended) { ended[e.Sequence] = append(ended[e.Sequence], e) }); err != nil {
		o.t.Fatal(err)
	}
	return ended
}

// underWay waits until the adapters work.
func (o *office) underWay() {
	o.t.Helper()
	for deadline := time.Now().Add(natstest.Patience); len(o.endings()) < 20; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			o.t.Fatalf("%d events have ended within %v", len(o.endings()), natstest.Patience)
		}
	}
}

// settle waits until so many events have ended, and everybody has gone.
func (o *office) settle(events int) {
	o.t.Helper()
	for deadline := time.Now().Add(2 * natstest.Patience); ; {
		ended := o.endings()
		if len(ended) >= events {
			break
		}
		if time.Now().After(deadline) {
			o.t.Fatalf("%d of %d events have ended; the set in force is %+v", len(ended), events, o.set())
		}
		time.Sleep(100 * time.Millisecond)
	}
	for _, a := range o.workers {
		if !a.dead.Load() {
			a.retire()
		}
	}
	o.check(events)
}

// check holds what happened against the promises.
func (o *office) check(events int) {
	o.t.Helper()
	ended, unsure := o.endings(), 0
	for sequence, list := range ended {
		if len(list) != 1 {
			o.t.Errorf("event %d has %d endings: %+v", sequence, len(list), list)
		}
		if list[0].Unsure {
			unsure++
		}
	}
	if len(ended) != events {
		o.t.Errorf("%d events have ended, want %d", len(ended), events)
	}
	marked := map[string]bool{}
	for _, list := range ended {
		marked[string(list[0].Event.Line)+"/"+list[0].Event.CallID] = list[0].Unsure
	}
	slices.SortFunc(o.calls, func(a, b *asked) int { return a.begin.Compare(b.begin) })
	heard, told := map[call.Line]int{}, map[string]*asked{}
	repeats := 0
	for i, c := range o.calls {
		var n int
		_, _ = fmt.Sscan(c.number, &n)
		if n < heard[c.line] {
			o.t.Errorf("line %s: call %d of lane set %s came after %d", c.line, n, c.generation, heard[c.line])
		}
		heard[c.line] = max(heard[c.line], n)
		key := string(c.line) + "/" + c.number
		if before := told[key]; before != nil {
			repeats++
			if !marked[key] {
				o.t.Errorf("event %s was told twice and is not marked: %+v and %+v", key, *before, *c)
			}
		}
		told[key] = c
		for _, before := range o.calls[:i] {
			if before.end.After(c.begin) && !before.killed && before.generation != c.generation {
				o.t.Errorf("a call of lane set %s began while one of set %s was under way: %+v, %+v", c.generation, before.generation, *c, *before)
			}
		}
	}
	if len(told) != events {
		o.t.Errorf("1C heard of %d events, want %d", len(told), events)
	}
	o.t.Logf("%d events, %d calls, %d repeats, %d marked unsure; the set in force: %+v", events, len(o.calls), repeats, unsure, o.set())
}

// ring publishes n events of each line, one a beat.
func (o *office) ring(lines, n int, beat time.Duration) (done chan struct{}) {
	return o.ringFrom(101, lines, n, beat)
}

func (o *office) ringFrom(first, lines, n int, beat time.Duration) (done chan struct{}) {
	p, done := publisher(o.t, o.server.Connect()), make(chan struct{})
	o.t.Cleanup(func() { <-done })
	go func() {
		defer close(done)
		for i := range n {
			for l := range lines {
				if o.t.Context().Err() != nil {
					return
				}
				_, err := p.Publish(context.Background(), call.Event{Type: call.Incoming, Line: call.Line(fmt.Sprint(first + l)), CallID: fmt.Sprint(i)})
				if err != nil {
					o.t.Errorf("publish: %v", err)
				}
				time.Sleep(beat)
			}
		}
	}()
	return done
}

func TestLanesChangeUnderLoadAtOnce(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire("a", 2)
	o.hire("b", 2)
	done := o.ring(20, 30, 2*time.Millisecond)
	o.underWay()
	begin := time.Now()
	o.change(4)
	time.Sleep(300 * time.Millisecond)
	o.change(3)
	t.Logf("both changes took %v", time.Since(begin)-300*time.Millisecond)
	<-done
	o.settle(600)
	if set := o.set(); set.Lanes != 3 || set.Generation != 3 || set.Change != nil {
		t.Errorf("the set in force is %+v, want 3 lanes of generation 3", set)
	}
	if names := consumers(t, o.nc); len(names) != 3 || !strings.HasPrefix(names[0], "onec-main-3-") {
		t.Errorf("consumers %v, want the three of generation 3", names)
	}
}

func consumers(t *testing.T, nc *nats.Conn) (names []string) {
	t.Helper()
	js, _ := jetstream.New(nc)
	calls, err := js.Stream(ctx(t), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	list := calls.ConsumerNames(ctx(t))
	for name := range list.Name() {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Whatever an operator and a bad day do to a target, its events end once each and its lines stay in order.
func TestRandomChangesAndKillsBreakNoPromise(t *testing.T) {
	t.Parallel()
	for _, seed := range []uint64{2, uint64(rand.Uint32())} {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			badDay(t, rand.New(rand.NewPCG(seed, 10)))
		})
	}
}

func badDay(t *testing.T, dice *rand.Rand) {
	o := newOffice(t)
	o.refusals = 40
	const backlog, lines, each = 300, 12, 50
	var staff []*adapter
	hire := func() { staff = []*adapter{o.hire("adapter 1", 2), o.hire("adapter 2", 2)} }
	pileUp := func() { <-o.ringFrom(201, 15, backlog/15, 0) }
	if there := dice.IntN(2) == 0; there { // whoever opens lanes behind a backlog takes its first event for one that has been told
		hire()
		pileUp()
	} else {
		pileUp()
		hire()
	}
	o.underWay()
	done := o.ring(lines, each, 3*time.Millisecond)
	for i := range 8 {
		time.Sleep(time.Duration(dice.IntN(300)) * time.Millisecond)
		lanes, one := 1+dice.IntN(6), dice.IntN(len(staff))
		replace := func() { staff[one] = o.hire(fmt.Sprint("adapter ", i+3), 2) }
		switch deed := dice.IntN(8); deed {
		case 0, 1:
			t.Logf("change to %d lanes", lanes)
			o.change(lanes)
		case 2:
			t.Logf("change to %d lanes, and the command is killed", lanes)
			short, cancel := context.WithTimeout(ctx(t), time.Duration(dice.IntN(60))*time.Millisecond)
			_ = stream.ChangeLanes(short, o.nc, "main", lanes, "test", func(stream.Step) {})
			cancel()
		case 3:
			t.Logf("two changes at once, to %d and %d lanes", lanes, lanes%6+1)
			var wg sync.WaitGroup
			wg.Go(func() { o.change(lanes) })
			wg.Go(func() { o.change(lanes%6 + 1) })
			wg.Wait()
		case 4:
			t.Logf("kill -9 of %s in a change to %d lanes", staff[one].name, lanes)
			var wg sync.WaitGroup
			wg.Go(func() { o.change(lanes) })
			time.Sleep(time.Duration(dice.IntN(30)) * time.Millisecond)
			staff[one].kill()
			wg.Wait()
			replace()
		case 5:
			t.Logf("%s stops, another one starts", staff[one].name)
			staff[one].retire()
			replace()
		case 6:
			t.Logf("kill -9 of %s", staff[one].name)
			staff[one].kill()
			replace()
		case 7:
			t.Log("a pause")
			if _, err := stream.PauseTarget(ctx(t), o.nc, "main", "test"); err != nil {
				t.Error(err)
			}
			time.Sleep(100 * time.Millisecond)
			if _, err := stream.ResumeTarget(ctx(t), o.nc, "main"); err != nil {
				t.Error(err)
			}
		}
	}
	<-done
	o.settle(backlog + lines*each)
	t.Logf("%d events have ended before their turn", o.overtook())
}

// overtook counts the events that ended before an older one of their lane.
func (o *office) overtook() (n int) {
	o.t.Helper()
	var all []stream.Ended
	if err := stream.EndingsSince(ctx(o.t), o.nc, o.begin.Add(-time.Minute), func(e stream.Ended) { all = append(all, e) }); err != nil {
		o.t.Fatal(err)
	}
	oldest := map[string]uint64{}
	for _, e := range slices.Backward(all) {
		if last, there := oldest[e.Lane]; there && last < e.Sequence {
			n++
		} else {
			oldest[e.Lane] = e.Sequence
		}
	}
	return n
}

// The worst instants: the adapter was killed in a call, nobody else is there, and the command dies between its steps.
func TestAChangeThatDiedIsBroughtToItsEnd(t *testing.T) {
	t.Parallel()
	steps := map[string]int{
		"written": stream.ChangeWritten, "held": stream.ChangeHeld, "one lane sealed": stream.ChangeSealedOne,
		"sealed": stream.ChangeSealed, "in force, and the old lanes still there": stream.ChangeInForce,
	}
	for name, step := range steps {
		for _, by := range []string{"an adapter", "the next command"} {
			t.Run(name+", by "+by, func(t *testing.T) {
				t.Parallel()
				o := newOffice(t)
				first := o.hire("first", 2)
				first.rhythm = func() time.Duration { return 50 * time.Millisecond }
				<-o.ring(10, 5, 0)
				for busy := 0; busy < 3; time.Sleep(5 * time.Millisecond) {
					o.mu.Lock()
					busy = len(o.calls)
					o.mu.Unlock()
				}
				first.kill()
				if err := stream.ChangeUpTo(ctx(t), o.nc, "main", 3, step); err != nil {
					t.Fatal(err)
				}
				if by == "the next command" {
					o.change(3)
				}
				o.hire("second", 2)
				o.settle(50)
				if set := o.set(); set.Lanes != 3 || set.Generation != 2 || set.Change != nil {
					t.Errorf("the set in force is %+v, want 3 lanes of generation 2", set)
				}
				if names := consumers(t, o.nc); len(names) != 3 {
					t.Errorf("consumers %v, want three", names)
				}
			})
		}
	}
}

func TestWhatWasSentAgainIsNeitherLostNorDoubledByAChange(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	before := target(t, o.nc, "main", 1)
	l := lane(t, before, 0)
	p := publisher(t, o.nc)
	for i := range 3 {
		publish(t, p, fmt.Sprint(101+i), 0)
		end(t, next(t, l), verdict.Never("1C refused"))
	}
	var letters []stream.DeadLetter
	if err := stream.DeadLetters(ctx(t), o.nc, func(d stream.DeadLetter) { letters = append(letters, d) }); err != nil || len(letters) != 3 {
		t.Fatalf("%d letters (%v), want 3", len(letters), err)
	}
	for _, d := range letters {
		if err := stream.Retry(ctx(t), o.nc, d.Number); err != nil {
			t.Fatal(err)
		}
	}
	end(t, next(t, l), verdict.Done()) // one of the three before the change
	if err := l.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	before.Close()
	o.change(4)
	o.hire("a", 4)
	for left, begin := -1, time.Now(); left != 0; time.Sleep(50 * time.Millisecond) {
		left = 0
		if err := stream.DeadLetters(ctx(t), o.nc, func(stream.DeadLetter) { left++ }); err != nil || time.Since(begin) > natstest.Patience {
			t.Fatalf("%d letters are left (%v), want none", left, err)
		}
	}
	o.workers[0].retire()
	if len(o.calls) != 2 {
		t.Errorf("%d calls after the change, want the two that waited", len(o.calls))
	}
}

// A process that was frozen through a change, or cut off: what it has to say comes too late.
func TestAnEndingThatComesAfterTheChangeIsRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	old := lane(t, target(t, o.nc, "main", 1), 0)
	publish(t, publisher(t, o.nc), "101", 1)
	frozen := next(t, old)
	if err := stream.ChangeUpTo(ctx(t), o.nc, "main", 2, stream.ChangeHeld); err != nil {
		t.Fatal(err)
	}
	if ours, err := frozen.Ours(ctx(t)); err != nil || ours {
		t.Errorf("the fence of a lane that is being given up says %v (%v), want false", ours, err)
	}
	o.change(2)
	if ours, _ := frozen.Ours(ctx(t)); ours {
		t.Error("the fence of a lane that is no more says true")
	}
	tg := target(t, o.nc, "main", 2)
	m := next(t, lane(t, tg, stream.LaneOf("", "101", 2)))
	if m.Event().CallID != "1" || m.Deliveries() < 2 {
		t.Errorf("call %s, deliveries %d: want 1, counted as delivered before", m.Event().CallID, m.Deliveries())
	}
	if end(t, frozen, verdict.Done()) {
		t.Error("the ending of the old lane was stored: the event will have two")
	}
	if !end(t, m, verdict.Done()) {
		t.Error("the ending of the new lane was refused")
	}
	if list := o.endings()[1]; len(list) != 1 || !strings.HasPrefix(list[0].Lane, "2-") {
		t.Errorf("endings %+v, want the new lane's", list)
	}
}

// An adapter that read the old set before the change, and opens its lanes after it.
func TestALaneOfAFormerSetHandsNothingOut(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	late := target(t, o.nc, "main", 2)
	o.change(3)
	publish(t, publisher(t, o.nc), "101", 1)
	_, err := lane(t, late, stream.LaneOf("", "101", 2)).Next(ctx(t))
	if !errors.Is(err, stream.ErrLaneGone) {
		t.Errorf("the old lane says %v, want ErrLaneGone", err)
	}
	target(t, o.nc, "main", 3)
	if names := consumers(t, o.nc); len(names) != 0 {
		t.Errorf("consumers %v are left of the old set", names)
	}
}

// The rules of a new lane need what its lines were told in the old one: else the second end of a call is told.
func TestALaneRecallsWhatItsLinesWereToldInAFormerSet(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	old := lane(t, target(t, o.nc, "main", 1), 0)
	p := publisher(t, o.nc)
	want := map[call.Line]bool{}
	for i := range 8 {
		e := publish(t, p, fmt.Sprint(101+i), i)
		end(t, next(t, old), verdict.Done())
		want[e.Line] = stream.LaneOf("", e.Line, 2) == 1
	}
	if err := old.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	o.change(2)
	got := map[call.Line]bool{}
	err := lane(t, target(t, o.nc, "main", 2), 1).Recall(ctx(t), time.Now().Add(-time.Minute), func(_ uint64, e call.Event, _ verdict.Kind) { got[e.Line] = true })
	for line, its := range want {
		if got[line] != its {
			t.Errorf("line %s recalled: %v, want %v (%v)", line, got[line], its, err)
		}
	}
}

// A lane that has been idle for longer than endings are kept has none, and what it has acknowledged must not come again.
func TestALaneWithoutEndingsIsNotBegunAnew(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire("a", 1)
	<-o.ring(2, 3, 0)
	for len(o.endings()) < 6 {
		time.Sleep(20 * time.Millisecond)
	}
	o.workers[0].retire()
	js, _ := jetstream.New(o.nc)
	for {
		c, err := js.Consumer(ctx(t), stream.Calls, "onec-main-1-0")
		if err != nil {
			t.Fatal(err)
		}
		if c.CachedInfo().AckFloor.Stream == 6 { // acknowledgements are not waited for
			break
		}
		time.Sleep(20 * time.Millisecond)
	}
	ends, err := js.Stream(ctx(t), stream.Endings)
	if err == nil {
		err = ends.Purge(ctx(t))
	}
	if err != nil {
		t.Fatal(err)
	}
	o.change(2)
	if set := o.set(); set.Start != 7 {
		t.Errorf("the new lanes start at %d, want 7: six events have been acknowledged", set.Start)
	}
}

func TestTheJanitorKeepsWhatTheNewLanesHaveNotPassed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	p, big := publisher(t, o.nc), strings.Repeat("x", 100<<10)
	for range 140 { // 85 % of the store
		if _, err := p.Publish(ctx(t), call.Event{Type: call.Incoming, Line: "101", Raw: big}); err != nil {
			t.Fatal(err)
		}
	}
	old := lane(t, target(t, o.nc, "main", 1), 0)
	for range 4 {
		end(t, next(t, old), verdict.Done())
	}
	if err := old.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	janitor, err := stream.NewJanitor(o.nc)
	if err != nil {
		t.Fatal(err)
	}
	sweep := func(when string) {
		t.Helper()
		if _, err := janitor.Sweep(ctx(t)); err != nil {
			t.Fatal(err)
		}
		js, _ := jetstream.New(o.nc)
		calls, err := js.Stream(ctx(t), stream.Calls)
		if err != nil {
			t.Fatal(err)
		}
		if first := calls.CachedInfo().State.FirstSeq; first > 5 {
			t.Errorf("%s: the store begins at %d, and 5 has not ended", when, first)
		}
	}
	if err := stream.ChangeUpTo(ctx(t), o.nc, "main", 2, stream.ChangeSealed); err != nil {
		t.Fatal(err)
	}
	sweep("in the middle of a change")
	o.change(2)
	sweep("before anybody has opened the new lanes")
	tg := target(t, o.nc, "main", 2)
	if m := next(t, lane(t, tg, stream.LaneOf("", "101", 2))); m.Sequence() != 5 {
		t.Errorf("event %d comes first in the new lane, want 5", m.Sequence())
	}
	lane(t, tg, 0)
	lane(t, tg, 1)
	sweep("with the new lanes at work")
}

func TestAPausedTargetGetsNothingUntilItIsResumed(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	o.hire("a", 2)
	o.hire("b", 2)
	<-o.ring(5, 2, time.Millisecond)
	for len(o.endings()) < 10 {
		time.Sleep(20 * time.Millisecond)
	}
	first, err := stream.PauseTarget(ctx(t), o.nc, "main", "oleg")
	if err != nil {
		t.Fatal(err)
	}
	again, err := stream.PauseTarget(ctx(t), o.nc, "main", "olga")
	if err != nil || again != first {
		t.Errorf("paused once more: %v (%v), want it to stay %v", again, err, first)
	}
	for working := true; working; time.Sleep(20 * time.Millisecond) {
		if working, err = stream.AtWork(ctx(t), o.nc, "main"); err != nil {
			t.Fatal(err)
		}
	}
	<-o.ring(5, 2, time.Millisecond)
	o.hire("c", 2) // a start does not resume it
	o.server.Restart()
	time.Sleep(500 * time.Millisecond)
	if n := len(o.endings()); n != 10 {
		t.Errorf("%d events have ended in a paused target, want the 10 before", n)
	}
	o.change(3) // the lanes of a paused target can be changed, and it stays paused
	if set := o.set(); set.Paused == nil || set.Paused.By != "oleg" || set.Lanes != 3 {
		t.Errorf("the set in force is %+v, want 3 lanes, paused by oleg", set)
	}
	was, err := stream.ResumeTarget(ctx(t), o.nc, "main")
	if err != nil || was == nil || *was != first {
		t.Errorf("resumed from %v (%v), want %v", was, err, first)
	}
	if was, err := stream.ResumeTarget(ctx(t), o.nc, "main"); err != nil || was != nil {
		t.Errorf("resumed twice: %v (%v), want nothing", was, err)
	}
	for deadline := time.Now().Add(natstest.Patience); len(o.endings()) < 20; time.Sleep(50 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("%d events have ended after the pause, want 20", len(o.endings()))
		}
	}
	for _, a := range o.workers {
		a.retire()
	}
}

func TestAChangeOrPauseOfNoTargetIsRefused(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	target(t, o.nc, "main", 1)
	change := func(name string, lanes int) error {
		return stream.ChangeLanes(ctx(t), o.nc, name, lanes, "", func(stream.Step) {})
	}
	_, pause := stream.PauseTarget(ctx(t), o.nc, "mian", "")
	for what, err := range map[string]error{"a change": change("mian", 2), "a pause": pause} {
		if err == nil || !strings.Contains(err.Error(), "no target mian (there are: main)") {
			t.Errorf("%s of a target that is not there: %v", what, err)
		}
	}
	for _, lanes := range []int{0, -1, stream.MaxLanes + 1} {
		if change("main", lanes) == nil {
			t.Errorf("%d lanes were taken", lanes)
		}
	}
}

// Else an adapter would try for ever to change the lanes of a target that is no more.
func TestAChangeEndsWithItsTarget(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	target(t, o.nc, "main", 1)
	if err := stream.ChangeUpTo(ctx(t), o.nc, "main", 2, stream.ChangeHeld); err != nil {
		t.Fatal(err)
	}
	changing := target(t, o.nc, "main", 1)
	if !changing.Changing() {
		t.Fatal("the target was opened without its change")
	}
	forget(t, o.nc, "main")
	if err := changing.FinishChange(ctx(t)); err != nil {
		t.Errorf("the change of a forgotten target: %v, want its end", err)
	}
	if set := target(t, o.nc, "main", 3).Set(); set.Lanes != 3 || set.Generation != 2 || set.Change != nil {
		t.Errorf("declared anew it is %+v, want 3 lanes of generation 2", set)
	}
}

// Bug: an answer that was lost with the broker was waited for until the command gave up, a minute later, though the adapters had long carried
// the change out (faults -scenario behind -seconds 24 -seed 62).
func TestAChangeOfLanesDoesNotWaitForAnAnswerThatIsLost(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	publish(t, publisher(t, server.Declared()), "101", 1)
	target(t, server.Connect(), "main", 2)
	way, nc := wayTo(t, server)
	limit, cancel := context.WithTimeout(ctx(t), natstest.Patience)
	defer cancel()
	changed := make(chan error, 1)
	go func() { changed <- stream.ChangeLanes(limit, nc, "main", 3, "", func(stream.Step) {}) }()
	way.breakAt(t, "MSG.GET.ONEC")
	if err := <-changed; err != nil {
		t.Errorf("the change ended with %v", err)
	}
}
