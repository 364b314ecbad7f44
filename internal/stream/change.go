package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
)

// A change of a target's lanes (docs/adr/0010). It is written into the registry first, and whoever sees it there carries
// it out: the command, and every adapter of the target. Each step may be done by several at once and again after a death:
//
//	pause     the old lanes' consumers, at the server and for good: nothing is delivered, and no call is held any longer
//	seal      each old lane: its last ending becomes one that no other follows. Its owner does so at once, with nothing in
//	          hand; for a lane without such an owner anybody does, after AckWait
//	write     the new set with the seals' cursors, by compare-and-set: of several one wins
//	remove    the old consumers

// Change is a change of lanes that is under way.
type Change struct {
	Lanes int       `json:"lanes"` // wanted
	Since time.Time `json:"since"`
	By    string    `json:"by,omitempty"`
}

// Former is how far the lanes of a set had come when another one took their place. A set carries those that still say
// something of events which its own lanes read.
type Former struct {
	Generation int      `json:"generation"`
	Ended      []uint64 `json:"ended"`           // by lane: of its lines everything up to here has ended
	Ahead      []uint64 `json:"ahead,omitempty"` // what has ended besides, before its turn; ascending
	Heads      []uint64 `json:"heads"`           // by lane: the event that the target may have been told of already; 0: none. Then those before their turn
}

// last is the highest event that the former set says something of.
func (f Former) last() uint64 {
	last := max(slices.Max(f.Ended), slices.Max(f.Heads))
	if n := len(f.Ahead); n > 0 {
		last = max(last, f.Ahead[n-1])
	}
	return last
}

func (f Former) passed(site string, line call.Line, sequence uint64) bool {
	return sequence <= f.Ended[LaneOf(site, line, len(f.Ended))] || in(f.Ahead, sequence)
}

// begin is the first event that the set's lanes read.
func (s LaneSet) begin() uint64 { return max(s.Start, s.From, 1) }

// passed reports whether an event ended in a lane of a former set.
func (s LaneSet) passed(site string, line call.Line, sequence uint64) bool {
	return slices.ContainsFunc(s.Former, func(f Former) bool { return f.passed(site, line, sequence) })
}

// tried reports whether a lane of a former set may have told the target of an event, and nobody knows.
func (s LaneSet) tried(sequence uint64) bool {
	return slices.ContainsFunc(s.Former, func(f Former) bool { return slices.Contains(f.Heads, sequence) })
}

// next is the set after a change.
func (s LaneSet) next(seals []seal, now time.Time) LaneSet {
	f, told := Former{Generation: s.Generation}, []uint64(nil)
	for _, seal := range seals {
		f.Ended, f.Heads = append(f.Ended, seal.Sequence), append(f.Heads, seal.Head)
		f.Ahead, told = append(f.Ahead, seal.ahead...), append(told, seal.begun...)
	}
	slices.Sort(f.Ahead)
	f.Heads = append(f.Heads, told...)
	n := LaneSet{
		Generation: s.Generation + 1, Lanes: s.Change.Lanes, From: s.From, Calls: s.Calls, Paused: s.Paused,
		Start: slices.Min(f.Ended) + 1, Since: now,
	}
	for _, old := range append(s.Former, f) {
		if old.last() >= n.Start {
			n.Former = append(n.Former, old)
		}
	}
	return n
}

// MaxLanes bounds the lanes of a target: each reads every event.
const MaxLanes = 64

// Step is where a change of lanes is.
type Step struct {
	From, To int
	Waits    []string      // lanes that nobody has given up yet
	For      time.Duration // the longest that they are waited for
	Set      *LaneSet      // the set in force, at the end
}

// ChangeLanes gives a target another number of lanes, and returns when the new ones are in force. One that is under way
// already is carried out first. Errors: no such target, NATS, ctx's; then the adapters of the target, or the next
// call, bring it to its end.
func ChangeLanes(ctx context.Context, nc *nats.Conn, target string, lanes int, by string, tell func(Step)) error {
	if lanes < 1 || lanes > MaxLanes {
		return fmt.Errorf("%d lanes: want 1 to %d", lanes, MaxLanes)
	}
	ctx = undated{ctx}
	c, err := newChanger(ctx, nc, target)
	if err != nil {
		return err
	}
	for {
		set, err := c.toward(ctx, lanes, by, tell)
		switch unanswered := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil; {
		case set != nil:
			tell(Step{From: lanes, To: lanes, Set: set})
			return nil
		case err != nil && !overtaken(err) && !unanswered:
			return err
		}
	}
}

// undated is a context that does not say when it ends. A request is waited for as long as its context says, and for five seconds where that
// does not say it: an answer that was lost with a broker would be waited for to the end of the change.
type undated struct{ context.Context }

func (undated) Deadline() (end time.Time, ok bool) { return time.Time{}, false }

// toward does what comes next. There is a set once it is the one that is wanted.
func (c *changer) toward(ctx context.Context, lanes int, by string, tell func(Step)) (*LaneSet, error) {
	set, revision, err := c.inForce(ctx)
	switch {
	case err != nil:
		return nil, err
	case set.Change != nil:
		return nil, c.finish(ctx, tell)
	case set.Lanes != lanes:
		return nil, c.start(ctx, set, revision, Change{Lanes: lanes, Since: time.Now().UTC(), By: by})
	}
	return &set, nil
}

// start writes down that a change is under way.
func (c *changer) start(ctx context.Context, set LaneSet, revision uint64, change Change) error {
	set.Change = &change
	_, err := writeSet(ctx, c.registry, c.target, set, revision)
	return err
}

// PlannedChange says what ChangeLanes would do: the set in force. Errors: no such target, NATS.
func PlannedChange(ctx context.Context, nc *nats.Conn, target string) (LaneSet, error) {
	c, err := newChanger(ctx, nc, target)
	if err != nil {
		return LaneSet{}, err
	}
	set, _, err := c.inForce(ctx)
	return set, err
}

// Changing reports whether the target was opened in the middle of a change of its lanes: FinishChange comes before Lane.
func (t *Target) Changing() bool { return t.set.Change != nil }

// FinishChange carries a change of lanes out that somebody has begun. Then the target must be opened anew. Errors: NATS,
// ctx's.
func (t *Target) FinishChange(ctx context.Context) error {
	err := t.changer().finish(ctx, func(Step) {})
	if errors.As(err, new(UnknownTarget)) || errors.Is(err, errOtherCalls) {
		return nil // there is nothing to change any more
	}
	return err
}

var errOtherCalls = errors.New("stream " + Calls + " has been made anew, and no adapter has worked on the target since")

// changer carries changes of a target's lanes out.
type changer struct {
	target      string
	js          jetstream.JetStream
	registry    jetstream.KeyValue
	calls, ends jetstream.Stream
}

func newChanger(ctx context.Context, nc *nats.Conn, target string) (*changer, error) {
	c := &changer{target: target}
	var err error
	if c.js, c.registry, err = registryOf(ctx, nc); err != nil {
		return nil, err
	}
	if c.calls, err = streamOf(ctx, nc, Calls); err != nil {
		return nil, err
	}
	c.ends, err = streamOf(ctx, nc, Endings)
	return c, err
}

func (t *Target) changer() *changer {
	return &changer{target: t.o.Name, js: t.js, registry: t.registry, calls: t.calls, ends: t.ends}
}

// inForce is the target's set. Errors: there is none, or it is of another CALLS.
func (c *changer) inForce(ctx context.Context) (LaneSet, uint64, error) {
	set, revision, err := readSet(ctx, c.registry, c.target)
	switch {
	case err != nil:
		return set, 0, err
	case set.Lanes == 0:
		return set, 0, noTarget(ctx, c.registry, c.target)
	case !set.Calls.Equal(c.calls.CachedInfo().Created):
		return set, 0, fmt.Errorf("target %s: %w", c.target, errOtherCalls)
	}
	return set, revision, nil
}

// finish brings the change that is under way to its end. Its errors leave the rest to the next who sees it.
func (c *changer) finish(ctx context.Context, tell func(Step)) error {
	for {
		set, revision, err := c.inForce(ctx)
		if err != nil {
			return err
		}
		if set.Change == nil {
			return c.sweep(ctx, set.Generation)
		}
		step := Step{From: set.Lanes, To: set.Change.Lanes}
		seals, err := c.giveUp(ctx, set, step, tell)
		if errors.Is(err, jetstream.ErrConsumerNotFound) {
			continue // somebody else was faster, and has removed the old lanes
		}
		if err != nil {
			return err
		}
		_, err = writeSet(ctx, c.registry, c.target, set.next(seals, time.Now().UTC()), revision)
		if err != nil && !overtaken(err) {
			return err
		}
	}
}

const (
	// lookForSeals is how often the seals are looked for, and patientWithSeals how long before that is said.
	lookForSeals     = 50 * time.Millisecond
	patientWithSeals = 2 * time.Second
)

// giveUp pauses the lanes of a set for good and returns their seals: those of their owners, and after AckWait its own.
func (c *changer) giveUp(ctx context.Context, set LaneSet, step Step, tell func(Step)) ([]seal, error) {
	tell(step)
	longest := time.Duration(0)
	for i := range set.Lanes {
		ackWait, err := c.hold(ctx, set, i)
		if err != nil {
			return nil, err
		}
		longest = max(longest, ackWait)
	}
	begin, said := time.Now(), false
	for {
		seals, open, err := c.seals(ctx, set)
		switch {
		case err != nil:
			return nil, err
		case len(open) == 0:
			return seals, nil
		case time.Since(begin) > longest:
			return seals, c.sealAll(ctx, set, seals)
		case time.Since(begin) > patientWithSeals && !said:
			step.Waits, step.For, said = open, longest-time.Since(begin), true
			tell(step)
		}
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lookForSeals):
		}
	}
}

// forGood is until when a lane is paused that will never go on.
var forGood = time.Date(2200, 1, 1, 0, 0, 0, 0, time.UTC)

// hold pauses a lane at the server, and returns its AckWait. One that is not there is made, paused: an adapter that has
// not seen the change yet would make it else.
func (c *changer) hold(ctx context.Context, set LaneSet, i int) (time.Duration, error) {
	name := consumerName(c.target, set.laneName(i))
	_, err := c.calls.PauseConsumer(ctx, name, forGood)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		cfg := laneConfig(c.target, set.laneName(i), set.begin(), ackWaitAtLeast)
		cfg.PauseUntil = &forGood
		_, err = c.calls.CreateConsumer(ctx, cfg)
		if errors.Is(err, jetstream.ErrConsumerExists) {
			return c.hold(ctx, set, i)
		}
	}
	if err != nil {
		return 0, fmt.Errorf("pause lane %s: %w", name, err)
	}
	consumer, err := c.calls.Consumer(ctx, name)
	if err != nil {
		return 0, fmt.Errorf("look at lane %s: %w", name, err)
	}
	return consumer.CachedInfo().Config.AckWait, nil
}

// ackWaitAtLeast is that of a lane which no adapter has ever opened.
const ackWaitAtLeast = time.Second

// seals reads those of a set's lanes that have been sealed, and names the others.
func (c *changer) seals(ctx context.Context, set LaneSet) (seals []seal, open []string, err error) {
	seals = make([]seal, set.Lanes)
	for i := range set.Lanes {
		last, err := lastOfLane(ctx, c.ends, c.target, set.laneName(i))
		if err != nil {
			return nil, nil, err
		}
		if last.sealed == nil {
			open = append(open, set.laneName(i))
			continue
		}
		seals[i] = *last.sealed
	}
	return seals, open, nil
}

func (c *changer) sealAll(ctx context.Context, set LaneSet, seals []seal) (err error) {
	for i := range seals {
		if seals[i], err = c.seal(ctx, set, i, false); err != nil {
			return err
		}
	}
	return nil
}

// seal is the last message on a lane's subject of endings: an ending that comes later is refused by its compare-and-set,
// so what the seal says stays true.
type seal struct {
	Kind     string    `json:"kind"` // "sealed"
	Target   string    `json:"target"`
	Lane     string    `json:"lane"`
	Sequence uint64    `json:"sequence,string"`       // the lane's lines have ended up to here
	Head     uint64    `json:"head,string,omitempty"` // the event that the target may have been told of; 0: none
	Time     time.Time `json:"time"`

	ahead, begun []uint64 // of the lane's cursor, in the headers
}

const (
	sealed = "sealed"
	// begun is no ending either: the target is going to be told of an event before its turn.
	begun = "begun"
)

// seal seals a lane that has been paused, or finds that it is. Clean says that its owner does it, who has nothing in hand.
func (c *changer) seal(ctx context.Context, set LaneSet, i int, clean bool) (seal, error) {
	name := set.laneName(i)
	for {
		last, err := lastOfLane(ctx, c.ends, c.target, name)
		if err != nil {
			return seal{}, err
		}
		if last.sealed != nil {
			return *last.sealed, nil
		}
		consumer, err := c.calls.Consumer(ctx, consumerName(c.target, name))
		if err != nil {
			return seal{}, fmt.Errorf("look at lane %s: %w", name, err)
		}
		info := consumer.CachedInfo()
		// A lane without endings, or whose last one was kept for its time, has acknowledged what was not its own.
		at := last.upTo(max(last.calls, info.AckFloor.Stream, set.begin()-1))
		s := seal{Kind: sealed, Target: c.target, Lane: name, Time: time.Now().UTC(), Sequence: at.calls, ahead: at.ahead, begun: at.begun}
		if !clean || info.NumAckPending > 0 {
			if s.Head, err = c.firstOpen(ctx, set, i, at); err != nil {
				return s, err
			}
		}
		if err := c.store(ctx, s, at); !overtaken(err) {
			return s, err
		}
	}
}

func (c *changer) store(ctx context.Context, s seal, at cursor) error {
	data, err := json.Marshal(s)
	if err != nil {
		return err
	}
	if _, err := at.publish(ctx, c.js, c.target, s.Lane, sealed, data, keepDelivered); err != nil {
		return fmt.Errorf("seal lane %s: %w", s.Lane, err)
	}
	return nil
}

// firstOpen is the first event of a lane that has not ended; 0: there is none.
func (c *changer) firstOpen(ctx context.Context, set LaneSet, i int, at cursor) (first uint64, err error) {
	err = readUntil(ctx, c.calls, headersFrom(c.target, at.calls+1), func(m jetstream.Msg, sequence uint64) (found bool) {
		site, line := laneKey(m.Headers())
		if found = LaneOf(site, line, set.Lanes) == i && !set.passed(site, line, sequence) && !at.ended(sequence); found {
			first = sequence
		}
		return found
	})
	return first, err
}

// headersFrom reads what a target's lanes read, without the bodies.
func headersFrom(target string, first uint64) jetstream.ConsumerConfig {
	return jetstream.ConsumerConfig{
		FilterSubjects: []string{"calls.*", AgainSubject(target, "*")}, HeadersOnly: true,
		DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: max(first, 1),
	}
}

// lastMark is the last message on a lane's subject of endings: an ending, a call before its turn that has begun, a seal, or nothing.
type lastMark struct {
	cursor
	sealed *seal
}

func lastOfLane(ctx context.Context, ends jetstream.Stream, target, lane string) (last lastMark, err error) {
	raw, err := ends.GetLastMsgForSubject(ctx, endingSubject("*", target, lane))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return last, nil
	}
	if err != nil {
		return last, fmt.Errorf("read the last ending of lane %s: %w", lane, err)
	}
	if err := last.read(raw); err != nil {
		return last, fmt.Errorf("read the last ending of lane %s: %w", lane, err)
	}
	return last, nil
}

func (l *lastMark) read(raw *jetstream.RawStreamMsg) (err error) {
	var event uint64
	var at time.Time
	switch kind := strings.Split(raw.Subject, ".")[1]; kind {
	case sealed, begun:
		var s seal
		err = json.Unmarshal(raw.Data, &s)
		event, at = s.Sequence, s.Time
		if kind == sealed {
			l.sealed = &s
		}
	default:
		var e Ended
		e, err = decodeEnding(raw.Data, raw.Sequence)
		event, at = e.Sequence, e.Time
	}
	if err != nil {
		return err
	}
	l.cursor, err = cursorOf(raw.Header, event)
	l.ends, l.at = raw.Sequence, at
	if l.sealed != nil {
		l.sealed.ahead, l.sealed.begun = l.ahead, l.begun
	}
	return err
}

var laneOfConsumer = regexp.MustCompile(`^([0-9]+)-[0-9]+$`)

// sweep removes the consumers of generations before one.
func (c *changer) sweep(ctx context.Context, generation int) error {
	names := c.calls.ConsumerNames(ctx)
	var old []string
	for name := range names.Name() {
		lane, ours := strings.CutPrefix(name, consumerName(c.target, ""))
		if m := laneOfConsumer.FindStringSubmatch(lane); ours && m != nil {
			if g, err := strconv.Atoi(m[1]); err == nil && g < generation {
				old = append(old, name)
			}
		}
	}
	if err := names.Err(); err != nil {
		return fmt.Errorf("list the consumers of %s: %w", Calls, err)
	}
	for _, name := range old {
		err := c.calls.DeleteConsumer(ctx, name)
		if err != nil && !errors.Is(err, jetstream.ErrConsumerNotFound) {
			return fmt.Errorf("remove lane %s: %w", name, err)
		}
	}
	return nil
}
