package main

import (
	"context"
	"fmt"
	"path/filepath"
	"time"
)

// endToEndPoint: from the phone's first byte until 1C has the request, with everything in one process.
func endToEndPoint(ctx context.Context, b *bench) ([]block, error) {
	t := block{head: []string{"hits/s", "sessions", "hits", "median", "99th percentile", "99.9th", "longest", "phone has its answer: median, 99th"}}
	for _, r := range []struct {
		rate           float64
		hits, sessions int
	}{{10, 200, 2}, {100, 1500, 2}, {1000, 6000, 2}, {1000, 6000, 8}} {
		row, err := b.endToEnd(ctx, r.rate, b.times(r.hits), r.sessions)
		if err != nil {
			return nil, fmt.Errorf("%.0f hits/s: %w", r.rate, err)
		}
		t.rows = append(t.rows, row)
	}
	return []block{t, note("`callbus up`, an idle 1C that answers at once, 200 lines, hits at random moments and a connection for each (seed %d).", b.seed)}, nil
}

func (b *bench) endToEnd(ctx context.Context, rate float64, hits, sessions int) ([]string, error) {
	o := newOnec(0)
	if err := o.Start("127.0.0.1:0"); err != nil {
		return nil, err
	}
	defer o.Close()
	dir, err := b.folder("end-to-end")
	if err != nil {
		return nil, err
	}
	d, err := b.office(ctx, filepath.Base(dir), dir, o.URL(), "--sessions", fmt.Sprint(sessions))
	if err != nil {
		return nil, err
	}
	b.pace(ctx, d.phones, 9e6, 50, 50).reached(ctx, o, 10*time.Second)
	p := b.pace(ctx, d.phones, 0, hits, rate)
	took := p.reached(ctx, o, time.Minute)
	if err := p.each(took); err != nil {
		return nil, err
	}
	return []string{fmt.Sprintf("%.0f", rate), fmt.Sprint(sessions), grouped(float64(hits)), ms(took.at(0.5)) + " ms", ms(took.at(0.99)) + " ms",
		ms(took.at(0.999)) + " ms", ms(took.at(1)) + " ms", spread(p.answered)}, d.stop()
}
