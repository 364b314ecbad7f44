package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// A lane's consumer gives it every event of CALLS, one at a time, those of other lanes' lines too. A lane that is far behind goes faster
// (docs/adr/0017): it keeps the message unacknowledged that it was given last, though that has ended, as the right to work in the lane, takes the
// next events from pages of CALLS that all lanes of the target read together, and then sends its consumer after.

const (
	// strideBehind is how many events must wait behind a lane's oldest one: two pages, the first of which is there whole.
	strideBehind = 2 * pageSize
	// longestStride is how far in CALLS a lane goes before its consumer follows: so much it has to pass one by one where a stride breaks off.
	longestStride = 16 * pageSize
	// strideFor is how long it does so: an operator sees how far the consumer is.
	strideFor = time.Second
	// strideAgain is the pause after a page, or an answer to a reset, that did not come: somebody may not let us ask.
	strideAgain = time.Minute
)

// stride is how far a lane is ahead of its consumer.
type stride struct {
	hand  *hand // of the message that it began with
	since time.Time
	at    uint64   // the lane's events have been looked for up to here
	page  *page    // where that is; nil: it has not been read
	open  *Message // what was handed out last and has not ended; nil: it has
}

// mayStride: after a front that was worked on before, here or elsewhere, the broker says what comes next.
func (l *Lane) mayStride(m *Message) bool {
	return l.target.pages != nil && l.target.pages.there() && m.hand.first && m.hand.waiting >= strideBehind && !l.target.changing.Load()
}

// strides reports whether the message came from a page.
func (m *Message) strides() bool { return m.front == nil && m.sequence != m.hand.sequence }

// striding is the lane's next event; nil: its consumer has it.
func (l *Lane) striding(ctx context.Context) *Message {
	s := l.stride
	switch {
	case s == nil || ctx.Err() != nil:
		return nil
	case s.open != nil || !s.hand.held():
		l.stride = nil // somebody else has the lane, or may have: AckWait brings what is ours
		return nil
	}
	m := l.following(ctx)
	switch {
	case m == nil && ctx.Err() != nil:
		return nil // whoever stops the lane ends it
	case m == nil:
		l.halt(ctx, s.at+1)
		return nil
	case m.sequence > s.hand.sequence+longestStride || time.Since(s.since) > strideFor:
		l.halt(ctx, m.sequence)
		return nil
	}
	s.open = m
	return m
}

// following looks for the lane's next event in the pages; nil: it is not there, as far as has been looked.
func (l *Lane) following(ctx context.Context) *Message {
	for s := l.stride; s.at < s.hand.sequence+longestStride; {
		if err := l.turn(ctx); err != nil {
			return nil // the consumer finds out why
		}
		for _, raw := range s.page.events {
			if raw.sequence <= s.at {
				continue
			}
			s.at = raw.sequence
			if raw.lane == l.index && !l.cursor.ended(raw.sequence) {
				return l.message(s.hand, raw.Subject(), raw.Headers(), raw.Data(), raw.sequence)
			}
		}
		s.at = s.page.last
	}
	return nil
}

// turn has the page at hand where the stride goes on. Errors: as those of pages.
func (l *Lane) turn(ctx context.Context) (err error) {
	s := l.stride
	if s.page != nil && s.at < s.page.last {
		return nil
	}
	s.page, err = l.target.pages.with(ctx, s.at+1)
	first := s.at == s.hand.sequence // a page's worth waits behind it
	if err != nil && ctx.Err() == nil && l.target.nc.IsConnected() && (first || !errors.Is(err, errEnd)) {
		l.target.pages.missed()
	}
	return err
}

// halt ends a stride between two events: the consumer goes on at a place in CALLS before which all of the lane has ended.
func (l *Lane) halt(ctx context.Context, at uint64) {
	h := l.stride.hand
	l.stride = nil
	if h.drop != nil {
		h.drop()
	}
	if !l.target.nc.IsConnected() {
		return // AckWait brings it
	}
	if l.target.changing.Load() { // whoever seals the lane looks what was delivered last
		_ = h.raw.Ack()
		return
	}
	// The broker does not ask who sends the consumer on.
	ours := h.sure()
	if !ours {
		ours, _ = h.ours(ctx)
	}
	if !ours {
		return // AckWait brings it, to whoever has the lane
	}
	short, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if _, err := l.target.calls.ResetConsumerToSequence(short, consumerName(l.target.o.Name, l.name), at); err != nil {
		_ = h.raw.Ack() // it goes on one by one; where it has been sent on all the same, this says nothing to it
		if ctx.Err() == nil {
			l.target.pages.missed()
		}
		return
	}
	l.delivery = 0
}

// standStill ends a stride that has nothing in hand.
func (l *Lane) standStill() {
	if s := l.stride; s != nil && s.open == nil {
		l.halt(context.Background(), s.at+1)
	}
}

// retreat ends a stride at an event that has not ended: the consumer brings it, not sooner than after a while.
func (m *Message) retreat(after time.Duration) error {
	l := m.lane
	if l.stride == nil || !l.target.nc.IsConnected() {
		l.stride = nil // AckWait brings it, marked
		return nil
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if m.called {
		if _, err := m.begin(ctx); err != nil {
			l.stride = nil
			return fmt.Errorf("hand message %d back: %w", m.sequence, err)
		}
	}
	l.later = later{m.sequence, time.Now().Add(after)}
	l.halt(ctx, m.sequence)
	return nil
}

// later is an event that rests.
type later struct {
	sequence uint64
	until    time.Time
}

// rests is how long an event must wait that comes from the consumer after a stride.
func (l *Lane) rests(sequence uint64) time.Duration {
	if l.later.sequence != sequence {
		return 0
	}
	return time.Until(l.later.until)
}

// hasReset reports whether NATS can send a consumer on (from 2.14).
func hasReset(nc *nats.Conn) bool {
	var major, minor int
	_, err := fmt.Sscanf(nc.ConnectedServerVersion(), "%d.%d", &major, &minor)
	return err == nil && (major > 2 || major == 2 && minor >= 14)
}
