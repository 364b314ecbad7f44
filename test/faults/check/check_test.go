package check

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var start = time.Date(2026, 11, 22, 6, 0, 0, 0, time.UTC)

func at(ms int) time.Time { return start.Add(time.Duration(ms) * time.Millisecond) }

var rules = Rules{Target: "main", Sessions: 4, Faulty: []string{"104"}}

// clean is a run of ten calls on each of four lines, without a fault: the ring at 0 ms, the answer at 100, the end at
// 200, and so on, each heard by 1C 30 ms later for 20 ms.
func clean() History {
	var h History
	for i := range 120 {
		line := fmt.Sprint(101 + i%4)
		eventType := []string{"incoming", "answered", "ended"}[i/4%3]
		marker, sequence, when := fmt.Sprintf("sip:+7495123%04d@h%d", i, i), uint64(i+1), i/4*100
		h.Hits = append(h.Hits, Hit{marker, line, eventType, at(when), at(when + 10), 200})
		h.Events = append(h.Events, Event{sequence, fmt.Sprint("id", i), marker, line, eventType, at(when + 5), ""})
		h.Calls = append(h.Calls, Call{marker, line, "a1.1", at(when + 30), at(when + 50), Answered})
		h.Endings = append(h.Endings, Ending{
			Stored: sequence, At: at(when + 55), Event: sequence, EventID: fmt.Sprint("id", i), Target: "main", Lane: "1-" + line, Kind: "delivered", Attempts: 1,
		})
	}
	return h
}

func rulesOf(list []Finding) (names []string) {
	for _, f := range list {
		names = append(names, f.Rule)
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func TestACleanRunHasNoFindings(t *testing.T) {
	got := Check(clean(), rules)
	want := Report{MostAtOnce: 4, MostAtOnce1: 4}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("report (-want +got):\n%s", diff)
	}
}

// Events 41 to 44 are the answers of the fourth call, one of each line.
const planted = 40

func remove[T any](list []T, i int) []T { return slices.Delete(slices.Clone(list), i, i+1) }

func TestWhatIsPlantedIsFound(t *testing.T) {
	for name, test := range map[string]struct {
		plant func(*History)
		want  []string
	}{
		"a hit with a 200 that is not in the store": {func(h *History) {
			h.Events, h.Calls, h.Endings = remove(h.Events, planted), remove(h.Calls, planted), remove(h.Endings, planted)
		}, []string{"lost"}},
		"an event stored twice": {func(h *History) {
			e, end := h.Events[planted], h.Endings[planted]
			e.Sequence, end.Event, end.Stored = 121, 121, 121
			e.Accepted = at(9999)
			h.Events, h.Endings = append(h.Events, e), append(h.Endings, end)
		}, []string{"stored twice"}},
		"an event that nobody sent":       {func(h *History) { h.Hits = remove(h.Hits, planted) }, []string{"stray event"}},
		"an event under another line":     {func(h *History) { h.Events[planted].Line = "102" }, []string{"changed"}},
		"a hit stored behind a later one": {func(h *History) { swapEvents(h, planted, planted+4) }, []string{"door"}},
		"a time of acceptance that falls": {func(h *History) { h.Events[planted+4].Accepted = at(1) }, []string{"door"}},
		"an event without an ending":      {func(h *History) { h.Endings = remove(h.Endings, planted) }, []string{"no ending"}},
		"an event with two endings":       {func(h *History) { h.Endings = append(h.Endings, again(h, planted, "dead")) }, []string{"dead", "ending order", "two endings"}},
		"an ending without an event":      {func(h *History) { h.Endings = append(h.Endings, stray(h, 4711, "main")) }, []string{"stray ending"}},
		"an ending of another target":     {func(h *History) { h.Endings = append(h.Endings, stray(h, 1, "second")) }, []string{"stray ending"}},
		"endings of one line swapped":     {func(h *History) { swapEndings(h, planted, planted+4) }, []string{"ending order"}},
		"the same in two lanes": {func(h *History) {
			swapEndings(h, planted, planted+4)
			h.Endings[planted].Lane = "2-0"
		}, []string{"ending order"}},
		"an ending of no known kind":       {func(h *History) { h.Endings[planted].Kind = "lost" }, []string{"kind"}},
		"calls of one line swapped":        {func(h *History) { swapCalls(h, planted, planted+4) }, []string{"order", "repeat"}},
		"a call of nothing":                {func(h *History) { h.Calls[planted].Marker = "sip:nobody" }, []string{"never delivered", "stray call"}},
		"a delivery that 1C never saw":     {func(h *History) { h.Calls = remove(h.Calls, planted) }, []string{"never delivered"}},
		"a delivery that 1C refused":       {func(h *History) { h.Calls[planted].Deed = Refused }, []string{"never delivered"}},
		"a repeat that is not marked":      {func(h *History) { callTwice(h, planted, Answered, 22) }, []string{"repeat"}},
		"a repeat after the ending":        {func(h *History) { callTwice(h, planted, Answered, 30); h.Endings[planted].Unsure = true }, []string{"repeat"}},
		"a fifth call at once":             {func(h *History) { h.Calls[planted-4].End = at(1035) }, []string{"at once"}},
		"a skipped ring":                   {func(h *History) { h.Endings[planted-4].Kind = "skipped" }, []string{"skipped"}},
		"a skipped event that 1C has":      {func(h *History) { retype(h, planted, "held"); h.Endings[planted].Kind = "skipped" }, []string{"skipped"}},
		"a dead letter after one failure":  {func(h *History) { h.Calls[planted].Deed = Hung; h.Endings[planted].Kind = "dead" }, []string{"dead"}},
		"a dead letter after two 503":      {func(h *History) { dieAfter(h, planted, Unavailable) }, []string{"dead"}},
		"a dead letter after a 200":        {func(h *History) { h.Endings[planted].Kind = "dead" }, []string{"dead"}},
		"a dead letter after one garbage":  {func(h *History) { h.Calls[planted].Deed = Garbled; h.Endings[planted].Kind = "dead" }, []string{"dead"}},
		"a delivery of which 1C said junk": {func(h *History) { h.Calls[planted].Deed = Garbled }, []string{"never delivered"}},
		"a garbage and a 503, and dead":    {func(h *History) { dieAfter(h, planted, Garbled); h.Calls[planted].Deed = Unavailable }, []string{"dead"}},
		"a skipped event, garbled by 1C": {func(h *History) {
			retype(h, planted, "held")
			h.Endings[planted].Kind = "skipped"
			h.Calls[planted].Deed = Garbled
		}, []string{"skipped"}},
		"an event that a reader knows": {func(h *History) {
			h.Heard = []Heard{{planted + 1, fmt.Sprint("id", planted)}, {0, "id7"}, {planted + 2, "id7"}}
		}, []string{"taken back"}},
		"a live copy of nothing":           {func(h *History) { h.Heard = []Heard{{0, "id4711"}} }, []string{"taken back"}},
		"a number given anew":              {func(h *History) { h.Events[planted].ID = "another" }, []string{"taken back"}},
		"a ring after its answer, by name": {func(h *History) { h.Hits[planted].Type = "incoming" }, []string{"changed"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := clean()
			test.plant(&h)
			got := Check(h, rules)
			if diff := cmp.Diff(test.want, rulesOf(got.Broken)); diff != "" {
				t.Errorf("broken (-want +got):\n%s\n%v", diff, got.Broken)
			}
		})
	}
}

func TestWhatThePromisesAllowIsListedAndBreaksNothing(t *testing.T) {
	for name, test := range map[string]struct {
		plant func(*History)
		want  []string
	}{
		"a repeat that is marked": {func(h *History) {
			h.Calls[planted].Deed = Hung
			callTwice(h, planted, Answered, 22)
			h.Endings[planted].Unsure, h.Endings[planted].Attempts = true, 2
		}, []string{"repeat"}},
		"a dead letter after two hangs": {func(h *History) {
			dieAfter(h, planted, Hung)
			h.Endings[planted].Unsure = true
		}, []string{"dead", "repeat"}},
		"a fifth call while a killed process's hangs": {func(h *History) {
			h.Calls[planted-4].End = at(1035)
			h.Troubles = []Trouble{{Process: "a1.1", From: at(935), To: at(935)}}
		}, []string{"at once"}},
		"a call that a frozen process had in hand": {func(h *History) {
			h.Calls[planted].Process = "a2.1"
			callTwice(h, planted, Answered, 205)
			h.Calls[len(h.Calls)-1].Process = "a1.1"
			h.Troubles = []Trouble{{"a1.1", true, at(1020), at(1230)}}
		}, []string{"at once", "order", "repeat"}},
		"a dead letter after two garbled answers": {func(h *History) { dieAfter(h, planted, Garbled) }, []string{"dead"}},
		"a garbled answer before the right one": {func(h *History) {
			h.Calls[planted].Deed = Garbled
			callTwice(h, planted, Answered, 22)
			h.Endings[planted].Attempts = 2
		}, nil},
		"a lane that ends a new event before an older one of another line": {func(h *History) {
			swapEndings(h, planted, planted+1)
			h.Endings[planted].Lane, h.Endings[planted+1].Lane = "1-0", "1-0"
		}, nil},
		"a second end that was told": {func(h *History) { retype(h, planted, "missed") }, []string{"not skipped"}},
	} {
		t.Run(name, func(t *testing.T) {
			h := clean()
			test.plant(&h)
			got := Check(h, rules)
			if len(got.Broken) > 0 {
				t.Errorf("broken: %v", got.Broken)
			}
			if diff := cmp.Diff(test.want, rulesOf(got.Allowed)); diff != "" {
				t.Errorf("allowed (-want +got):\n%s\n%v", diff, got.Allowed)
			}
		})
	}
}

func TestAFrostExcusesOneCallOfEachLaneOnly(t *testing.T) {
	h := clean()
	h.Troubles = []Trouble{{"a1.1", true, at(1000), at(1300)}}
	for _, n := range []int{planted, planted + 4} {
		c := h.Calls[n]
		c.Begin, c.End = at(1310+n), at(1315+n)
		h.Calls = append(h.Calls, c)
		h.Endings[n].Unsure = true
	}
	got := Check(h, rules)
	if diff := cmp.Diff([]string{"order"}, rulesOf(got.Broken)); diff != "" {
		t.Errorf("broken (-want +got):\n%s\n%v", diff, got.Broken)
	}
	if got.OutOfOrder != 2 {
		t.Errorf("out of order: %d, want 2", got.OutOfOrder)
	}
}

func TestTheTimesOfALineFallAsOftenAsTheClockWasSetBack(t *testing.T) {
	h, set := clean(), rules
	h.Events[planted+4].Accepted = at(1)
	h.Events[planted+8].Accepted = at(0)
	for steps, want := range [][]string{{"door"}, {"door"}, nil} {
		set.StepsBack = steps
		if diff := cmp.Diff(want, rulesOf(Check(h, set).Broken)); diff != "" {
			t.Errorf("broken, set back %d times (-want +got):\n%s", steps, diff)
		}
	}
}

func TestTheFaultyLineDiesUnlisted(t *testing.T) {
	h := clean()
	dieAfter(&h, planted+3, Refused)
	if got := Check(h, rules); len(got.Broken)+len(got.Allowed) > 0 {
		t.Errorf("findings: %v %v, want none", got.Broken, got.Allowed)
	}
}

func TestARunWithoutExcusesAllowsNoDeadAndNoRefusal(t *testing.T) {
	h := clean()
	dieAfter(&h, planted+3, Refused)
	h.Hits = append(h.Hits, Hit{"sip:x@y", "101", "incoming", at(5000), at(5001), 503})
	got := Check(h, Rules{Target: "main", Sessions: 4, Faulty: rules.Faulty, NoDead: true, AllOK: true})
	if diff := cmp.Diff([]string{"dead", "refused"}, rulesOf(got.Broken)); diff != "" {
		t.Errorf("broken (-want +got):\n%s", diff)
	}
}

func TestAFindingNamesLineAndMarker(t *testing.T) {
	h := clean()
	h.Endings = remove(h.Endings, planted)
	got := Check(h, rules).Broken[0].String()
	for _, want := range []string{"101", "sip:+74951230040@h40", "event 41", "no ending"} {
		if !strings.Contains(got, want) {
			t.Errorf("finding %q does not name %s", got, want)
		}
	}
}

func swapEvents(h *History, a, b int) {
	x, y := &h.Events[a], &h.Events[b]
	x.Sequence, y.Sequence = y.Sequence, x.Sequence
	x.Accepted, y.Accepted = y.Accepted, x.Accepted
	h.Endings[a].EventID, h.Endings[b].EventID = y.ID, x.ID
	// 1C follows the store, so that only the door is at fault.
	swapCalls(h, a, b)
}

func swapEndings(h *History, a, b int) {
	x, y := &h.Endings[a], &h.Endings[b]
	x.Event, y.Event, x.EventID, y.EventID = y.Event, x.Event, y.EventID, x.EventID
	h.Endings[a].At, h.Endings[b].At = at(9000), at(9000)
}

func swapCalls(h *History, a, b int) {
	h.Calls[a].Marker, h.Calls[b].Marker = h.Calls[b].Marker, h.Calls[a].Marker
}

func again(h *History, n int, kind string) Ending {
	e := h.Endings[n]
	e.Stored, e.Kind = 121, kind
	return e
}

func stray(h *History, event uint64, target string) Ending {
	e := again(h, planted, "delivered")
	e.Event, e.EventID, e.Target, e.Lane = event, fmt.Sprint("id", event-1), target, "1-9"
	return e
}

func callTwice(h *History, n int, d Deed, later int) {
	c := h.Calls[n]
	c.Begin, c.End, c.Deed = c.Begin.Add(time.Duration(later)*time.Millisecond), c.End.Add(time.Duration(later)*time.Millisecond), d
	h.Calls = append(h.Calls, c)
}

func dieAfter(h *History, n int, d Deed) {
	h.Calls[n].Deed = d
	callTwice(h, n, d, 22)
	h.Endings[n].Kind = "dead"
}

// retype makes an event another one everywhere.
func retype(h *History, n int, eventType string) {
	h.Hits[n].Type, h.Events[n].Type = eventType, eventType
}
