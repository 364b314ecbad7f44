package main

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/test/faults/check"
)

var midnight = time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)

func second(n int) time.Time { return midnight.Add(time.Duration(n) * time.Second) }

// story is what the lanes of a target did: 1C is back in second 10, line 101 has a backlog, and 102 and 103 ring meanwhile.
func story(order ...uint64) (h check.History) {
	h.Events = []check.Event{
		{Sequence: 1, Line: "101", Type: "incoming", Accepted: second(1)},
		{Sequence: 2, Line: "101", Type: "answered", Accepted: second(2)},
		{Sequence: 3, Line: "102", Type: "incoming", Accepted: second(11)},
		{Sequence: 4, Line: "101", Type: "incoming", Accepted: second(11)},
		{Sequence: 5, Line: "102", Type: "incoming", Accepted: second(11)},
		{Sequence: 6, Line: "103", Type: "incoming", Accepted: second(40)},
	}
	for i, event := range order {
		h.Endings = append(h.Endings, check.Ending{Stored: uint64(i + 1), Event: event, Lane: "1-0", At: second(12 + i)})
	}
	return h
}

func TestARingOfALineWithoutABacklogIsToldFromOthers(t *testing.T) {
	h := story(3, 1, 2, 4, 5, 6)
	want := rings{
		piled: 2, over: second(14),
		clear: []time.Duration{time.Second}, ahead: []time.Duration{time.Second}, behind: []time.Duration{4 * time.Second, 5 * time.Second},
	}
	if diff := cmp.Diff(want, newRings(h, second(10)), cmp.AllowUnexported(rings{})); diff != "" {
		t.Errorf("rings (-want +got):\n%s", diff)
	}
}

func TestWhereNothingGoesBeforeItsTurnNothingIsSaidToHaveOvertaken(t *testing.T) {
	if got := newRings(story(1, 2, 3, 4, 5, 6), second(10)).ahead; got != nil {
		t.Errorf("rings overtook: %v, want none", got)
	}
	other := story(3, 1, 2, 4, 5, 6)
	other.Endings[0].Lane = "1-1"
	if got := newRings(other, second(10)).ahead; got != nil {
		t.Errorf("rings overtook events of another lane: %v, want none", got)
	}
}

// Event 3 ends in second 20, before events 1 and 2, which have waited since second 1.
func TestALaneStandsStillThoughItsNextEndingIsOfANewEvent(t *testing.T) {
	h := story(3, 1, 2)
	for i := range h.Endings {
		h.Endings[i].At = second(20 + i)
	}
	lane, longest := longestGap(h, span{second(0), second(30)})
	if lane != "1-0" || longest != 19*time.Second {
		t.Errorf("longest gap: %v of lane %q, want 19 s of 1-0", longest, lane)
	}
}

func TestALaneWithNothingToDoDoesNotStandStill(t *testing.T) {
	h := story(1, 2, 3)
	h.Events[2].Accepted, h.Endings[2].At = second(24), second(25) // eleven seconds after event 2 has ended
	if _, longest := longestGap(h, span{second(10), second(30)}); longest != 2*time.Second {
		t.Errorf("longest gap: %v, want 2 s", longest)
	}
}
