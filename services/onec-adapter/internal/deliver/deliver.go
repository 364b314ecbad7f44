// Package deliver decides what becomes of an event: it takes each lane's events in order, asks the rules, calls 1C,
// and turns the outcome into one verdict, which the acknowledgement, the log, the metric and the ending all read.
//
// It promises that an event ends exactly once for its target, that nothing is thrown away because 1C is down, and
// that a message which 1C will not take delays its lane for one budget only (docs/adr/0004).
package deliver

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/verdict"
)

// Message is one event that waits for its ending. *stream.Message is one.
type Message interface {
	Event() call.Event
	Broken() error   // it is no event at all
	Again() bool     // an operator sent it once more
	TakenOver() bool // another adapter may have worked on the lane since its last message here
	Sequence() uint64
	Deliveries() int
	// SameCall reports whether the line had no other call between an earlier event and this end, so far as that is known.
	SameCall(ctx context.Context, earlier uint64) (bool, error)
	// Hold keeps the message in hand until drop is called. held ends where another adapter may get it; a call must end with it.
	Hold(context.Context) (held context.Context, drop func())
	Ours(context.Context) (bool, error) // the fence
	Later(time.Duration) error
	End(ctx context.Context, e verdict.Ending, trouble func(error)) (ended bool, err error)
}

// Lane is where the events of some lines come from, one after another. *stream.Lane is nearly one.
type Lane interface {
	Name() string
	Next(context.Context) (Message, error)
	Front(context.Context) (Message, error) // the oldest one; Next's may go before it
	Pause()
	Close(context.Context) error
	Recall(ctx context.Context, since time.Time, tell func(sequence uint64, e call.Event, k verdict.Kind)) error
}

// Receiver is the target. Its errors may be a verdict.Failure; others count as the target's.
type Receiver interface {
	// Enter waits until the target has room for one call more. Its error is the context's.
	Enter(context.Context) (Place, error)
	Alive(context.Context) error
}

// Place is leave for one call.
type Place interface {
	Call(context.Context, call.Event) (verdict.Reply, error)
	Leave()
}

// Options of one target.
type Options struct {
	Target   string
	Timeout  time.Duration               // the longest call
	FreshFor time.Duration               // 0: everything is delivered, however old
	NotFor   func(call.Event) string     // why an event is not for the target; empty: it is
	Word     func(call.EventType) string // what the target calls an event
	// Taken is a number that grows with each event that the target takes, of whichever adapter; nil: there are no others.
	Taken   func(context.Context) (uint64, error)
	Log     zerolog.Logger
	Observe func(Outcome) // may be nil
}

// Outcome is what the metrics see of one try.
type Outcome struct {
	Verdict verdict.Kind
	Call    time.Duration // 0: 1C was not asked
	Age     time.Duration // from the acceptance of the event to now
}

// Deliverer works on all lanes of one target.
type Deliverer struct {
	o        Options
	receiver Receiver
	gate     *gate
	lanes    []*worker
}

// New makes the deliverer of one target. Nothing is pulled before Run.
func New(o Options, receiver Receiver, lanes []Lane) *Deliverer {
	if o.Observe == nil {
		o.Observe = func(Outcome) {}
	}
	o.Log = o.Log.With().Str("target", o.Target).Logger()
	d := &Deliverer{o: o, receiver: receiver, gate: newGate(o.Log)}
	for _, l := range lanes {
		d.lanes = append(d.lanes, &worker{Deliverer: d, lane: l, rules: newRules(o)})
	}
	return d
}

// Run works until ctx ends. A call that is under way then is finished, within its time-out; what has not been called
// yet is handed back at once, and each lane is given up for another adapter to take.
func (d *Deliverer) Run(ctx context.Context) error {
	var wg sync.WaitGroup
	failed := make([]error, len(d.lanes))
	for i, w := range d.lanes {
		wg.Go(func() { failed[i] = w.run(ctx) })
	}
	wg.Wait()
	return errors.Join(failed...)
}

// Shut reports whether the breaker keeps the target shut at the moment, and why.
func (d *Deliverer) Shut() (bool, string) { return d.gate.state() }

// Hurry ends a pause of the breaker: what may have been the reason has changed.
func (d *Deliverer) Hurry() { d.gate.hurry() }

// Pending says which lanes are still in a call, for whoever waits for them.
func (d *Deliverer) Pending() string {
	var busy []string
	for _, w := range d.lanes {
		if line := w.busyWith.Load(); line != nil {
			busy = append(busy, fmt.Sprintf("lane %s: line %s", w.lane.Name(), phone.Mask(*line)))
		}
	}
	return strings.Join(busy, ", ")
}
