package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
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
	// A note is written anew when it is noteAge old and everything has passed; after noteOld nothing more is read until
	// everything has. So what would have to be looked through is about a minute of the hub.
	noteAge, noteOld = 10 * time.Second, time.Minute
	// A note allows to publish for noteLease, and is extended when less than noteLeft of that is left.
	noteLease, noteLeft = 30 * time.Second, 15 * time.Second
	// straggling is how long after Until something may still arrive: the system sends what a closed connection has left
	// behind for about 100 s more (Linux, tcp_orphan_retries 8).
	straggling = 3 * time.Minute
	// lookAtOnce is how many of the hub's messages are asked for at once, 50 KiB or so.
	lookAtOnce = 32
	// lookPatience is for lookAtOnce messages over a slow line.
	lookPatience = 30 * time.Second
)

// promised is a session's share in the note: what it has found, and what it may publish.
type promised struct {
	note note
	// found are the ids of the branch that may be among those in doubt; nil: nothing is in doubt any more.
	found   map[string]bool
	upTo    uint64 // sequence of the last event here that may be in doubt
	missing int    // of those that were looked for
	renewed time.Time
	clock   time.Time // the hub's, at
	at      time.Time
}

func (s *session) now() time.Time { return s.clock.Add(time.Since(s.at)) }

// setClock takes the hub's time, and its CALLS as of then.
func (s *session) setClock() *jetstream.StreamInfo {
	info := s.hub.CachedInfo()
	s.clock, s.at = info.TimeStamp, time.Now()
	return info
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

// look reads the branch's ids in that part of the hub's CALLS in which what is in doubt must be. It needs no consumer
// there: who may create one may overwrite the adapters'.
func (s *session) look() (map[string]bool, error) {
	info, found := s.hub.CachedInfo(), map[string]bool{}
	first := max(1, info.State.FirstSeq)
	if s.note.Hub.Equal(info.Created) { // of another CALLS the numbers say nothing
		first = max(first, s.note.Since+1)
	}
	end := s.note.Until.Add(straggling)
	for ; first <= info.State.LastSeq; first += lookAtOnce {
		for _, m := range s.several(first, min(first+lookAtOnce-1, info.State.LastSeq)) {
			switch {
			case m.err != nil:
				return nil, fmt.Errorf("look for what the hub has: %w", m.err)
			case m.msg == nil:
			case m.msg.Time.After(end):
				return found, nil
			default:
				if site, _ := laneKey(m.msg.Header); site == s.f.o.Site {
					found[m.msg.Header.Get(nats.MsgIdHdr)] = true
				}
			}
		}
	}
	return found, nil
}

type seen struct {
	msg *jetstream.RawStreamMsg // nil: it was deleted
	err error
}

func (s *session) several(first, last uint64) []seen {
	ctx, cancel := context.WithTimeout(s.work, lookPatience)
	defer cancel()
	all := make([]seen, last-first+1)
	var wg sync.WaitGroup
	for i := range all {
		wg.Go(func() {
			m, err := s.hub.GetMsg(ctx, first+uint64(i))
			if !errors.Is(err, jetstream.ErrMsgNotFound) {
				all[i] = seen{m, err}
			}
		})
	}
	wg.Wait()
	return all
}

// has reports whether the hub was found to have an event. What is in doubt was on its way together: hubWindow events that
// are not there stand behind all that can be.
func (s *session) has(it *passing) bool {
	if s.found == nil {
		return false
	}
	if s.found[it.msg.Header.Get(nats.MsgIdHdr)] {
		return true
	}
	if s.missing++; it.sequence > s.upTo || s.missing >= hubWindow {
		s.found = nil
	}
	return false
}

// crowded reports that everything has to pass before more is read, so that the note can be written anew.
func (s *session) crowded() bool {
	return s.found == nil && len(s.order) > 0 && s.now().Sub(s.renewed) > noteOld
}

// promise makes the note cover what is about to be published.
func (s *session) promise() error {
	ctx, cancel := context.WithTimeout(s.work, hubPatience)
	defer cancel()
	n, now := s.note, s.now()
	switch {
	case s.found == nil && len(s.order) == 1 && now.Sub(s.renewed) > noteAge: // nothing else is on its way, or there without a PubAck
		if _, err := s.hub.Info(ctx); err != nil {
			return fmt.Errorf("look at stream %s of the hub: %w", Calls, err)
		}
		info := s.setClock()
		now = s.now()
		n.Passed, n.Hub, n.Since, s.renewed = s.order[0].sequence-1, info.Created, info.State.LastSeq, now
	case now.Before(n.Until.Add(-noteLeft)):
		return nil
	}
	n.Until = now.Add(noteLease)
	if err := s.f.notes.write(ctx, n); err != nil {
		return err
	}
	s.note = n
	return nil
}
