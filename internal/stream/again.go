package stream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/verdict"
)

// Repeat is what an operator sends to one target once more. The events go to that target only, past its rules, and behind
// what waits there.
type Repeat struct {
	Target  string
	Events  []Ended // in the order in which they were accepted
	Waiting int     // left out: they were sent again before, and have not ended yet
	Told    int     // left out of a hole: the target has ended them once more since
	Kept    int     // left out of a hole: a rule keeps them from the target

	run string // part of the messages' ids
	set LaneSet
	*changer
}

// Retries sorts dead letters by target, to be sent again. What is no event, and what waits already, is left out. Errors:
// UnknownTarget, NATS.
func Retries(ctx context.Context, nc *nats.Conn, letters []DeadLetter) (all []Repeat, err error) {
	byTarget := map[string][]Ended{}
	for _, l := range letters {
		if l.Event.Type.Known() {
			byTarget[l.Target] = append(byTarget[l.Target], l.Ended)
		}
	}
	for _, target := range slices.Sorted(maps.Keys(byTarget)) {
		r, waits, err := newRepeat(ctx, nc, target)
		if err != nil {
			return nil, err
		}
		for _, e := range byTarget[target] {
			if waits[e.Event.ID] {
				r.Waiting++
			} else {
				r.Events = append(r.Events, e)
			}
		}
		r.sort()
		all = append(all, r)
	}
	return all, nil
}

// Hole finds what a target was told in a time that it has lost: w names the target, Since and Until. An event that the target
// has ended once more since then is left alone, so that a run that was broken off can be gone on with. Lost says which of
// the skipped ones are to be sent all the same. Errors: UnknownTarget, NATS.
func Hole(ctx context.Context, nc *nats.Conn, w Which, lost func(Ended) bool) (Repeat, error) {
	r, waits, err := newRepeat(ctx, nc, w.Target)
	if err != nil {
		return r, err
	}
	r.run = w.Target + "." + strconv.FormatInt(w.Until.Unix(), 10)
	found, told := map[string]Ended{}, map[string]bool{}
	stored := w.Since.Add(-clocks) // by the server's clock
	err = readEndings(ctx, r.ends, endingSubject("*", w.Target, "*"), &stored, func(e Ended) {
		if !e.Time.Before(w.Until) {
			told[e.Event.ID] = true
		}
		if w.Means(e) && e.Event.Type.Known() {
			e.Tries = nil // there may be many events, and nobody asks for them
			found[e.Event.ID] = e
		}
	})
	for id, e := range found {
		switch {
		case waits[id]:
			r.Waiting++
		case told[id]:
			r.Told++
		case e.Kind == verdict.Skipped && !lost(e):
			r.Kept++
		default:
			r.Events = append(r.Events, e)
		}
	}
	r.sort()
	return r, err
}

// sort puts the events in order: ids grow with the time of acceptance, each line's without exception. An event that was sent
// again before has a later place in CALLS than it should.
func (r *Repeat) sort() {
	slices.SortFunc(r.Events, func(a, b Ended) int { return cmp.Compare(a.Event.ID, b.Event.ID) })
}

// newRepeat opens a target, and tells by their ids which events wait there that were sent again before.
func newRepeat(ctx context.Context, nc *nats.Conn, target string) (r Repeat, waits map[string]bool, err error) {
	r = Repeat{Target: target}
	if r.changer, err = newChanger(ctx, nc, target); err != nil {
		return r, nil, err
	}
	if r.set, _, err = r.inForce(ctx); err != nil {
		return r, nil, err
	}
	lanes, _, err := r.reach(ctx, r.set)
	if err != nil {
		return r, nil, err
	}
	waits = map[string]bool{}
	again := jetstream.ConsumerConfig{FilterSubject: AgainSubject(target, "*"), HeadersOnly: true}
	err = readAll(ctx, r.calls, again, func(m jetstream.Msg, sequence uint64) {
		if site, line := laneKey(m.Headers()); lanes.open(site, line, sequence) {
			waits[m.Headers().Get("ce-id")] = true
		}
	})
	return r, waits, err
}

// send publishes one event to the target. Its id is the same whenever it is tried.
func (r *Repeat) send(ctx context.Context, e Ended) (*jetstream.PubAck, error) {
	m, err := encode(AgainSubject(r.Target, e.Event.Type), e.Event)
	if err != nil {
		return nil, err
	}
	run := r.run
	if e.Kind == verdict.Dead {
		run = strconv.FormatUint(e.Number, 10)
		m.Header.Set(HeaderLetter, run)
	}
	ack, err := r.js.PublishMsg(ctx, m, jetstream.WithMsgID(e.Event.ID+".again."+run), jetstream.WithExpectStream(Calls))
	if err != nil {
		return nil, fmt.Errorf("send event %s again: %w", e.Event.ID, err)
	}
	return ack, nil
}

// Paused reports whether the target takes nothing until somebody lets it go on.
func (r Repeat) Paused() bool { return r.set.Paused != nil }

// Headway is how far a Repeat has come.
type Headway struct {
	Sent, Delivered, Dead int
	Since                 time.Time // of the last ending, or of the start
	Why                   string    // of the last one that died
}

// Ended is how many have ended.
func (h Headway) Ended() int { return h.Delivered + h.Dead }

const (
	// aheadOf is how many events of a repeat wait in each lane at most: enough to keep it busy. What comes in meanwhile goes
	// behind them, so a phone that rings now must not wait for all.
	aheadOf = 2
	// stopAfter so many deaths in a row 1C has not been mended.
	stopAfter = 5
	// tellEvery is how often Send tells of itself while nothing ends.
	tellEvery = time.Second
)

// ErrStillRefused says that a repeat was broken off because the target refuses one event after another.
var ErrStillRefused = errors.New("the target still refuses them")

// Send sends the events in their order and waits until they have ended. It sends a few ahead only, so that calls of now pass
// between. It may be broken off: what has been sent is delivered, the rest is found by the next run. Errors: ErrStillRefused,
// ctx's, NATS.
func (r *Repeat) Send(ctx context.Context, tell func(Headway)) error {
	f, err := r.follow(ctx)
	if err != nil {
		return err
	}
	defer f.endings.Stop()
	f.Since, f.tell = time.Now(), tell
	for _, e := range r.Events {
		ack, err := r.send(ctx, e)
		if err != nil {
			return err
		}
		f.Sent++
		if !ack.Duplicate { // else it was sent by somebody else at the same time, and may have ended by now
			f.open[ack.Sequence] = true
		}
		if err := f.until(ctx, aheadOf*r.set.Lanes-1); err != nil {
			return err
		}
	}
	return f.until(ctx, 0)
}

// following watches the endings of what was sent.
type following struct {
	Headway
	open    map[uint64]bool // sent, and not ended: sequences in CALLS
	row     int             // deaths in a row
	endings jetstream.MessagesContext
	tell    func(Headway)
}

// follow reads the target's endings from now on.
func (r *Repeat) follow(ctx context.Context) (*following, error) {
	last, err := r.ends.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("look at stream %s: %w", Endings, err)
	}
	consumer, err := r.ends.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{
		FilterSubjects: []string{endingSubject("*", r.Target, "*")},
		DeliverPolicy:  jetstream.DeliverByStartSequencePolicy, OptStartSeq: last.State.LastSeq + 1,
	})
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", Endings, err)
	}
	endings, err := consumer.Messages()
	if err != nil {
		return nil, fmt.Errorf("read stream %s: %w", Endings, err)
	}
	return &following{open: map[uint64]bool{}, endings: endings}, nil
}

// until waits until no more than so many are open.
func (f *following) until(ctx context.Context, most int) error {
	for len(f.open) > most {
		if err := f.next(ctx); err != nil {
			return err
		}
		f.tell(f.Headway)
		if f.row >= stopAfter {
			return fmt.Errorf("%w: %s", ErrStillRefused, f.Why)
		}
	}
	f.tell(f.Headway)
	return nil
}

// next takes one ending, or none for a while.
func (f *following) next(ctx context.Context) error {
	wait, cancel := context.WithTimeout(ctx, tellEvery)
	defer cancel()
	m, err := f.endings.Next(jetstream.NextContext(wait))
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, context.DeadlineExceeded):
		return nil
	case err != nil:
		return fmt.Errorf("read stream %s: %w", Endings, err)
	}
	e, err := decodeEnding(m.Data(), 0)
	if err != nil || !f.open[e.Sequence] {
		return nil // not ours
	}
	delete(f.open, e.Sequence)
	f.Since = time.Now()
	if e.Kind == verdict.Dead {
		f.Dead, f.row, f.Why = f.Dead+1, f.row+1, e.Why
	} else {
		f.Delivered, f.row = f.Delivered+1, 0
	}
	return nil
}
