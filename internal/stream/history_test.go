package stream_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

func lives(t testing.TB, nc *nats.Conn, word string) []stream.Life {
	t.Helper()
	found, err := stream.Lives(ctx(t), nc, stream.Search{Word: word, Since: time.Now().Add(-time.Hour), Most: 100})
	if err != nil {
		t.Fatalf("lives of %s: %v", word, err)
	}
	return found
}

func TestALifeIsFoundByItsLineItsCallAndItsId(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	ring := publish(t, p, "101", 33093)
	publish(t, p, "102", 44104)
	boot, err := p.Publish(ctx(t), call.Event{Type: call.Boot, Line: "101", Source: "yealink"})
	if err != nil {
		t.Fatal(err)
	}
	for word, want := range map[string][]string{
		"101": {ring.ID, boot.ID}, "33093": {ring.ID}, ring.ID: {ring.ID}, boot.ID: {boot.ID}, "103": nil,
	} {
		var got []string
		for _, l := range lives(t, nc, word) {
			got = append(got, l.Event.ID)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", word, diff)
		}
	}
	l := lives(t, nc, "33093")[0]
	if diff := cmp.Diff(ring, l.Event); diff != "" || l.Sequence != 1 || l.Subject != "calls.incoming" || time.Since(l.Stored) > time.Minute {
		t.Errorf("life %+v; event (-want +got):\n%s", l, diff)
	}
	if len(l.Passages) != 0 {
		t.Errorf("passages %+v before any adapter has worked, want none", l.Passages)
	}
}

func TestOnlyTheLastLivesAreToldAndOnlyThoseSince(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	last := publish(t, p, "101", 2)
	found, err := stream.Lives(ctx(t), nc, stream.Search{Word: "101", Since: time.Now().Add(-time.Hour), Most: 1})
	if err != nil || len(found) != 1 || found[0].Event.ID != last.ID {
		t.Errorf("the last one: got %+v, %v", found, err)
	}
	found, err = stream.Lives(ctx(t), nc, stream.Search{Word: "101", Since: time.Now().Add(time.Hour), Most: 9})
	if err != nil || len(found) != 0 {
		t.Errorf("since later than all: got %+v, %v", found, err)
	}
	found, err = stream.Lives(ctx(t), nc, stream.Search{Word: last.ID, Since: time.Now().Add(time.Hour), Most: 9})
	if err != nil || len(found) != 1 {
		t.Errorf("an id has its time in it: got %+v, %v", found, err)
	}
}

func TestALifeHasItsEndingsAndWhatItWaitsFor(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	l := lane(t, target(t, nc, "main", 1), 0)
	tries := []verdict.Try{
		{Time: time.Now().UTC().Truncate(time.Microsecond), Took: 31 * time.Millisecond, Status: 503, Why: "away"},
		{Time: time.Now().UTC().Truncate(time.Microsecond), Took: 7 * time.Millisecond},
	}
	m := next(t, l)
	said := verdict.Reply{Sent: "TelData(event: 1)", Answer: "OK"}
	if _, err := m.End(ctx(t), verdict.Ending{Verdict: verdict.Done(), Attempts: 2, Reply: said, Tries: tries}, func(error) {}); err != nil {
		t.Fatal(err)
	}
	publish(t, p, "101", 2)
	publish(t, p, "101", 3)
	next(t, l) // it is in hand, and stays there
	found := lives(t, nc, "101")
	if len(found) != 3 {
		t.Fatalf("got %d lives, want 3", len(found))
	}
	ended, second, third := found[0].Passages[0], found[1].Passages[0], found[2].Passages[0]
	if ended.Wait != nil || ended.Ending == nil || ended.Target != "main" || ended.Ending.Lane != "1-0" {
		t.Fatalf("the first: %+v, want an ending", ended)
	}
	if ended.Ending.Reply != said {
		t.Errorf("the ending keeps %+v, want %+v", ended.Ending.Reply, said)
	}
	if diff := cmp.Diff(tries, ended.Ending.Tries); diff != "" {
		t.Errorf("tries (-want +got):\n%s", diff)
	}
	for i, p := range []stream.Passage{second, third} {
		if p.Ending != nil || p.Wait == nil {
			t.Fatalf("%+v: want it to wait", p)
		}
		if w := p.Wait; w.Ahead != i || w.Lane != "1-0" || !w.Owned || w.InHand.IsZero() || !w.Took.Equal(ended.Ending.Time) {
			t.Errorf("waiting %+v: want %d before it, lane 1-0 owned, its front in hand, 1C's last at %v", *w, i, ended.Ending.Time)
		}
	}
}

func TestALaterTargetsLivesBeginWithIt(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	publish(t, publisher(t, nc), "101", 1)
	target(t, nc, "main", 2)
	target(t, nc, "second", 1)
	got := lives(t, nc, "101")[0].Passages
	if len(got) != 2 || got[0].Before || got[0].Wait == nil || got[0].Wait.Owned || got[1].Target != "second" || !got[1].Before || got[1].Wait != nil {
		t.Errorf("passages %+v: want main to be waited for, without an adapter, and second not", got)
	}
}

func TestADeadLetterThatWasSentAgainHasTwoPassages(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	sent := publish(t, publisher(t, nc), "101", 1)
	l := lane(t, target(t, nc, "main", 1), 0)
	end(t, next(t, l), verdict.Never("Деление на 0"))
	dead := lives(t, nc, sent.ID)[0].Passages
	if len(dead) != 1 || dead[0].Ending.Kind != verdict.Dead || dead[0].Ending.Why != "Деление на 0" {
		t.Fatalf("passages %+v: want one dead letter", dead)
	}
	if err := stream.Retry(ctx(t), nc, dead[0].Ending.Number); err != nil {
		t.Fatal(err)
	}
	again := lives(t, nc, sent.ID)[0].Passages
	if len(again) != 2 || again[1].Wait == nil || again[1].Again.IsZero() || again[1].Wait.Ahead != 0 {
		t.Fatalf("passages %+v: want the letter, and the event waiting anew", again)
	}
	end(t, next(t, l), verdict.Done())
	done := lives(t, nc, sent.ID)[0].Passages
	if len(done) != 2 || done[0].Ending != nil || done[0].Wait != nil || done[1].Ending == nil || done[1].Ending.Kind != verdict.Delivered {
		t.Errorf("passages %+v: want the letter gone, and a delivery", done)
	}
}

func TestALifeIsFoundByTheOtherSidesNumberInAnySpelling(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	put := func(line call.Line, number phone.Number) string {
		e, err := p.Publish(ctx(t), call.Event{Type: call.Incoming, Line: line, Source: "yealink", Remote: call.Party{Number: number}})
		if err != nil {
			t.Fatal(err)
		}
		return e.ID
	}
	moscow := put("101", "+74951234567")
	inside := put("102", "101")
	belarus := put("103", "+375291234567")
	dialled := put("104", "84951234567") // as a phone of an unknown region sent it
	put("105", "")
	for word, want := range map[string][]string{
		"+74951234567":        {moscow, dialled},
		"84951234567":         {moscow, dialled},
		"+7 (495) 123-45-67":  {moscow, dialled},
		"8 495 123 45 67":     {moscow, dialled},
		"4951234567":          {moscow, dialled},
		"1234567":             {moscow, belarus, dialled},
		"123-45-67":           {moscow, belarus, dialled},
		"+375 29 123-45-67":   {belarus},
		"sip:74951234567@pbx": {moscow, dialled},
		"101":                 {moscow, inside}, // the line first
		"102":                 {inside},
		"234567":              nil, // an internal number of six digits, not the end of another
		"74959999999":         nil,
		"Иван":                nil,
	} {
		var got []string
		for _, l := range lives(t, nc, word) {
			got = append(got, l.Event.ID)
			if named := word == string(l.Event.Line); l.Remote == named {
				t.Errorf("%q: line %s, remote %v", word, l.Event.Line, l.Remote)
			}
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q (-want +got):\n%s", word, diff)
		}
	}
}

// Bug: in the instant in which an event ended it was told to have ended nobody knew how.
func TestAnEventThatEndsWhileItIsLookedAtIsExplained(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	l := lane(t, target(t, nc, "main", 1), 0)
	const events = 60
	for i := range events {
		publish(t, p, "101", i)
	}
	ended := make(chan error, 1)
	go func() {
		for range events {
			m, err := l.Next(ctx(t))
			if err == nil {
				_, err = m.End(ctx(t), verdict.Ending{Verdict: verdict.Done(), Attempts: 1}, func(error) {})
			}
			if err != nil {
				ended <- err
				return
			}
		}
		ended <- nil
	}()
	for open := true; open; {
		open = false
		for _, life := range lives(t, nc, "101") {
			passage := life.Passages[0]
			open = open || passage.Wait != nil
			if passage.Ending == nil && passage.Wait == nil {
				t.Fatalf("event %d: neither an ending nor a wait", life.Sequence)
			}
		}
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
}
