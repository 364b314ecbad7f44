package stream_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
)

var monday = time.Date(2026, 11, 23, 9, 0, 0, 0, time.UTC)

func openBook(t *testing.T) (*stream.PhoneBook, jetstream.KeyValue) {
	t.Helper()
	nc := natstest.Start(t).Connect()
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	t.Cleanup(cancel)
	book, err := stream.DeclarePhoneBook(ctx, nc, 1)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.DeclarePhoneBook(ctx, nc, 1); err != nil {
		t.Errorf("declared a second time: %v", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	kv, err := js.KeyValue(ctx, "phones")
	if err != nil {
		t.Fatal(err)
	}
	return book, kv
}

func TestTwoIngestsThatAddAtOnceLoseNothing(t *testing.T) {
	book, _ := openBook(t)
	var wg sync.WaitGroup
	for i := range 2 {
		wg.Go(func() {
			for j := range 20 {
				seen := stream.KnownPhone{MAC: "001565aabb01", Line: "101", First: monday, Last: monday.Add(time.Duration(j) * time.Second),
					Events: map[call.EventType]stream.SeenEvent{call.Incoming: {Count: 1, Last: monday}},
					Addrs:  map[string]time.Time{fmt.Sprint("10.0.0.", i): monday}}
				if _, err := book.Add(t.Context(), seen); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	all, err := book.All(t.Context())
	if err != nil || len(all) != 1 {
		t.Fatalf("got %v, %v, want one phone", all, err)
	}
	if got := all[0]; got.Events[call.Incoming].Count != 40 || len(got.Addrs) != 2 || !got.Last.Equal(monday.Add(19*time.Second)) {
		t.Errorf("got %+v, want 40 rings from 2 addresses", got)
	}
}

func TestOfTwoWordsTheLaterCounts(t *testing.T) {
	early := stream.KnownPhone{MAC: "001565aabb01", Line: "101", Vendor: "yealink", Model: "T46S", First: monday, Last: monday,
		Events: map[call.EventType]stream.SeenEvent{
			call.Incoming: {Count: 2, Last: monday, Unfilled: []string{"remote"}}, call.Boot: {Count: 1, Last: monday}},
		Addrs: map[string]time.Time{"10.0.0.1": monday}}
	later := stream.KnownPhone{MAC: "001565aabb01", Line: "102", Vendor: "phone", First: monday.Add(time.Hour), Last: monday.Add(time.Hour),
		Events: map[call.EventType]stream.SeenEvent{call.Incoming: {Count: 1, Last: monday.Add(time.Hour)}},
		Addrs:  map[string]time.Time{"10.0.0.2": monday.Add(time.Hour)}}
	want := stream.KnownPhone{MAC: "001565aabb01", Line: "102", Vendor: "phone", Model: "T46S", First: monday, Last: monday.Add(time.Hour),
		Events: map[call.EventType]stream.SeenEvent{call.Incoming: {Count: 3, Last: monday.Add(time.Hour)}, call.Boot: {Count: 1, Last: monday, CallsSince: 1}},
		Addrs:  map[string]time.Time{"10.0.0.1": monday, "10.0.0.2": monday.Add(time.Hour)}}
	for name, got := range map[string]stream.KnownPhone{"early, later": early.Add(later), "later, early": later.Add(early)} {
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
	if early.Events[call.Incoming].Count != 2 || len(early.Addrs) != 1 {
		t.Errorf("what was added to has changed: %+v", early)
	}
}

func TestCallsAreCountedSinceEachEvent(t *testing.T) {
	p, minute := stream.KnownPhone{}, 0
	for _, round := range []string{"incoming answered ended", "incoming incoming", "outgoing ended incoming", "boot"} {
		var unsaid stream.KnownPhone // what is added at once
		for is := range strings.FieldsSeq(round) {
			minute++
			at := monday.Add(time.Duration(minute) * time.Minute)
			unsaid = unsaid.Add(stream.KnownPhone{First: at, Last: at, Events: map[call.EventType]stream.SeenEvent{call.EventType(is): {Count: 1, Last: at}}})
		}
		p = p.Add(unsaid)
	}
	got := map[call.EventType]int{}
	for is, seen := range p.Events {
		got[is] = seen.CallsSince
	}
	if diff := cmp.Diff(map[call.EventType]int{call.Incoming: 0, call.Outgoing: 1, call.Answered: 4, call.Ended: 1, call.Boot: 0}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMACIsNoLineWhereOneWasTold(t *testing.T) {
	told := stream.KnownPhone{MAC: "001565aabb01", Line: "101", Last: monday}
	silent := stream.KnownPhone{MAC: "001565aabb01", Line: "001565aabb01", Last: monday.Add(time.Hour)}
	if got := told.Add(silent).Line; got != "101" {
		t.Errorf("got line %s, want 101", got)
	}
	if got := silent.Add(silent).Line; got != "001565aabb01" {
		t.Errorf("got line %s, want the MAC", got)
	}
}

func TestAPhoneKeepsTheLatestFourAddresses(t *testing.T) {
	var p stream.KnownPhone
	for i := range 10 {
		at := monday.Add(time.Duration(i) * time.Hour)
		p = p.Add(stream.KnownPhone{Last: at, Addrs: map[string]time.Time{fmt.Sprint("10.0.0.", i): at}})
	}
	if _, kept := p.Addrs["10.0.0.6"]; len(p.Addrs) != 4 || !kept {
		t.Errorf("got %v, want 10.0.0.6 to 9", p.Addrs)
	}
}

// A phone has as many URLs as events, and they get their tokens one after another.
func TestAPhoneHasTheTokensOfItsURLs(t *testing.T) {
	at := func(minutes int) time.Time { return monday.Add(time.Duration(minutes) * time.Minute) }
	hit := func(is call.EventType, minute int, kind string, until time.Time) stream.KnownPhone {
		return stream.KnownPhone{MAC: "001565aabb01", Last: at(minute), Events: map[call.EventType]stream.SeenEvent{
			is: {Count: 1, Last: at(minute), Token: &stream.SeenToken{Kind: kind, Until: until, Since: at(minute)}}}}
	}
	end := at(9000)
	for name, c := range map[string]struct {
		hits []stream.KnownPhone
		want string
	}{
		"one for all":                   {[]stream.KnownPhone{hit(call.Incoming, 1, "own", time.Time{}), hit(call.Ended, 2, "own", time.Time{})}, "own incoming ended"},
		"a first event has the old one": {[]stream.KnownPhone{hit(call.Incoming, 1, "own", time.Time{}), hit(call.Boot, 9, "own", time.Time{})}, "own incoming boot"},
		"half of them got theirs": {[]stream.KnownPhone{hit(call.Incoming, 1, "own", end), hit(call.Ended, 2, "own", end),
			hit(call.Incoming, 3, "own", time.Time{}), hit(call.Ended, 4, "own", end), hit(call.Incoming, 5, "own", time.Time{})}, "own incoming, own until ended"},
		"all got theirs": {[]stream.KnownPhone{hit(call.Incoming, 1, "own", end), hit(call.Ended, 2, "own", end), hit(call.Boot, 2, "own", end),
			hit(call.Incoming, 3, "own", time.Time{})}, "own incoming"},
		"the secret was rotated":   {[]stream.KnownPhone{hit(call.Incoming, 1, "own", time.Time{}), hit(call.Incoming, 2, "own", end)}, "own until incoming"},
		"tokens are not asked for": {[]stream.KnownPhone{{MAC: "001565aabb01", Last: at(1), Events: map[call.EventType]stream.SeenEvent{call.Incoming: {Count: 1, Last: at(1)}}}}, ""},
	} {
		var p stream.KnownPhone
		for _, h := range c.hits {
			p = p.Add(h)
		}
		var got []string
		for _, token := range p.Tokens() {
			words := token.Kind
			if !token.Until.IsZero() {
				words += " until"
			}
			for _, e := range token.Events {
				words += " " + string(e)
			}
			got = append(got, words)
		}
		if strings.Join(got, ", ") != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}

// A phone that has not called since a rotation cannot have told of it.
func TestThePhonesTellOfARotationForEachOther(t *testing.T) {
	first, second := monday.AddDate(0, -6, 0), monday.AddDate(0, 0, -1)
	end := monday.AddDate(0, 0, 13)
	phone := func(made, until time.Time) stream.KnownPhone {
		return stream.KnownPhone{Events: map[call.EventType]stream.SeenEvent{
			call.Incoming: {Count: 1, Last: monday, Token: &stream.SeenToken{Kind: "own", Made: made, Until: until, Since: monday}}}}
	}
	none := time.Time{}
	for name, c := range map[string]struct {
		phones []stream.KnownPhone
		want   string // of the first one
	}{
		"nobody has called since":                       {[]stream.KnownPhone{phone(first, none), phone(first, none)}, "false 0001-01-01"},
		"one that has the same has":                     {[]stream.KnownPhone{phone(first, none), phone(first, end)}, "true 2026-12-06"},
		"one that has the new one has":                  {[]stream.KnownPhone{phone(first, none), phone(second, none)}, "true 0001-01-01"},
		"it has the new one itself":                     {[]stream.KnownPhone{phone(second, none), phone(first, end)}, "false 0001-01-01"},
		"its secret does not say how old":               {[]stream.KnownPhone{phone(none, none), phone(second, none)}, "false 0001-01-01"},
		"of two such secrets one has ended":             {[]stream.KnownPhone{phone(none, none), phone(none, end)}, "false 0001-01-01"},
		"another rotation ends it sooner":               {[]stream.KnownPhone{phone(first, end), phone(first, monday)}, "true 2026-11-23"},
		"another rotation ends an older one sooner too": {[]stream.KnownPhone{phone(first, end), phone(second, monday)}, "true 2026-11-23"},
	} {
		got := stream.Outdated(c.phones)[0].Tokens()[0]
		if is := fmt.Sprint(got.Old, " ", got.Until.Format(time.DateOnly)); is != c.want {
			t.Errorf("%s: got %s, want %s", name, is, c.want)
		}
	}
}

func TestForeignEntriesAreReadOver(t *testing.T) {
	book, kv := openBook(t)
	for _, key := range []string{"001565aabb01", "x"} {
		if _, err := kv.Put(t.Context(), key, []byte("no phone")); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := book.All(t.Context()); err != nil || len(all) != 0 {
		t.Errorf("got %v, %v, want no phone", all, err)
	}
	if _, err := book.Add(t.Context(), stream.KnownPhone{MAC: "001565aabb01", Last: monday}); err != nil {
		t.Errorf("add to an entry that makes no sense: %v", err)
	}
	// A line may be any text; a key may not.
	if _, err := book.Add(t.Context(), stream.KnownPhone{Site: "Склад", Line: "a.b *>", Last: monday}); err != nil {
		t.Errorf("add a phone with a line that is no key: %v", err)
	}
	if all, err := book.All(t.Context()); err != nil || len(all) != 2 {
		t.Errorf("got %v, %v, want two phones", all, err)
	}
}
