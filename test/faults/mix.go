package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

// The line that 1C always refuses gets few hits: each of its events costs the lane a second.
const (
	faultyLine = "199"
	faultyHits = 10

	mixLines = 40
	mixRate  = 33 // hits for each second of the scenario
)

// fault is one thing to be done, once its time has come.
type fault struct {
	at   time.Duration
	what string
	// back is how long the process stays away or frozen.
	back time.Duration
	do   func(context.Context, *room, fault) error
}

// mixPlan is what a seed makes of a length.
//
//	of all the time   0 … 45 %   hits
//	                  6 … 50 %   faults begin
//	                  the rest   what is left is delivered
type mixPlan struct {
	hits   []planned
	faults []fault
}

func planMix(t turn) mixPlan {
	dice := rand.New(rand.NewPCG(t.seed, 1))
	length := time.Duration(t.seconds) * time.Second
	var p mixPlan
	others, all := mixLines-1, t.seconds*mixRate
	for i := range others {
		hits := (all - faultyHits) / others
		if i < (all-faultyHits)%others {
			hits++
		}
		p.hits = append(p.hits, planLine(dice, fmt.Sprint(101+i), hits, 0, length*45/100)...)
	}
	p.hits = append(p.hits, planLine(dice, faultyLine, faultyHits, 0, length*20/100)...)
	p.planFaults(dice, length)
	return p
}

// planFaults draws the moments. Each minute has a frost, two kills of adapters and four restarts of the broker.
func (p *mixPlan) planFaults(dice *rand.Rand, length time.Duration) {
	moment := func(from, to int) time.Duration {
		return length*time.Duration(from)/100 + time.Duration(dice.Int64N(int64(length)*int64(to-from)/100))
	}
	pause := func() time.Duration { return 500*time.Millisecond + time.Duration(dice.Int64N(int64(time.Second))) }
	minutes := max(1, int(length/time.Minute))
	for range minutes {
		p.faults = append(p.faults,
			fault{moment(6, 25), "adapter: SIGSTOP", min(20*time.Second, length/3), freezeAdapter},
			fault{moment(6, 28), "adapter: kill -9", pause(), killAdapter},
			fault{moment(28, 50), "adapter: kill -9", pause(), killAdapter},
			// Apart from each other, so that a restarted broker works for a while. What it forgets shows only where two
			// adapters are awake, so one kill comes before every frost.
			fault{moment(2, 5), "broker: kill -9", pause() / 4, killBroker},
			fault{moment(10, 22), "broker: SIGTERM", pause() / 4, stopBroker},
			fault{moment(27, 34), "broker: kill -9", pause() / 4, killBroker},
			fault{moment(39, 44), "broker: kill -9", pause() / 4, killBroker},
		)
	}
}

// mix is the scenario of 60 seconds.
func mix(ctx context.Context, b *bench) ([]*outcome, error) {
	wrong := newMisdeeds(b.seed, []string{faultyLine},
		onectest.Share{Part: 0.03, Action: onectest.Absent()},
		onectest.Share{Part: 0.01, Action: onectest.ResetAfter()},
		onectest.Share{Part: 0.01, Action: onectest.Hang()})
	r, err := b.newRoom(ctx, "mix", 2, sessions, onectest.Options{Latency: latency, Behaviour: wrong.decide})
	if err != nil {
		return nil, err
	}
	plan := planMix(b.turn)
	if err := r.play(ctx, plan); err != nil {
		return nil, err
	}
	// Longer than it should take: a slow machine breaks no promise, and is seen in the table.
	o, err := r.finish(ctx, 90*time.Second, check.Rules{Target: target, Sessions: sessions, Faulty: []string{faultyLine}})
	if err != nil {
		return nil, err
	}
	return []*outcome{o}, nil
}

// play makes the hits and does the faults, and returns when both are over.
func (r *room) play(ctx context.Context, plan mixPlan) error {
	var wg sync.WaitGroup
	failed := make([]error, len(plan.faults))
	for i, f := range plan.faults {
		wg.Go(func() {
			if sleep(ctx, time.Until(r.begin.Add(f.at))) {
				failed[i] = f.do(ctx, r, f)
			}
		})
	}
	r.phones.run(ctx, plan.hits, r.begin)
	r.note("the last hit has its answer")
	wg.Wait()
	return errors.Join(failed...)
}

// choose picks the busiest adapter that runs and is not frozen.
func (r *room) choose() *program {
	var able []*program
	for _, p := range r.adapters {
		if p.running() && !p.isFrozen() {
			able = append(able, p)
		}
	}
	if len(able) == 0 {
		return nil
	}
	return r.onec.busiest(able)
}

func freezeAdapter(ctx context.Context, r *room, f fault) error {
	p := r.choose()
	if p == nil {
		r.note("%s: none runs", f.what)
		return nil
	}
	r.did(f.what, "%s: %s, for %s", f.what, p.process(), f.back)
	if err := p.freeze(); err != nil {
		return err
	}
	sleep(ctx, f.back)
	r.note("SIGCONT of %s", p.process())
	return p.thaw()
}

func killAdapter(ctx context.Context, r *room, f fault) error {
	p := r.choose()
	if p == nil {
		r.note("%s: none runs", f.what)
		return nil
	}
	r.did(f.what, "%s: %s, back after %d ms", f.what, p.process(), f.back.Milliseconds())
	p.kill()
	sleep(ctx, f.back)
	return p.start()
}

func stopBroker(ctx context.Context, r *room, f fault) error {
	begin := time.Now()
	if err := r.ingest.stop(stopLimit); err != nil {
		return err
	}
	return r.brokerBack(ctx, f, begin)
}

func killBroker(ctx context.Context, r *room, f fault) error {
	begin := time.Now()
	r.ingest.kill()
	return r.brokerBack(ctx, f, begin)
}

func (r *room) brokerBack(ctx context.Context, f fault, begin time.Time) error {
	ended := time.Since(begin)
	sleep(ctx, f.back)
	err := r.startIngest(ctx)
	r.did(f.what, "%s: it ended within %d ms and answered phones again after %d", f.what, ended.Milliseconds(), time.Since(begin).Milliseconds())
	return err
}
