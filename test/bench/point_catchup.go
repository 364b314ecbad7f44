package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"time"

	"github.com/callbus/callbus/internal/call"
)

const (
	waitingLines    = 500
	catchUpSessions = 4
	catchUpLimit    = 3 * time.Minute
)

// catchUpPoint: 1C is back, and 100,000 events wait for it. How fast do they go, and how long does a new ring wait behind them?
func catchUpPoint(ctx context.Context, b *bench) ([]block, error) {
	n := b.times(100_000)
	store, err := b.stored(ctx, n, waitingLines, string(call.Incoming))
	if err != nil {
		return nil, err
	}
	d, err := b.ingest(ctx, "ingest-of-catch-up", store)
	if err != nil {
		return nil, err
	}
	o := newOnec(0)
	if err := o.Start("127.0.0.1:0"); err != nil { // for its address
		return nil, err
	}
	defer o.Close()
	if err := o.Close(); err != nil {
		return nil, err
	}
	a, err := b.adapter(ctx, d, "catch-up", fmt.Sprintf("targets: [{name: main, url: %q, sessions: %d}]", o.URL(), catchUpSessions))
	if err != nil {
		return nil, err
	}
	time.Sleep(b.seconds(3)) // it finds nobody
	if err := o.Start(o.Addr()); err != nil {
		return nil, err
	}
	c, err := catchUp(ctx, d, a, o, n)
	if err != nil {
		return nil, err
	}
	ofAdapter, err := usageOf(a.pid())
	if err != nil {
		return nil, err
	}
	ofIngest, err := usageOf(d.pid())
	if err != nil {
		return nil, err
	}
	t := block{head: []string{"waiting events", "delivered", "in", "events/s", "a new ring waits: of a line with a backlog", "of a line without", "memory of the adapter", "of ingest"}}
	t.row(grouped(float64(n)), grouped(float64(c.delivered)), fmt.Sprintf("%.1f s", c.took.Seconds()), grouped(float64(c.delivered)/c.took.Seconds()),
		c.known, c.fresh, mib(ofAdapter.resident), mib(ofIngest.resident))
	blocks := []block{t, note("%d lines, %d sessions, a 1C that answers at once; both rings come a second after 1C's first call.", waitingLines, catchUpSessions)}
	return blocks, errors.Join(a.stop(), d.stop())
}

// caughtUp is how it went.
type caughtUp struct {
	delivered    int
	took         time.Duration
	known, fresh string
}

func catchUp(ctx context.Context, d door, a *process, o *onec, n int) (c caughtUp, err error) {
	if err := a.until(ctx, "calling 1C", func() error {
		if o.count() == 0 {
			return errors.New("no call yet")
		}
		return nil
	}); err != nil {
		return c, err
	}
	time.Sleep(time.Second)
	// The first is of a line that has events waiting, the second of line 900000, which has none.
	rings := []phone{{job: job{Addr: d.phones, Lines: waitingLines, Article: true}}, {job: job{Addr: d.phones, Lines: 5_000_000, Article: true}}}
	numbers, sent := []int{2_000_100, 800_000}, make([]time.Time, 2)
	for i := range rings {
		rings[i].from = net.IPv4(127, 79, 0, 1)
		if sent[i], err = rings[i].sayAt(uint64(numbers[i])); err != nil {
			return c, err
		}
	}
	for begin := time.Now(); o.count() < n+len(rings) && time.Since(begin) < catchUpLimit && ctx.Err() == nil; {
		time.Sleep(10 * time.Millisecond)
	}
	c.delivered, c.took = o.count(), o.window()
	waits := make([]string, 2)
	for i, number := range numbers {
		waits[i] = "more than " + catchUpLimit.String()
		if got, there := o.when(remote(number)); there {
			waits[i] = ms(got.Sub(sent[i])) + " ms"
		}
	}
	c.known, c.fresh = waits[0], waits[1]
	return c, ctx.Err()
}
