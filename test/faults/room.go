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
	sessions    = 4
	callTimeout = 2 * time.Second
	startLimit  = 30 * time.Second // a busy machine
	stopLimit   = 20 * time.Second
)

// room is one installation: an ingest with the broker inside, adapters, a 1C and phones.
type room struct {
	name     string
	ingest   *program
	adapters []*program
	onec     *standIn
	phones   *phones
	reader   *reader // nil: none
	nats     string  // address; of a cluster all of them, with commas
	creds    string
	begin    time.Time

	dress  func(*program) // what a scenario changes about a program before it starts; nil: nothing
	record record         // nil: the streams are read once it is over

	broker sync.Mutex // one fault of it at a time

	mu   sync.Mutex
	done []applied
}

// applied is a fault as it was done.
type applied struct {
	at   time.Duration
	what string
	kind string // what the table counts; empty: it is news, not a fault
}

// newRoom starts everything; begin is when the phones answer. Sessions are calls of 1C at once.
func (b *bench) newRoom(ctx context.Context, name string, adapters, sessions int, o onectest.Options) (*room, error) {
	r, err := b.furnish(name, o)
	if err != nil {
		return nil, err
	}
	store := filepath.Join(b.dir, name, "store")
	r.creds = filepath.Join(store, "nats.creds")
	r.ingest, err = b.program(name, "ingest", "ingest", "--http", r.phones.addr, "--admin", "", "--store", store, "--nats-listen", r.nats)
	if err != nil {
		return nil, err
	}
	if err := r.startIngest(ctx); err != nil {
		return nil, err
	}
	if err := r.hireAdapters(b, adapters, sessions); err != nil {
		return nil, err
	}
	r.begin = time.Now()
	return r, nil
}

// hireAdapters starts adapters with so many calls of 1C at once.
func (r *room) hireAdapters(b *bench, n, sessions int) error {
	for i := range n {
		args := []string{"--nats", "nats://" + r.nats,
			"--admin", "", "--sessions", strconv.Itoa(sessions), "--onec-timeout", callTimeout.String(), "--onec-url", r.onec.url()}
		if r.creds != "" {
			args = append(args, "--nats-creds", r.creds)
		}
		p, err := b.program(r.name, fmt.Sprintf("adapter-%d", i+1), "onec-adapter", args...)
		if err != nil {
			return err
		}
		if r.dress != nil {
			r.dress(p)
		}
		if err := p.start(); err != nil {
			return err
		}
		r.adapters = append(r.adapters, p)
	}
	return nil
}

// furnish makes what every room has: a 1C that listens, phones, and addresses.
func (b *bench) furnish(name string, o onectest.Options) (*room, error) {
	ports, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	r := &room{name: name, onec: newStandIn(o), phones: newPhones(ports[0]), nats: ports[1]}
	return r, r.onec.open()
}

func (r *room) startIngest(ctx context.Context) error {
	if err := r.ingest.start(); err != nil {
		return err
	}
	if err := untilOpen(ctx, r.phones.addr, startLimit); err != nil {
		return fmt.Errorf("start %s: %w (see %s)", r.ingest.name, err, r.ingest.log)
	}
	return nil
}

// note remembers what is worth telling.
func (r *room) note(format string, args ...any) { r.did("", format, args...) }

// amid waits, every other time, for the next rush and a few milliseconds of it, so that a fault meets hits that are stored together.
func (r *room) amid(ctx context.Context, dice *rand.Rand) {
	if into := time.Duration(dice.Int64N(int64(12 * time.Millisecond))); dice.IntN(2) == 0 {
		now := time.Since(r.begin)
		sleep(ctx, now.Truncate(rush)+rush-now+into)
	}
}

// did remembers a fault; the table counts them by kind: "adapter: kill -9".
func (r *room) did(kind, format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := fmt.Sprintf(format, args...)
	if n := r.phones.asking.Load(); n > 1 && kind != "" {
		what += fmt.Sprintf(" (amid %d hits)", n)
	}
	r.done = append(r.done, applied{time.Since(r.begin), what, kind})
}

// finish waits for the last ending, reads everything, stops everything, and checks.
func (r *room) finish(ctx context.Context, limit time.Duration, rules check.Rules) (*outcome, error) {
	s, err := openStore(r.nats, r.creds)
	if err != nil {
		return nil, err
	}
	defer s.close()
	if r.record == nil {
		r.record = s
	}
	o := &outcome{room: r, rules: rules}
	if o.missing, err = r.record.untilEnded(ctx, limit); err != nil {
		return nil, err
	}
	o.ended = time.Since(r.begin)
	h := &o.history
	if h.Events, err = r.record.events(ctx); err != nil {
		return nil, err
	}
	o.together = grouped(h.Events)
	if h.Endings, err = r.record.endings(ctx); err != nil {
		return nil, err
	}
	if r.reader != nil {
		var missing int
		if h.Heard, missing = r.reader.untilAll(ctx, h.Events, startLimit); missing > 0 {
			o.deaths = append(o.deaths, fmt.Sprintf("the tap was not given %d events", missing))
		}
	}
	o.stopAll()
	h.Hits, h.Calls = r.phones.hits, r.onec.calls()
	for _, p := range r.adapters {
		h.Troubles = append(h.Troubles, p.troubles...)
	}
	o.report = check.Check(*h, rules)
	return o, ctx.Err()
}

// stopAll also looks how the programs stop, and whether one of them had ended by itself.
func (o *outcome) stopAll() {
	for _, p := range append(o.adapters, o.ingest) {
		if p == nil {
			continue
		}
		if err := p.stop(stopLimit); err != nil {
			o.deaths = append(o.deaths, err.Error())
		}
		o.deaths = append(o.deaths, p.died()...)
	}
	o.onec.close()
}
