package httpfront

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/ingest/internal/dialect"
)

const desk = "001565aabbcc"

// says is a hit of a phone whose call ids name calls.
func says(t call.EventType, callID string) dialect.Said {
	return dialect.Said{OneCall: callID != "", Event: call.Event{
		Type: t, Line: "101", CallID: callID, Remote: call.Party{Number: "+74951230001"}, Phone: call.Phone{MAC: desk},
	}}
}

// polycom is one of its two ways to tell of a ring: with or without a call id.
func polycom(remote, callID string) dialect.Said {
	s := says(call.Incoming, callID)
	s.Twice, s.Event.Remote.URI = true, remote
	return s
}

// withheld is such a ring without a number: two of them need not be of one caller.
func withheld(callID string) dialect.Said {
	s := polycom("sip:anonymous@a", callID)
	s.Event.Remote.Number = ""
	return s
}

// kept counts what is stored of hits that come one after another.
func kept(r *repeats, hits ...dialect.Said) (n int) {
	for _, s := range hits {
		_, _ = r.once(s, func() error { n++; return nil })
	}
	return n
}

func TestWhatAPhoneTellsTwiceWithinASecondIsOneMessage(t *testing.T) {
	ring, answer := says(call.Incoming, "7"), says(call.Answered, "7")
	other := func(change func(*dialect.Said)) dialect.Said {
		s := ring
		change(&s)
		return s
	}
	for claim, c := range map[string]struct {
		hits []dialect.Said
		want int
	}{
		"the same three times":                      {[]dialect.Said{ring, ring, ring}, 1},
		"the same in other words":                   {[]dialect.Said{ring, other(func(s *dialect.Said) { s.Event.Raw, s.Event.Phone.IP = "x", "10.0.0.9" })}, 1},
		"two calls between them":                    {[]dialect.Said{ring, says(call.Incoming, "8"), ring}, 2},
		"another event":                             {[]dialect.Said{ring, answer}, 2},
		"held, resumed and held again":              {[]dialect.Said{says(call.Held, "7"), says(call.Resumed, "7"), says(call.Held, "7")}, 3},
		"another call":                              {[]dialect.Said{ring, says(call.Incoming, "8")}, 2},
		"another phone":                             {[]dialect.Said{ring, other(func(s *dialect.Said) { s.Event.Phone.MAC = "001565aabbcd" })}, 2},
		"another line of the phone":                 {[]dialect.Said{ring, other(func(s *dialect.Said) { s.Event.Line = "102" })}, 2},
		"a name that was not there before":          {[]dialect.Said{ring, other(func(s *dialect.Said) { s.Event.Remote.Name = "Ivan" })}, 2},
		"two withheld numbers without call ids":     {[]dialect.Said{says(call.Incoming, ""), says(call.Incoming, "")}, 2},
		"a call id that names no call":              {[]dialect.Said{other(func(s *dialect.Said) { s.OneCall = false }), other(func(s *dialect.Said) { s.OneCall = false })}, 2},
		"a phone without a MAC":                     {[]dialect.Said{other(func(s *dialect.Said) { s.Event.Phone.MAC = "" }), other(func(s *dialect.Said) { s.Event.Phone.MAC = "" })}, 2},
		"a ring told in two ways":                   {[]dialect.Said{polycom("", ""), polycom("sip:1@pbx", "7")}, 1},
		"the other way round":                       {[]dialect.Said{polycom("", "7"), polycom("", "")}, 1},
		"two rings of one caller told in two ways":  {[]dialect.Said{polycom("", ""), polycom("", ""), polycom("", "7"), polycom("", "8")}, 2},
		"two rings one after the other in two ways": {[]dialect.Said{polycom("", ""), polycom("", "7"), polycom("", ""), polycom("", "8")}, 2},
		"a ring told in two ways and once more":     {[]dialect.Said{polycom("", ""), polycom("", "7"), polycom("", "7")}, 1},
		"two withheld numbers in two ways":          {[]dialect.Said{withheld(""), withheld("7")}, 2},
		"two rings told in one way":                 {[]dialect.Said{polycom("", ""), polycom("", "")}, 2},
	} {
		if got := kept(&repeats{}, c.hits...); got != c.want {
			t.Errorf("%s: %d messages, want %d", claim, got, c.want)
		}
	}
}

func TestAfterASecondNothingIsARepeat(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var r repeats
		total := 0
		for range 3 { // every 0.6 s: the window is counted from the first, or a chain of hits would hide a call for ever
			total += kept(&r, says(call.Incoming, "7"))
			time.Sleep(600 * time.Millisecond)
		}
		if total != 2 {
			t.Errorf("%d messages, want 2: the third hit came 1.2 s after the first", total)
		}
	})
}

// A Yealink restarts its call ids when it restarts, so the same id may be another call.
func TestARestartedPhoneRepeatsNothing(t *testing.T) {
	var r repeats
	n := kept(&r, says(call.Incoming, "32769"))
	r.restarted(desk)
	if n += kept(&r, says(call.Incoming, "32769")); n != 2 {
		t.Errorf("%d messages, want 2", n)
	}
}

// The 200 of a repeat is as much a promise as any other. However many they are, none waits longer than the first.
func TestRepeatsShareTheFateOfTheFirst(t *testing.T) {
	for _, fate := range []error{nil, errors.New("away")} {
		synctest.Test(t, func(t *testing.T) {
			var r repeats
			answer := make(chan error)
			told := make(chan error, 3)
			for range 3 {
				go func() {
					_, err := r.once(says(call.Incoming, "7"), func() error { return <-answer })
					told <- err
				}()
			}
			synctest.Wait()
			answer <- fate // once: nobody else asks
			for range 3 {
				if err := <-told; err != fate {
					t.Errorf("%v, want %v", err, fate)
				}
			}
			if n := kept(&r, says(call.Incoming, "7")); (n == 0) != (fate == nil) {
				t.Errorf("after %v the next one was stored %d times", fate, n)
			}
		})
	}
}

func TestAPanicWhileStoringLeavesNobodyWaiting(t *testing.T) {
	var r repeats
	func() {
		defer func() { _ = recover() }()
		_, _ = r.once(says(call.Incoming, "7"), func() error { panic("x") })
	}()
	if n := kept(&r, says(call.Incoming, "7")); n != 1 {
		t.Errorf("%d messages, want 1", n)
	}
}

func TestAFloodCostsNoMoreThanItsMemory(t *testing.T) {
	var r repeats
	for i := range 3 * repeatMemory {
		kept(&r, says(call.Incoming, strconv.Itoa(i)))
	}
	if n := len(r.recent); n != repeatMemory {
		t.Errorf("%d hits are remembered, want %d", n, repeatMemory)
	}
	if n := kept(&r, says(call.Incoming, strconv.Itoa(3*repeatMemory-1))); n != 0 {
		t.Error("the last hit was forgotten before older ones")
	}
}

func TestARepeatIsAnsweredCountedAndNotStored(t *testing.T) {
	h := open(t, Options{})
	const target = "/yealink/incoming?mac=001565aabbcc&line=101&remote=+74951230001&cid=33093"
	for range 2 {
		if got := h.get(t, target); got.Status != 200 || got.Body != "" {
			t.Errorf("answered %d %q, want 200 and nothing", got.Status, got.Body)
		}
	}
	h.get(t, "/yealink/boot?mac=001565aabbcc&line=101")
	h.get(t, target)
	_, outcomes, log := h.told()
	if diff := cmp.Diff([]string{"accepted/yealink", "repeat/yealink", "accepted/yealink", "accepted/yealink"}, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if n := len(h.all()); n != 3 || strings.Count(log, "call.accepted") != 3 {
		t.Errorf("%d stored, want 3; log:\n%s", n, log)
	}
}

func TestTheSecondHitOfARefusedOneIsStored(t *testing.T) {
	h := open(t, Options{})
	var tries int
	h.before = func(context.Context) error {
		if tries++; tries == 1 {
			return errors.New("away")
		}
		return nil
	}
	const target = "/yealink/ended?mac=001565aabbcc&line=101&cid=33093"
	if got := h.get(t, target); got.Status != 503 {
		t.Errorf("answered %d, want 503", got.Status)
	}
	if got := h.get(t, target); got.Status != 200 || len(h.all()) != 1 {
		t.Errorf("answered %d with %d stored, want 200 and 1", got.Status, len(h.all()))
	}
}

// FuzzRepeats plays a phone's life from bytes: several calls, each event told once to three times. Whatever the order,
// each thing that happened is stored at least once; told once, exactly once.
func FuzzRepeats(f *testing.F) {
	f.Add([]byte{0, 1, 2, 3, 0x40, 0x81, 0xC2, 0x13, 0x07})
	f.Fuzz(func(t *testing.T, life []byte) {
		if len(life) > 200 {
			t.Skip()
		}
		synctest.Test(t, func(t *testing.T) {
			var r repeats
			stored := make([]int, len(life))
			last := map[string]call.EventType{}
			for i, b := range life {
				callID := strconv.Itoa(int(b & 3))
				event := call.CallEvents[int(b>>2&7)]
				if last[callID] == event {
					continue // no call does the same thing twice with nothing in between
				}
				last[callID] = event
				for range 1 + int(b>>6)%3 {
					_, _ = r.once(says(event, callID), func() error { stored[i]++; return nil })
					time.Sleep(time.Duration(b>>5) * 10 * time.Millisecond)
				}
				if stored[i] != 1 {
					t.Fatalf("step %d of %v was stored %d times", i, life, stored[i])
				}
			}
		})
	})
}

// BenchmarkRepeats is a storm: as many hits are remembered as can be, of a thousand phones, and each one is new.
func BenchmarkRepeats(b *testing.B) {
	var r repeats
	hits := make([]dialect.Said, 1000)
	for i := range hits {
		hits[i] = says(call.Incoming, "")
		hits[i].OneCall, hits[i].Event.Phone.MAC = true, "001565"+strconv.Itoa(100000+i)
	}
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		hit := hits[i%len(hits)]
		hit.Event.CallID = strconv.Itoa(i)
		if again, err := r.once(hit, func() error { return nil }); again || err != nil {
			b.Fatal(again, err)
		}
	}
}
