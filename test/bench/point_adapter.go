package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

const adapterLines = 200

// adapterPoint: events a second to a 1C that answers at once, against a bare loop that posts the same envelopes; where the time goes; and how
// busy the busiest lane keeps a 1C that takes its time.
func adapterPoint(ctx context.Context, b *bench) ([]block, error) {
	n := b.times(4000)
	doors, err := b.twoStores(ctx, n)
	if err != nil {
		return nil, err
	}
	rates := block{head: []string{"1C answers at once", "events/s", "without fsync", "bare loop posts/s", "of the bare loop", "without fsync of the bare loop"}}
	for _, sessions := range []int{1, 4, 16} {
		row, err := b.compareAdapter(ctx, doors, n, sessions)
		if err != nil {
			return nil, err
		}
		rates.rows = append(rates.rows, row)
	}
	skips, err := b.skips(ctx, doors, n)
	if err != nil {
		return nil, err
	}
	steps, err := b.steps(ctx, doors, n)
	if err != nil {
		return nil, err
	}
	slow, err := b.slowOnec(ctx, doors[0], n)
	if err != nil {
		return nil, err
	}
	for _, d := range doors {
		if err := d.stop(); err != nil {
			return nil, err
		}
	}
	return []block{rates, steps, skips, slow}, nil
}

// twoStores are one on the disk and, where there is a place for it, one in memory, with the same events.
func (b *bench) twoStores(ctx context.Context, n int) (doors []door, err error) {
	store, err := b.stored(ctx, n, adapterLines, string(call.Incoming))
	if err != nil {
		return nil, err
	}
	stores := []string{store}
	if b.memory != "" {
		stores = append(stores, filepath.Join(b.memory, "adapter"))
		if err := os.CopyFS(stores[1], os.DirFS(store)); err != nil {
			return nil, err
		}
	}
	for i, store := range stores {
		d, err := b.ingest(ctx, fmt.Sprintf("ingest-of-adapter-%d", i), store)
		if err != nil {
			return nil, err
		}
		doors = append(doors, d)
	}
	return doors, nil
}

var targets int

// deliver starts an adapter with a target of its own, which begins with the oldest event, and ends it once 1C has n events.
func (b *bench) deliver(ctx context.Context, d door, o *onec, n, sessions int, more string) error {
	targets++
	name := fmt.Sprintf("t%d", targets)
	a, err := b.adapter(ctx, d, name, fmt.Sprintf("targets: [{name: %s, url: %q, from: beginning, sessions: %d%s}]", name, o.URL(), sessions, more))
	if err != nil {
		return err
	}
	if err := a.until(ctx, fmt.Sprintf("done with %d events", n), func() error {
		if got := o.count(); got < n {
			return fmt.Errorf("1C has %d", got)
		}
		return nil
	}); err != nil {
		return err
	}
	return a.stop()
}

func (b *bench) adapter(ctx context.Context, d door, name, targets string) (*process, error) {
	file := filepath.Join(b.dir, name+".yaml")
	if err := os.WriteFile(file, []byte(targets), 0o600); err != nil {
		return nil, err
	}
	admin := freeAddr()
	a, err := b.service("adapter-"+name, "onec-adapter", "--nats", "nats://"+d.nats, "--nats-creds", d.creds(), "--admin", admin, "--targets", file)
	if err != nil {
		return nil, err
	}
	return a, a.ready(ctx, admin)
}

func (b *bench) compareAdapter(ctx context.Context, doors []door, n, sessions int) ([]string, error) {
	var rates []float64
	var envelopes [][]byte
	for _, d := range doors {
		o := newOnec(0)
		if err := o.Start("127.0.0.1:0"); err != nil {
			return nil, err
		}
		defer o.Close()
		if err := b.deliver(ctx, d, o, n, sessions, ""); err != nil {
			return nil, err
		}
		rates = append(rates, float64(n)/o.window().Seconds())
		envelopes = o.envelopes()
	}
	took, err := b.bare(ctx, envelopes, sessions, 0)
	if err != nil {
		return nil, err
	}
	bare := float64(len(envelopes)) / took.Seconds()
	row := []string{fmt.Sprintf("sessions: %d", sessions), grouped(rates[0]), "-", grouped(bare), ratio(rates[0], bare), "-"}
	if len(rates) > 1 {
		row[2], row[5] = grouped(rates[1]), ratio(rates[1], bare)
	}
	return row, nil
}

// bare lets a loop of Go post envelopes to a 1C of its own.
func (b *bench) bare(ctx context.Context, envelopes [][]byte, conns int, latency time.Duration) (time.Duration, error) {
	o := newOnec(latency)
	if err := o.Start("127.0.0.1:0"); err != nil {
		return 0, err
	}
	defer o.Close()
	data, err := json.Marshal(envelopes)
	if err != nil {
		return 0, err
	}
	file := filepath.Join(b.dir, "envelopes")
	if err := os.WriteFile(file, data, 0o600); err != nil {
		return 0, err
	}
	words, err := json.Marshal(posting{URL: o.URL(), Conns: conns, File: file})
	if err != nil {
		return 0, err
	}
	cmd := exec.CommandContext(ctx, b.self, "post", string(words))
	cmd.Stderr = os.Stderr
	out, err := cmd.Output()
	if err != nil {
		return 0, fmt.Errorf("the bare loop: %w", err)
	}
	var p posted
	return p.Took, json.Unmarshal(out, &p)
}

// skips measures events that a rule ends without a call: those of lines that are not for the target.
func (b *bench) skips(ctx context.Context, doors []door, n int) (t block, err error) {
	t = block{head: []string{"every event is skipped, 4 sessions", "events/s"}}
	for i, d := range doors {
		o := newOnec(0)
		if err := o.Start("127.0.0.1:0"); err != nil {
			return t, err
		}
		defer o.Close()
		before, err := d.messages(ctx, stream.Endings)
		if err != nil {
			return t, err
		}
		targets++
		name := fmt.Sprintf("t%d", targets)
		a, err := b.adapter(ctx, d, name, fmt.Sprintf("targets: [{name: %s, url: %q, from: beginning, sessions: 4, only: {lines: ['1-2']}}]", name, o.URL()))
		if err != nil {
			return t, err
		}
		begin := time.Time{}
		if err := a.until(ctx, "done with what is to be skipped", func() error {
			got, err := d.messages(ctx, stream.Endings)
			if begin.IsZero() && got > before {
				begin, before, n = time.Now(), got, n-int(got-before)
			}
			if err == nil && (begin.IsZero() || got < before+uint64(n)) {
				err = fmt.Errorf("%d endings", got-before)
			}
			return err
		}); err != nil {
			return t, err
		}
		t.row([]string{"with fsync", "without fsync"}[i], grouped(float64(n)/time.Since(begin).Seconds()))
		if err := a.stop(); err != nil {
			return t, err
		}
		if called := o.count(); called > 0 {
			return t, fmt.Errorf("%d events were not skipped", called)
		}
	}
	return t, nil
}

// slowOnec is a 1C of 30 ms: what the busiest of four lanes must take, and what a bare loop takes for as many calls on each of four
// connections, against what the whole took.
func (b *bench) slowOnec(ctx context.Context, d door, n int) (t block, err error) {
	const sessions, latency = 4, 30 * time.Millisecond
	o := newOnec(latency)
	if err := o.Start("127.0.0.1:0"); err != nil {
		return t, err
	}
	defer o.Close()
	lanes := map[int]int{}
	n = min(n, b.times(1000)) // all lines get the same number of them
	for i := range n {
		lanes[stream.LaneOf("", call.Line(fmt.Sprint(100000+i%adapterLines)), sessions)]++
	}
	busiest := 0
	for _, events := range lanes {
		busiest = max(busiest, events)
	}
	store, err := b.stored(ctx, n, adapterLines, string(call.Incoming))
	if err != nil {
		return t, err
	}
	own, err := b.ingest(ctx, "ingest-of-slow-1c", store)
	if err != nil {
		return t, err
	}
	if err := b.deliver(ctx, own, o, n, sessions, ""); err != nil {
		return t, err
	}
	took := o.window() + latency // the last call's
	envelopes := slices.Repeat(o.envelopes(), sessions)[:busiest*sessions]
	bare, err := b.bare(ctx, envelopes, sessions, latency)
	if err != nil {
		return t, err
	}
	t = block{head: []string{"1C takes 30 ms, 4 sessions", "events", "of the busiest lane", "it needs", "a bare loop takes", "took", "share", "of the bare loop"}}
	least := time.Duration(busiest) * latency
	t.row("with fsync", fmt.Sprint(n), fmt.Sprint(busiest), ms(least)+" ms", ms(bare)+" ms", ms(took)+" ms",
		ratio(least.Seconds(), took.Seconds()), ratio(bare.Seconds(), took.Seconds()))
	return t, own.stop()
}

// steps does what an adapter does with each event, step by step with the stream's own lanes, and leaves steps out to see what they cost.
func (b *bench) steps(ctx context.Context, doors []door, n int) (t block, err error) {
	t = block{head: []string{"lanes, step by step", "events/s", "next event", "fence", "call", "ending"}}
	for i, d := range doors {
		kind := []string{"with fsync", "without fsync"}[i]
		for _, s := range []struct {
			what        string
			lanes       int
			fence, call bool
		}{
			{"1 lane", 1, true, true}, {"4 lanes", 4, true, true}, {"16 lanes", 16, true, true},
			{"4 lanes without the fence", 4, false, true}, {"4 lanes without the call", 4, true, false}, {"4 lanes without both", 4, false, false},
		} {
			w, err := b.walk(ctx, d, n, s.lanes, s.fence, s.call)
			if err != nil {
				return t, err
			}
			t.row(s.what+", "+kind, grouped(float64(n)/w.took.Seconds()), w.mean(w.next, n), w.mean(w.fence, n), w.mean(w.call, n), w.mean(w.end, n))
		}
	}
	return t, nil
}

// walked is how long the steps of all events took together.
type walked struct {
	took, next, fence, call, end time.Duration
}

func (walked) mean(sum time.Duration, n int) string {
	if sum == 0 {
		return "-"
	}
	return ms(sum/time.Duration(n)) + " ms"
}

func (b *bench) walk(ctx context.Context, d door, n, lanes int, fence, call bool) (w walked, err error) {
	nc, _, err := d.connect(ctx)
	if err != nil {
		return w, err
	}
	defer nc.Close()
	o := newOnec(0)
	if err := o.Start("127.0.0.1:0"); err != nil {
		return w, err
	}
	defer o.Close()
	targets++
	target, _, err := stream.OpenTarget(ctx, nc, stream.TargetOptions{Name: fmt.Sprintf("t%d", targets), Sessions: lanes, AckWait: time.Minute, From: "beginning"})
	if err != nil {
		return w, err
	}
	defer target.Close()
	ctx, cancel := context.WithTimeout(ctx, 5*time.Minute)
	defer cancel()
	s := &walk{left: n, enough: cancel, onec: o, fence: fence, call: call}
	begin := time.Now()
	var wg sync.WaitGroup
	for i := range target.Set().Lanes {
		l, err := target.Lane(ctx, i)
		if err != nil {
			return w, err
		}
		wg.Go(func() { s.lane(ctx, l) })
	}
	wg.Wait()
	s.walked.took = s.last.Sub(begin)
	if s.left > 0 {
		return w, fmt.Errorf("%d events are left: %w", s.left, s.err)
	}
	return s.walked, nil
}
