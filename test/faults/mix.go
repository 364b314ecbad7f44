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

// Answers that are none: half of one, and one in windows-1251 that says it is UTF-8.
const (
	cutAnswer  = `<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><m:TelDataResponse xmlns:m="http://www.`
	misencoded = `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body>` +
		"\xc4\xe5\xeb\xe5\xed\xe8\xe5</soap:Body></soap:Envelope>"
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

// planFaults draws the moments. Each minute has a frost of an adapter and one of the broker, two kills of adapters, four restarts of the broker, and a 1C that is
// locked, hangs and restarts. The broker is killed in a rush.
func (p *mixPlan) planFaults(dice *rand.Rand, length time.Duration) {
	moment := func(from, to int) time.Duration {
		return length*time.Duration(from)/100 + time.Duration(dice.Int64N(int64(length)*int64(to-from)/100))
	}
	rushed := func(from, to int) time.Duration {
		return moment(from, to).Truncate(rush) + time.Duration(dice.Int64N(int64(12*time.Millisecond)))
	}
	pause := func() time.Duration { return 500*time.Millisecond + time.Duration(dice.Int64N(int64(time.Second))) }
	minutes := max(1, int(length/time.Minute))
	for range minutes {
		p.faults = append(p.faults,
			fault{moment(6, 25), "adapter: SIGSTOP", max(longFrost, min(20*time.Second, length/3)), freezeAdapter},
			fault{moment(6, 28), "adapter: kill -9", pause(), killAdapter},
			fault{moment(28, 50), "adapter: kill -9", pause(), killAdapter},
			// Apart from each other, so that a restarted broker works for a while. What it forgets shows only where two
			// adapters are awake, so one kill comes before every frost.
			fault{rushed(2, 5), "broker: kill -9", pause() / 4, killBroker},
			fault{moment(10, 22), "broker: SIGTERM", pause() / 4, stopBroker},
			fault{rushed(27, 34), "broker: kill -9", pause() / 4, killBroker},
			fault{rushed(39, 44), "broker: kill -9", pause() / 4, killBroker},
			fault{moment(23, 26), "broker: SIGSTOP", min(8*time.Second, length/6), freezeBroker},
			fault{moment(7, 12), "1C: locked", 2 * pause(), shut(onectest.Locked())},
			fault{moment(12, 18), "1C: hangs", 2 * pause(), hang},
			fault{moment(34, 44), "1C: restarts", pause(), restart1C},
		)
	}
}

// mix is the scenario of 60 seconds.
func mix(ctx context.Context, b *bench) ([]*outcome, error) {
	wrong := newMisdeeds(b.seed, []string{faultyLine},
		onectest.Share{Part: 0.03, Action: onectest.Absent()},
		onectest.Share{Part: 0.01, Action: onectest.ResetBefore()},
		onectest.Share{Part: 0.01, Action: onectest.ResetWithin()},
		onectest.Share{Part: 0.01, Action: onectest.ResetAfter()},
		onectest.Share{Part: 0.01, Action: onectest.Hang()},
		onectest.Share{Part: 0.01, Action: onectest.Page()},
		onectest.Share{Part: 0.01, Action: onectest.Garbage()},
		onectest.Share{Part: 0.01, Action: onectest.Status(200, cutAnswer)},
		onectest.Share{Part: 0.01, Action: onectest.Status(200, misencoded)},
		onectest.Share{Part: 0.005, Action: onectest.Heavy("Деление на 0", 3<<20)})
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
	o.mustGroup()
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

// freezeBroker lets phones wait and go; broker and ingest are one process.
func freezeBroker(ctx context.Context, r *room, f fault) error {
	r.broker.Lock()
	defer r.broker.Unlock()
	r.did(f.what, "%s for %s", f.what, f.back)
	if err := r.ingest.freeze(); err != nil {
		return err
	}
	sleep(ctx, f.back)
	r.note("SIGCONT of the broker")
	return r.ingest.thaw()
}

func shut(how onectest.Action) func(context.Context, *room, fault) error {
	return func(ctx context.Context, r *room, f fault) error {
		r.did(f.what, "%s for %d ms", f.what, f.back.Milliseconds())
		r.onec.onec.Shut(how)
		sleep(ctx, f.back)
		r.onec.onec.Shut(onectest.OK())
		return nil
	}
}

// hang is a 1C that answers nobody, not even who asks for the WSDL.
func hang(ctx context.Context, r *room, f fault) error {
	r.did(f.what, "%s for %d ms", f.what, f.back.Milliseconds())
	r.onec.deaf.Store(true)
	r.onec.onec.Behave(onectest.Always(onectest.Hang()))
	sleep(ctx, f.back)
	r.onec.deaf.Store(false)
	r.onec.onec.Behave(r.onec.usual)
	return nil
}

// restart1C breaks all connections in the middle of whatever they were about, and refuses new ones for a while.
func restart1C(ctx context.Context, r *room, f fault) error {
	r.did(f.what, "%s, back after %d ms", f.what, f.back.Milliseconds())
	r.onec.close()
	sleep(ctx, f.back)
	return r.onec.open()
}

func stopBroker(ctx context.Context, r *room, f fault) error {
	r.broker.Lock()
	defer r.broker.Unlock()
	begin := time.Now()
	if err := r.ingest.stop(stopLimit); err != nil {
		return err
	}
	return r.brokerBack(ctx, f, begin)
}

func killBroker(ctx context.Context, r *room, f fault) error {
	r.broker.Lock()
	defer r.broker.Unlock()
	r.note("the broker is killed amid %d hits", r.phones.asking.Load())
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
