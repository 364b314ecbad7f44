package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

const (
	diskRate  = 20 // hits a second of all lines
	diskLines = 20
	// freezeLimit is how long a process may go on that cannot write any more: it looks each second, and wants to see it for another.
	freezeLimit = 30 * time.Second

	limitRoom = "256KiB" // some 340 events, and 270 endings
	limitHits = 500      // more than that
	limitTime = 6 * time.Second
)

// disk fills the disk of an office to the last byte, under load and while it starts; and, in another office, CALLS and ONEC to their
// limits while 1C is away.
func disk(ctx context.Context, b *bench) ([]*outcome, error) {
	there, skipped := onDisks(ctx, b)
	if there != nil {
		return nil, there
	}
	if skipped {
		limits, err := fullStreams(ctx, b)
		return []*outcome{limits}, err
	}
	outcomes, failed := make([]*outcome, 2), make([]error, 2)
	var wg sync.WaitGroup
	wg.Go(func() { outcomes[0], failed[0] = fullDisk(ctx, b) })
	wg.Go(func() { outcomes[1], failed[1] = fullStreams(ctx, b) })
	wg.Wait()
	return outcomes, errors.Join(failed...)
}

func fullDisk(ctx context.Context, b *bench) (*outcome, error) {
	r, err := b.furnish("disk-full", onectest.Options{Latency: latency})
	if err != nil {
		return nil, err
	}
	v, err := newVolume(ctx, filepath.Join(b.dir, r.name), "data=ordered")
	if err != nil {
		return nil, err
	}
	data := filepath.Join(v.dir, "data")
	p, err := b.officeIn(r, data)
	if err != nil {
		return nil, err
	}
	if err := r.openOffice(ctx, p); err != nil {
		return nil, err
	}
	dice := rand.New(rand.NewPCG(b.seed, 700))
	const most = 20 * time.Minute
	var plan []planned
	for i := range diskLines {
		plan = append(plan, planLine(dice, fmt.Sprint(101+i), int(most.Seconds())*diskRate/diskLines, 0, most)...)
	}
	// The load lasts as long as the faults: where nothing is written, nobody notices that the disk is full.
	load, enough := context.WithCancel(ctx)
	defer enough()
	var wg sync.WaitGroup
	wg.Go(func() { r.phones.run(load, plan, r.begin) })
	f := &filling{room: r, disk: v, office: p, dice: dice}
	err = f.play(ctx, time.Duration(b.seconds)*time.Second*3/5)
	enough()
	wg.Wait()
	if err != nil {
		return nil, err
	}
	return f.end(ctx)
}

// filling is a disk that is filled and emptied, and who looks after the office meanwhile.
type filling struct {
	*room
	disk   *volume
	office *program
	dice   *rand.Rand
	exits  int // of the office, by itself
}

func (f *filling) drawn(d time.Duration) time.Duration { return time.Duration(f.dice.Int64N(int64(d))) }

// play fills the disk under load, and then while the office starts.
func (f *filling) play(ctx context.Context, length time.Duration) error {
	for n := 0; n < 2 || time.Since(f.begin) < length; n++ {
		sleep(ctx, time.Second+f.drawn(time.Second))
		if n%2 == 1 {
			f.did("callbus up: kill -9", "the disk is filled while it starts")
			f.office.kill()
			if err := f.office.start(); err != nil {
				return err
			}
			sleep(ctx, f.drawn(300*time.Millisecond))
		}
		if err := f.full(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// full fills the disk until the office has ended by itself, lets it be started in vain, and frees the disk.
func (f *filling) full(ctx context.Context) error {
	_, refused := f.phones.told()
	if err := f.disk.fill(); err != nil {
		return err
	}
	f.did("its disk: full", "the disk is full")
	begin := time.Now()
	if err := f.untilExit(ctx); err != nil {
		return err
	}
	f.note("it has ended by itself, %d ms later", time.Since(begin).Milliseconds())
	if err := f.office.start(); err != nil {
		return err
	}
	if err := f.untilExit(ctx); err != nil {
		return fmt.Errorf("started on a full disk: %w", err)
	}
	sleep(ctx, f.drawn(500*time.Millisecond))
	if err := errors.Join(f.disk.free(), f.office.start(), untilOpen(ctx, f.phones.addr, startLimit)); err != nil {
		return fmt.Errorf("with space again: %w (see %s)", err, f.office.log)
	}
	_, now := f.phones.told()
	f.note("there is space, and phones are answered; %d hits got no 200", now-refused)
	return nil
}

// untilExit waits until the office ends by itself, as a supervisor does.
func (f *filling) untilExit(ctx context.Context) error {
	select {
	case <-f.office.ended():
		f.exits++
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(freezeLimit):
		return fmt.Errorf("the office has not ended within %v on a full disk (see %s)", freezeLimit, f.office.log)
	}
}

// end counts what the office has said of its ends: one clear line each, and an exit code above zero. It has taken them for what they
// were, and so they break nothing.
func (f *filling) end(ctx context.Context) (*outcome, error) {
	o, err := f.finish(ctx, time.Minute, check.Rules{Target: target, Sessions: sessions, NoDead: true})
	if err != nil {
		return nil, err
	}
	o.mustGroup()
	var left []string
	ends := 0
	for _, d := range o.deaths {
		if strings.Contains(d, "ended by itself: exit status 1 ") {
			ends++
			continue
		}
		left = append(left, d)
	}
	o.deaths = left
	clear := 0
	for _, text := range []string{"the store is frozen (disk full?)", "MiB for the store, and needs"} {
		n := f.office.logged("callbus up: ", text)
		o.note("its last words were %q %d times", text, n)
		clear += n
	}
	if ends != f.exits || clear != f.exits {
		o.deaths = append(o.deaths, fmt.Sprintf("the office ended %d times by itself, %d times with 1, and has said %d times that the disk is full (see %s)",
			f.exits, ends, clear, f.office.log))
	}
	for _, h := range o.history.Hits {
		if h.Status == 0 && h.Answered.Sub(h.Sent) >= patience {
			o.deaths = append(o.deaths, fmt.Sprintf("a phone waited for %v in vain, from %s on", patience, h.Sent.Format(time.TimeOnly)))
		}
	}
	return o, nil
}

// fullStreams lets CALLS fill up while 1C is away. ONEC, in which an ending is larger than its event in CALLS, fills up when it is back.
func fullStreams(ctx context.Context, b *bench) (*outcome, error) {
	r, err := b.furnish("disk-limits", onectest.Options{Latency: latency})
	if err != nil {
		return nil, err
	}
	data := filepath.Join(b.dir, r.name, "data")
	p, err := b.officeIn(r, data, "--store-max", limitRoom)
	if err != nil {
		return nil, err
	}
	r.onec.onec.Behave(onectest.Always(onectest.Absent()))
	if err := r.openOffice(ctx, p); err != nil {
		return nil, err
	}
	w, err := r.watch(ctx)
	if err != nil {
		return nil, err
	}
	defer w.close()
	r.record = w
	r.begin = time.Now()
	dice := rand.New(rand.NewPCG(b.seed, 701))
	var plan, late []planned
	for i := range diskLines {
		plan = append(plan, planLine(dice, fmt.Sprint(101+i), limitHits/diskLines, 0, limitTime)...)
		late = append(late, planLine(dice, fmt.Sprint(201+i), limitHits/diskLines/2, 0, limitTime)...)
	}
	r.phones.run(ctx, plan, r.begin)
	_, refused := r.phones.told()
	r.note("CALLS is full: %d hits got no 200; 1C comes back", refused)
	if refused == 0 {
		return nil, fmt.Errorf("%d hits have not filled CALLS", limitHits)
	}
	r.onec.onec.Behave(nil)
	if !r.untilTaken(ctx) {
		return nil, errors.New("1C is back, and phones still get 503")
	}
	r.note("phones get 200 again")
	r.phones.run(ctx, late, time.Now())
	o, err := r.finish(ctx, time.Minute, check.Rules{Target: target, Sessions: sessions, NoDead: true})
	if err != nil {
		return nil, err
	}
	o.note("the janitor made room %d times", p.logged("janitor: purged"))
	return o, nil
}

// untilTaken lets a phone call until it gets its 200.
func (r *room) untilTaken(ctx context.Context) bool {
	for n, begin := 0, time.Now(); time.Since(begin) < time.Minute; n++ {
		marker := fmt.Sprintf("sip:+74951230000@again-%d.example", n)
		_, before := r.phones.told()
		r.phones.send(ctx, planned{
			hit:  check.Hit{Marker: marker, Line: "301", Type: "incoming"},
			path: "/phone/incoming?" + url.Values{"remote": {marker}, "line": {"301"}}.Encode(),
		})
		if _, after := r.phones.told(); after == before {
			return true
		}
		if !sleep(ctx, 300*time.Millisecond) {
			break
		}
	}
	return false
}
