package stream

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/verdict"
)

const (
	keepCalls = 30 * day
	// CALLS is swept from highWater down to lowWater per cent of its room.
	highWater, lowWater = 80, 70
)

// Janitor keeps room in CALLS and ONEC. CALLS itself drops nothing: only what every target has ended may go, and it goes
// from the front, when it is 30 days old or the store is 80 % full. ONEC drops what is old; where that is not enough, the oldest
// endings go that are neither a dead letter nor the last one of their lane, which is its cursor.
type Janitor struct {
	js  jetstream.JetStream
	now func() time.Time
}

// NewJanitor makes a janitor. Any adapter may run one, several at once do no harm.
func NewJanitor(nc *nats.Conn) (*Janitor, error) {
	js, err := jetstream.New(nc)
	return &Janitor{js: js, now: time.Now}, err
}

// sweepEvery is how often it is looked whether CALLS or ONEC needs room: phones may be getting 503, and lanes stand still.
const sweepEvery = 5 * time.Second

// Run sweeps every five seconds until ctx ends, and tells what came of it.
func (j *Janitor) Run(ctx context.Context, tell func(events, endings uint64, err error)) {
	each(ctx, sweepEvery, func() {
		if swept, err := j.Sweep(ctx); ctx.Err() == nil {
			tell(swept.Events, swept.Endings, err)
		}
	})
}

// Swept is what a sweep has purged.
type Swept struct{ Events, Endings uint64 }

// Sweep purges what may go. Errors: NATS; of CALLS nothing is purged then.
func (j *Janitor) Sweep(ctx context.Context) (s Swept, err error) {
	endings, failed := j.sweepEndings(ctx)
	events, err := j.sweepCalls(ctx)
	return Swept{events, endings}, errors.Join(failed, err)
}

// sweepEndings makes room in ONEC. Full it would stop the lanes: an ending is larger than its event, so after a long absence of 1C a
// full CALLS did not fit into it, and 37,000 events a day filled it within the 30 days.
func (j *Janitor) sweepEndings(ctx context.Context) (purged uint64, err error) {
	ends, err := j.js.Stream(ctx, Endings)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil // no adapter has worked yet
	}
	if err != nil {
		return 0, fmt.Errorf("look at stream %s: %w", Endings, err)
	}
	before := ends.CachedInfo()
	upTo := surplusEndings(before)
	if upTo == 0 {
		return 0, nil
	}
	for _, kind := range []string{verdict.Delivered.String(), verdict.Skipped.String(), begun} {
		if err := forgetEndings(ctx, ends, endingSubject(kind, "*", "*"), upTo); err != nil {
			return 0, err
		}
	}
	after, err := ends.Info(ctx)
	if err != nil {
		return 0, fmt.Errorf("look at stream %s: %w", Endings, err)
	}
	return before.State.Msgs - min(before.State.Msgs, after.State.Msgs), nil
}

// forgetEndings purges endings of a kind up to a sequence, but for the last one of each lane.
func forgetEndings(ctx context.Context, ends jetstream.Stream, filter string, upTo uint64) error {
	info, err := ends.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", Endings, err)
	}
	for subject := range info.State.Subjects {
		words := strings.Split(subject, ".")
		last, err := lastOfLane(ctx, ends, words[2], words[3])
		if err != nil {
			return err
		}
		if last.ends == 0 {
			continue // gone by its age meanwhile
		}
		if err := ends.Purge(ctx, jetstream.WithPurgeSubject(subject), jetstream.WithPurgeSequence(min(upTo+1, last.ends))); err != nil {
			return fmt.Errorf("purge %s up to %d: %w", subject, upTo, err)
		}
	}
	return nil
}

func (j *Janitor) sweepCalls(ctx context.Context) (purged uint64, err error) {
	calls, err := j.js.Stream(ctx, Calls)
	if err != nil {
		return 0, fmt.Errorf("look at stream %s: %w", Calls, err)
	}
	info := calls.CachedInfo()
	ended, err := j.endedByAll(ctx, calls)
	if err != nil || ended < info.State.FirstSeq {
		return 0, err
	}
	old, err := oldest(ctx, calls, info.State, ended, j.now().Add(-keepCalls))
	if err != nil {
		return 0, err
	}
	last := max(old, crowded(info))
	last = min(last, ended)
	if last < info.State.FirstSeq {
		return 0, nil
	}
	if err := calls.Purge(ctx, jetstream.WithPurgeSequence(last+1)); err != nil {
		return 0, fmt.Errorf("purge %s up to %d: %w", Calls, last, err)
	}
	return last + 1 - info.State.FirstSeq, nil
}

// endedByAll is the last sequence in CALLS that every lane of every registered target has acknowledged, and, in a branch's
// store, the hub. A target whose lane is not there yet holds everything, and so does a store that nobody reads.
func (j *Janitor) endedByAll(ctx context.Context, calls jetstream.Stream) (uint64, error) {
	readers, err := j.readers(ctx, calls)
	if err != nil || len(readers) == 0 {
		return 0, err
	}
	ended := ^uint64(0)
	for _, consumer := range readers {
		floor, err := ackFloor(ctx, calls, consumer)
		if err != nil {
			return 0, err
		}
		ended = min(ended, floor)
	}
	return ended, nil
}

// readers are the consumers on CALLS that nothing may be taken from.
func (j *Janitor) readers(ctx context.Context, calls jetstream.Stream) (consumers []string, err error) {
	switch _, err := calls.Consumer(ctx, hubCursor); {
	case err == nil:
		consumers = append(consumers, hubCursor)
	case !errors.Is(err, jetstream.ErrConsumerNotFound):
		return nil, fmt.Errorf("look at consumer %s: %w", hubCursor, err)
	}
	registry, err := openRegistry(ctx, j.js)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return consumers, nil
	}
	if err != nil {
		return nil, err
	}
	sets, err := setsInForce(ctx, registry)
	for name, set := range sets {
		for i := range set.Lanes {
			consumers = append(consumers, consumerName(name, set.laneName(i)))
		}
	}
	return consumers, err
}

func ackFloor(ctx context.Context, calls jetstream.Stream, consumer string) (uint64, error) {
	c, err := calls.Consumer(ctx, consumer)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, fmt.Errorf("look at lane %s: %w", consumer, err)
	}
	return c.CachedInfo().AckFloor.Stream, nil
}

// oldest is the last sequence, up to limit, that was stored before a point in time. The sequences have no gaps but
// those that a deletion by hand made, so a search by halves finds it in some twenty looks.
func oldest(ctx context.Context, calls jetstream.Stream, state jetstream.StreamState, limit uint64, before time.Time) (uint64, error) {
	if state.Msgs == 0 || !state.FirstTime.Before(before) {
		return 0, nil
	}
	var failed error
	n := sort.Search(int(limit-state.FirstSeq+1), func(i int) bool {
		m, err := calls.GetMsg(ctx, state.FirstSeq+uint64(i))
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return true // a gap that somebody made by hand: rather keep too much
		}
		if err != nil {
			failed = err
			return true
		}
		return !m.Time.Before(before)
	})
	if failed != nil {
		return 0, fmt.Errorf("look for old events: %w", failed)
	}
	return state.FirstSeq + uint64(n) - 1, nil
}

// crowded is the last sequence that has to go for CALLS to shrink to lowWater, 0 while it is below highWater.
func crowded(info *jetstream.StreamInfo) uint64 {
	room, used := info.Config.MaxBytes, int64(info.State.Bytes)
	if room <= 0 || used < room/100*highWater {
		return 0
	}
	surplus := float64(used-room/100*lowWater) / float64(used)
	return info.State.FirstSeq + uint64(surplus*float64(info.State.Msgs))
}

// surplusEndings is the last sequence that may have to go for ONEC to shrink to lowWater, 0 while it is below highWater. It is counted
// from the end: at the front there are gaps between the dead letters.
func surplusEndings(info *jetstream.StreamInfo) uint64 {
	room, used := info.Config.MaxBytes, int64(info.State.Bytes)
	if room <= 0 || used < room/100*highWater {
		return 0
	}
	stay := uint64(float64(room/100*lowWater) / float64(used) * float64(info.State.Msgs))
	return info.State.LastSeq - stay
}

// ForgetTarget frees what a target that is gone has kept from being purged: its lanes. Its endings stay, and so does
// its entry in the registry, for the generation in it. Errors: there is no such target, an adapter works on it, NATS.
func ForgetTarget(ctx context.Context, nc *nats.Conn, name string) error {
	js, registry, err := registryOf(ctx, nc)
	if err != nil {
		return err
	}
	set, revision, err := readSet(ctx, registry, name)
	if err != nil {
		return err
	}
	if set.Lanes == 0 {
		return noTarget(ctx, registry, name)
	}
	if err := unused(ctx, js, name, set); err != nil {
		return err
	}
	if err := satOut(ctx, nc, name, set); err != nil {
		return err
	}
	if _, err := writeSet(ctx, registry, name, LaneSet{Generation: set.Generation, Calls: set.Calls}, revision); err != nil {
		return err
	}
	for i := range set.Lanes {
		err := js.DeleteConsumer(ctx, Calls, consumerName(name, set.laneName(i)))
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("remove lane %d of target %s: %w", i, name, err)
		}
	}
	return nil
}

// UnknownTarget is the error of what was asked about a target that is not in force.
type UnknownTarget struct {
	Name  string
	There []string
}

func (e UnknownTarget) Error() string {
	return fmt.Sprintf("there is no target %s (there are: %s)", e.Name, strings.Join(e.There, ", "))
}

func noTarget(ctx context.Context, registry jetstream.KeyValue, name string) error {
	sets, _ := setsInForce(ctx, registry)
	return UnknownTarget{name, slices.Sorted(maps.Keys(sets))}
}

// unused is an error while an adapter waits for a lane's messages, or may have one in hand.
func unused(ctx context.Context, js jetstream.JetStream, name string, set LaneSet) error {
	for i := range set.Lanes {
		lane, err := js.Consumer(ctx, Calls, consumerName(name, set.laneName(i)))
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at lane %d of target %s: %w", i, name, err)
		}
		if atWork(lane.CachedInfo()) {
			return InUse{name}
		}
	}
	return nil
}

// satOut is an error while an adapter waits for the end of a pause or of a change of lanes. It does not pull meanwhile, and
// would declare the target anew at once, without the pause.
func satOut(ctx context.Context, nc *nats.Conn, name string, set LaneSet) error {
	if set.Paused == nil && set.Change == nil {
		return nil
	}
	adapters, err := AskStatus(ctx, nc, name)
	if err == nil && len(adapters) > 0 {
		return InUse{name}
	}
	return err
}

// atWork reports whether an adapter waits for a lane's messages, or may have one in hand.
func atWork(info *jetstream.ConsumerInfo) bool {
	inHand := info.NumAckPending > 0 && info.Delivered.Last != nil && time.Since(*info.Delivered.Last) < info.Config.AckWait
	return info.NumWaiting > 0 || inHand || slices.ContainsFunc(info.PriorityGroups, pinned)
}

func pinned(g jetstream.PriorityGroupState) bool { return g.PinnedClientID != "" }
