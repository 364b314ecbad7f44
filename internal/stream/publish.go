package stream

import (
	"context"
	"errors"
	"fmt"
	"hash/maphash"
	"sync/atomic"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
)

const (
	// dedupWindow is how long the server remembers an id. A message that is sent again later would be stored twice.
	dedupWindow = 2 * time.Minute
	// patience is how long a phone waits for its event to be stored: phones give up soon, and never retry.
	patience = 2 * time.Second
	// oneTry is how long one publish waits for its PubAck before it is sent again with the same id. A store that
	// fsyncs answers in 0.3 to 20 ms.
	oneTry = 700 * time.Millisecond
	// moment is what an answer that is there needs to come through.
	moment = 100 * time.Millisecond
	// doors is the number of locks that keep each line's order; lines share them by hash.
	doors = 512
)

// ErrUnsettled says that an event may or may not have been stored: its answer did not come in time.
var ErrUnsettled = errors.New("the store did not answer in time")

// Publisher puts events on the stream, each line's in the order of their ids and times.
type Publisher struct {
	Patience time.Duration // of one Publish: the 2 s of a phone; for a test that is not about it, more

	nc     *nats.Conn
	js     jetstream.JetStream
	there  atomic.Bool // the connection; nc itself is locked while it dials a server that is unplugged
	site   string
	seed   maphash.Seed
	doors  [doors]door
	closed atomic.Pointer[error]
	// calls and phones put together what goes to their streams; nil: every event goes alone.
	calls, phones *group
	sound         func() error // of an embedded store: nil while it can write
}

// door lets one event of its lines through at a time. The waiters of a Go channel are served first come, first
// served; those of a mutex are not.
type door struct {
	turn chan struct{}
	// unsettled is an event whose PubAck never came. It is sent again, with its own id, before the next one: had it
	// been lost, it would otherwise stand behind what came later.
	unsettled *pending
}

// pending is an event on its way.
type pending struct {
	event call.Event
	msg   *nats.Msg
	since time.Time
}

// NewPublisher makes a publisher for one site. The streams must have been declared.
func NewPublisher(nc *nats.Conn, site string) (*Publisher, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	p := &Publisher{Patience: patience, nc: nc, js: js, site: site, seed: maphash.MakeSeed()}
	for i := range p.doors {
		p.doors[i].turn = make(chan struct{}, 1)
	}
	changes := nc.StatusChanged()
	p.there.Store(nc.IsConnected())
	go p.watch(changes)
	return p, nil
}

// Together makes events that come at once share one fsync, as soon as least of them wait for it. It is for the embedded
// store: a cluster does that by itself, and where nothing is fsynced it would be slower. sound is nil while the store can write.
func (p *Publisher) Together(least int, sound func() error) {
	p.calls, p.phones, p.sound = &group{p: p, least: least}, &group{p: p, least: least}, sound
}

// watch keeps what is known of the connection until it is closed.
func (p *Publisher) watch(changes <-chan nats.Status) {
	for status := range changes {
		p.there.Store(status == nats.CONNECTED)
		if status == nats.CLOSED {
			return
		}
	}
}

// Refuse makes every further Publish fail at once: the store is known to be out of order.
func (p *Publisher) Refuse(why error) { p.closed.Store(&why) }

// Publish stamps id, time and site on the event, and returns it once it is on disk; the live copy is sent after that.
// It takes its patience at most, and one try more where it is in a batch then. Errors: ErrAway, ErrUnsettled (it may be delivered all the same), the store is full, or what
// Refuse was told.
func (p *Publisher) Publish(ctx context.Context, e call.Event) (call.Event, error) {
	if err := p.ready(); err != nil {
		return e, err
	}
	if p.sound != nil {
		return p.inTurn(ctx, e) // the client of an embedded store dials nobody
	}
	type result struct {
		stored call.Event
		err    error
	}
	done := make(chan result, 1)
	go func() {
		stored, err := p.inTurn(ctx, e)
		done <- result{stored, err}
	}()
	select {
	case r := <-done:
		return r.stored, r.err
	case <-time.After(p.Patience + moment):
		// The client is locked while it dials a server that is unplugged, and lets go of nobody. What is in there goes on.
		return e, ErrUnsettled
	}
}

// inTurn is Publish without its end.
func (p *Publisher) inTurn(ctx context.Context, e call.Event) (call.Event, error) {
	ctx, cancel := context.WithTimeout(ctx, p.Patience)
	defer cancel()
	d := &p.doors[maphash.String(p.seed, string(e.Line))%doors]
	select {
	case d.turn <- struct{}{}:
		defer func() { <-d.turn }()
	case <-ctx.Done():
		return e, fmt.Errorf("%w: the line's last event is still being stored", ErrUnsettled)
	}
	if err := p.settle(ctx, d); err != nil {
		return e, err
	}
	return p.through(ctx, d, e)
}

func (p *Publisher) ready() error {
	if why := p.closed.Load(); why != nil {
		return *why
	}
	if !p.there.Load() {
		return ErrAway
	}
	return nil
}

// settle sends the door's unsettled event again. One that is older than the server's memory of ids is given up: it
// could be stored a second time, and its phone was told that it failed.
func (p *Publisher) settle(ctx context.Context, d *door) error {
	if d.unsettled == nil {
		return nil
	}
	if time.Since(d.unsettled.since) < dedupWindow-10*time.Second {
		if err := p.publish(ctx, d.unsettled, false); err != nil {
			return fmt.Errorf("the line's last event comes first: %w", err)
		}
	}
	d.unsettled = nil
	return nil
}

func (p *Publisher) through(ctx context.Context, d *door, e call.Event) (call.Event, error) {
	it, err := stamp(e, p.site)
	if err != nil {
		return e, err
	}
	err = p.store(ctx, it)
	if errors.Is(err, ErrUnsettled) {
		d.unsettled = it
	}
	return it.event, err
}

// stamp gives the event its id, its time and its site.
func stamp(e call.Event, site string) (*pending, error) {
	id, err := uuid.NewV7()
	if err != nil {
		return nil, fmt.Errorf("make an id: %w", err)
	}
	e.ID, e.Time, e.Site = id.String(), time.Now().UTC().Truncate(time.Microsecond), site
	m, err := encode(Subject(e.Type), e)
	if err != nil {
		return nil, err
	}
	m.Header.Set(nats.MsgIdHdr, e.ID)
	return &pending{event: e, msg: m, since: time.Now()}, nil
}

// store returns nil once the message is on disk.
func (p *Publisher) store(ctx context.Context, it *pending) error {
	g := p.calls
	if it.event.Type.OfPhone() {
		g = p.phones
	}
	if g == nil {
		return p.publish(ctx, it, false)
	}
	o := g.join(ctx, it)
	switch o {
	case stored:
		p.show(it)
		return nil
	case single:
		defer g.leave()
	}
	return p.publish(ctx, it, o == unclear)
}

// show sends the live copy. At most once, to whoever watches one line: the stream has it.
func (p *Publisher) show(it *pending) {
	_ = p.nc.PublishMsg(&nats.Msg{Subject: LiveSubject(it.event.Line, it.event.Type), Header: it.msg.Header, Data: it.msg.Data})
}

// publish stores one message and sends the live copy. A late answer is not a failure: the same id is sent again until
// the patience is at its end. late: it may have been stored before.
func (p *Publisher) publish(ctx context.Context, it *pending, late bool) error {
	for ; ; late = true {
		try, cancel := context.WithTimeout(ctx, oneTry)
		ack, err := p.js.PublishMsg(try, it.msg, jetstream.WithRetryAttempts(0))
		cancel()
		switch {
		case err == nil:
			if err := p.proven(ack); err != nil {
				return err
			}
			p.show(it)
			return nil
		case errors.Is(err, jetstream.ErrNoStreamResponse) && ctx.Err() == nil && p.ready() == nil:
			// A cluster that elects a leader for the stream has none for a moment.
			time.Sleep(45 * time.Millisecond)
		case errors.Is(err, nats.ErrReconnectBufExceeded) && !late:
			return ErrAway // the client knows, and the watch has not heard of it yet
		case refused(err) && late:
			return fmt.Errorf("%w; then: %w", ErrUnsettled, err) // the try before may have been stored
		case refused(err):
			return fmt.Errorf("store the event: %w", err)
		case ctx.Err() != nil:
			return ErrUnsettled
		case p.ready() != nil:
			// It may have been stored before the connection broke: the answer cannot come any more.
			return fmt.Errorf("%w: %w", ErrUnsettled, p.ready())
		}
		time.Sleep(5 * time.Millisecond) // an error that comes at once must not spin
	}
}

// proven doubts a duplicate: of a batch whose fsync failed the server knows the ids all the same.
func (p *Publisher) proven(ack *jetstream.PubAck) error {
	if !ack.Duplicate || p.sound == nil {
		return nil
	}
	if err := p.sound(); err != nil {
		return fmt.Errorf("%w: %w", ErrUnsettled, err)
	}
	return nil
}

// inProcess is what a cluster says of an id that it was given and has not stored by a quorum yet.
const inProcess jetstream.ErrorCode = 10158

// refused reports whether the message is certainly not stored.
func refused(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode != inProcess ||
		errors.Is(err, jetstream.ErrNoStreamResponse) ||
		errors.Is(err, nats.ErrReconnectBufExceeded) ||
		errors.Is(err, nats.ErrMaxPayload) ||
		errors.Is(err, nats.ErrBadSubject)
}
