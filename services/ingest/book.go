package ingest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/ingest/internal/access"
	"github.com/callbus/callbus/services/ingest/internal/dialect"
)

const (
	bookPhones = 4096             // remembered here; of more, those that were silent longest are forgotten
	bookEvery  = 2 * time.Second  // a round of writes
	bookRest   = 30 * time.Second // between two writes of a phone that shows nothing new
	bookWrites = 50               // in a round, at most
	bookWait   = 5 * time.Second  // for the store, in each round
	bookFull   = time.Hour        // before a phone that the full book has refused is tried again
	bookGrace  = 2 * time.Second  // for the last words at a stop
)

// book takes down what phones show of themselves, and adds it to the phone book by and by. What that costs a hit is a
// lock and a map; a kill loses a minute of it at most.
type book struct {
	mu    sync.Mutex
	pages *lru.Cache[string, *page] // those that were silent longest go first; they are in the phone book
	add   func(context.Context, stream.KnownPhone) (stream.KnownPhone, error)
}

// page is a phone here: what it has shown in all, as far as this process knows, and what of it is not written yet.
type page struct {
	known   stream.KnownPhone
	unsaid  stream.KnownPhone
	news    bool // more than another time and another count
	written time.Time
	refused time.Time // when the book had no room for it; zero: never
}

func newBook() *book {
	pages, err := lru.New[string, *page](bookPhones)
	if err != nil {
		panic(err) // of a size that is not above zero
	}
	return &book{pages: pages}
}

// see takes down what a stored event shows of its phone, if it is one.
func (b *book) see(e call.Event, by access.Caller) {
	if e.Phone.Trial() {
		return
	}
	seen := shown(e, by)
	b.mu.Lock()
	defer b.mu.Unlock()
	p, known := b.pages.Get(seen.Key())
	if !known {
		p = &page{}
		b.pages.Add(seen.Key(), p)
	}
	p.news = p.news || news(p.known, seen)
	p.known, p.unsaid = p.known.Add(seen), p.unsaid.Add(seen)
}

func shown(e call.Event, by access.Caller) stream.KnownPhone {
	seen := stream.SeenEvent{Count: 1, Last: e.Time, Unfilled: dialect.Unfilled(e.Raw)}
	if by.Token != access.NotAsked {
		seen.Token = &stream.SeenToken{Kind: string(by.Token), Made: by.Made, Until: by.Expires, Since: e.Time}
	}
	if by.Token == access.Own {
		seen.Token.ID = by.ID
	}
	p := stream.KnownPhone{
		MAC: e.Phone.MAC, Site: e.Site, Line: e.Line, Vendor: e.Source, Model: e.Phone.Model, Firmware: e.Phone.Firmware,
		First: e.Time, Last: e.Time,
		Events: map[call.EventType]stream.SeenEvent{e.Type: seen},
	}
	if e.Phone.IP != "" {
		p.Addrs = map[string]time.Time{e.Phone.IP: e.Time}
	}
	return p
}

// news reports whether a phone shows something that it has not shown before.
func news(known, seen stream.KnownPhone) bool {
	for t, is := range seen.Events {
		if was, ok := known.Events[t]; !ok || !slices.Equal(was.Unfilled, is.Unfilled) || !was.Token.Same(is.Token) {
			return true
		}
	}
	for addr := range seen.Addrs {
		if _, ok := known.Addrs[addr]; !ok {
			return true
		}
	}
	return known.Line != seen.Line || known.Vendor != seen.Vendor ||
		seen.Model != "" && known.Model != seen.Model || seen.Firmware != "" && known.Firmware != seen.Firmware
}

// keep writes the book until ctx ends, and what is left then.
func (b *book) keep(ctx context.Context, s *service) {
	tick := time.NewTicker(bookEvery)
	defer tick.Stop()
	said := ""
	for ctx.Err() == nil {
		select {
		case <-ctx.Done():
		case <-tick.C:
			said = b.tell(s, said, b.round(ctx, s, time.Now(), bookWrites))
		}
	}
	last, cancel := context.WithTimeout(context.Background(), bookGrace)
	defer cancel()
	b.tell(s, said, b.round(last, s, time.Now().Add(bookRest), bookPhones))
}

// tell tells the log of an error, once as long as it stays the same.
func (b *book) tell(s *service, said string, err error) string {
	switch {
	case err == nil:
		return ""
	case err.Error() != said:
		s.Log.Warn().Err(err).Msg("phones.book: cannot be written, trying again")
	}
	return err.Error()
}

// round opens the phone book, as soon as there is a store, and writes what is due.
func (b *book) round(ctx context.Context, s *service, now time.Time, most int) error {
	if s.stored(ctx) != nil {
		return nil // the readiness says so
	}
	ctx, cancel := context.WithTimeout(ctx, bookWait)
	defer cancel()
	if b.add == nil {
		to, err := stream.DeclarePhoneBook(ctx, s.nc, s.Replicas)
		if err != nil {
			return err
		}
		b.add = to.Add
	}
	return b.write(ctx, now, most)
}

// write adds up to most pages that are due to the phone book. The first error is told; the others are tried all the same, as
// long as there is time: a phone that finds no room must not keep out those that are in the book.
func (b *book) write(ctx context.Context, now time.Time, most int) (first error) {
	for _, unsaid := range b.due(now, most) {
		_, err := b.add(ctx, unsaid)
		if err == nil {
			continue
		}
		if first == nil {
			first = err
		}
		b.again(unsaid, errors.Is(err, stream.ErrNoRoom), now)
	}
	return first
}

// due takes the pages to be written: at once what shows news, after a rest what does not.
func (b *book) due(now time.Time, most int) (list []stream.KnownPhone) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.pages.Values() {
		if len(list) == most {
			break
		}
		if p.due(now) {
			list = append(list, p.unsaid)
			p.unsaid, p.news, p.written = stream.KnownPhone{}, false, now
		}
	}
	return list
}

func (p *page) due(now time.Time) bool {
	if !p.refused.IsZero() && now.Sub(p.refused) < bookFull {
		return false
	}
	return p.news || len(p.unsaid.Events) > 0 && now.Sub(p.written) >= bookRest
}

// again puts back what could not be written. Where only the answer was lost, it counts twice.
func (b *book) again(unsaid stream.KnownPhone, noRoom bool, now time.Time) {
	b.mu.Lock()
	defer b.mu.Unlock()
	p, there := b.pages.Peek(unsaid.Key())
	if !there {
		return
	}
	p.unsaid, p.news = p.unsaid.Add(unsaid), true
	if p.refused = (time.Time{}); noRoom {
		p.refused = now
	}
}
