package stream

import (
	"context"
	"slices"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
)

// goesOn are the subjects of what shows that a line has another call, or goes on with one.
var goesOn = []string{Subject(call.Incoming), Subject(call.Outgoing), Subject(call.Answered)}

// SameCall reports whether an end follows an earlier event of its line with no ring, dial or answer between them. It asks CALLS,
// since endings may be missing: ONEC drops them by the time that the broker gave them, out of order where its clock had been set back.
// Where CALLS has not all that came between, nobody can tell: false. Errors: NATS.
func (m *Message) SameCall(ctx context.Context, earlier uint64) (bool, error) {
	if earlier >= m.sequence {
		return false, nil // it was in another CALLS
	}
	next := earlier + 1
	cfg := jetstream.ConsumerConfig{
		HeadersOnly: true, DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: next,
	}
	err := readUntil(ctx, m.lane.target.calls, cfg, func(raw jetstream.Msg, sequence uint64) (enough bool) {
		site, line := laneKey(raw.Headers())
		ours := site == m.event.Site && line == m.event.Line
		if sequence != next || ours && slices.Contains(goesOn, raw.Subject()) {
			return true
		}
		next++
		return sequence == m.sequence
	})
	return next == m.sequence+1, err
}
