package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strings"

	"github.com/callbus/callbus/internal/stream"
)

// rival is what hits are sent to.
type rival struct {
	name string
	at   string // folder of its store, or role of the bench's binary
	addr string
	hits uint64 // answered 200
	lost uint64 // not answered 200: they may have been stored all the same
	door *door  // whose store must hold them; nil: it has none
}

const (
	callbusName  = "Callbus"
	unsyncedName = "without fsync"
	limitName    = "without a store"
	plainName    = "net/http"
)

// ingestPoint: from the request to the 200, against what stores nothing, against nothing but net/http, and without fsync.
func ingestPoint(ctx context.Context, b *bench) (blocks []block, err error) {
	rivals, stop, err := b.rivals(ctx)
	defer stop()
	if err != nil {
		return nil, err
	}
	var failed []block
	first, busiest := uint64(1), 0.0
	for _, keep := range []bool{false, true} {
		how := "one connection for each hit, as phones do"
		if keep {
			how = "kept connections"
		}
		t := block{head: []string{how, "Callbus/s", "median, 99th percentile", unsyncedName + "/s", limitName + "/s", plainName + "/s",
			"of " + unsyncedName, "of " + limitName, "of " + plainName, "median in fsyncs"}}
		for _, conns := range []int{1, 16, 64, 256} {
			got := map[string]load{}
			for _, r := range rivals {
				j := job{Addr: r.addr, Conns: conns, Keep: keep, Lines: 1000, First: first, For: b.seconds(2.5)}
				l, err := b.load(ctx, j)
				if err != nil {
					return nil, fmt.Errorf("%s, %d at a time: %w", r.name, conns, err)
				}
				first += l.OK + l.Failed + uint64(conns)
				r.hits, r.lost = r.hits+l.OK, r.lost+l.Failed
				if l.Failed > 0 {
					failed = append(failed, note("%s, %d at a time: %d of %d hits were not answered 200: `%s`", r.name, conns, l.Failed, l.OK+l.Failed, l.Why))
				}
				got[r.name] = l
				busiest = max(busiest, l.CPU.Seconds()/l.Took.Seconds())
			}
			ours, alone := got[callbusName], "-"
			if conns == 1 {
				alone = fmt.Sprintf("**%.1f**", ours.P50.Seconds()/b.fsync.Seconds())
			}
			t.row(fmt.Sprintf("%d at a time", conns), grouped(ours.rate), ms(ours.P50)+", "+ms(ours.P99)+" ms",
				grouped(got[unsyncedName].rate), grouped(got[limitName].rate), grouped(got[plainName].rate),
				ratio(ours.rate, got[unsyncedName].rate), ratio(ours.rate, got[limitName].rate), ratio(ours.rate, got[plainName].rate),
				alone)
		}
		blocks = append(blocks, t)
	}
	blocks = append(blocks, note("1,000 lines, every hit of another caller. The phones, a process of their own on the same cores, took up to %.1f of %d cores. Every event that was answered 200 was found in the store afterwards.",
		busiest, runtime.NumCPU()))
	return append(blocks, failed...), b.nothingIsMissing(ctx, rivals)
}

// rivals starts everything that point 1 compares. Without a place in memory, nobody is without fsync.
func (b *bench) rivals(ctx context.Context) (all []*rival, stop func(), err error) {
	stop = func() {
		for _, r := range all {
			if r.door != nil {
				_ = r.door.stop() // it has answered all hits: that is what was measured
			}
		}
	}
	for _, r := range []*rival{{name: callbusName, at: b.dir}, {name: unsyncedName, at: b.memory}} {
		if r.at == "" {
			continue
		}
		dir, err := os.MkdirTemp(r.at, "ingest-")
		if err != nil {
			return all, stop, err
		}
		d, err := b.ingest(ctx, "ingest-"+strings.ReplaceAll(r.name, " ", "-"), dir)
		if err != nil {
			return all, stop, err
		}
		r.addr, r.door = d.phones, &d
		all = append(all, r)
	}
	for _, r := range []*rival{{name: limitName, at: "limit"}, {name: plainName, at: "plain"}} {
		r.addr = freeAddr()
		p, err := b.start(r.at, b.self, r.at, r.addr)
		if err == nil {
			err = p.listening(ctx, r.addr)
		}
		if err != nil {
			return all, stop, err
		}
		all = append(all, r)
	}
	return all, stop, nil
}

func (b *bench) nothingIsMissing(ctx context.Context, rivals []*rival) error {
	for _, r := range rivals {
		if r.door == nil {
			continue
		}
		n, err := r.door.messages(ctx, stream.Calls)
		if err != nil {
			return err
		}
		if n < r.hits || n > r.hits+r.lost {
			return fmt.Errorf("%s: %d hits were answered 200, %d were not, and %d events are stored", r.name, r.hits, r.lost, n)
		}
	}
	return nil
}
