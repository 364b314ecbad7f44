package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	"github.com/callbus/callbus/internal/stream"
	callsv1 "github.com/callbus/callbus/proto/calls/v1"
	"github.com/callbus/callbus/test/faults/check"
)

// target is what the flags of the adapter call theirs.
const target = "main"

// asides are what a lane writes among its endings: that it was given up, and that it calls 1C for an event before its turn.
var asides = []string{"onec.sealed.", "onec.begun."}

func aside(subject string) bool {
	return slices.ContainsFunc(asides, func(a string) bool { return strings.HasPrefix(subject, a) })
}

// record tells what was stored and how it ended.
type record interface {
	untilEnded(ctx context.Context, limit time.Duration) (missing int, err error)
	events(context.Context) ([]check.Event, error)
	endings(context.Context) ([]check.Ending, error)
}

// store is a look into the broker from outside.
type store struct {
	js    jetstream.JetStream
	close func()
}

func openStore(addr, creds string) (*store, error) {
	nc, err := stream.Connect(stream.ConnectOptions{Name: "faults", URL: "nats://" + addr, Creds: creds})
	if err != nil {
		return nil, err
	}
	js, err := jetstream.New(nc)
	return &store{js: js, close: nc.Close}, err
}

// untilEnded waits until there are as many endings as events, and every lane has acknowledged them; it tells how many
// are missing where the limit comes first. NATS may be away now and then.
func (s *store) untilEnded(ctx context.Context, limit time.Duration) (missing int, err error) {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	missing = -1
	for {
		look, done := context.WithTimeout(ctx, 2*time.Second)
		left, err := s.left(look)
		done()
		if err == nil {
			missing = left
		}
		if err == nil && left == 0 {
			return 0, nil
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return missing, nil
		}
	}
}

func (s *store) left(ctx context.Context) (int, error) {
	calls, err := s.js.Stream(ctx, stream.Calls)
	if err != nil {
		return 0, err
	}
	ends, err := s.js.Stream(ctx, stream.Endings)
	if err != nil {
		return 0, err
	}
	kinds, err := ends.Info(ctx, jetstream.WithSubjectFilter("onec.>"))
	if err != nil {
		return 0, err
	}
	left := int(calls.CachedInfo().State.Msgs)
	for subject, n := range kinds.State.Subjects {
		if !aside(subject) {
			left -= int(n)
		}
	}
	if left != 0 {
		return left, nil
	}
	lanes := calls.ListConsumers(ctx)
	for c := range lanes.Info() {
		if strings.HasPrefix(c.Name, "onec-") { // not a tap's
			left += int(c.NumPending) + c.NumAckPending
		}
	}
	return left, lanes.Err()
}

func (s *store) events(ctx context.Context) (events []check.Event, err error) {
	err = s.each(ctx, stream.Calls, func(m *jetstream.RawStreamMsg) (err error) {
		events, err = addEvent(events, m)
		return err
	})
	return events, err
}

func addEvent(events []check.Event, m *jetstream.RawStreamMsg) ([]check.Event, error) {
	var e callsv1.CallEvent
	if err := read(m, &e); err != nil {
		return events, err
	}
	return append(events, check.Event{
		Sequence: m.Sequence, ID: e.GetId(), Marker: e.GetRemote().GetUri(), Line: e.GetLine(), Type: e.GetType(), Accepted: e.GetTime().AsTime(),
		Batch: m.Header.Get("Nats-Batch-Id"),
	}), nil
}

func (s *store) endings(ctx context.Context) (endings []check.Ending, err error) {
	err = s.each(ctx, stream.Endings, func(m *jetstream.RawStreamMsg) (err error) {
		endings, err = addEnding(endings, m)
		return err
	})
	return endings, err
}

func addEnding(endings []check.Ending, m *jetstream.RawStreamMsg) ([]check.Ending, error) {
	var e callsv1.Ending
	if aside(m.Subject) {
		return endings, nil
	}
	if err := read(m, &e); err != nil {
		return endings, err
	}
	return append(endings, check.Ending{
		Stored: m.Sequence, At: m.Time, Event: e.GetSequence(), EventID: e.GetEvent().GetId(), Target: e.GetTarget(), Lane: e.GetLane(), Kind: e.GetKind(),
		Attempts: int(e.GetAttempts()), Unsure: e.GetUnsure(), Reason: e.GetReason(),
	}), nil
}

// read takes the wire as the contract says it is, by nothing of ours but the contract.
func read(m *jetstream.RawStreamMsg, into proto.Message) error {
	if err := protojson.Unmarshal(m.Data, into); err != nil {
		return fmt.Errorf("message %d on %s: %w", m.Sequence, m.Subject, err)
	}
	return nil
}

// each reads a stream message by message: a gap is a finding of the checker, not an error.
func (s *store) each(ctx context.Context, name string, tell func(*jetstream.RawStreamMsg) error) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Minute)
	defer cancel()
	st, err := s.js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil // nor is a stream that is gone
	}
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	state := st.CachedInfo().State
	if state.Msgs == 0 {
		return nil
	}
	for sequence := state.FirstSeq; sequence <= state.LastSeq; sequence++ {
		m, err := st.GetMsg(ctx, sequence)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			continue
		}
		if err == nil {
			err = tell(m)
		}
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
	}
	return nil
}
