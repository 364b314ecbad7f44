package check

import (
	"fmt"
	"strings"
	"time"
)

// order: the calls of a line follow the order of CALLS. A call that falls behind is allowed only to a process that was
// frozen with it in hand, and to that one only once for each lane and frost.
func (c *checker) order() {
	furthest := map[string]*Event{} // line → the latest event that 1C has heard of
	late := map[string]bool{}
	for i := range c.Calls {
		call := &c.Calls[i]
		e := c.byMarker[call.Marker]
		if e == nil {
			c.broken("stray call", "%s is of no event", call)
			continue
		}
		far := furthest[e.Line]
		if far == nil || e.Sequence > far.Sequence {
			furthest[e.Line] = e
			continue
		}
		if e.Sequence == far.Sequence {
			continue
		}
		c.report.OutOfOrder++
		key := ""
		if frost := c.frost(call); frost != nil {
			key = fmt.Sprint(frost.Process, frost.From, c.lane(e))
		}
		if key != "" && !late[key] {
			late[key] = true
			c.allowed("order", "line %s: %s came after %s: its process had been frozen with it in hand", e.Line, call, far)
			continue
		}
		c.broken("order", "line %s: %s came after %s", e.Line, call, far)
	}
}

// frost is the freeze that the call was in hand for: it begins between the freeze and a moment after the thaw.
func (c *checker) frost(call *Call) *Trouble {
	for i := range c.Troubles {
		t := &c.Troubles[i]
		if t.Frozen && t.Process == call.Process && !call.Begin.Before(t.From) && call.Begin.Before(t.To.Add(afterThaw)) {
			return t
		}
	}
	return nil
}

func (c *checker) lane(e *Event) string {
	for _, end := range c.ended[e.Sequence] {
		return end.Lane
	}
	return "line " + e.Line
}

// repeats: an event reaches 1C again only where the answer was not recorded, its ending says so, and not once it has
// ended.
func (c *checker) repeats() {
	for i := range c.Events {
		e := &c.Events[i]
		var reached []*Call
		for _, call := range c.called[e.Marker] {
			if call.Deed.mayHaveWorked() {
				reached = append(reached, call)
			}
		}
		for _, end := range c.ended[e.Sequence] {
			c.repeated(e, end, reached)
		}
	}
}

func (c *checker) repeated(e *Event, end *Ending, reached []*Call) {
	for _, call := range c.called[e.Marker] {
		if call.Begin.After(end.At) && c.frost(call) == nil {
			c.broken("repeat", "%s of line %s was called again after its ending at %s: %s", e, e.Line, clock(end.At), call)
		}
	}
	if len(reached) < 2 {
		return
	}
	c.report.Repeats += len(reached) - 1
	last := reached[len(reached)-1]
	switch {
	case end.Unsure:
		c.allowed("repeat", "%s of line %s, marked unsure, %d attempts: %s", e, e.Line, end.Attempts, list(reached))
	case last.Begin.After(end.At) && c.frost(last) != nil && len(reached) == 2:
		// The ending cannot know what a frozen process will still do.
		c.allowed("repeat", "%s of line %s by a process that had been frozen with it in hand: %s", e, e.Line, list(reached))
	default:
		c.broken("repeat", "%s of line %s is not marked (%d attempts): %s", e, e.Line, end.Attempts, list(reached))
	}
}

// atOnce: never more calls at once than sessions, but for those that were under way when their process was frozen or
// killed: 1C may still be busy with them.
func (c *checker) atOnce() {
	var most []*Call
	for i := range c.Calls {
		now := c.during(c.Calls[i].Begin, i)
		counted := 0
		for _, call := range now {
			if !c.orphan(call) {
				counted++
			}
		}
		if len(now) > c.report.MostAtOnce {
			c.report.MostAtOnce, most = len(now), now
		}
		c.report.MostAtOnce1 = max(c.report.MostAtOnce1, counted)
		if counted > c.rules.Sessions {
			c.broken("at once", "%d calls, want %d at most: %s", counted, c.rules.Sessions, list(now))
		}
	}
	if c.report.MostAtOnce > c.rules.Sessions && c.report.MostAtOnce1 <= c.rules.Sessions {
		c.allowed("at once", "%d calls, with those of a frozen or killed process: %s", len(most), list(most))
	}
}

// during gives the calls under way when call number n began. Calls last seconds at most, but for those of a frozen
// process, so all of them are looked at.
func (c *checker) during(t time.Time, n int) (now []*Call) {
	for i := range c.Calls[:n+1] {
		if call := &c.Calls[i]; i == n || call.End.After(t) {
			now = append(now, call)
		}
	}
	return now
}

// orphan reports whether the call's process was frozen or killed while it was under way, or sent it on waking.
func (c *checker) orphan(call *Call) bool {
	if c.frost(call) != nil {
		return true
	}
	for _, t := range c.Troubles {
		if t.Process == call.Process && !t.From.Before(call.Begin) && !t.From.After(call.End) {
			return true
		}
	}
	return false
}

func (e *Event) String() string {
	return fmt.Sprintf("event %d (%s, %s)", e.Sequence, e.Type, e.Marker)
}

func (e *Ending) String() string {
	return fmt.Sprintf("ending %d (%s of event %d)", e.Stored, e.Kind, e.Event)
}

func (c *Call) String() string {
	return fmt.Sprintf("call of %s by %s at %s, %d ms, %s", c.Marker, c.Process, clock(c.Begin), c.End.Sub(c.Begin).Milliseconds(), c.Deed)
}

func clock(t time.Time) string { return t.UTC().Format("15:04:05.000") }

func list[T fmt.Stringer](all []T) string {
	if len(all) == 0 {
		return "nothing"
	}
	var texts []string
	for _, one := range all {
		texts = append(texts, one.String())
	}
	return strings.Join(texts, "; ")
}
