package stream

import (
	"context"
	"fmt"
	"hash/maphash"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
)

// While a lane works on what has piled up in an outage, an event that comes now, of a line which has nothing waiting, goes
// before the backlog (docs/adr/0016). Which ones these are a reader of the target finds out, beside the lanes.

const (
	// farBehind is how many events must wait behind a lane's oldest one, those of other lanes among them.
	farBehind = 50
	// mostAhead bounds what a target's lanes have to remember between them, and what they let wait in front of the backlog.
	mostAhead = 1024
	// freshFor is how long an event may wait in front of the backlog. Then it falls back into its turn, with what follows on its line:
	// lanes that get more than they can do come to their backlog all the same.
	freshFor = 30 * time.Second
	// askedFor is how long the reader goes on after a lane that is far behind has asked it last.
	askedFor = time.Minute
	// readAgain is the pause after a reader that ended by itself.
	readAgain = time.Second
	// slots is how many numbers there are for lines. A hostile phone may invent any number of lines; two with one number only keep each other in
	// their turn.
	slots = 1 << 16
)

// shareOf is a lane's share of mostAhead.
func shareOf(lanes int) int { return mostAhead / lanes }

// fresh reads CALLS on behalf of a target's lanes, from the oldest event that has not ended. It keeps what has come since it began and
// may go before its turn. All that it says of lines is true whoever owns the lanes: that a line has nothing waiting below an event
// does not change any more.
type fresh struct {
	target     *Target
	connection uint64 // a broker that was started anew may have lost what we have read
	seed       maphash.Seed
	idle       *time.Timer
	over       atomic.Bool
	gone       chan struct{}

	mu    sync.Mutex
	begin uint64        // what is not above it was there before us
	last  [slots]uint64 // by line: the last event that waits in its turn
	lanes []freshLane
}

// freshLane is what a lane has in front of its backlog.
type freshLane struct {
	front uint64 // its oldest open event; 0: it has not asked yet
	queue []freshEvent
}

type freshEvent struct {
	sequence uint64
	slot     int
	since    time.Time
}

// freshEvents is the target's reader, begun if there is none; nil: it cannot be had at the moment.
func (t *Target) freshEvents() *fresh {
	t.reading.Lock()
	defer t.reading.Unlock()
	if r := t.reader; r != nil && !r.over.Load() && r.connection == t.nc.Stats().Reconnects {
		return r
	}
	t.endReader()
	if time.Since(t.began) < readAgain {
		return nil
	}
	t.began = time.Now()
	ctx, stop := context.WithCancel(context.Background())
	r := &fresh{
		target: t, connection: t.nc.Stats().Reconnects, seed: maphash.MakeSeed(), idle: time.AfterFunc(askedFor, stop),
		gone: make(chan struct{}), begin: ^uint64(0), lanes: make([]freshLane, t.set.Lanes),
	}
	t.reader, t.stopReader = r, stop
	go func() {
		defer close(r.gone)
		_ = r.read(ctx) // without it the lanes go on in their turn, and begin another one
		r.over.Store(true)
		stop()
	}()
	return r
}

// endReader stops the reader, if there is one.
func (t *Target) endReader() {
	if t.reader != nil {
		t.stopReader()
		t.reader = nil
	}
}

// read notes what the target's lanes read, until ctx ends. Errors: NATS, or a message was missed.
func (r *fresh) read(ctx context.Context) error {
	t := r.target
	reach, _, err := t.changer().reach(ctx, t.set)
	if err != nil {
		return err
	}
	now, err := t.calls.Info(ctx)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", Calls, err)
	}
	r.mu.Lock()
	r.begin = now.State.LastSeq
	r.mu.Unlock()
	consumer, err := t.beside(ctx, reach.first(), true)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", Calls, err)
	}
	defer t.remove(consumer)
	messages, err := consumer.Messages()
	if err != nil {
		return fmt.Errorf("read stream %s: %w", Calls, err)
	}
	defer messages.Stop()
	for count := uint64(1); ; count++ {
		m, err := messages.Next(jetstream.NextContext(ctx))
		if err != nil {
			return fmt.Errorf("read stream %s: %w", Calls, err)
		}
		meta, err := m.Metadata()
		if err != nil || meta.Sequence.Consumer != count {
			return fmt.Errorf("read stream %s: message %d has not come: %w", Calls, count, err)
		}
		site, line := laneKey(m.Headers())
		if reach.open(site, line, meta.Sequence.Stream) { // what ended ahead before us keeps nothing of its line waiting
			r.note(site, line, meta.Sequence.Stream, strings.HasPrefix(m.Subject(), "again.") || isPast(m.Headers()))
		}
	}
}

// beside is a consumer of what the target's lanes read, beside theirs: for a reader that acknowledges nothing, and whose end is no loss.
func (t *Target) beside(ctx context.Context, first uint64, headersOnly bool) (jetstream.Consumer, error) {
	cfg := headersFrom(t.o.Name, first)
	cfg.HeadersOnly, cfg.AckPolicy, cfg.MemoryStorage, cfg.InactiveThreshold = headersOnly, jetstream.AckNonePolicy, true, askedFor
	return t.calls.CreateConsumer(ctx, cfg)
}

// remove removes such a consumer. It goes by itself at the latest.
func (t *Target) remove(consumer jetstream.Consumer) {
	short, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = t.calls.DeleteConsumer(short, consumer.CachedInfo().Name)
}

// isPast reports whether an event that comes now was accepted long ago: a branch that is back hands on hours of them.
func isPast(h nats.Header) bool {
	accepted, err := time.Parse(time.RFC3339Nano, h.Get("ce-time"))
	return err != nil || time.Since(accepted) > freshFor
}

func (r *fresh) slotOf(site string, line call.Line) int {
	return int(maphash.Comparable(r.seed, [2]string{site, string(line)}) % slots)
}

// note puts an event into its lane's queue, or leaves it in its turn: where it was there before us, it is no new one (an operator has
// sent it again, or it is of the past), something of its line waits in its turn, or the queue is full.
func (r *fresh) note(site string, line call.Line, sequence uint64, old bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := freshEvent{sequence: sequence, slot: r.slotOf(site, line), since: time.Now()}
	l := &r.lanes[LaneOf(site, line, len(r.lanes))]
	if old || sequence <= r.begin || r.last[e.slot] >= l.front || len(l.queue) >= shareOf(len(r.lanes)) {
		r.fall(e)
		return
	}
	l.queue = append(l.queue, e)
}

// fall leaves an event in its turn, and with it what comes later of its line.
func (r *fresh) fall(e freshEvent) { r.last[e.slot] = max(r.last[e.slot], e.sequence) }

// take is the next event that may go before the lane's oldest open one.
func (r *fresh) take(lane int, front uint64, ended func(uint64) bool) (e freshEvent, there bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.idle.Reset(askedFor)
	l := &r.lanes[lane]
	l.front = front
	for len(l.queue) > 0 {
		e, l.queue = l.queue[0], l.queue[1:]
		switch {
		case e.sequence < front || ended(e.sequence):
		case e.sequence == front || r.last[e.slot] >= front || time.Since(e.since) > freshFor:
			r.fall(e)
		default:
			return e, true
		}
	}
	return e, false
}

// standAside leaves all that a lane has in front of its backlog in its turn: the lane works no more for now, and what comes until it asks again
// is not new then.
func (r *fresh) standAside(lane int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	l := &r.lanes[lane]
	for _, e := range l.queue {
		r.fall(e)
	}
	*l = freshLane{}
}

// putBack says that an event which was taken has not ended.
func (r *fresh) putBack(e freshEvent) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.fall(e)
}
