package stream

import (
	"context"
	"encoding/json"
	"fmt"
	"time"
)

// An event that goes before its turn is worked on with the lane's oldest open message in hand, unacknowledged: that one is the right to work
// in the lane, and fence, lease and loss are its. The end of the other acknowledges nothing; the broker delivers it
// in its turn, and then it has its ending.

// takeFront takes the oldest open message out of the lane's hand; nil: there is none, or it was in hand for so long without a word that
// another adapter may get it. AckWait brings it then.
func (l *Lane) takeFront() *Message {
	front := l.front
	l.front = nil
	if front != nil && front.hand.held() {
		return front
	}
	return nil
}

// standAside hands the front back that waits in hand, and ends what is fresh for a lane that stops.
func (l *Lane) standAside() {
	if front := l.takeFront(); front != nil {
		_ = front.spare(0) // lost with the connection at worst, and then AckWait brings it back
	}
	l.target.reading.Lock()
	defer l.target.reading.Unlock()
	if l.target.reader != nil {
		l.target.reader.standAside(l.index)
	}
}

// overtaking is the next event that goes before the front; nil: none does.
func (l *Lane) overtaking(ctx context.Context, front *Message) *Message {
	if l.putBack != nil {
		l.putBack()
		l.putBack = nil
	}
	if !l.mayOvertake(front) {
		return nil
	}
	r := l.target.freshEvents()
	if r == nil {
		return nil
	}
	e, there := r.take(l.index, front.sequence, l.cursor.ended)
	if !there {
		return nil
	}
	m, err := l.fetch(ctx, front, r, e)
	if err != nil { // it is not looked for another one: nobody holds the front meanwhile
		r.putBack(e)
		return nil
	}
	l.putBack = func() { r.putBack(e) }
	front.taken = false
	return m
}

// mayOvertake: a front that was worked on before, here or elsewhere, is worked on until it has ended, so that whoever tries it knows what came
// of it last.
func (l *Lane) mayOvertake(front *Message) bool {
	return front.hand.first && front.hand.waiting >= farBehind && l.known && l.cursor.overtaken() < shareOf(l.target.set.Lanes) &&
		!l.target.changing.Load()
}

// fetch reads an event that goes before the front. Errors: NATS; it is none, or not the one that was there.
func (l *Lane) fetch(ctx context.Context, front *Message, r *fresh, e freshEvent) (*Message, error) {
	try, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	raw, err := l.target.calls.GetMsg(try, e.sequence)
	if err != nil {
		return nil, fmt.Errorf("read message %d: %w", e.sequence, err)
	}
	if r.slotOf(laneKey(raw.Header)) != e.slot {
		return nil, fmt.Errorf("message %d is another one now", e.sequence)
	}
	m := l.message(front.hand, raw.Subject, raw.Header, raw.Data, e.sequence)
	m.front, m.taken = front, front.taken
	return m, m.broken
}

// maybeTold reports whether the target may have been told of an event by another lane, or before its turn.
func (l *Lane) maybeTold(sequence uint64) bool {
	return l.target.set.tried(sequence) || in(l.cursor.begun, sequence)
}

// begin stores that the target is going to be told of an event before its turn: where nobody lives to tell the end of it, the next who tells
// the target marks it. It reports true where another owner has ended it meanwhile.
func (m *Message) begin(ctx context.Context) (ended bool, err error) {
	l := m.lane
	if !l.known {
		if err := l.readCursor(ctx); err != nil {
			return false, err
		}
	}
	if l.cursor.ended(m.sequence) || in(l.cursor.begun, m.sequence) {
		return l.cursor.ended(m.sequence), nil
	}
	now := time.Now().UTC()
	data, err := json.Marshal(seal{Kind: begun, Target: l.target.o.Name, Lane: l.name, Sequence: m.sequence, Time: now})
	if err != nil {
		return false, err
	}
	to := l.cursor.begin(m.sequence)
	to.event, to.at = m.sequence, now
	if err := l.store(ctx, begun, data, keepDelivered, to); err != nil {
		return false, fmt.Errorf("store that message %d is begun: %w", m.sequence, err)
	}
	return false, nil
}

// spare hands the front back, which was not worked on.
func (m *Message) spare(after time.Duration) error {
	if m.strides() {
		return m.retreat(after)
	}
	m.lane.spared = m
	return m.hand.back(after)
}

// wasSpared reports whether a delivery is the next one of the front that was spared, and nobody else has had it meanwhile.
func (l *Lane) wasSpared(h *hand) bool {
	return l.spared != nil && l.spared.sequence == h.sequence && l.spared.hand.delivery+1 == h.delivery && l.spared.hand.broker == h.broker
}
