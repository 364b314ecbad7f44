package stream

import (
	"context"
	"hash/maphash"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
)

// The steps of a change, after each of which a test lets it die.
const (
	ChangeWritten = iota
	ChangeHeld
	ChangeSealedOne
	ChangeSealed
	ChangeInForce
)

// ChangeUpTo does what ChangeLanes does, and dies after a step. It waits for nobody: the lanes must have no owner.
func ChangeUpTo(ctx context.Context, nc *nats.Conn, target string, lanes, step int) error {
	c, err := newChanger(ctx, nc, target)
	if err != nil {
		return err
	}
	set, revision, err := c.inForce(ctx)
	if err != nil {
		return err
	}
	if err := c.start(ctx, set, revision, Change{Lanes: lanes, Since: time.Now()}); err != nil || step == ChangeWritten {
		return err
	}
	for i := range set.Lanes {
		if _, err := c.hold(ctx, set, i); err != nil {
			return err
		}
	}
	if step == ChangeHeld {
		return nil
	}
	if _, err := c.seal(ctx, set, 0, false); err != nil || step == ChangeSealedOne {
		return err
	}
	seals := make([]seal, set.Lanes)
	if err := c.sealAll(ctx, set, seals); err != nil || step == ChangeSealed {
		return err
	}
	set, revision, err = c.inForce(ctx)
	if err == nil {
		_, err = writeSet(ctx, c.registry, target, set.next(seals, time.Now()), revision)
	}
	return err
}

// What tests look at.
var (
	Refused = refused
	Heard   = heard
	Alone   = alone
	Age     = age
)

// NewRestless is newRestless.
func NewRestless(now time.Time) *restless { r := newRestless(now); return &r }

// Had is had.
func (r *restless) Had(now time.Time, why error) bool { return r.had(now, why) }

// Consumer is what the broker says of a lane.
func (t *Target) Consumer(ctx context.Context, i int) (*jetstream.ConsumerInfo, error) {
	c, err := t.calls.Consumer(ctx, consumerName(t.o.Name, t.set.laneName(i)))
	if err != nil {
		return nil, err
	}
	return c.CachedInfo(), nil
}

// Oversleep keeps the timer of a hold from ever telling that it is over.
func (m *Message) Oversleep() { m.hand.lease.Stop() }

// Unconfirmed makes the last confirmation of a hold older.
func (m *Message) Unconfirmed(by time.Duration) { m.hand.renewed = m.hand.renewed.Add(-by) }

// Stamp does what comes before an event is stored.
func Stamp(e call.Event) error {
	_, err := stamp(e, "")
	return err
}

// Batch stores events as one batch, as if they had come together, and says whether they were.
func (p *Publisher) Batch(events ...call.Event) (bool, error) {
	var ws []*waiter
	for _, e := range events {
		m, err := encode(Subject(e.Type), e)
		if err != nil {
			return false, err
		}
		m.Header.Set(nats.MsgIdHdr, e.ID)
		ws = append(ws, &waiter{it: &pending{msg: m}})
	}
	return p.calls.batch(ws) == stored, nil
}

// Busy has the next event wait for one that is under way, and returns what ends that.
func (p *Publisher) Busy() (end func()) {
	p.calls.enter(nil)
	return p.calls.leave
}

// Once publishes an event with the id that it has.
func (p *Publisher) Once(ctx context.Context, e call.Event) error {
	m, err := encode(Subject(e.Type), e)
	if err != nil {
		return err
	}
	m.Header.Set(nats.MsgIdHdr, e.ID)
	return p.publish(ctx, &pending{event: e, msg: m}, false)
}

// Committed reports whether an answer says that a batch is stored.
func Committed(answer []byte, id string, n int) bool { return committed(answer, id, n) == stored }

// HeldSince is when the lease was asked for that is in force.
func (m *Message) HeldSince() time.Time {
	m.hand.renewing.Lock()
	defer m.hand.renewing.Unlock()
	return m.hand.renewed
}

// Noted is the last event that the target's reader of what is fresh has noted; 0: there is none.
func (t *Target) Noted() (last uint64) {
	t.reading.Lock()
	r := t.reader
	t.reading.Unlock()
	if r == nil || r.over.Load() {
		return 0
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last = slices.Max(r.last[:])
	for _, l := range r.lanes {
		for _, e := range l.queue {
			last = max(last, e.sequence)
		}
	}
	return last
}

// The bounds of what goes before its turn.
const (
	FarBehind = farBehind
	FreshFor  = freshFor
	Slots     = slots
)

// ShareOf is shareOf.
var ShareOf = shareOf

// Fresh is a reader without a stream.
type Fresh struct{ *fresh }

// NewFresh is the reader of a target with so many lanes, which begins behind an event.
func NewFresh(lanes int, begin uint64) Fresh {
	return Fresh{&fresh{seed: maphash.MakeSeed(), idle: time.NewTimer(askedFor), begin: begin, lanes: make([]freshLane, lanes)}}
}

// Note is note.
func (r Fresh) Note(line call.Line, sequence uint64, again bool) { r.note("", line, sequence, again) }

// Take is take.
func (r Fresh) Take(lane int, front uint64, ended func(uint64) bool) (uint64, func()) {
	e, there := r.take(lane, front, ended)
	if !there {
		return 0, nil
	}
	return e.sequence, func() { r.putBack(e) }
}

// StandAside is standAside of the first lane.
func (r Fresh) StandAside() { r.standAside(0) }

// Waiting is how long the queue of a lane is.
func (r Fresh) Waiting(lane int) int { return len(r.lanes[lane].queue) }

// ReadCursor is what the headers of a message on a lane's subject of endings say, and how they are written.
func ReadCursor(h nats.Header, event uint64) (calls uint64, ahead, begun []uint64, written nats.Header, err error) {
	c, err := cursorOf(h, event)
	return c.calls, c.ahead, c.begun, c.header(), err
}

// StrideFor is how long a lane may be ahead of its consumer.
const StrideFor = strideFor

// Stride is how many events a lane with no others' is ahead of its consumer.
func (l *Lane) Stride() uint64 {
	if l.stride == nil {
		return 0
	}
	return l.stride.at - l.stride.hand.sequence
}

// Change says that a change of lanes has begun.
func (t *Target) Change() { t.changing.Store(true) }

// Inherit lets the lane have passed what had ended in somebody else's stride.
func (l *Lane) Inherit() { l.rode = true }

// Strides reports whether lanes that are far behind may go ahead of their consumers.
func (t *Target) Strides() bool { return t.pages.there() }

// AskOurs is the fence with a question.
func (m *Message) AskOurs(ctx context.Context) (bool, error) { return m.hand.ours(ctx) }
