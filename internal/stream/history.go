package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/verdict"
)

// Life is what is recorded of one event.
type Life struct {
	Event    call.Event
	Stream   string // Calls or Phones; what phones say of themselves goes to no target
	Subject  string
	Sequence uint64    // its place in the stream; 0: it was sent again, and stored before the time that was asked for
	Stored   time.Time // by the server's clock
	Remote   bool      // found by the number of the other side alone
	Passages []Passage // by target, then in the order of the stream
}

// Passage is the way of an event to one target. An event has another one each time that an operator sends it again.
type Passage struct {
	Target   string
	Sequence uint64
	Again    time.Time // when it was sent again; zero: this is the first passage
	Retry    bool      // as a dead letter, which the passage before had become: it goes when the event has ended anew
	Ending   *Ended
	Wait     *Wait // it has no ending yet
	Before   bool  // the target began later: this event is not for it
	// With none of the three it has ended, and the ending is not kept any more.
}

// Wait is what an event without an ending waits for.
type Wait struct {
	Lane   string
	Ahead  int       // events of the lane that come before it
	Owned  bool      // an adapter works on the lane
	InHand time.Time // when the lane's front was handed out last and did not end; zero: it was not
	Took   time.Time // when the target took an event last, of any lane; zero: never, or longer ago than endings are kept
	Paused *Pause    // the target is
}

// Search says whose lives are told.
type Search struct {
	Word  string    // a line, a phone's call id, an event's id, or the other side's number in any spelling
	Since time.Time // of no concern to an event's id, which has its time in it
	Most  int       // the last so many of those that Word names, and of those that it is the other side's number of
}

// Lives reads what is recorded of the events that a word names, oldest first; behind them those of which it is the other
// side's number. It changes nothing. Errors: ErrNoCalls, NATS.
func Lives(ctx context.Context, nc *nats.Conn, s Search) ([]Life, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	if id, err := uuid.Parse(s.Word); err == nil && id.Version() == 7 {
		s.Since = time.Unix(id.Time().UnixTime()).Add(-clocks)
	}
	h := &history{js: js, search: s, number: phone.Parse(s.Word, phone.DefaultRegion), lives: map[string]*Life{}}
	if err := h.read(ctx); err != nil {
		return nil, err
	}
	lives := h.last()
	return lives, h.follow(ctx, lives)
}

// history is one search.
type history struct {
	js     jetstream.JetStream
	search Search
	number phone.Number // that the word may be
	calls  jetstream.Stream
	lives  map[string]*Life // by the event's id
}

// read finds the events.
func (h *history) read(ctx context.Context) error {
	for _, name := range []string{Phones, Calls} {
		s, err := h.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) {
			return ErrNoCalls
		}
		if err != nil {
			return fmt.Errorf("look at stream %s: %w", name, err)
		}
		h.calls = s // the last one is CALLS
		since := jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy, OptStartTime: &h.search.Since}
		if err := readAll(ctx, s, since, func(m jetstream.Msg, sequence uint64) { h.note(name, m, sequence) }); err != nil {
			return err
		}
	}
	return nil
}

func (h *history) note(stream string, m jetstream.Msg, sequence uint64) {
	e, err := Decode(m.Data())
	meta, noMeta := m.Metadata()
	named := slices.Contains([]string{string(e.Line), e.CallID, e.ID}, h.search.Word)
	if err != nil || noMeta != nil || !named && !sameNumber(h.number, e.Remote.Number) {
		return
	}
	l := h.lives[e.ID]
	if l == nil {
		l = &Life{Event: e, Stream: stream, Remote: !named}
		h.lives[e.ID] = l
	}
	if target, again := againFor(m.Subject()); again {
		l.Passages = append(l.Passages, Passage{Target: target, Sequence: sequence, Again: meta.Timestamp, Retry: m.Headers().Get(HeaderLetter) != ""})
		return
	}
	l.Subject, l.Sequence, l.Stored = m.Subject(), sequence, meta.Timestamp
}

const (
	fewest = 7  // digits that a number may be asked for by its end with
	most   = 10 // digits that tell two numbers apart: before them stands a country's code, or the 8 that was dialled for it
)

// sameNumber reports whether a number that was asked for is this one. Short ones are internal, and are asked for whole.
func sameNumber(asked, n phone.Number) bool {
	if asked == n {
		return n != ""
	}
	end := digitsOf(asked)
	end = end[max(0, len(end)-most):]
	return len(end) >= fewest && strings.HasSuffix(digitsOf(n), end)
}

func digitsOf(n phone.Number) string {
	return strings.Map(func(r rune) rune {
		if r < '0' || r > '9' {
			return -1
		}
		return r
	}, string(n))
}

// againFor reads the target in again.<target>.<event>.
func againFor(subject string) (target string, again bool) {
	rest, again := strings.CutPrefix(subject, "again.")
	target, _, _ = strings.Cut(rest, ".")
	return target, again
}

func (h *history) last() []Life {
	var named, remote []Life
	for _, l := range h.lives {
		if l.Remote {
			remote = append(remote, *l)
		} else {
			named = append(named, *l)
		}
	}
	return append(h.lastOf(named), h.lastOf(remote)...)
}

func (h *history) lastOf(lives []Life) []Life {
	slices.SortFunc(lives, func(a, b Life) int { return a.Event.Time.Compare(b.Event.Time) })
	return lives[max(0, len(lives)-h.search.Most):]
}

// follow finds what became of the events at each target.
func (h *history) follow(ctx context.Context, lives []Life) error {
	if len(lives) == 0 {
		return nil
	}
	endings, err := h.endings(ctx, lives)
	if err != nil {
		return err
	}
	sets, err := h.sets(ctx)
	if err != nil {
		return err
	}
	lanes := map[string]*laneState{}
	for i := range lives {
		if lives[i].Stream == Phones {
			continue
		}
		lives[i].begin(sets)
		lives[i].end(endings[lives[i].Event.ID])
		if err := h.followOne(ctx, &lives[i], sets, lanes); err != nil {
			return err
		}
	}
	return h.lookAgain(ctx, lives)
}

// lookAgain reads the endings once more where a lane has an event behind it whose ending was not found: it may have been
// stored while we looked.
func (h *history) lookAgain(ctx context.Context, lives []Life) error {
	if !slices.ContainsFunc(lives, Life.unexplained) {
		return nil
	}
	endings, err := h.endings(ctx, lives)
	for i := range lives {
		if lives[i].unexplained() {
			lives[i].end(endings[lives[i].Event.ID])
		}
	}
	return err
}

// unexplained reports whether a passage has ended, and nothing says how.
func (l Life) unexplained() bool {
	return l.Stream == Calls && slices.ContainsFunc(l.Passages, func(p Passage) bool {
		return p.Ending == nil && p.Wait == nil && !p.Before
	})
}

// sets are the targets in force; none where no adapter has worked yet.
func (h *history) sets(ctx context.Context) (map[string]LaneSet, error) {
	registry, err := openRegistry(ctx, h.js)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	return setsInForce(ctx, registry)
}

// endings are those of the events, by id.
func (h *history) endings(ctx context.Context, lives []Life) (map[string][]Ended, error) {
	found := map[string][]Ended{}
	ends, err := h.js.Stream(ctx, Endings)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return found, nil
	}
	if err != nil {
		return nil, fmt.Errorf("look at stream %s: %w", Endings, err)
	}
	wanted := map[string]bool{}
	for _, l := range lives {
		wanted[l.Event.ID] = true
	}
	return found, readEndings(ctx, ends, endingSubject("*", "*", "*"), &h.search.Since, func(e Ended) {
		if wanted[e.Event.ID] {
			found[e.Event.ID] = append(found[e.Event.ID], e)
		}
	})
}

func (h *history) followOne(ctx context.Context, l *Life, sets map[string]LaneSet, lanes map[string]*laneState) error {
	for i := range l.Passages {
		p := &l.Passages[i]
		set, inForce := sets[p.Target]
		p.Before = inForce && p.Again.IsZero() && p.Sequence < set.From
		if p.Ending != nil || p.Before || !inForce || set.passed(l.Event.Site, l.Event.Line, p.Sequence) {
			continue
		}
		lane, err := h.lane(ctx, p.Target, set, LaneOf(l.Event.Site, l.Event.Line, set.Lanes), lanes)
		if err != nil {
			return err
		}
		p.Wait = lane.wait(p.Sequence)
	}
	return nil
}

// begin puts a passage to each target beside those that an operator began.
func (l *Life) begin(sets map[string]LaneSet) {
	for target := range sets {
		if l.Sequence > 0 {
			l.Passages = append(l.Passages, Passage{Target: target, Sequence: l.Sequence})
		}
	}
}

// end puts each ending to its passage.
func (l *Life) end(endings []Ended) {
	for _, e := range endings {
		i := slices.IndexFunc(l.Passages, func(p Passage) bool { return p.Target == e.Target && p.Sequence == e.Sequence })
		if i < 0 { // of a target that has been forgotten, or before the time that was asked for
			l.Passages = append(l.Passages, Passage{Target: e.Target, Sequence: e.Sequence})
			i = len(l.Passages) - 1
		}
		l.Passages[i].Ending, l.Passages[i].Wait = &e, nil
	}
	slices.SortFunc(l.Passages, func(a, b Passage) int {
		if c := cmp.Compare(a.Target, b.Target); c != 0 {
			return c
		}
		return cmp.Compare(a.Sequence, b.Sequence)
	})
}

// laneState is what a lane is busy with.
type laneState struct {
	Wait
	cursor
	queue []uint64 // what has not ended, in order
}

// wait is nil for what the lane has behind it.
func (l *laneState) wait(sequence uint64) *Wait {
	if l.ended(sequence) {
		return nil
	}
	w := l.Wait
	w.Ahead, _ = slices.BinarySearch(l.queue, sequence)
	return &w
}

// lane looks at a lane, once for each search.
func (h *history) lane(ctx context.Context, target string, set LaneSet, index int, known map[string]*laneState) (*laneState, error) {
	name := consumerName(target, set.laneName(index))
	if l := known[name]; l != nil {
		return l, nil
	}
	l := &laneState{Wait: Wait{Lane: set.laneName(index), Paused: set.Paused}}
	known[name] = l
	ends, err := h.js.Stream(ctx, Endings)
	if err != nil {
		return nil, fmt.Errorf("look at stream %s: %w", Endings, err)
	}
	last, err := lastOfLane(ctx, ends, target, l.Lane)
	if err != nil {
		return nil, err
	}
	took, err := lastEnding(ctx, ends, endingSubject(verdict.Delivered.String(), target, "*"))
	if err != nil {
		return nil, err
	}
	l.cursor, l.Took = last.cursor, took.Time
	if err := h.look(ctx, l, name); err != nil {
		return nil, err
	}
	return l, h.queue(ctx, l, target, set, index)
}

// probing is how long the owner of a lane may seem to be gone while its target is away: it pulls for a moment only, when it
// is the lane's turn to try, and is no longer pinned in between.
const probing = 15 * time.Second

// look asks the lane's consumer who works on it. One that is not there yet has nobody.
func (h *history) look(ctx context.Context, l *laneState, name string) error {
	c, err := h.calls.Consumer(ctx, name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("look at lane %s: %w", name, err)
	}
	info := c.CachedInfo()
	if info.NumAckPending > 0 && info.Delivered.Last != nil && info.Delivered.Stream > l.calls { // else it has its ending
		l.InHand = *info.Delivered.Last
	}
	l.Owned = slices.ContainsFunc(info.PriorityGroups, pinned) || time.Since(l.InHand) < probing
	return nil
}

// queue reads what has not ended. The bodies stay where they are: a target that was away for days has many.
func (h *history) queue(ctx context.Context, l *laneState, target string, set LaneSet, index int) error {
	return readAll(ctx, h.calls, headersFrom(target, max(l.calls+1, set.begin())), func(m jetstream.Msg, sequence uint64) {
		if site, line := laneKey(m.Headers()); LaneOf(site, line, set.Lanes) == index && !set.passed(site, line, sequence) && !l.ended(sequence) {
			l.queue = append(l.queue, sequence)
		}
	})
}

// lastEnding is the zero Ended where there is none.
func lastEnding(ctx context.Context, ends jetstream.Stream, subject string) (Ended, error) {
	raw, err := ends.GetLastMsgForSubject(ctx, subject)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return Ended{}, nil
	}
	if err != nil {
		return Ended{}, fmt.Errorf("read the last ending on %s: %w", subject, err)
	}
	return decodeEnding(raw.Data, raw.Sequence)
}
