package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/verdict"
)

// LaneSet is what is in force for a target: one entry in the registry, the same for all adapters.
type LaneSet struct {
	Generation int    `json:"generation"` // counts the changes of Lanes; part of the consumers' names
	Lanes      int    `json:"lanes"`      // = calls at once in the target; 0: the target has been forgotten
	From       uint64 `json:"from"`       // sequence in CALLS that the target starts at
	// What a change of Lanes has left: where these lanes start, since when they are in force, and how far those before had come.
	Start  uint64    `json:"start,omitempty"`
	Since  time.Time `json:"since,omitzero"`
	Former []Former  `json:"former,omitempty"`
	Change *Change   `json:"change,omitempty"` // nil: none is under way
	Paused *Pause    `json:"paused,omitempty"` // nil: it is not
	// Calls is when CALLS was created. One that was removed and made anew counts from 1 again: the cursors of the old one
	// would take what is new for ended.
	Calls time.Time `json:"calls"`
}

// TargetOptions describe one target to the stream.
type TargetOptions struct {
	Name     string
	Sessions int           // lanes wanted; the set in force wins
	AckWait  time.Duration // AckWait if 0
	// From is where a new target starts: "beginning", "now", or empty: at the beginning for the store's first target,
	// at now for a later one. Nobody wants last month's calls to ring again in a second system.
	From string
	// Memory is what this process knows from having opened the target before; nil: nothing.
	Memory *Memory
}

// Target is one reader of CALLS with its lanes and endings.
type Target struct {
	o     TargetOptions
	nc    *nats.Conn
	js    jetstream.JetStream
	calls jetstream.Stream
	ends  jetstream.Stream
	set   LaneSet

	registry jetstream.KeyValue
	revision uint64      // of the registry's entry that set is
	changing atomic.Bool // a change of lanes has begun: lanes that are closed say whether something is in hand

	link  *link
	pages *pages // nil: the lanes' consumers cannot be sent on

	reading    sync.Mutex
	reader     *fresh // nil: no lane is far behind
	stopReader context.CancelFunc
	began      time.Time // the last reader
}

// ErrNoCalls says that nobody has created CALLS yet: ingest owns it.
var ErrNoCalls = errors.New("there is no stream CALLS yet: has an ingest been started on this NATS?")

// OpenTarget declares the target in the registry, or joins the set in force, and makes its lanes' consumers. The
// differences are lines for the log. Errors: ErrNoCalls, a name that cannot stand in a subject, NATS.
func OpenTarget(ctx context.Context, nc *nats.Conn, o TargetOptions) (*Target, []string, error) {
	if err := CheckTarget(o.Name); err != nil {
		return nil, nil, err
	}
	o.AckWait = cmp.Or(o.AckWait, AckWait)
	t := &Target{o: o, nc: nc}
	var err error
	if t.js, err = jetstream.New(nc); err != nil {
		return nil, nil, err
	}
	if t.calls, err = t.js.Stream(ctx, Calls); errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, nil, ErrNoCalls
	} else if err != nil {
		return nil, nil, fmt.Errorf("look at stream %s: %w", Calls, err)
	}
	differences, err := declareAdapter(ctx, t.js, t.calls.CachedInfo().Config)
	if err != nil {
		return nil, nil, err
	}
	if t.ends, err = t.js.Stream(ctx, Endings); err != nil {
		return nil, nil, fmt.Errorf("look at stream %s: %w", Endings, err)
	}
	if err := t.join(ctx); err != nil {
		return nil, nil, err
	}
	if t.set.Lanes != o.Sessions {
		differences = append(differences, fmt.Sprintf(
			"target %s keeps its %d sessions (lanes), not the %d asked for; this changes them: callbus lanes %s %[3]d", o.Name, t.set.Lanes, o.Sessions, o.Name))
	}
	if err := t.changer().sweep(ctx, t.set.Generation); err != nil {
		return nil, nil, err
	}
	t.link = watchLink(nc)
	if hasReset(nc) {
		t.pages = newPages(t)
	}
	return t, differences, nil
}

// Close ends what the target does beside its lanes, which must have been closed before.
func (t *Target) Close() {
	t.link.close()
	if t.pages != nil {
		t.pages.close()
	}
	t.reading.Lock()
	defer t.reading.Unlock()
	if r := t.reader; r != nil {
		t.endReader()
		<-r.gone
	}
}

// Taken is the number of the last ending by which the target took an event, of whichever adapter; 0: there is none. Errors: NATS.
func (t *Target) Taken(ctx context.Context) (uint64, error) {
	last, err := lastEnding(ctx, t.ends, endingSubject(verdict.Delivered.String(), t.o.Name, "*"))
	return last.Number, err
}

// Set is the set of lanes in force.
func (t *Target) Set() LaneSet { return t.set }

// join takes the set in force, or writes the first one by compare-and-set: of two adapters that start together one wins.
func (t *Target) join(ctx context.Context) error {
	var err error
	if t.registry, err = openRegistry(ctx, t.js); err != nil {
		return err
	}
	for {
		is, revision, err := readSet(ctx, t.registry, t.o.Name)
		if err != nil {
			return err
		}
		if is.Lanes > 0 && is.Calls.Equal(t.calls.CachedInfo().Created) {
			t.set, t.revision = is, revision
			return nil
		}
		first, err := t.firstSet(ctx, t.registry, is)
		if err != nil {
			return err
		}
		revision, err = writeSet(ctx, t.registry, t.o.Name, first, revision)
		if !overtaken(err) {
			t.set, t.revision = first, revision
			return err
		}
	}
}

// firstSet is what a target starts with that is new, that was forgotten, or whose CALLS is another one now. The
// generation goes on, because the endings of the lanes before are still there: they would be taken for the new lanes'
// cursors.
func (t *Target) firstSet(ctx context.Context, registry jetstream.KeyValue, was LaneSet) (LaneSet, error) {
	info, err := t.calls.Info(ctx)
	if err != nil {
		return was, fmt.Errorf("look at stream %s: %w", Calls, err)
	}
	set := LaneSet{Generation: was.Generation + 1, Lanes: t.o.Sessions, From: 1, Calls: info.Created, Paused: was.Paused}
	names, err := targetNames(ctx, registry)
	if err != nil {
		return set, err
	}
	// Where the store has or had a target, a new name or a forgotten one is no first target. Of a CALLS that was made
	// anew a target in force has seen nothing yet.
	if t.o.From == "now" || t.o.From == "" && len(names) > 0 && was.Lanes == 0 {
		set.From = info.State.LastSeq + 1
	}
	return set, nil
}

// openRegistry opens the bucket that the first adapter has created.
func openRegistry(ctx context.Context, js jetstream.JetStream) (jetstream.KeyValue, error) {
	registry, err := js.KeyValue(ctx, bucket)
	if err != nil {
		return nil, fmt.Errorf("open the registry of targets: %w", err)
	}
	return registry, nil
}

// registryOf opens it on a connection.
func registryOf(ctx context.Context, nc *nats.Conn) (jetstream.JetStream, jetstream.KeyValue, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, nil, err
	}
	registry, err := openRegistry(ctx, js)
	return js, registry, err
}

// targetNames are the registry's entries, those of forgotten targets among them.
func targetNames(ctx context.Context, registry jetstream.KeyValue) (names []string, err error) {
	lister, err := registry.ListKeys(ctx)
	if err != nil {
		return nil, fmt.Errorf("list the targets: %w", err)
	}
	for name := range lister.Keys() {
		names = append(names, name)
	}
	return names, nil
}

// setsInForce are the targets of the registry but for those that were forgotten.
func setsInForce(ctx context.Context, registry jetstream.KeyValue) (map[string]LaneSet, error) {
	names, err := targetNames(ctx, registry)
	sets := map[string]LaneSet{}
	for _, name := range names {
		set, _, err := readSet(ctx, registry, name)
		if err != nil {
			return nil, err
		}
		if set.Lanes > 0 {
			sets[name] = set
		}
	}
	return sets, err
}

// readSet reads a target's entry; one that is not there is the zero set with revision 0.
func readSet(ctx context.Context, registry jetstream.KeyValue, target string) (set LaneSet, revision uint64, err error) {
	entry, err := registry.Get(ctx, target)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return LaneSet{}, 0, nil
	}
	if err != nil {
		return set, 0, fmt.Errorf("read target %s in the registry: %w", target, err)
	}
	if err := json.Unmarshal(entry.Value(), &set); err != nil {
		return set, 0, fmt.Errorf("read target %s in the registry: %w", target, err)
	}
	if set.Lanes < 0 || set.Generation < 1 {
		return set, 0, fmt.Errorf("the registry's entry of target %s makes no sense: %s", target, entry.Value())
	}
	return set, entry.Revision(), nil
}

// writeSet replaces the entry of a known revision, 0 for none, and returns the new one. Where another was faster the
// error is overtaken.
func writeSet(ctx context.Context, registry jetstream.KeyValue, target string, set LaneSet, revision uint64) (uint64, error) {
	value, err := json.Marshal(set)
	if err != nil {
		return 0, err
	}
	if revision == 0 {
		revision, err = registry.Create(ctx, target, value)
	} else {
		revision, err = registry.Update(ctx, target, value, revision)
	}
	if err != nil {
		return 0, fmt.Errorf("write target %s into the registry: %w", target, err)
	}
	return revision, nil
}

// laneName is "<generation>-<number>": a lane of another generation has other lines, so it has another cursor.
func (s LaneSet) laneName(i int) string { return fmt.Sprintf("%d-%d", s.Generation, i) }

func consumerName(target, lane string) string { return "onec-" + target + "-" + lane }

const (
	priorityGroup = "owner"
	// pinnedTTL is how long a lane's owner may be silent before another adapter takes the lane.
	pinnedTTL = 5 * time.Second
	// pullExpiry is how often an idle owner shows that it is there.
	pullExpiry = 2 * time.Second
	// pullSize is above 1 on purpose: fetching one at a time fell from 23,500 to 660 events/s, and MaxAckPending
	// keeps the order anyway.
	pullSize = 100
)

func laneConfig(target, lane string, begin uint64, ackWait time.Duration) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		Durable:        consumerName(target, lane),
		FilterSubjects: []string{"calls.*", AgainSubject(target, "*")},
		AckPolicy:      jetstream.AckExplicitPolicy,
		AckWait:        ackWait,
		MaxAckPending:  1, // the order of the lane and the number of calls at once, kept by the server
		MaxDeliver:     -1,
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy,
		OptStartSeq:    begin,
		PriorityPolicy: jetstream.PriorityPolicyPinned,
		PriorityGroups: []string{priorityGroup},
		PinnedTTL:      pinnedTTL,
	}
}

// consumer makes the lane's consumer; fresh says that it was not there.
func (t *Target) consumer(ctx context.Context, lane string) (there jetstream.Consumer, fresh bool, err error) {
	cfg := laneConfig(t.o.Name, lane, t.set.begin(), t.o.AckWait)
	there, err = t.calls.Consumer(ctx, cfg.Durable)
	if fresh = errors.Is(err, jetstream.ErrConsumerNotFound); fresh {
		there, err = t.calls.CreateConsumer(ctx, cfg)
	}
	if err != nil {
		return nil, false, fmt.Errorf("consumer of lane %s: %w", cfg.Durable, err)
	}
	if there.CachedInfo().Config.AckWait != cfg.AckWait {
		updated := there.CachedInfo().Config
		updated.AckWait = cfg.AckWait
		if there, err = t.calls.UpdateConsumer(ctx, updated); err != nil {
			return nil, false, fmt.Errorf("set AckWait of lane %s: %w", cfg.Durable, err)
		}
	}
	return there, fresh, nil
}
