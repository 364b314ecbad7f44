package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Headers of a message on a lane's subject of endings. Without them everything up to the message's own event has ended, and
// nothing above it.
const (
	HeaderCursor = "Callbus-Cursor" // up to here everything has ended
	HeaderAhead  = "Callbus-Ahead"  // what has ended above it
	HeaderBegun  = "Callbus-Begun"  // what the target may have been told of above it, without an ending
)

// cursor is how far a lane has come. Each message on its subject of endings says all of it, so a new owner reads the last one and
// knows: nothing has to be kept for it, and nothing to be put together (docs/adr/0016).
type cursor struct {
	calls uint64   // sequence in CALLS: what is not above it has ended
	ahead []uint64 // what has ended above it, before its turn; ascending
	begun []uint64 // what the target may have been told of above it, before its turn, without an ending; ascending

	ends  uint64    // sequence in ONEC of the message that says so
	event uint64    // that the message is about
	at    time.Time // of the message
}

// ended reports whether an event of the lane's lines has ended.
func (c cursor) ended(sequence uint64) bool { return sequence <= c.calls || in(c.ahead, sequence) }

// overtaken counts what the lane has to remember besides how far it is.
func (c cursor) overtaken() int { return len(c.ahead) + len(c.begun) }

// upTo is the cursor when everything up to an event has ended.
func (c cursor) upTo(sequence uint64) cursor {
	c.calls, c.ahead, c.begun = sequence, above(c.ahead, sequence), above(c.begun, sequence)
	return c
}

// endAhead is the cursor when an event has ended before its turn.
func (c cursor) endAhead(sequence uint64) cursor {
	c.ahead, c.begun = with(c.ahead, sequence), without(c.begun, sequence)
	return c
}

// begin is the cursor when the target is going to be told of an event before its turn.
func (c cursor) begin(sequence uint64) cursor {
	c.begun = with(c.begun, sequence)
	return c
}

// and adds what was known before. What has ended stays so, though a message that said it may be gone before an older one: the broker
// drops them by the time that it gave them, and its clock may have been set back.
func (c cursor) and(before cursor) cursor {
	c = c.upTo(max(c.calls, before.calls))
	for _, sequence := range above(before.ahead, c.calls) {
		c = c.endAhead(sequence)
	}
	for _, sequence := range above(before.begun, c.calls) {
		if !c.ended(sequence) {
			c = c.begin(sequence)
		}
	}
	return c
}

func in(list []uint64, n uint64) bool {
	_, found := slices.BinarySearch(list, n)
	return found
}

func above(list []uint64, n uint64) []uint64 {
	i, found := slices.BinarySearch(list, n)
	if found {
		i++
	}
	return list[i:]
}

func with(list []uint64, n uint64) []uint64 {
	i, found := slices.BinarySearch(list, n)
	if found {
		return list
	}
	return slices.Insert(slices.Clone(list), i, n)
}

func without(list []uint64, n uint64) []uint64 {
	return slices.DeleteFunc(slices.Clone(list), func(m uint64) bool { return m == n })
}

// header says what the sequence of the message's own event does not.
func (c cursor) header() nats.Header {
	h := nats.Header{}
	if c.overtaken() == 0 {
		return h
	}
	h.Set(HeaderCursor, strconv.FormatUint(c.calls, 10))
	if len(c.ahead) > 0 {
		h.Set(HeaderAhead, steps(c.calls, c.ahead))
	}
	if len(c.begun) > 0 {
		h.Set(HeaderBegun, steps(c.calls, c.begun))
	}
	return h
}

// publish puts a message on a lane's subject of endings that says the cursor, if the last one there is still the one that the cursor goes
// by: of two writers one wins. It returns the message's place in ONEC.
func (c cursor) publish(ctx context.Context, js jetstream.JetStream, target, lane, kind string, data []byte, keep time.Duration) (uint64, error) {
	msg := nats.NewMsg(endingSubject(kind, target, lane))
	msg.Data, msg.Header = data, c.header()
	ack, err := js.PublishMsg(ctx, msg, jetstream.WithMsgTTL(keep),
		jetstream.WithExpectLastSequenceForSubject(c.ends, endingSubject("*", target, lane)))
	if err != nil {
		return 0, err
	}
	return ack.Sequence, nil
}

// steps writes ascending numbers as the distance of each from the one before: there may be a thousand, on each ending.
func steps(from uint64, list []uint64) string {
	var b strings.Builder
	for i, n := range list {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(strconv.FormatUint(n-from, 10))
		from = n
	}
	return b.String()
}

// cursorOf reads what the message about an event says.
func cursorOf(h nats.Header, event uint64) (c cursor, err error) {
	c = cursor{calls: event, event: event}
	if at := h.Get(HeaderCursor); at != "" {
		if c.calls, err = strconv.ParseUint(at, 10, 64); err != nil {
			return c, fmt.Errorf("header %s: %w", HeaderCursor, err)
		}
	}
	var aheadOf, begunOf error
	c.ahead, aheadOf = readSteps(c.calls, h.Get(HeaderAhead))
	c.begun, begunOf = readSteps(c.calls, h.Get(HeaderBegun))
	return c, errors.Join(aheadOf, begunOf)
}

func readSteps(from uint64, text string) (list []uint64, err error) {
	if text == "" {
		return nil, nil
	}
	for step := range strings.SplitSeq(text, ",") {
		n, err := strconv.ParseUint(step, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("what has ended ahead: %w", err)
		}
		if n == 0 || from+n < from {
			return nil, fmt.Errorf("what has ended ahead: %q does not ascend", text)
		}
		from += n
		list = append(list, from)
	}
	return list, nil
}
