package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/synadia-io/orbit.go/jetstreamext"
)

const (
	// pageSize is how many places of CALLS are read at once: a place costs 12 µs so, and 315 µs by itself.
	pageSize = 64
	// keptPages bounds the memory of a target, besides the page that each lane is at and the next one.
	keptPages = 16
	// pageBytes bounds a page of messages that somebody else has published; 64 events are a tenth of it.
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
}

// page is what stands in pageSize places of CALLS.
type page struct {
	read   chan struct{} // closed once it has been
	last   uint64        // place
	events []paged
	err    error
}

// errEnd says that CALLS ends before the page does.
var errEnd = errors.New("stream " + Calls + " ends there")

type paged struct {
	*jetstream.RawStreamMsg
	lane int // that it is for
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
		asked.err = p.load(asked)
	})
	return asked, false
}

func (p *pages) load(into *page) error {
	if !p.target.nc.IsConnected() {
		return ErrAway // the request would leave its subscription behind
	}
	ctx, cancel := context.WithTimeout(p.ctx, patience)
	defer cancel()
	first := into.last - pageSize + 1
	found, err := jetstreamext.GetBatch(ctx, p.target.js, Calls, pageSize, jetstreamext.GetBatchSeq(first), jetstreamext.GetBatchMaxBytes(pageBytes))
	if err != nil {
		return fmt.Errorf("read stream %s from %d: %w", Calls, first, err)
	}
	before := uint64(0)
	for raw, err := range found {
		if errors.Is(err, jetstreamext.ErrNoMessages) {
			return errEnd
		}
		if err != nil {
			return fmt.Errorf("read stream %s from %d: %w", Calls, first, err)
		}
		if !follows(raw, before) {
			return fmt.Errorf("read stream %s from %d: what follows %d is not there", Calls, first, before)
		}
		before = raw.Sequence
		if lane, ours := p.target.laneOf(raw); ours && raw.Sequence <= into.last {
			into.events = append(into.events, paged{raw, lane})
		}
	}
	if before < into.last {
		return errEnd
	}
	return nil
}

// follows reports whether a message is the next one that the server has sent: it says which one it sent before, and some may be lost
// with a connection. Who publishes a copy of what he has read may have left such headers in it.
func follows(raw *jetstream.RawStreamMsg, before uint64) bool {
	for _, name := range []string{jetstream.SequenceHeader, jetstream.SubjectHeader, "Nats-Last-Sequence"} {
		if len(raw.Header[name]) != 1 {
			return false
		}
	}
	return raw.Header.Get("Nats-Last-Sequence") == strconv.FormatUint(before, 10)
}

// laneOf is the lane that works on a message of CALLS; none does where it is for another target, or ended in a former set.
func (t *Target) laneOf(raw *jetstream.RawStreamMsg) (lane int, ours bool) {
	if strings.HasPrefix(raw.Subject, "again.") && !strings.HasPrefix(raw.Subject, AgainSubject(t.o.Name, "")) {
		return 0, false
	}
	site, line := laneKey(raw.Header)
	return LaneOf(site, line, t.set.Lanes), !t.set.passed(site, line, raw.Sequence)
}
