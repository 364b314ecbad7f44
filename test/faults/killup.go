package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strconv"
	"sync"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

const (
	killUpRate  = 60 // hits a second of all lines
	killUpLines = 20
)

// killUp kills the office edition, which is everything in one process, in the middle of hits: every hit that got
// its 200 is delivered after the restart.
func killUp(ctx context.Context, b *bench) ([]*outcome, error) {
	r, err := b.furnish("kill-up", onectest.Options{Latency: latency})
	if err != nil {
		return nil, err
	}
	p, err := b.officeIn(r, filepath.Join(b.dir, r.name, "data"))
	if err != nil {
		return nil, err
	}
	if err := r.openOffice(ctx, p); err != nil {
		return nil, err
	}
	if err := r.killInTheMiddle(ctx, b, p); err != nil {
		return nil, err
	}
	o, err := r.finish(ctx, time.Minute, check.Rules{Target: target, Sessions: sessions, NoDead: true})
	if err != nil {
		return nil, err
	}
	return []*outcome{o}, nil
}

// officeIn makes the office edition, with its data in a folder; it is not started yet.
func (b *bench) officeIn(r *room, data string, more ...string) (*program, error) {
	r.creds = filepath.Join(data, "nats.creds")
	return b.program(r.name, "office", "callbus", append([]string{"up", "--data", data, "--http", r.phones.addr, "--admin", "", "--nats-listen", r.nats,
		"--sessions", strconv.Itoa(sessions), "--onec-timeout", callTimeout.String(), "--onec-url", r.onec.url()}, more...)...)
}

// openOffice starts it. The one process is broker and adapter.
func (r *room) openOffice(ctx context.Context, p *program) error {
	r.ingest = p
	if err := r.startIngest(ctx); err != nil {
		return err
	}
	r.ingest, r.adapters, r.begin = nil, []*program{p}, time.Now()
	return nil
}

func (r *room) killInTheMiddle(ctx context.Context, b *bench, p *program) error {
	dice, length := rand.New(rand.NewPCG(b.seed, 200)), time.Duration(b.seconds)*time.Second*2/3
	var plan []planned
	for i := range killUpLines {
		plan = append(plan, planLine(dice, fmt.Sprint(101+i), int(length.Seconds()*killUpRate)/killUpLines, 0, length)...)
	}
	when := length*3/8 + time.Duration(dice.Int64N(int64(length/4)))
	var wg sync.WaitGroup
	wg.Go(func() { r.phones.run(ctx, plan, r.begin) })
	defer wg.Wait()
	sleep(ctx, time.Until(r.begin.Add(when)))
	r.did("callbus up: kill -9", "kill -9 of %s", p.process())
	p.kill()
	sleep(ctx, 300*time.Millisecond)
	if err := p.start(); err != nil {
		return err
	}
	err := untilOpen(ctx, r.phones.addr, startLimit)
	r.note("%s answers phones", p.process())
	return err
}
