package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
)

// Store is what an operator sees of the streams from outside.
type Store struct {
	Clock   time.Time // of the NATS server
	Calls   Fullness
	Endings Fullness // zero where no adapter has worked yet
	Last    uint64   // sequence of the last event in CALLS
	Targets []Progress
}

// Fullness is what a stream holds and may hold in bytes; Room -1: no limit.
type Fullness struct{ Used, Room int64 }

// Progress is how far a target is.
type Progress struct {
	Target  string
	Waiting uint64    // events from the oldest without an ending to the last, those of other lanes among them
	Oldest  time.Time // when that was accepted; zero where nothing waits
	Worked  bool      // an adapter has the target's lanes
	Paused  *Pause    // nil: it is not
	Change  *Change   // of its lanes; nil: none is under way
}

// Look looks at the streams. Errors: ErrNoCalls, NATS.
func Look(ctx context.Context, nc *nats.Conn) (s Store, err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return s, err
	}
	calls, err := js.Stream(ctx, Calls)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return s, ErrNoCalls
	}
	if err != nil {
		return s, fmt.Errorf("look at stream %s: %w", Calls, err)
	}
	info := calls.CachedInfo()
	s.Clock, s.Calls, s.Last = info.TimeStamp, fullness(info), info.State.LastSeq
	ends, err := js.Stream(ctx, Endings)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return s, nil
	case err != nil:
		return s, fmt.Errorf("look at stream %s: %w", Endings, err)
	}
	s.Endings = fullness(ends.CachedInfo())
	s.Targets, err = progress(ctx, js, calls)
	return s, err
}

func fullness(info *jetstream.StreamInfo) Fullness {
	return Fullness{int64(info.State.Bytes), info.Config.MaxBytes}
}

func progress(ctx context.Context, js jetstream.JetStream, calls jetstream.Stream) (all []Progress, err error) {
	registry, err := openRegistry(ctx, js)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	sets, err := setsInForce(ctx, registry)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		p, err := progressOf(ctx, calls, name, sets[name])
		if err != nil {
			return nil, err
		}
		all = append(all, p)
	}
	return all, nil
}

func progressOf(ctx context.Context, calls jetstream.Stream, name string, set LaneSet) (Progress, error) {
	p, state := Progress{Target: name, Paused: set.Paused, Change: set.Change}, calls.CachedInfo().State
	ended := state.LastSeq
	for i := range set.Lanes {
		lane, err := calls.Consumer(ctx, consumerName(name, set.laneName(i)))
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			ended = min(ended, set.begin()-1)
			continue
		}
		if err != nil {
			return p, fmt.Errorf("look at lane %d of target %s: %w", i, name, err)
		}
		info := lane.CachedInfo()
		p.Worked = p.Worked || atWork(info)
		if info.NumPending+uint64(info.NumAckPending) > 0 {
			ended = min(ended, max(info.AckFloor.Stream, set.begin()-1))
		}
	}
	if ended >= state.LastSeq {
		return p, nil
	}
	first := max(ended+1, state.FirstSeq)
	p.Waiting = state.LastSeq + 1 - first
	m, err := calls.GetMsg(ctx, first)
	if err != nil {
		return p, nil // it has ended meanwhile, and has been purged
	}
	p.Oldest = m.Time
	if e, err := Decode(m.Data); err == nil && strings.HasPrefix(m.Subject, "calls.") { // what an operator sends again is old, and has not waited
		p.Oldest = e.Time
	}
	return p, nil
}

// Latest are the last events of CALLS, up to most, oldest first. What is no event is left out.
func Latest(ctx context.Context, nc *nats.Conn, most uint64) (events []call.Event, err error) {
	calls, err := streamOf(ctx, nc, Calls)
	if err != nil {
		return nil, err
	}
	state := calls.CachedInfo().State
	first := max(state.FirstSeq, state.LastSeq-min(state.LastSeq, most)+1)
	cfg := jetstream.ConsumerConfig{FilterSubject: "calls.*", DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(first, 1)}
	err = readAll(ctx, calls, cfg, func(m jetstream.Msg, _ uint64) {
		if e, err := Decode(m.Data()); err == nil {
			events = append(events, e)
		}
	})
	return events, err
}

// RejectedSince are the hits that were refused since a point in time and kept, oldest first.
func RejectedSince(ctx context.Context, nc *nats.Conn, since time.Time) (hits []Rejection, err error) {
	kept, err := streamOf(ctx, nc, Hits)
	if err != nil {
		return nil, err
	}
	cfg := jetstream.ConsumerConfig{FilterSubject: "hits.rejected", DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &since}
	err = readAll(ctx, kept, cfg, func(m jetstream.Msg, _ uint64) {
		var r Rejection
		if json.Unmarshal(m.Data(), &r) == nil {
			hits = append(hits, r)
		}
	})
	return hits, err
}

// EndingsSince tells how events have ended since a point in time, oldest first. Where no adapter has worked there are none.
func EndingsSince(ctx context.Context, nc *nats.Conn, since time.Time, tell func(Ended)) error {
	ends, err := streamOf(ctx, nc, Endings)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return readEndings(ctx, ends, "onec.>", &since, tell)
}

func streamOf(ctx context.Context, nc *nats.Conn, name string) (jetstream.Stream, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	s, err := js.Stream(ctx, name)
	if err != nil {
		return nil, fmt.Errorf("look at stream %s: %w", name, err)
	}
	return s, nil
}
