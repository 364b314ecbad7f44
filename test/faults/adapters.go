package main

import (
	"cmp"
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

const (
	adaptersLines = 24
	adaptersRate  = 20 // hits a second of all lines
	// cleanGap is what "no gap" is on a busy machine: a call, and a lane that changes hands.
	cleanGap = 1500 * time.Millisecond
	// mostGap is what was promised where an adapter is killed, whatever its calls were doing.
	mostGap = 6 * time.Second
)

// working is a 1C that is in a call more often than not, so that most kills find one under way.
func working() time.Duration { return 50*time.Millisecond + rand.N(250*time.Millisecond) }

// rolling stops and starts three adapters of one target one after another under load: first in order, then by kill -9 whichever
// is at work, the next when the lanes of the last have found another.
func rolling(ctx context.Context, b *bench) ([]*outcome, error) {
	r, err := b.newRoom(ctx, "adapters", 3, sessions, onectest.Options{Latency: working})
	if err != nil {
		return nil, err
	}
	length := time.Duration(b.seconds) * time.Second * 2 / 3
	dice := rand.New(rand.NewPCG(b.seed, 500))
	var plan []planned
	for i := range adaptersLines {
		plan = append(plan, planLine(dice, fmt.Sprint(101+i), int(length.Seconds())*adaptersRate/adaptersLines, 0, length)...)
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.phones.run(ctx, plan, r.begin) })
	sleep(ctx, 2*time.Second)
	clean, err := r.roll(ctx, roll{
		how: "SIGTERM", until: time.Now().Add(length / 3), rest: time.Second,
		next: func(i int) *program { return r.adapters[i%len(r.adapters)] },
		stop: func(p *program) error { return p.stop(stopLimit) },
	})
	if err != nil {
		return nil, err
	}
	killed, err := r.roll(ctx, roll{
		how: "kill -9", until: r.begin.Add(length - mostGap), rest: mostGap,
		next: func(int) *program { return r.onec.busiest(r.adapters) },
		stop: func(p *program) error { p.kill(); return nil },
	})
	if err != nil {
		return nil, err
	}
	wg.Wait()
	o, err := r.finish(ctx, time.Minute, check.Rules{Target: target, Sessions: sessions, NoDead: true, AllOK: true})
	if err != nil {
		return nil, err
	}
	o.gap("clean stops", clean, cleanGap)
	o.gap("kills", span{from: killed.from, to: time.Now()}, mostGap) // the last one's gap is longer than the rolling
	return []*outcome{o}, nil
}

// span is a time in which something was done.
type span struct{ from, to time.Time }

// roll is how adapters are stopped and started, one after another.
type roll struct {
	how   string
	until time.Time
	next  func(i int) *program
	stop  func(*program) error
	rest  time.Duration // between a start and the next stop
}

// roll does it until the time is over, and once at least.
func (r *room) roll(ctx context.Context, roll roll) (span, error) {
	s := span{from: time.Now()}
	for i := 0; i == 0 || time.Now().Before(roll.until); i++ {
		p := roll.next(i)
		r.did("adapter: "+roll.how, "%s of %s", roll.how, p.process())
		if err := roll.stop(p); err != nil {
			return s, err
		}
		sleep(ctx, 500*time.Millisecond)
		if err := p.start(); err != nil {
			return s, err
		}
		sleep(ctx, roll.rest)
	}
	s.to = time.Now()
	return s, ctx.Err()
}

// overlap is how much of a time lies within the span. A lane that stood still because of what came after it did not stand still
// in it for longer.
func (s span) overlap(from, to time.Time) time.Duration {
	if from.Before(s.from) {
		from = s.from
	}
	if to.After(s.to) {
		to = s.to
	}
	return to.Sub(from)
}

// gap tells the longest time in which a lane had something to do and ended nothing. Longer than most it breaks the run.
func (o *outcome) gap(what string, when span, most time.Duration) {
	lane, longest := longestGap(o.history, when)
	o.note("the longest gap of a lane at %s: %d ms (lane %s)", what, longest.Milliseconds(), lane)
	if longest > most {
		o.deaths = append(o.deaths, fmt.Sprintf("at %s lane %s stood still for %v, want %v at most", what, lane, longest, most))
	}
}

// longestGap goes through each lane's endings from the last to the first: what a lane had to do before an ending is what
// ended then or later, in whatever order.
func longestGap(h check.History, when span) (lane string, longest time.Duration) {
	accepted := map[uint64]time.Time{}
	for _, e := range h.Events {
		accepted[e.Sequence] = e.Accepted
	}
	type ending struct{ at, since time.Time } // since when the lane had something to do, had it ended nothing
	next := map[string]ending{}
	gap := func(l string, from time.Time) {
		if from.Before(next[l].since) {
			from = next[l].since
		}
		if d := when.overlap(from, next[l].at); d > longest {
			longest, lane = d, l
		}
	}
	for _, e := range slices.Backward(slices.SortedFunc(slices.Values(h.Endings), byStored)) {
		since := accepted[e.Event]
		if later, any := next[e.Lane]; any {
			gap(e.Lane, e.At)
			if later.since.Before(since) {
				since = later.since
			}
		}
		next[e.Lane] = ending{e.At, since}
	}
	for l := range next {
		gap(l, time.Time{})
	}
	return lane, longest
}

func byStored(a, b check.Ending) int { return cmp.Compare(a.Stored, b.Stored) }
