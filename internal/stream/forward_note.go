package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	hubCursor = "hub" // consumer on a branch's CALLS
	hubBucket = "HUB" // of a branch
	hubNote   = "note"
)

// note is what a branch has on disk of its forwarding, so that after any restart the look for what is in doubt is short:
// everything up to Passed is in the hub, or is never to be; of what comes after nothing stands in the hub's CALLS at Since
// or before, and nothing was published later than Until.
type note struct {
	Calls  time.Time `json:"calls"` // when the branch's CALLS was created
	Passed uint64    `json:"passed"`
	Hub    time.Time `json:"hub,omitzero"` // when the hub's CALLS was created
	Since  uint64    `json:"since"`
	Until  time.Time `json:"until,omitzero"` // by the hub's clock; zero: nothing has ever been published
}

type notebook struct{ kv jetstream.KeyValue }

// openNotebook opens the branch's note, and writes the first.
func openNotebook(ctx context.Context, js jetstream.JetStream, calls jetstream.Stream) (b notebook, n note, err error) {
	b.kv, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: hubBucket, Description: "how far a branch has forwarded", MaxBytes: 1 << 20})
	if errors.Is(err, jetstream.ErrBucketExists) {
		b.kv, err = js.KeyValue(ctx, hubBucket)
	}
	if err != nil {
		return b, n, fmt.Errorf("open the note of what was forwarded: %w", err)
	}
	if n, err = b.read(ctx); err != nil || n.Calls.Equal(calls.CachedInfo().Created) {
		return b, n, err
	}
	n = note{Calls: calls.CachedInfo().Created}
	if n.Passed, err = unforwarded(ctx, js, calls); err != nil {
		return b, n, err
	}
	return b, n, b.write(ctx, n)
}

// unforwarded is the last event of a store that it keeps to itself when it becomes a branch's.
func unforwarded(ctx context.Context, js jetstream.JetStream, calls jetstream.Stream) (uint64, error) {
	registry, err := openRegistry(ctx, js)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	if names, err := targetNames(ctx, registry); err != nil || len(names) == 0 {
		return 0, err
	}
	return calls.CachedInfo().State.LastSeq, nil
}

func (b notebook) read(ctx context.Context) (n note, err error) {
	entry, err := b.kv.Get(ctx, hubNote)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return n, nil
	}
	if err == nil {
		err = json.Unmarshal(entry.Value(), &n)
	}
	if err != nil {
		return n, fmt.Errorf("read the note of what was forwarded: %w", err)
	}
	return n, nil
}

func (b notebook) write(ctx context.Context, n note) error {
	value, err := json.Marshal(n)
	if err == nil {
		_, err = b.kv.Put(ctx, hubNote, value)
	}
	if err != nil {
		return fmt.Errorf("write the note of what was forwarded: %w", err)
	}
	return nil
}

const (
	// A note is written anew, when everything has passed, once it is noteAge old or noteMany events have passed since; after
	// noteOld or noteMost nothing more is read until everything has. So what would have to be looked through is short.
	noteAge, noteOld   = 10 * time.Second, time.Minute
	noteMany, noteMost = 100, 1000
	// A note allows to publish for noteLease, and is extended when less than noteLeft of that is left.
	noteLease, noteLeft = 30 * time.Second, 15 * time.Second
	// straggling is how long after Until something may still arrive: the system sends what a closed connection has left
	// behind for about 100 s more (Linux, tcp_orphan_retries 8).
	straggling = 3 * time.Minute
	// lookAtOnce is how many of the hub's messages are asked for at once, some 200 KiB.
	lookAtOnce = 128
	// lookPatience is for as much over a slow line.
	lookPatience = 30 * time.Second
)

// promised is a session's share in the note: what it has found, and what it may publish.
type promised struct {
	note note
	// found are the ids in the hub among which those in doubt may be; nil: nothing is in doubt any more.
	found   map[string]bool
	upTo    uint64 // sequence of the last event here that may be in doubt
	missing int    // of those that were looked for
	renewed time.Time
	sent    int       // since then
	top     uint64    // sequence in the hub's CALLS of the last event that it has acknowledged
	clock   time.Time // the hub's, at
	at      time.Time
}

func (s *session) now() time.Time { return s.clock.Add(time.Since(s.at)) }

// setClock takes the hub's time, and the end of its CALLS, from its last answer.
func (s *session) setClock() {
	info := s.hub.CachedInfo()
	s.clock, s.at, s.top = info.TimeStamp, time.Now(), info.State.LastSeq
}

// resolve looks in the hub for what may be there although its PubAck never came here.
func (s *session) resolve() (err error) {
	s.setClock()
	s.upTo = s.f.calls.CachedInfo().State.LastSeq
	if s.note.Until.IsZero() || s.last >= s.upTo {
		return nil
	}
	s.found, err = s.look()
	return err
}

// look reads the ids in that part of the hub's CALLS in which what is in doubt must be. It needs no consumer
// there: who may create one may overwrite the adapters'.
func (s *session) look() (map[string]bool, error) {
	info := s.hub.CachedInfo()
	l := looking{last: info.State.LastSeq, end: s.note.Until.Add(straggling), ids: map[string]bool{}}
	first := max(1, info.State.FirstSeq)
	if s.note.Hub.Equal(info.Created) { // of another CALLS the numbers say nothing
		first = max(first, s.note.Since+1)
	}
	l.next.Store(first - 1)
	var all sync.WaitGroup
	for range lookAtOnce {
		all.Go(func() {
			for s.lookAt(&l, l.next.Add(1)) {
			}
		})
	}
	all.Wait()
	return l.ids, l.failed
}

// looking is one look into the hub, by several at once.
type looking struct {
	next   atomic.Uint64
	last   uint64
	end    time.Time
	mu     sync.Mutex
	over   bool
	ids    map[string]bool
	failed error
}

// lookAt looks at one message, and reports whether there may be more.
func (s *session) lookAt(l *looking, sequence uint64) bool {
	if sequence > l.last {
		return false
	}
	ctx, cancel := context.WithTimeout(s.work, lookPatience)
	defer cancel()
	m, err := s.hub.GetMsg(ctx, sequence)
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound): // it was deleted
	case err != nil:
		l.over, l.failed = true, fmt.Errorf("look for what the hub has: %w", err)
	case m.Time.After(l.end):
		l.over = true
	default:
		l.ids[m.Header.Get(nats.MsgIdHdr)] = true
	}
	return !l.over
}

// has reports whether the hub was found to have an event. What is in doubt was on its way together, so behind hubWindow
// events that are not there comes nothing that can be.
func (s *session) has(it *passing) bool {
	if s.found == nil {
		return false
	}
	if s.found[it.msg.Header.Get(nats.MsgIdHdr)] {
		return true
	}
	if s.missing++; it.sequence > s.upTo || s.missing > hubWindow {
		s.found = nil
	}
	return false
}

// crowded reports that everything has to pass before more is read, so that the note can be written anew.
func (s *session) crowded() bool {
	return s.found == nil && len(s.order) > 0 && (s.sent >= noteMost || s.now().Sub(s.renewed) > noteOld)
}

// promise makes the note cover what is about to be published.
func (s *session) promise() error {
	n, now := s.note, s.now()
	alone := s.found == nil && len(s.order) == 1 // nothing else is on its way, or there without our knowing
	switch {
	case alone && now.Sub(s.renewed) > noteAge:
		if err := s.ask(); err != nil {
			return err
		}
		now = s.now()
		fallthrough
	case alone && s.sent >= noteMany:
		n.Passed, n.Hub, n.Since = s.order[0].sequence-1, s.hub.CachedInfo().Created, s.top
		s.renewed, s.sent = now, 0
	case now.Before(n.Until.Add(-noteLeft)):
		s.sent++
		return nil
	}
	s.sent++
	s.note, s.note.Until = n, now.Add(noteLease)
	return s.f.notes.write(s.work, s.note)
}

// ask asks the hub how far its CALLS is, and what its clock says.
func (s *session) ask() error {
	ctx, cancel := context.WithTimeout(s.work, hubPatience)
	defer cancel()
	if _, err := s.hub.Info(ctx); err != nil {
		return fmt.Errorf("look at stream %s of the hub: %w", Calls, err)
	}
	s.setClock()
	return nil
}
