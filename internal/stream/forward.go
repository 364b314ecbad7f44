package stream

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
)

const (
	// hubWindow is how many events may be on their way to the hub, one of each line.
	hubWindow = 512
	// hubPatience is how long one publish waits for the hub's PubAck: lines to branches are slow.
	hubPatience = 10 * time.Second
	// stopPatience is how long a stop waits for the PubAcks of what is on its way: each of them saves a look afterwards.
	stopPatience = 2 * time.Second
	// A forwarder that failed tries again after retryFirst, growing to retryMost.
	retryFirst, retryMost = 250 * time.Millisecond, 5 * time.Second
)

// Forwarder hands the calls of a branch's own store on to a hub, each once and each line's in their order: with the same
// id, payload and headers, so that at the hub they look as if the hub had taken them. It has one goroutine; a store
// has one forwarder, because it has one process.
//
// Order is kept by having one event of a line on its way at a time, whatever the hub refuses. "Once" is kept by a look:
// the hub forgets ids after two minutes, so what may have been published without an answer is looked for first.
type Forwarder struct {
	o      ForwarderOptions
	hub    *nats.Conn
	js     jetstream.JetStream // of the branch
	calls  jetstream.Stream    // its CALLS
	notes  notebook
	passed atomic.Uint64
}

// ForwarderOptions describe a branch.
type ForwarderOptions struct {
	Branch *nats.Conn
	Site   string
	// Tell is told nil when events pass again, or none waits, and otherwise why they cannot. It is called by Run, once for
	// each try.
	Tell func(error)
}

// NewForwarder marks the store as a branch's: from now on nothing is purged that was not forwarded. A store that has
// worked for targets of its own hands on what comes from now on: nobody wants last month's calls to ring again at the hub.
// Any other begins at its beginning. Errors: of the branch's NATS; the hub need not be there.
func NewForwarder(ctx context.Context, o ForwarderOptions) (f *Forwarder, err error) {
	f = &Forwarder{o: o}
	if f.js, err = jetstream.New(o.Branch); err == nil {
		_, _, _, err = f.begin(ctx)
	}
	return f, err
}

// begin opens the branch's side: its note, and the consumer whose acknowledgements say how far it has come, set to what
// comes next. Without that it would hand out what is new before what was on its way when the last run ended.
func (f *Forwarder) begin(ctx context.Context) (cursor jetstream.Consumer, passed uint64, n note, err error) {
	if f.calls, err = f.js.Stream(ctx, Calls); err != nil {
		return nil, 0, n, fmt.Errorf("look at stream %s: %w", Calls, err)
	}
	if f.notes, n, err = openNotebook(ctx, f.js, f.calls); err != nil {
		return nil, 0, n, err
	}
	cursor, err = f.calls.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{
		Durable: hubCursor, FilterSubject: "calls.*", Description: "what has been forwarded to the hub",
		AckPolicy: jetstream.AckAllPolicy, MaxAckPending: hubWindow, MaxDeliver: -1,
		AckWait: 10 * time.Minute, // a session begins with a reset, and does not wait for it
	})
	if err != nil {
		return nil, 0, n, fmt.Errorf("consumer %s: %w", hubCursor, err)
	}
	// The note was fsynced, the consumer's state was not.
	passed = max(cursor.CachedInfo().AckFloor.Stream, n.Passed)
	if _, err = f.calls.ResetConsumerToSequence(ctx, hubCursor, passed+1); err != nil {
		return nil, 0, n, fmt.Errorf("reset consumer %s: %w", hubCursor, err)
	}
	return cursor, passed, n, nil
}

// Passed counts the events that the hub has acknowledged to this process. It may be called from anywhere.
func (f *Forwarder) Passed() uint64 { return f.passed.Load() }

// Run forwards until ctx ends.
func (f *Forwarder) Run(ctx context.Context, hub *nats.Conn) {
	f.hub = hub
	for wait := retryFirst; ctx.Err() == nil; wait = min(2*wait, retryMost) {
		before := f.Passed()
		err := f.session(ctx)
		if ctx.Err() != nil {
			return
		}
		f.o.Tell(err)
		if f.Passed() > before || errors.Is(err, ErrAway) {
			wait = retryFirst
		}
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// session forwards until something fails or ctx ends. Whatever has no answer then is in doubt, and the next one looks for it.
func (f *Forwarder) session(ctx context.Context) error {
	work, cancel := context.WithCancel(context.WithoutCancel(ctx))
	s := &session{f: f, work: work, lines: map[lineKey][]*passing{}, results: make(chan result, hubWindow)}
	defer s.flight.Wait()
	defer cancel()
	// A request does not notice that its connection is gone.
	lost := f.hub.StatusChanged(nats.DISCONNECTED, nats.RECONNECTING, nats.CLOSED)
	defer f.hub.RemoveStatusListener(lost)
	s.flight.Go(func() {
		select {
		case <-lost:
			cancel()
		case <-work.Done():
		}
	})
	if !f.hub.IsConnected() {
		return f.away()
	}
	err := s.forward(ctx, cancel)
	if err != nil && !f.hub.IsConnected() {
		return f.away()
	}
	return err
}

// away says why there is no connection, where that is known: nobody there, a key that is refused.
func (f *Forwarder) away() error {
	if last := f.hub.LastError(); last != nil {
		return fmt.Errorf("%w: %w", ErrAway, last)
	}
	return ErrAway
}

func (s *session) forward(stop context.Context, cancel context.CancelFunc) error {
	opened := context.AfterFunc(stop, cancel)
	err := s.open()
	if opened(); err != nil {
		return err
	}
	if info, err := s.cursor.Info(s.work); err == nil && info.NumPending == 0 {
		s.well()
	}
	return s.run(stop.Done())
}

// session is one stretch of forwarding without a failure.
type session struct {
	f      *Forwarder
	js     jetstream.JetStream // of the hub
	hub    jetstream.Stream    // its CALLS
	cursor jetstream.Consumer
	promised

	order   []*passing             // what was read and is not yet acknowledged here, in the branch's order
	lines   map[lineKey][]*passing // of each line the one on its way, and those that wait for it
	results chan result
	work    context.Context // ends with the connection, and with the session
	flight  sync.WaitGroup
	flying  int
	last    uint64 // sequence of the last event that was read
	ending  bool
	told    bool
}

// well tells, once, that events pass. A hub that is there may refuse them all the same.
func (s *session) well() {
	if !s.told {
		s.told = true
		s.f.o.Tell(nil)
	}
}

type lineKey struct {
	site string
	line call.Line
}

// passing is an event on its way.
type passing struct {
	raw      jetstream.Msg
	sequence uint64
	line     lineKey
	msg      *nats.Msg
	there    bool
}

type result struct {
	it  *passing
	ack *jetstream.PubAck
	err error
}

func (s *session) open() (err error) {
	ctx, cancel := context.WithTimeout(s.work, hubPatience)
	defer cancel()
	s.js, s.hub, err = hubCalls(ctx, s.f.hub)
	switch {
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return errors.New("the hub has no stream CALLS: has an ingest been started there?")
	case err != nil:
		return fmt.Errorf("look at stream %s of the hub: %w", Calls, err)
	}
	if s.cursor, s.last, s.note, err = s.f.begin(ctx); err != nil {
		return err
	}
	return s.resolve()
}

func (s *session) run(stop <-chan struct{}) error {
	messages, err := s.cursor.Messages(jetstream.PullMaxMessages(hubWindow))
	if err != nil {
		return fmt.Errorf("read the branch's calls: %w", err)
	}
	defer messages.Stop()
	come, broken := make(chan jetstream.Msg), make(chan error, 1)
	s.flight.Go(func() { broken <- read(s.work, messages, come) })
	var late <-chan time.Time
	for stop != nil || s.flying > 0 {
		in := come
		if stop == nil || s.crowded() {
			in = nil
		}
		select {
		case m := <-in:
			err = s.take(m)
		case r := <-s.results:
			err = s.settle(r)
		case err = <-broken:
		case <-stop:
			stop, s.ending, late = nil, true, time.After(stopPatience)
		case <-late:
			return nil
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func read(ctx context.Context, messages jetstream.MessagesContext, come chan<- jetstream.Msg) error {
	for {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read the branch's calls: %w", err)
		}
		select {
		case come <- m:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// take puts an event behind those of its line, or lets it pass where the hub has it.
func (s *session) take(raw jetstream.Msg) error {
	meta, err := raw.Metadata()
	if err != nil {
		return fmt.Errorf("read the branch's calls: %w", err)
	}
	it := &passing{raw: raw, sequence: meta.Sequence.Stream}
	if it.sequence <= s.last {
		return nil // handed out twice, and in hand
	}
	s.last = it.sequence
	it.line.site, it.line.line = laneKey(raw.Headers())
	it.msg = s.f.copyOf(raw, it.sequence)
	s.order = append(s.order, it)
	if it.there = s.has(it); it.there {
		s.well()
		return s.pass()
	}
	s.lines[it.line] = append(s.lines[it.line], it)
	if len(s.lines[it.line]) == 1 {
		return s.send(it)
	}
	return nil
}

// copyOf is what the hub gets. Commands to a server are not for the hub's, but for the id.
func (f *Forwarder) copyOf(raw jetstream.Msg, sequence uint64) *nats.Msg {
	m := &nats.Msg{Subject: raw.Subject(), Header: nats.Header{}, Data: raw.Data()}
	for name, values := range raw.Headers() {
		if !strings.HasPrefix(name, "Nats-") {
			m.Header[name] = values
		}
	}
	id := raw.Headers().Get(nats.MsgIdHdr)
	if id == "" { // somebody else has published it here
		id = fmt.Sprintf("%s-%d", Token(f.o.Site), sequence)
	}
	m.Header.Set(nats.MsgIdHdr, id)
	return m
}

func (s *session) send(it *passing) error {
	if err := s.promise(); err != nil {
		return err
	}
	s.flying++
	s.flight.Go(func() {
		try, cancel := context.WithTimeout(s.work, hubPatience)
		defer cancel()
		ack, err := s.js.PublishMsg(try, it.msg, jetstream.WithRetryAttempts(0))
		s.results <- result{it, ack, err}
	})
	return nil
}

// settle takes the hub's word for an event, repeats the live copy, and lets the next of its line go.
func (s *session) settle(r result) error {
	s.flying--
	if r.err != nil {
		return fmt.Errorf("publish to the hub: %w", r.err)
	}
	s.well()
	r.it.there, s.top = true, max(s.top, r.ack.Sequence)
	s.f.passed.Add(1)
	event := call.EventType(strings.TrimPrefix(r.it.msg.Subject, "calls."))
	// At most once, to whoever watches one line: the stream has it.
	_ = s.f.hub.PublishMsg(&nats.Msg{Subject: LiveSubject(r.it.line.line, event), Header: r.it.msg.Header, Data: r.it.msg.Data})
	if err := s.pass(); err != nil {
		return err
	}
	waiting := s.lines[r.it.line][1:]
	if len(waiting) == 0 {
		delete(s.lines, r.it.line)
		return nil
	}
	s.lines[r.it.line] = waiting
	if s.ending {
		return nil
	}
	return s.send(waiting[0])
}

// pass acknowledges, here, what the hub has without a gap.
func (s *session) pass() error {
	var last *passing
	for len(s.order) > 0 && s.order[0].there {
		last, s.order = s.order[0], s.order[1:]
	}
	if last == nil {
		return nil
	}
	return last.raw.Ack()
}
