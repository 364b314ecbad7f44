package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// growthPoint: what grows with the lines, and with the events that are stored. All stores are made before the first is measured, so that
// they grow old together.
func growthPoint(ctx context.Context, b *bench) ([]block, error) {
	lines := block{head: []string{"lines", "memory, after a hit of each", "ready again after (of three)", "memory then", "answer: median, 99th percentile"}}
	events := block{head: []string{"stored events", "ready after (of three)", "memory", "answer: median, 99th percentile"}}
	var callers []linesStore
	for _, n := range []int{10, 1000, b.times(100_000)} {
		store, err := b.growLines(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("%d lines: %w", n, err)
		}
		callers = append(callers, store)
	}
	amounts := []int{0, b.times(100_000), b.times(million)}
	for _, n := range amounts {
		if _, err := b.grown(ctx, n); err != nil {
			return nil, err
		}
	}
	if err := b.growOld(ctx); err != nil {
		return nil, err
	}
	for _, c := range callers {
		row, err := b.grownRow(ctx, c.dir, c.lines)
		if err != nil {
			return nil, fmt.Errorf("%d lines: %w", c.lines, err)
		}
		lines.rows = append(lines.rows, append([]string{grouped(float64(c.lines)), mib(c.memory)}, row...))
	}
	for _, n := range amounts {
		row, err := b.grownRow(ctx, b.stores[n], 1000)
		if err != nil {
			return nil, fmt.Errorf("%d events: %w", n, err)
		}
		events.rows = append(events.rows, append([]string{grouped(float64(n))}, row...))
	}
	return []block{lines, events, note("`ingest` with its own store; one hit at a time over a kept connection. The stores were left alone for two minutes before: what is younger, a start reads whole.")}, nil
}

// linesStore is one that each of some lines has told something.
type linesStore struct {
	dir    string
	lines  int
	memory int64 // of ingest then
}

// growLines lets each line tell something once.
func (b *bench) growLines(ctx context.Context, n int) (linesStore, error) {
	s := linesStore{lines: n}
	var err error
	if s.dir, err = b.folder("lines"); err != nil {
		return s, err
	}
	d, err := b.ingest(ctx, filepath.Base(s.dir), s.dir)
	if err != nil {
		return s, err
	}
	hits := uint64(max(n, 1000))
	l, err := b.all(ctx, job{Addr: d.phones, Conns: 32, Keep: true, Lines: uint64(n), Hits: hits, For: 4 * time.Minute})
	if err == nil && l.OK != hits {
		err = fmt.Errorf("only %d hits of %d in four minutes", l.OK, hits)
	}
	if err != nil {
		return s, err
	}
	b.young = time.Now()
	u, err := usageOf(d.pid())
	if err != nil {
		return s, err
	}
	s.memory = u.resident
	return s, d.stop()
}

// growOld waits until the last store that was made is older than the two minutes for which the server remembers ids: at a start it reads
// all that is younger, also what has no id to be known by (nats-server 2.15: stream.go, rebuildDedupe).
func (b *bench) growOld(ctx context.Context) error {
	select {
	case <-time.After(time.Until(b.young.Add(b.seconds(125)))):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// grownRow starts ingest on a store three times, and lets phones call the last one.
func (b *bench) grownRow(ctx context.Context, store string, lines int) ([]string, error) {
	var starts times
	var d door
	for i := range 3 {
		var err error
		if d, err = b.ingest(ctx, fmt.Sprintf("%s-%d", filepath.Base(filepath.Dir(store)), i), store); err != nil {
			return nil, err
		}
		starts = append(starts, d.took)
		if i < 2 {
			if err := d.stop(); err != nil {
				return nil, err
			}
		}
	}
	u, err := usageOf(d.pid())
	if err != nil {
		return nil, err
	}
	l, err := b.all(ctx, job{Addr: d.phones, Conns: 1, Keep: true, Lines: uint64(lines), First: 5e6, For: b.seconds(2)})
	if err != nil {
		return nil, err
	}
	return []string{ms(starts.sorted().at(0.5)) + " ms", mib(u.resident), ms(l.P50) + ", " + ms(l.P99) + " ms"}, d.stop()
}
