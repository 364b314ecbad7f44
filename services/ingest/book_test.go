package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/ingest/internal/access"
)

// written is a phone book in memory.
type written struct {
	phones map[string]stream.KnownPhone
	writes int
	err    error
}

func (w *written) add(_ context.Context, p stream.KnownPhone) (stream.KnownPhone, error) {
	if w.err != nil {
		return p, w.err
	}
	w.writes++
	w.phones[p.Key()] = w.phones[p.Key()].Add(p)
	return w.phones[p.Key()], nil
}

func newWritten() (*book, *written) {
	b, w := newBook(), &written{phones: map[string]stream.KnownPhone{}}
	b.add = w.add
	return b, w
}

func ring(n int) call.Event {
	return call.Event{Type: call.Incoming, Time: time.Now(), Line: call.Line(fmt.Sprint(101 + n)), Source: "yealink",
		Phone: call.Phone{MAC: fmt.Sprintf("001565%06x", n), IP: "10.0.0.7"}, Raw: "mac=001565aabb01&acc=101&remote=$remote"}
}

// rounds lets time pass, as keep does.
func (b *book) rounds(t *testing.T, n int) {
	t.Helper()
	for range n {
		if err := b.write(t.Context(), time.Now(), bookWrites); err != nil {
			t.Fatal(err)
		}
		time.Sleep(bookEvery)
	}
}

func TestNewsIsWrittenInTheNextRoundAndRepeatsTwiceAMinute(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := newWritten()
		b.see(ring(1), access.Caller{})
		b.rounds(t, 1)
		if got := w.phones["001565000001"]; got.Events[call.Incoming].Count != 1 || got.Line != "102" || w.writes != 1 ||
			len(got.Events[call.Incoming].Unfilled) != 1 {
			t.Fatalf("after one ring: got %+v in %d writes", got, w.writes)
		}
		for range 30 { // a minute of rings
			b.see(ring(1), access.Caller{})
			b.rounds(t, 1)
		}
		if w.writes != 3 {
			t.Errorf("a minute of rings: got %d writes, want 2 more than 1", w.writes)
		}
		answered := ring(1)
		answered.Type = call.Answered
		b.see(answered, access.Caller{})
		b.rounds(t, 1)
		if got := w.phones["001565000001"]; got.Events[call.Answered].Count != 1 || got.Events[call.Incoming].Count != 31 {
			t.Errorf("after the first answered: got %+v", got.Events)
		}
		before := w.writes
		b.rounds(t, 100)
		if w.writes != before {
			t.Errorf("a silent phone: got %d writes, want none", w.writes-before)
		}
	})
}

func TestTheBookSaysWhichTokenAPhoneHasAndNeverTheTokenItself(t *testing.T) {
	made, until := time.Now().Add(-time.Hour), time.Now().Add(time.Hour)
	for want, by := range map[stream.SeenToken]access.Caller{
		{}:                        {},
		{Kind: "none"}:            {Token: access.None},
		{Kind: "shared"}:          {Token: access.Shared, ID: access.SharedID},
		{Kind: "own", ID: "hall"}: {Token: access.Own, ID: "hall"},
		{Kind: "own", ID: "001565aabb01", Made: made, Until: until}: {Token: access.Own, ID: "001565aabb01", Made: made, Expires: until},
	} {
		e := ring(1)
		got := shown(e, by).Events[call.Incoming].Token
		if want.Kind == "" && got == nil {
			continue
		}
		want.Since = e.Time
		if got == nil || *got != want {
			t.Errorf("%+v: got %+v, want %+v", by, got, want)
		}
	}
}

func TestAnotherTokenIsNewsAndCallbusSendIsNoPhone(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := newWritten()
		for _, kind := range []access.Kind{access.None, access.None, access.Own} {
			b.see(ring(1), access.Caller{Token: kind})
			b.rounds(t, 1)
		}
		if got := w.phones["001565000001"].Tokens(); w.writes != 2 || len(got) != 1 || got[0].Kind != stream.OwnToken {
			t.Errorf("got %+v in %d writes, want its own token in 2", got, w.writes)
		}
		trial := ring(2)
		trial.Phone.Model = call.Trial
		b.see(trial, access.Caller{})
		b.rounds(t, 1)
		if len(w.phones) != 1 {
			t.Errorf("callbus send is in the book: %+v", w.phones)
		}
	})
}

func TestARoundIsBoundedAndNobodyIsForgotten(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := newWritten()
		for i := range 3 * bookWrites {
			b.see(ring(i), access.Caller{})
		}
		b.rounds(t, 1)
		if w.writes != bookWrites {
			t.Errorf("the first round: got %d writes, want %d", w.writes, bookWrites)
		}
		b.rounds(t, 2)
		if len(w.phones) != 3*bookWrites {
			t.Errorf("after three rounds: got %d phones, want all %d", len(w.phones), 3*bookWrites)
		}
	})
}

func TestWhatCouldNotBeWrittenIsWrittenLater(t *testing.T) {
	b, w := newWritten()
	b.see(ring(1), access.Caller{})
	b.see(ring(2), access.Caller{})
	w.err = errors.New("away")
	if err := b.write(t.Context(), time.Now(), bookWrites); err == nil {
		t.Fatal("no error")
	}
	b.see(ring(1), access.Caller{})
	w.err = nil
	if err := b.write(t.Context(), time.Now(), bookWrites); err != nil {
		t.Fatal(err)
	}
	if one, two := w.phones["001565000001"], w.phones["001565000002"]; one.Events[call.Incoming].Count != 2 || two.Events[call.Incoming].Count != 1 {
		t.Errorf("got %+v and %+v, want 2 rings and 1", one.Events, two.Events)
	}
}

// Bug: the first phone that a full book had no room for ended the round, and those that are in it were written once in ten
// minutes instead of twenty times.
func TestAFullBookGoesOnAboutThePhonesThatAreInIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b, w := newWritten()
		add, tries := b.add, 0
		b.add = func(ctx context.Context, p stream.KnownPhone) (stream.KnownPhone, error) {
			if p.MAC != "001565000001" {
				tries++
				return p, stream.ErrNoRoom
			}
			return add(ctx, p)
		}
		for range 300 { // ten minutes
			for i := range 5 * bookWrites {
				b.see(ring(i+1), access.Caller{})
			}
			_ = b.write(t.Context(), time.Now(), bookWrites)
			time.Sleep(bookEvery)
		}
		if w.writes < 18 {
			t.Errorf("the phone in the book was written %d times in ten minutes, want about 20", w.writes)
		}
		if most := 5 * bookWrites; tries > most {
			t.Errorf("%d tries for phones without room in ten minutes, want each once: %d", tries, most)
		}
	})
}

func TestTheMemoryIsBounded(t *testing.T) {
	b, _ := newWritten()
	first := ring(0)
	first.Time = first.Time.Add(-time.Hour)
	b.see(first, access.Caller{})
	for i := range bookPhones {
		b.see(ring(i+1), access.Caller{})
	}
	if there := b.pages.Contains("001565000000"); there || b.pages.Len() != bookPhones {
		t.Errorf("got %d pages, the oldest among them: %v", b.pages.Len(), there)
	}
}

// A stop writes what is left, and the next process, or another one, adds to it.
func TestTheBookOutlivesTheProcess(t *testing.T) {
	server := natstest.Start(t)
	nc := server.Declared()
	s := &service{nc: nc}
	s.declared.Store(true)
	for range 2 {
		s.book = newBook()
		ctx, stop := context.WithCancel(t.Context())
		var wg sync.WaitGroup
		wg.Go(func() { s.book.keep(ctx, s) })
		s.book.see(ring(1), access.Caller{})
		stop()
		wg.Wait()
	}
	book, err := stream.OpenPhoneBook(t.Context(), nc)
	if err != nil {
		t.Fatal(err)
	}
	all, err := book.All(t.Context())
	if err != nil || len(all) != 1 || all[0].Events[call.Incoming].Count != 2 {
		t.Errorf("got %+v, %v, want one phone with two rings", all, err)
	}
}

// BenchmarkAHitIsStored is what a hit costs with the book and without, from its dialect to the PubAck.
func BenchmarkAHitIsStored(b *testing.B) {
	for _, with := range []bool{false, true} {
		b.Run(fmt.Sprint("book=", with), func(b *testing.B) {
			nc := natstest.Start(b).Declared()
			inner, err := stream.NewPublisher(nc, "")
			if err != nil {
				b.Fatal(err)
			}
			s := &service{nc: nc, book: newBook()}
			s.declared.Store(true)
			if with {
				ctx, stop := context.WithCancel(b.Context())
				var wg sync.WaitGroup
				wg.Go(func() { s.book.keep(ctx, s) })
				defer wg.Wait()
				defer stop()
			}
			for i := 0; b.Loop(); i++ {
				e, err := inner.Publish(b.Context(), ring(i%200))
				if err != nil {
					b.Fatal(err)
				}
				if with {
					s.book.see(e, access.Caller{})
				}
			}
		})
	}
}

// BenchmarkTheBookSees is what the book alone costs a hit.
func BenchmarkTheBookSees(b *testing.B) {
	k := newBook()
	for i := 0; b.Loop(); i++ {
		k.see(ring(i%200), access.Caller{})
	}
}
