// Package check reads the history of a run and says which promises were broken.
//
// It takes plain data and knows no program, no NATS and no clock, so that its own tests can plant a loss, a swap or a
// repeat and see it found. The promises are those of docs/wire.md §4.
package check

import (
	"fmt"
	"slices"
	"time"
)

// Hit is what a phone did and was told.
type Hit struct {
	Marker   string // the other side's address: no two hits have the same
	Line     string
	Type     string // "incoming"
	Sent     time.Time
	Answered time.Time
	Status   int // 0: no answer of HTTP
}

// Event is a message in CALLS.
type Event struct {
	Sequence uint64
	ID       string
	Marker   string
	Line     string
	Type     string
	Accepted time.Time
	Batch    string // it was stored together with the others of that name; empty: alone
}

// Ending is a message in ONEC.
type Ending struct {
	Stored   uint64 // its own sequence
	At       time.Time
	Event    uint64 // sequence in CALLS
	EventID  string // of the event that it holds
	Target   string
	Lane     string
	Kind     string // "delivered", "dead", "skipped"
	Attempts int
	Unsure   bool
	Reason   string
}

// Heard is an event as a reader was given it while the run went on.
type Heard struct {
	Sequence uint64 // 0: the live copy, which has none
	ID       string
}

// Deed is what 1C did with a call.
type Deed string

// The deeds. Reset, Hung, Cut and Garbled leave the caller in doubt; after the others it knows whether the operation ran.
const (
	Answered    Deed = "answered"        // worked, and said so
	Refused     Deed = "fault"           // not worked: the service refused the event
	Unavailable Deed = "503"             // not worked: the web server has no 1C behind it
	Reset       Deed = "reset after"     // worked, and the connection broke before the answer
	Hung        Deed = "hang"            // no answer until the caller went
	Cut         Deed = "caller was gone" // the caller went before the answer
	Garbled     Deed = "garbage"         // not worked: an answer that nobody can read, or none
)

// doubtful reports whether the operation may have run for all that anybody knows.
func (d Deed) doubtful() bool { return d == Reset || d == Hung || d == Cut }

// mayHaveWorked reports whether a user may have seen the pop-up.
func (d Deed) mayHaveWorked() bool { return d == Answered || d.doubtful() }

// Call is one call of 1C, in the order in which they began.
type Call struct {
	Marker  string
	Line    string
	Process string // which run of which adapter: each start is another one
	Begin   time.Time
	End     time.Time
	Deed    Deed
}

// Trouble is what was done to a process that calls 1C.
type Trouble struct {
	Process string
	Frozen  bool // else killed
	From    time.Time
	To      time.Time // of the frost; From for a kill
}

// Rules are what the run was set up with.
type Rules struct {
	Target   string
	Sessions int
	Faulty   []string // lines that 1C always refuses
	NoDead   bool     // nothing may be given up in this run
	AllOK    bool     // every hit must have its 200

	// StepsBack is how often the clock was set back that gives events their time: as often the times of a line may fall.
	StepsBack int
}

// History is everything that happened.
type History struct {
	Hits     []Hit
	Events   []Event // in the order of their sequences
	Endings  []Ending
	Heard    []Heard
	Calls    []Call
	Troubles []Trouble
}

// Finding is one broken promise, or one exception that a promise allows.
type Finding struct {
	Rule string // what was looked at: "lost", "order", "repeat" …
	Text string
}

func (f Finding) String() string { return f.Rule + ": " + f.Text }

// Report is what was found.
type Report struct {
	Broken  []Finding // promises
	Allowed []Finding // what a promise allows, to be counted and listed

	Repeats     int // calls beyond the first that may have reached a user, of all events
	OutOfOrder  int // calls behind a later event of their line, allowed or not
	MostAtOnce  int // calls of 1C, all of them
	MostAtOnce1 int // calls of 1C without those under way when their process was frozen or killed
}

// Check looks at everything.
func Check(h History, r Rules) Report {
	c := newChecker(h, r)
	c.phonesAndStore()
	c.door()
	c.endings()
	c.heard()
	c.letters()
	c.order()
	c.repeats()
	c.atOnce()
	return c.report
}

// afterThaw is how long after a frost a call may begin that was already decided on before it: the time that a woken
// process needs to send what it had in hand.
const afterThaw = time.Second

type checker struct {
	History
	rules  Rules
	report Report

	byMarker map[string]*Event
	ended    map[uint64][]*Ending // by the event's sequence
	called   map[string][]*Call   // by marker
}

func newChecker(h History, r Rules) *checker {
	c := &checker{
		History: h, rules: r,
		byMarker: map[string]*Event{}, ended: map[uint64][]*Ending{}, called: map[string][]*Call{},
	}
	slices.SortFunc(c.Events, func(a, b Event) int { return int(a.Sequence) - int(b.Sequence) })
	slices.SortFunc(c.Endings, func(a, b Ending) int { return int(a.Stored) - int(b.Stored) })
	slices.SortStableFunc(c.Calls, func(a, b Call) int { return a.Begin.Compare(b.Begin) })
	for i := range c.Endings {
		e := &c.Endings[i]
		if e.Target == r.Target {
			c.ended[e.Event] = append(c.ended[e.Event], e)
		}
	}
	for i := range c.Calls {
		call := &c.Calls[i]
		c.called[call.Marker] = append(c.called[call.Marker], call)
	}
	return c
}

func (c *checker) broken(rule, format string, args ...any) {
	c.report.Broken = append(c.report.Broken, Finding{rule, fmt.Sprintf(format, args...)})
}

func (c *checker) allowed(rule, format string, args ...any) {
	c.report.Allowed = append(c.report.Allowed, Finding{rule, fmt.Sprintf(format, args...)})
}

// phonesAndStore: each hit with a 200 is stored, once, as what it was; nothing is stored that nobody sent.
func (c *checker) phonesAndStore() {
	sent := map[string]Hit{}
	for _, h := range c.Hits {
		sent[h.Marker] = h
	}
	for i := range c.Events {
		e := &c.Events[i]
		h, known := sent[e.Marker]
		switch {
		case !known:
			c.broken("stray event", "%s was sent by no phone", e)
		case c.byMarker[e.Marker] != nil:
			c.broken("stored twice", "%s is in CALLS at %d as well", e, c.byMarker[e.Marker].Sequence)
			continue // the first one counts
		case h.Line != e.Line || h.Type != e.Type:
			c.broken("changed", "%s was sent as %s of line %s", e, h.Type, h.Line)
		}
		c.byMarker[e.Marker] = e
	}
	for _, h := range c.Hits {
		if h.Status == 200 && c.byMarker[h.Marker] == nil {
			c.broken("lost", "%s of line %s (%s) got its 200 at %s and is not in CALLS", h.Type, h.Line, h.Marker, clock(h.Answered))
		}
		if h.Status != 200 && c.rules.AllOK {
			c.broken("refused", "%s of line %s (%s) was told %d", h.Type, h.Line, h.Marker, h.Status)
		}
	}
}

// door: on one line, what was answered before another hit was sent is stored before it, and the times of acceptance
// rise with the sequences.
func (c *checker) door() {
	type last struct {
		e *Event
		h Hit
	}
	hits := map[string][]last{}
	for _, h := range c.Hits {
		if e := c.byMarker[h.Marker]; e != nil && h.Status == 200 {
			hits[h.Line] = append(hits[h.Line], last{e, h})
		}
	}
	for line, list := range hits {
		for _, a := range list {
			for _, b := range list {
				if a.h.Answered.Before(b.h.Sent) && a.e.Sequence > b.e.Sequence {
					c.broken("door", "line %s: %s was answered before %s was sent, and stands behind it", line, a.e, b.e)
				}
			}
		}
	}
	before, falls := map[string]*Event{}, map[string]int{}
	for i := range c.Events {
		e := &c.Events[i]
		if b := before[e.Line]; b != nil && e.Accepted.Before(b.Accepted) {
			if falls[e.Line]++; falls[e.Line] <= c.rules.StepsBack {
				c.allowed("door", "line %s: %s has an earlier time than %s, which stands before it: the clock was set back", e.Line, e, b)
				before[e.Line] = e
				continue
			}
			c.broken("door", "line %s: %s was accepted before %s, and stands behind it", e.Line, e, b)
		}
		before[e.Line] = e
	}
}

// endings: exactly one for each event, none without an event, and on each line in the order of its events, whichever lanes it had. In a lane
// a new event may end before older ones of other lines.
func (c *checker) endings() {
	there := map[uint64]*Event{}
	for i := range c.Events {
		e := &c.Events[i]
		there[e.Sequence] = e
		switch n := len(c.ended[e.Sequence]); {
		case n == 0:
			c.broken("no ending", "%s of line %s has not ended", e, e.Line)
		case n > 1:
			c.broken("two endings", "%s of line %s has %d endings: %s", e, e.Line, n, list(c.ended[e.Sequence]))
		}
	}
	cursor := map[string]*Ending{}
	for i := range c.Endings {
		e := &c.Endings[i]
		event := there[e.Event]
		if event == nil || e.Target != c.rules.Target {
			c.broken("stray ending", "%s is of no event", e)
			continue
		}
		if last := cursor[event.Line]; last != nil && e.Event <= last.Event {
			c.broken("ending order", "line %s: %s stands behind %s", event.Line, e, last)
		}
		cursor[event.Line] = e
	}
}

// heard: what a reader was given, or an ending has named, is still there and under its old number: a power cut takes nothing back that
// somebody knows of, and gives its number to nothing else.
func (c *checker) heard() {
	there, ids := map[uint64]string{}, map[string]bool{}
	for _, e := range c.Events {
		there[e.Sequence], ids[e.ID] = e.ID, true
	}
	for _, h := range c.Heard {
		if !ids[h.ID] || h.Sequence != 0 && there[h.Sequence] != h.ID {
			c.broken("taken back", "a reader was given %s as event %d, where CALLS has %q", h.ID, h.Sequence, there[h.Sequence])
		}
	}
	for i := range c.Endings {
		if e := &c.Endings[i]; there[e.Event] != "" && there[e.Event] != e.EventID {
			c.broken("taken back", "%s was written of %s, and CALLS has %s there", e, e.EventID, there[e.Event])
		}
	}
}

// letters: delivered where 1C did it, skipped by a rule, dead for two failures of the message's own.
func (c *checker) letters() {
	numbered := map[string]string{} // line → type of the last event that has a number in TelData
	for i := range c.Events {
		e := &c.Events[i]
		for _, end := range c.ended[e.Sequence] {
			c.letter(e, end, numbered[e.Line])
		}
		if number(e.Type) != 0 {
			numbered[e.Line] = e.Type
		}
	}
}

func (c *checker) letter(e *Event, end *Ending, before string) {
	calls := c.called[e.Marker]
	secondEnd := number(e.Type) == numberEnd && number(before) == numberEnd
	switch end.Kind {
	case "delivered":
		if !slices.ContainsFunc(calls, func(c *Call) bool { return c.Deed == Answered || c.Deed == Cut }) {
			c.broken("never delivered", "%s of line %s ended as delivered, and 1C never answered it: %s", e, e.Line, list(calls))
		}
		if secondEnd {
			c.allowed("not skipped", "%s of line %s is a second end, and was told all the same", e, e.Line)
		}
	case "skipped":
		if number(e.Type) != 0 && !secondEnd {
			c.broken("skipped", "%s of line %s by no rule: %s", e, e.Line, end.Reason)
		}
		if len(calls) > 0 && !end.Unsure {
			c.broken("skipped", "%s of line %s reached 1C: %s", e, e.Line, list(calls))
		}
	case "dead":
		c.dead(e, end, calls)
	default:
		c.broken("kind", "%s is nothing that the contract knows", end)
	}
}

func (c *checker) dead(e *Event, end *Ending, calls []*Call) {
	failed := 0
	for _, call := range calls {
		if call.Deed == Refused || call.Deed == Garbled || call.Deed.doubtful() {
			failed++
		}
	}
	switch {
	case c.rules.NoDead || failed < 2:
		c.broken("dead", "%s of line %s after %s: %s", e, e.Line, list(calls), end.Reason)
	case !slices.Contains(c.rules.Faulty, e.Line):
		c.allowed("dead", "%s of line %s after %s", e, e.Line, list(calls))
	}
}

const numberEnd = 4

// number is the event's number in TelData, 0 where it has none.
func number(eventType string) int {
	switch eventType {
	case "incoming":
		return 1
	case "answered":
		return 2
	case "outgoing":
		return 3
	case "ended", "missed", "rejected":
		return numberEnd
	}
	return 0
}
