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

// absence is a way for a 1C to be away.
type absence struct {
	name       string
	away, back func(*standIn) error
}

var absences = []absence{
	{"refused connections",
		func(s *standIn) error { s.close(); return nil },
		(*standIn).open},
	{"hanging",
		func(s *standIn) error {
			s.deaf.Store(true)
			s.onec.Behave(onectest.Always(onectest.Hang()))
			return nil
		},
		func(s *standIn) error {
			s.deaf.Store(false)
			s.onec.Behave(nil)
			return nil
		}},
	{"503",
		func(s *standIn) error { s.onec.Behave(onectest.Always(onectest.Absent())); return nil },
		func(s *standIn) error { s.onec.Behave(nil); return nil }},
}

const (
	awayRate  = 20 // hits a second
	awayLines = 10
	around    = 3 * time.Second // of hits before and after
	// An adapter looks for 1C every five seconds at most, and its probing call may be one that hangs for two; the rest
	// is for what has piled up.
	awayLimit = time.Minute
)

// away lets 1C go in each way, side by side: phones get their 200 all the while, and everything is delivered in order
// once it is back.
func away(ctx context.Context, b *bench) ([]*outcome, error) {
	outcomes, failed := make([]*outcome, len(absences)), make([]error, len(absences))
	var wg sync.WaitGroup
	for i, a := range absences {
		wg.Go(func() { outcomes[i], failed[i] = a.play(ctx, b, uint64(i)) })
	}
	wg.Wait()
	return outcomes, errors.Join(failed...)
}

func (a absence) play(ctx context.Context, b *bench, n uint64) (*outcome, error) {
	r, err := b.newRoom(ctx, "away: "+a.name, 1, sessions, onectest.Options{Latency: latency})
	if err != nil {
		return nil, err
	}
	dice := rand.New(rand.NewPCG(b.seed, 100+n))
	gone := time.Duration(b.seconds) * time.Second / 2
	length := around + gone + around
	var plan []planned
	for i := range awayLines {
		plan = append(plan, planLine(dice, fmt.Sprint(101+i), awayRate*int(length/time.Second)/awayLines, 0, length)...)
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.phones.run(ctx, plan, r.begin) })
	sleep(ctx, around)
	r.did("1C: "+a.name, "1C goes away: %s", a.name)
	err = a.away(r.onec)
	sleep(ctx, gone)
	r.note("1C is back")
	err = errors.Join(err, a.back(r.onec))
	wg.Wait()
	if err != nil {
		return nil, err
	}
	return r.finish(ctx, awayLimit, check.Rules{Target: target, Sessions: sessions, NoDead: true, AllOK: true})
}
