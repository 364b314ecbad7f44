package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// growthPoint: what grows with the lines, and with the events that are stored.
func growthPoint(ctx context.Context, b *bench) ([]block, error) {
	lines := block{head: []string{"lines", "memory, after a hit of each", "ready again after (of three)", "memory then", "answer: median, 99th percentile"}}
	for _, n := range []int{10, 1000, b.times(100_000)} {
		row, err := b.growLines(ctx, n)
		if err != nil {
			return nil, fmt.Errorf("%d lines: %w", n, err)
		}
		lines.rows = append(lines.rows, row)
	}
	events := block{head: []string{"stored events", "ready after (of three)", "memory", "answer: median, 99th percentile"}}
	for _, n := range []int{0, b.times(100_000), b.times(million)} {
		store, err := b.grown(ctx, n)
		if err != nil {
			return nil, err
		}
		row, err := b.grownRow(ctx, store, 1000)
		if err != nil {
			return nil, fmt.Errorf("%d events: %w", n, err)
		}
		events.rows = append(events.rows, append([]string{grouped(float64(n))}, row...))
	}
	return []block{lines, events, note("`ingest` with its own store; one hit at a time over a kept connection. Stored events are older than the two minutes for which the store remembers their ids.")}, nil
}

// growLines lets each line tell something once, and starts ingest anew then.
func (b *bench) growLines(ctx context.Context, n int) ([]string, error) {
	store, err := b.folder("lines")
	if err != nil {
		return nil, err
	}
	d, err := b.ingest(ctx, filepath.Base(store), store)
	if err != nil {
		return nil, err
	}
	hits := uint64(max(n, 1000))
	l, err := b.all(ctx, job{Addr: d.phones, Conns: 32, Keep: true, Lines: uint64(n), Hits: hits, For: 4 * time.Minute})
	if err == nil && l.OK != hits {
		err = fmt.Errorf("only %d hits of %d in four minutes", l.OK, hits)
	}
	if err != nil {
		return nil, err
	}
	u, err := usageOf(d.pid())
	if err != nil {
		return nil, err
	}
	if err := d.stop(); err != nil {
		return nil, err
	}
	row, err := b.grownRow(ctx, store, n)
	if err != nil {
		return nil, err
	}
	return append([]string{grouped(float64(n)), mib(u.resident)}, row...), nil
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
