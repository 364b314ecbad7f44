package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
)

// Standing is how a target does: what the streams hold of it, and what its adapters say.
type Standing struct {
	Target   string
	Set      LaneSet
	Adapters []Status          // those that answer
	Owners   map[string]string // lane → its owner among them; a lane that is not here has none, or one that does not answer
	AtWork   bool              // somebody pulls for it, or may have something of it in hand

	Queue  int       // events that have not ended
	Oldest time.Time // when the first of them was stored

	Minute, Hour int       // endings of the last minute and hour
	Ended        time.Time // the last ending of that hour
	Dead         int       // dead letters that are kept
	LastDead     Ended     // the last of them
}

// Standings looks at all targets, sorted by name. Errors: ErrNoCalls, NATS.
func Standings(ctx context.Context, nc *nats.Conn) (all []Standing, err error) {
	c, err := newChanger(ctx, nc, "")
	switch {
	case errors.Is(err, jetstream.ErrBucketNotFound):
		return nil, nil // no adapter has worked here yet
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return nil, ErrNoCalls
	case err != nil:
		return nil, err
	}
	sets, err := setsInForce(ctx, c.registry)
	if err != nil {
		return nil, err
	}
	for _, name := range slices.Sorted(maps.Keys(sets)) {
		c.target = name
		s := Standing{Target: name, Set: sets[name], Owners: map[string]string{}}
		if err := c.stand(ctx, nc, &s); err != nil {
			return nil, fmt.Errorf("target %s: %w", name, err)
		}
		all = append(all, s)
	}
	return all, nil
}

func (c *changer) stand(ctx context.Context, nc *nats.Conn, s *Standing) (err error) {
	if s.Adapters, err = AskStatus(ctx, nc, s.Target); err != nil {
		return err
	}
	r, lanes, err := c.reach(ctx, s.Set)
	if err != nil {
		return err
	}
	for name, info := range lanes {
		s.AtWork = s.AtWork || atWork(info)
		for _, a := range s.Adapters {
			if pin := a.Owns[name]; pin != "" && slices.ContainsFunc(info.PriorityGroups, func(g jetstream.PriorityGroupState) bool { return g.PinnedClientID == pin }) {
				s.Owners[name] = a.Adapter
			}
		}
	}
	if err := c.queue(ctx, r, s); err != nil {
		return err
	}
	return c.endings(ctx, s)
}

// reach is how far the lanes of a set have come.
type reach struct {
	set   LaneSet
	lanes []cursor
}

// open reports whether an event that the set's lanes read has not ended.
func (r reach) open(site string, line call.Line, sequence uint64) bool {
	return !r.lanes[LaneOf(site, line, r.set.Lanes)].ended(sequence) && !r.set.passed(site, line, sequence)
}

// first is the first event that may not have ended.
func (r reach) first() uint64 {
	return slices.MinFunc(r.lanes, func(a, b cursor) int { return cmp.Compare(a.calls, b.calls) }).calls + 1
}

// reach reads how far the lanes of a set have come, and what their consumers, by lane, say; one that is not there is left out.
func (c *changer) reach(ctx context.Context, set LaneSet) (r reach, lanes map[string]*jetstream.ConsumerInfo, err error) {
	r, lanes = reach{set: set}, map[string]*jetstream.ConsumerInfo{}
	for i := range set.Lanes {
		last, err := lastOfLane(ctx, c.ends, c.target, set.laneName(i))
		if err != nil {
			return r, nil, err
		}
		at := last.upTo(max(last.calls, set.begin()-1))
		consumer, err := c.calls.Consumer(ctx, consumerName(c.target, set.laneName(i)))
		switch {
		case errors.Is(err, jetstream.ErrConsumerNotFound):
		case err != nil:
			return r, nil, fmt.Errorf("look at lane %s: %w", set.laneName(i), err)
		default:
			info := consumer.CachedInfo()
			lanes[set.laneName(i)], at = info, at.upTo(max(at.calls, info.AckFloor.Stream))
		}
		r.lanes = append(r.lanes, at)
	}
	return r, lanes, nil
}

// queue counts what has not ended. Only the heads are read: a target that was away for days has many.
func (c *changer) queue(ctx context.Context, r reach, s *Standing) error {
	return readAll(ctx, c.calls, headersFrom(c.target, r.first()), func(m jetstream.Msg, sequence uint64) {
		site, line := laneKey(m.Headers())
		if !r.open(site, line, sequence) {
			return
		}
		if meta, err := m.Metadata(); err == nil && s.Queue == 0 {
			s.Oldest = meta.Timestamp
		}
		s.Queue++
	})
}

func (c *changer) endings(ctx context.Context, s *Standing) error {
	now := time.Now()
	hour, minute := now.Add(-time.Hour), now.Add(-time.Minute)
	err := readEndings(ctx, c.ends, endingSubject("*", c.target, "*"), &hour, func(e Ended) {
		s.Hour, s.Ended = s.Hour+1, e.Time
		if e.Time.After(minute) {
			s.Minute++
		}
	})
	if err != nil {
		return err
	}
	return readEndings(ctx, c.ends, endingSubject(verdict.Dead.String(), c.target, "*"), nil, func(e Ended) {
		s.Dead, s.LastDead = s.Dead+1, e
	})
}
