package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
)

// Lane hands out the events of its lines, one after another. It is used by one goroutine.
//
// Any number of adapters may open the same lane; the server lets one of them own it (a pinned priority group).
type Lane struct {
	target   *Target
	index    int
	name     string
	consumer jetstream.Consumer
	messages jetstream.MessagesContext

	pin        atomic.Pointer[string] // the owner's mark that the server gave us
	reconnects uint64
	// cursor is how far the lane has come, as its last ending says. It is read anew whenever somebody else may have moved it.
	cursor cursor
	known  bool
	taken  bool // ownership may have changed since the last message that was handed out

	broker string    // id of the broker's run that the lane works with
	doubt  *doubt    // nil, but from a start of broker or lane to the first open message
	quiet  time.Time // until then a call that the broker has forgotten may be under way elsewhere

	delivery uint64 // consumer sequence of the last message that came here

	proof atomic.Pointer[proof] // nil: there is none

	// front is the lane's oldest open message, in hand, while others go before it (overtake.go).
	front   *Message
	spared  *Message // the front that was handed back last without having been worked on
	putBack func()   // says that the message which went before the front has not ended; nil: it has, or there is none

	stride *stride // how far it is ahead of its consumer (stride.go); nil: it is not
	later  later
	// rode is that another one may have been ahead of the consumer, who lost the lane: he may have told the target of the first open event.
	rode bool

	rest    time.Time // until then a message rests that was handed back from here
	waiting time.Time // since when the lane waits for its next message; zero: it does not
}

// Lane opens lane i. Errors: NATS.
func (t *Target) Lane(ctx context.Context, i int) (*Lane, error) {
	name := t.set.laneName(i)
	consumer, fresh, err := t.consumer(ctx, name)
	if err != nil {
		return nil, err
	}
	l := &Lane{target: t, index: i, name: name, consumer: consumer}
	l.broker = l.run(consumer.CachedInfo())
	if doubt := t.startDoubt(); !fresh {
		l.doubt = doubt
	}
	return l, nil
}

// Name is "<generation>-<number>".
func (l *Lane) Name() string { return l.name }

// Pin is the mark that the server knew us by when we last got a message of the lane; empty: we have had none. It may be
// asked for from any goroutine.
func (l *Lane) Pin() string {
	if pin := l.pin.Load(); pin != nil {
		return *pin
	}
	return ""
}

// Message is one event for one target, waiting for its ending.
type Message struct {
	lane       *Lane
	hand       *hand
	front      *Message // that it goes before, whose hand it is worked on with; nil: it is the front itself
	sequence   uint64   // in CALLS
	deliveries uint64
	event      call.Event
	broken     error
	taken      bool
	again      bool
	letter     uint64 // the dead letter that this message was sent again for
	called     bool   // the target may have been told of it from here
}

// message is an event that is worked on with a hand. Nobody has been given it before, but the target may have been told of it.
func (l *Lane) message(h *hand, subject string, header nats.Header, data []byte, sequence uint64) *Message {
	m := &Message{
		lane: l, hand: h, sequence: sequence, deliveries: 1,
		again: strings.HasPrefix(subject, "again."), letter: letterOf(header),
	}
	if l.maybeTold(sequence) {
		m.deliveries++
	}
	m.event, m.broken = Decode(data)
	return m
}

func letterOf(h nats.Header) uint64 {
	number, _ := strconv.ParseUint(h.Get(HeaderLetter), 10, 64) // 0 is no letter's number
	return number
}

// Event is what happened. It is empty where Broken is set.
func (m *Message) Event() call.Event { return m.event }

// Broken is set when the message is no event at all: somebody else has published it.
func (m *Message) Broken() error { return m.broken }

// Again reports that an operator sent the event once more: he wants it there, whatever the rules say.
func (m *Message) Again() bool { return m.again }

// Sequence is the event's place in CALLS.
func (m *Message) Sequence() uint64 { return m.sequence }

// Deliveries counts how often the message was handed out, to whomever. It is never a budget: crashes count too.
func (m *Message) Deliveries() int { return int(m.deliveries) }

// TakenOver reports that another adapter may have worked on this lane since its last message here.
func (m *Message) TakenOver() bool { return m.taken }

// Next waits for the lane's next event that has not ended: the oldest one, or where many wait behind it a new one of a line that has
// nothing waiting. Errors: ctx's, or NATS (try again).
func (l *Lane) Next(ctx context.Context) (*Message, error) {
	front, err := l.Front(ctx)
	if err != nil {
		return nil, err
	}
	if m := l.overtaking(ctx, front); m != nil {
		return m, nil
	}
	return front, nil
}

// Front waits for the lane's oldest event that has not ended. Events of other lanes' lines, and those that have their
// ending already, are acknowledged on the way. Errors: as Next's.
func (l *Lane) Front(ctx context.Context) (*Message, error) {
	if front := l.takeFront(); front != nil {
		return front, nil
	}
	if m := l.striding(ctx); m != nil {
		return m, nil
	}
	for {
		raw, err := l.pull(ctx)
		if err != nil {
			return nil, err
		}
		m, err := l.look(ctx, raw)
		if err != nil {
			return nil, err
		}
		if m != nil {
			return m, nil
		}
	}
}

func (l *Lane) pull(ctx context.Context) (jetstream.Msg, error) {
	if l.messages == nil {
		messages, err := l.consumer.Messages(
			jetstream.PullMaxMessages(pullSize),
			jetstream.PullExpiry(pullExpiry),
			jetstream.PullPriorityGroup(priorityGroup),
		)
		if err != nil {
			return nil, l.stalled(ctx, err)
		}
		l.messages = messages
	}
	raw, err := l.waitFor(ctx)
	if err != nil && ctx.Err() == nil {
		l.messages.Stop()
		l.messages, l.known = nil, false
		return nil, l.stalled(ctx, err)
	}
	return raw, err
}

// waitFor takes the next message, and asks for one that should have come. While the target is away a lane pulls for a second at a
// time: these are one wait, but each is long enough for a message that is there.
func (l *Lane) waitFor(ctx context.Context) (jetstream.Msg, error) {
	for {
		if l.waiting.IsZero() {
			l.waiting = time.Now()
		}
		patient, stop := context.WithTimeout(ctx, max(time.Until(l.waiting.Add(l.patience())), moment))
		raw, err := l.messages.Next(jetstream.NextContext(patient))
		stop()
		late := errors.Is(err, context.DeadlineExceeded) && ctx.Err() == nil
		if err == nil || late {
			l.waiting = time.Time{}
		}
		if !late {
			return raw, err
		}
		if raw, err := l.askForOverdue(ctx); raw != nil || err != nil {
			return raw, err
		}
	}
}

// ErrLaneGone says that the lane is no more: its target was forgotten, or CALLS was removed. The target must be opened
// anew.
var ErrLaneGone = errors.New("the lane's consumer is gone")

// stalled is the error of a pull. NATS does not always say that a consumer is gone, so it is looked up.
func (l *Lane) stalled(ctx context.Context, err error) error {
	_, missing := l.target.calls.Consumer(ctx, consumerName(l.target.o.Name, l.name))
	if errors.Is(missing, jetstream.ErrConsumerNotFound) || errors.Is(missing, jetstream.ErrStreamNotFound) {
		return fmt.Errorf("pull from lane %s: %w: %w", l.name, ErrLaneGone, err)
	}
	return fmt.Errorf("pull from lane %s: %w", l.name, err)
}

// look decides whether a message is this lane's and still open; nil and no error mean that it has been dealt with.
func (l *Lane) look(ctx context.Context, raw jetstream.Msg) (*Message, error) {
	meta, err := raw.Metadata()
	if err != nil {
		return nil, fmt.Errorf("lane %s: %w", l.name, err)
	}
	l.watchOwnership(ctx, raw, meta)
	l.delivery = meta.Sequence.Consumer
	site, line := laneKey(raw.Headers())
	set := l.target.set
	if LaneOf(site, line, set.Lanes) != l.index || set.passed(site, line, meta.Sequence.Stream) {
		return nil, raw.Ack()
	}
	if !l.known {
		if err := l.readCursor(ctx); err != nil {
			return nil, errors.Join(err, raw.Nak())
		}
	}
	if l.cursor.ended(meta.Sequence.Stream) {
		l.rode = l.rode || meta.NumDelivered > 1 || l.taken
		return nil, raw.Ack()
	}
	if wait, yes := l.doubtful(meta); yes {
		return nil, raw.NakWithDelay(max(wait, time.Millisecond))
	}
	h := &hand{
		lane: l, raw: raw, broker: l.broker, sequence: meta.Sequence.Stream, delivery: meta.Sequence.Consumer,
		first: meta.NumDelivered == 1 && !l.rode && !l.maybeTold(meta.Sequence.Stream), waiting: meta.NumPending, renewed: time.Now(),
	}
	m := l.message(h, raw.Subject(), raw.Headers(), raw.Data(), h.sequence)
	m.deliveries += meta.NumDelivered - 1
	if l.rode {
		m.deliveries++
	}
	if l.wasSpared(h) {
		m.deliveries = l.spared.deliveries
	}
	if wait := l.rests(m.sequence); wait > 0 {
		l.spared = m
		return nil, raw.NakWithDelay(wait)
	}
	m.taken = l.taken
	l.taken, l.rode = false, false
	return m, nil
}

func (l *Lane) watchOwnership(ctx context.Context, raw jetstream.Msg, meta *jetstream.MsgMetadata) {
	pin, reconnects := raw.Headers().Get("Nats-Pin-Id"), l.target.nc.Stats().Reconnects
	newPin := pin != l.Pin()
	if newPin || reconnects != l.reconnects {
		l.pin.Store(&pin)
		l.reconnects, l.known, l.taken = reconnects, false, true
	}
	if meta.NumDelivered > 1 {
		l.known = false
	}
	l.watchBroker(ctx, newPin)
}

func (l *Lane) endings() string { return endingSubject("*", l.target.o.Name, l.name) }

// readCursor reads the lane's last ending. Errors: ErrLaneGone where another set of lanes has taken the lane's place.
func (l *Lane) readCursor(ctx context.Context) error {
	last, err := lastOfLane(ctx, l.target.ends, l.target.o.Name, l.name)
	if err != nil {
		return err
	}
	if last.sealed != nil {
		return fmt.Errorf("lane %s: %w: it has been sealed", l.name, ErrLaneGone)
	}
	l.cursor, l.known = last.and(l.cursor), true
	return nil
}

// Recall tells the endings of the lane's lines since a point in time, oldest first. A new owner learns from it what they
// were told last, in lanes of a former set too. What an operator sent again is left out: it says nothing of what goes on
// now. The number is the event's place in CALLS. Endings may be missing (Message.SameCall).
func (l *Lane) Recall(ctx context.Context, since time.Time, tell func(uint64, call.Event, verdict.Kind)) error {
	set, subject := l.target.set, l.endings()
	if since.Before(set.Since) {
		subject = endingSubject("*", l.target.o.Name, "*")
	}
	return readEndings(ctx, l.target.ends, subject, &since, func(e Ended) {
		if !e.Again && LaneOf(e.Event.Site, e.Event.Line, set.Lanes) == l.index {
			tell(e.Sequence, e.Event, e.Kind)
		}
	})
}

// Pause stops pulling: nothing is delivered until the next Next. What arrived in the meantime is handed back.
func (l *Lane) Pause() {
	l.standAside()
	defer l.standStill()
	if l.messages == nil {
		return
	}
	l.messages.Drain()
	for {
		raw, err := l.messages.Next(jetstream.NextMaxWait(time.Second))
		if err != nil {
			break
		}
		if meta, err := raw.Metadata(); err == nil {
			l.delivery = meta.Sequence.Consumer
		}
		_ = raw.Nak() // lost with the connection at worst, and then AckWait brings it back
	}
	l.messages.Stop()
	l.messages = nil
}

// Close stops pulling and gives the lane up, so that another adapter can own it at once instead of after pinnedTTL.
func (l *Lane) Close(ctx context.Context) error {
	l.Pause()
	if l.target.changing.Load() && l.target.nc.IsConnected() {
		return l.release(ctx)
	}
	if l.Pin() == "" || !l.target.nc.IsConnected() {
		return nil
	}
	info, err := l.consumer.Info(ctx)
	if err != nil {
		return fmt.Errorf("give up lane %s: %w", l.name, err)
	}
	for _, g := range info.PriorityGroups {
		if g.PinnedClientID == l.Pin() {
			return l.target.calls.UnpinConsumer(ctx, info.Name, priorityGroup)
		}
	}
	return nil
}

// release gives the lane up for the lanes of another set, where it can say that nobody has anything of it in hand: the last
// message that the broker delivered came here, and here the work has ended. Else the change waits for AckWait.
func (l *Lane) release(ctx context.Context) error {
	c := l.target.changer()
	if _, err := c.hold(ctx, l.target.set, l.index); err != nil {
		return removed(err)
	}
	l.watchBroker(ctx, true)
	info, err := l.consumer.Info(ctx)
	if err != nil {
		return removed(fmt.Errorf("give up lane %s: %w", l.name, err))
	}
	if l.delivery == 0 || info.Delivered.Consumer != l.delivery || time.Now().Before(l.quiet) {
		return nil
	}
	_, err = c.seal(ctx, l.target.set, l.index, !l.rode)
	return removed(err)
}

// removed is nil for a lane whose consumer is gone: the change is over, and had waited for us long enough.
func removed(err error) error {
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return nil
	}
	return err
}

// Ours is the fence before a call: it reports whether the message is still the one delivered, and ours. It asks the broker where
// that is not known.
func (m *Message) Ours(ctx context.Context) (bool, error) {
	if m.front != nil {
		if ended, err := m.begin(ctx); ended || err != nil {
			return false, err
		}
	}
	if m.hand.sure() {
		m.called = true
		return true, nil
	}
	ours, err := m.hand.ours(ctx)
	m.called = m.called || ours
	return ours, err
}

// Later hands the message back, to be delivered again after a while. Nothing of the lane overtakes it then. One that went before its
// turn falls back into it.
func (m *Message) Later(after time.Duration) error {
	if m.front != nil {
		return m.front.spare(after)
	}
	if m.strides() {
		return m.retreat(after)
	}
	return m.hand.back(after)
}

// endAgain is the longest pause between two tries to store an ending. After a restart of the broker it must be stored while the lane
// rests (AckWait), or another adapter calls again.
const endAgain = time.Second

// End stores the ending, fsynced, and acknowledges then. It reports false where the message had its ending already:
// another owner was faster, and this ending is dropped, so that each event has exactly one for each target. It tries
// until ctx ends; trouble is told on the way. Errors: ctx's.
func (m *Message) End(ctx context.Context, e verdict.Ending, trouble func(error)) (ended bool, err error) {
	now := time.Now().UTC()
	for wait := 250 * time.Millisecond; ; wait = min(2*wait, endAgain) {
		ended, err = m.end(ctx, e, now)
		if err == nil {
			m.settled(ctx, ended, trouble)
			return ended, nil
		}
		trouble(err)
		select {
		case <-ctx.Done():
			return false, fmt.Errorf("ending of message %d not stored: %w", m.sequence, err)
		case <-time.After(wait):
		}
	}
}

// settled acknowledges a message that has its ending, or has a stride begin with it, and removes the dead letter that it was sent again
// for. An acknowledgement that is lost with the connection is made up for by the cursor.
func (m *Message) settled(ctx context.Context, ended bool, trouble func(error)) {
	l := m.lane
	if m.front != nil {
		l.front, l.putBack = m.front, nil
		return
	}
	if m.letter != 0 {
		err := l.target.ends.DeleteMsg(ctx, m.letter)
		if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) {
			trouble(fmt.Errorf("dead letter %d has ended anew and could not be removed: %w", m.letter, err))
		}
	}
	switch {
	case m.strides() && ended:
		l.stride.open = nil
	case m.strides(): // another owner was faster
		l.stride = nil
	case ended && l.mayStride(m):
		l.stride = &stride{hand: m.hand, since: time.Now(), at: m.sequence}
	default:
		_ = m.hand.raw.Ack()
	}
}

func (m *Message) end(ctx context.Context, e verdict.Ending, now time.Time) (bool, error) {
	l := m.lane
	if !l.known {
		if err := l.readCursor(ctx); errors.Is(err, ErrLaneGone) {
			return false, nil
		} else if err != nil {
			return false, err
		}
	}
	if l.cursor.ended(m.sequence) {
		// Ours, whose PubAck came too late, has the time that we gave it.
		return m.sequence == l.cursor.event && l.cursor.at.Equal(now), nil
	}
	e.Unsure = e.Unsure || !m.hand.held() // of two endings this may be the one that is stored, and the other call's is dropped
	data, err := encodeEnding(Ended{
		Ending: e, Event: m.event, Sequence: m.sequence, Target: l.target.o.Name, Lane: l.name, Time: now, Again: m.Again(),
	})
	if err != nil {
		return false, err
	}
	keep, to := keepDelivered, l.cursor.upTo(m.sequence)
	if e.Kind == verdict.Dead {
		keep = keepDead
	}
	if m.front != nil {
		to = l.cursor.endAhead(m.sequence)
	}
	to.event, to.at = m.sequence, now
	if err := l.store(ctx, e.Kind.String(), data, keep, to); err != nil {
		return false, fmt.Errorf("store the ending of message %d: %w", m.sequence, err)
	}
	return true, nil
}

// store moves the lane's cursor by a message on its subject of endings, if the last one there is the one that we know: of two owners
// one wins.
func (l *Lane) store(ctx context.Context, kind string, data []byte, keep time.Duration, to cursor) error {
	try, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	stored, err := to.publish(try, l.target.js, l.target.o.Name, l.name, kind, data, keep)
	if err != nil {
		l.known = false // wrong last sequence, or an answer that never came: look before the next try
		return err
	}
	l.cursor, l.cursor.ends = to, stored
	return nil
}
