package stream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// pageSize is how many places of CALLS are read at once.
	pageSize = 64
	// keptPages bounds the memory of a target, besides the page that each lane is at and the next one.
	keptPages = 16
	// pageBytes is ten times what a page of events has. Others may publish larger messages: they are not kept.
	pageBytes = 1 << 20
)

// pages reads CALLS for all lanes of a target together. What has been stored does not change, so each page is read once.
type pages struct {
	target  *Target
	ctx     context.Context
	stop    context.CancelFunc
	reading sync.WaitGroup

	mu   sync.Mutex
	kept *lru.Cache[uint64, *page] // by number: page n holds the places from n*pageSize+1 on
	late time.Time                 // when one could not be had last

	one    sync.Mutex         // reads at a time
	reader jetstream.Consumer // nil: it must be made
	next   uint64             // the place in CALLS that the reader goes on at
	count  uint64             // of its messages so far
}

// page is what stands in pageSize places of CALLS.
type page struct {
	read   chan struct{} // closed once it has been
	last   uint64        // place
	events []paged
	bytes  int
	err    error
}

// errEnd says that CALLS ends before the page does.
var errEnd = errors.New("stream " + Calls + " ends there")

type paged struct {
	jetstream.Msg
	sequence uint64
	lane     int // that it is for
}

func newPages(t *Target) *pages {
	kept, err := lru.New[uint64, *page](keptPages + 2*t.set.Lanes)
	if err != nil {
		panic(err) // only for a size below 1
	}
	p := &pages{target: t, kept: kept}
	p.ctx, p.stop = context.WithCancel(context.Background())
	return p
}

// close ends what is being read.
func (p *pages) close() {
	p.stop()
	p.reading.Wait()
	if p.reader != nil {
		p.target.remove(p.reader)
	}
}

// with returns the page with a place in CALLS, and has the next one read. Errors: errEnd; ctx's, NATS.
func (p *pages) with(ctx context.Context, sequence uint64) (*page, error) {
	number := (sequence - 1) / pageSize
	found, before := p.ask(number)
	err := found.wait(ctx)
	if before && errors.Is(err, errEnd) { // CALLS may have grown since
		p.kept.Remove(number)
		found, _ = p.ask(number)
		err = found.wait(ctx)
	}
	if err != nil {
		p.kept.Remove(number)
		return nil, err
	}
	p.ask(number + 1)
	return found, nil
}

func (p *page) wait(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-p.read:
		return p.err
	}
}

// missed says that a page could not be had which should be there, or that a consumer could not be sent on.
func (p *pages) missed() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.late = time.Now()
}

// there reports whether pages could be had of late. Where one cannot, the lanes' consumers go on past it.
func (p *pages) there() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return time.Since(p.late) > strideAgain
}

// ask returns a page that is being read, or has been: before says that it was asked for before.
func (p *pages) ask(number uint64) (asked *page, before bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if there, ok := p.kept.Get(number); ok {
		return there, true
	}
	asked = &page{read: make(chan struct{}), last: (number + 1) * pageSize}
	p.kept.Add(number, asked)
	p.reading.Go(func() {
		defer close(asked.read)
		if asked.err = p.load(asked); asked.err != nil && !errors.Is(asked.err, errEnd) {
			asked.err = fmt.Errorf("read stream %s up to %d: %w", Calls, asked.last, asked.err)
		}
	})
	return asked, false
}

func (p *pages) load(into *page) error {
	p.one.Lock()
	defer p.one.Unlock()
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	before := p.reader != nil
	err := p.try(ctx, into)
	if before && p.reader == nil { // the server removes a reader that has had no work for a while, and so does its own end
		into.events, into.bytes = nil, 0
		err = p.try(ctx, into)
	}
	return err
}

// try leaves no reader behind where it fails.
func (p *pages) try(ctx context.Context, into *page) (err error) {
	if err = p.seek(ctx, into.last-pageSize+1); err == nil {
		err = p.fill(ctx, into)
	}
	if err != nil {
		p.reader = nil
		return err
	}
	if p.next <= into.last {
		return errEnd
	}
	return nil
}

// fill reads as many messages as a page may have. What is behind the page is read once more then.
func (p *pages) fill(ctx context.Context, into *page) error {
	found, err := p.reader.FetchNoWait(pageSize)
	if err != nil {
		return err
	}
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case raw, more := <-found.Messages():
			if !more {
				return found.Error()
			}
			if err := p.put(into, raw); err != nil {
				return err
			}
		}
	}
}

// put notes a message of the reader's. Errors: one before it has not come, it was lost with a connection.
func (p *pages) put(into *page, raw jetstream.Msg) error {
	meta, err := raw.Metadata()
	if err != nil || meta.Sequence.Consumer != p.count+1 {
		return fmt.Errorf("message %d of the reader has not come: %w", p.count+1, err)
	}
	at := meta.Sequence.Stream
	p.count, p.next = p.count+1, at+1
	if into.bytes += len(raw.Data()); into.bytes > pageBytes {
		return fmt.Errorf("more than %d bytes", pageBytes)
	}
	site, line := laneKey(raw.Headers())
	if set := p.target.set; at <= into.last && !set.passed(site, line, at) {
		into.events = append(into.events, paged{raw, at, LaneOf(site, line, set.Lanes)})
	}
	return nil
}

// seek has the reader go on at a place in CALLS.
func (p *pages) seek(ctx context.Context, first uint64) (err error) {
	if p.reader == nil {
		p.next = 0 // nowhere: it is reset before its first page
		if p.reader, err = p.target.beside(ctx, p.target.set.begin(), false); err != nil {
			return err
		}
	}
	first = max(first, p.target.set.begin())
	if p.next == first {
		return nil
	}
	if _, err := p.target.calls.ResetConsumerToSequence(ctx, p.reader.CachedInfo().Name, first); err != nil {
		return err
	}
	p.count, p.next = 0, first
	return nil
}
