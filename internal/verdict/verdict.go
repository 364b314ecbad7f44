// Package verdict says what becomes of a message once it has been worked on.
//
// A verdict is a value: the acknowledgement, the log line, the metric and the ending all read the same one,
// so that they cannot disagree (docs/adr/0004).
package verdict

import "time"

// Kind tells the verdicts apart.
type Kind int

// The zero Kind is Undecided, so that a forgotten verdict is never taken for a delivery.
const (
	Undecided Kind = iota
	Delivered      // the target took the event
	Skipped        // a rule says that the target does not get this event
	Dead           // the target will never take it; it is kept as a dead letter
	Postponed      // not ended: tried again later
)

// String names the kind the way subjects and metrics do ("delivered", "skipped", "dead", "later").
func (k Kind) String() string {
	switch k {
	case Delivered:
		return "delivered"
	case Skipped:
		return "skipped"
	case Dead:
		return "dead"
	case Postponed:
		return "later"
	}
	return "undecided"
}

// Final reports whether the message has ended with this kind.
func (k Kind) Final() bool { return k == Delivered || k == Skipped || k == Dead }

// Verdict is what becomes of one message.
type Verdict struct {
	Kind  Kind
	After time.Duration // Postponed only: how long to wait before the next try
	Why   string        // empty for Delivered
}

// Done says that the target took the event.
func Done() Verdict { return Verdict{Kind: Delivered} }

// Skip says that a rule keeps the event from the target.
func Skip(why string) Verdict { return Verdict{Kind: Skipped, Why: why} }

// Never says that the target will not take the event, however often it is tried.
func Never(why string) Verdict { return Verdict{Kind: Dead, Why: why} }

// Later says that the event is to be tried again after a while.
func Later(after time.Duration, why string) Verdict {
	return Verdict{Kind: Postponed, After: after, Why: why}
}

// Ending is a final verdict together with how it was reached. One Ending is stored for each event and target.
type Ending struct {
	Verdict
	Attempts int // calls of the target made for this event by the process that ended it
	Reply
	Unsure bool  // an earlier try may have been processed: its answer was never recorded
	Tries  []Try // the last of the attempts, KeptTries at most, oldest first
}

// Reply is what was said between us and the target, both shortened.
type Reply struct {
	Sent   string // what the target was told, in words for people; empty where it was told nothing
	Answer string // what it answered
}

// KeptTries bounds what an ending remembers: an event that waits for a target that is away is tried thousands of times.
const KeptTries = 5

// Try is one call of the target.
type Try struct {
	Time   time.Time // when it began
	Took   time.Duration
	Status int    // of HTTP where it failed; 0: there was no answer
	Why    string // it failed; empty where the target took the event
}

// Blame says whose failure a failed call is. It decides the budget (docs/adr/0004):
//
//	Target    no budget     nothing is thrown away because 1C is down
//	Message   two tries     then a dead letter says why
//	Unclear   a time-out or a broken connection: the message's if the target works for others, else the target's
//	Crowded   no budget     the target works for others, and has no room for one call more at once
type Blame int

// The zero Blame is the target's: what is not understood is never thrown away.
const (
	Target Blame = iota
	Message
	Unclear
	Crowded
)

// Outage is what a failure of the target means for all who wait for it.
type Outage struct {
	Cause string // names it: another one is news to the operator
	Sure  bool   // nobody needs to be told five times
	Alarm bool   // it does not pass by itself
	// The target is left alone for First, then for twice as long each time, up to Longest.
	First, Longest time.Duration
}

// Pause is how long the target is left alone now: last is how long it was before for the same cause, 0 for the first time.
func (o Outage) Pause(last time.Duration) time.Duration {
	if last == 0 {
		return o.First
	}
	return min(2*last, o.Longest)
}

// Failure is an error of one call that knows its own consequences.
type Failure interface {
	error
	Blame() Blame
	// Unsure reports whether the target may have processed the call all the same.
	Unsure() bool
	// Outage is what it means for others, if it is the target's.
	Outage() Outage
	// Status of HTTP, 0 where there was no answer.
	Status() int
}
