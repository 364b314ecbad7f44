package stream

import (
	"context"
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
