package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/callbus/callbus/internal/call"
)

const million = 1_000_000

// resting is a program that has nothing to do.
type resting struct {
	*process
	what   string
	binary string
	stored int
}

// restPoint: what a program that has nothing to do costs.
func restPoint(ctx context.Context, b *bench) ([]block, error) {
	o := newOnec(0)
	if err := o.Start("127.0.0.1:0"); err != nil {
		return nil, err
	}
	defer o.Close()
	all, err := b.restAll(ctx, o)
	if err != nil {
		return nil, err
	}
	for _, r := range all {
		defer r.kill()
	}
	long := b.seconds(45)
	time.Sleep(b.seconds(5)) // what a start leaves to do
	rows, failed := make([][]string, len(all)), make([]error, len(all))
	var wg sync.WaitGroup
	for i, r := range all {
		wg.Go(func() { rows[i], failed[i] = b.watch(r, long) })
	}
	wg.Wait()
	t := block{head: []string{"at rest", "stored events", "binary", "ready after", "memory", "CPU", "wake-ups/s", "written to the disk in an hour"}}
	for i := range all {
		if failed[i] != nil {
			return nil, failed[i]
		}
		t.rows = append(t.rows, rows[i])
	}
	return []block{t, note("Watched side by side for %.0f s. A program is ready when `/readyz` says so.", long.Seconds())}, nil
}

func (b *bench) restAll(ctx context.Context, o *onec) (all []resting, err error) {
	file := filepath.Join(b.dir, "rest.yaml")
	if err := os.WriteFile(file, fmt.Appendf(nil, "targets: [{name: main, url: %q, from: now}]", o.URL()), 0o600); err != nil {
		return nil, err
	}
	for _, n := range []int{0, b.times(million)} {
		if n < million/1000 {
			n = 0 // a small scale
		}
		store, err := b.grown(ctx, n)
		if err == nil {
			err = b.growOld(ctx)
		}
		if err != nil {
			return nil, err
		}
		d := door{phones: freeAddr(), admin: freeAddr(), nats: freeAddr(), store: store}
		d.process, err = b.start(fmt.Sprintf("rest-%d", n), b.binary("callbus"), "up", "--data", store, "--http", d.phones, "--admin", d.admin, "--nats-listen", d.nats,
			"--store-max", room, "--targets", file)
		if err == nil {
			err = d.ready(ctx, d.admin)
		}
		if err != nil {
			return nil, err
		}
		all = append(all, resting{d.process, "`callbus up`", "callbus", n})
	}
	apart, err := b.folder("apart")
	if err != nil {
		return nil, err
	}
	d, err := b.ingest(ctx, "rest-ingest", apart)
	if err != nil {
		return nil, err
	}
	a, err := b.adapter(ctx, d, "rest", fmt.Sprintf("targets: [{name: main, url: %q}]", o.URL()))
	if err != nil {
		return nil, err
	}
	return append(all, resting{d.process, "`ingest`", "ingest", 0}, resting{a, "`onec-adapter`", "onec-adapter", 0}), nil
}

func (b *bench) watch(r resting, long time.Duration) ([]string, error) {
	before, err := usageOf(r.pid())
	if err != nil {
		return nil, err
	}
	time.Sleep(long)
	after, err := usageOf(r.pid())
	if err != nil {
		return nil, err
	}
	file, err := os.Stat(b.binary(r.binary))
	if err != nil {
		return nil, err
	}
	return []string{r.what, grouped(float64(r.stored)), mib(file.Size()), ms(r.took) + " ms", mib(after.resident),
		fmt.Sprintf("%.2f %%", 100*(after.cpu-before.cpu).Seconds()/long.Seconds()),
		fmt.Sprintf("%.0f", float64(after.wakeups-before.wakeups)/long.Seconds()),
		mib(int64(float64(after.written-before.written) / long.Hours()))}, nil
}

// grown is a store with n events of 1,000 lines on the disk. It is made once, but for an empty one: whoever works on it adds little.
func (b *bench) grown(ctx context.Context, n int) (dir string, err error) {
	if n > 0 && b.stores[n] != "" {
		return b.stores[n], nil
	}
	if b.stores[n], err = b.stored(ctx, n, 1000, string(call.Incoming)); n > 0 {
		b.young = time.Now()
	}
	return b.stores[n], err
}
