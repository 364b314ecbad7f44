package httpfront

import (
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/ingest/internal/dialect"
)

const (
	// repeatWindow is how long after a hit another one may be its repeat. Longer, and a counter of calls that starts
	// anew with the phone could come round.
	repeatWindow = time.Second
	// repeatMemory is how many hits are looked back on: 1,000 phones in their busy hour send 30 a second. Of more, the
	// oldest are forgotten, and a repeat of theirs becomes a message of its own.
	repeatMemory = 1024
)

// repeats finds the hits in which a phone tells for a second time what it has just told (docs/adr/0006): same phone,
// same event, same call, within a second. It merges nothing that it is not sure of: a repeat too many is a second
// pop-up, one too few is a call that nobody sees.
type repeats struct {
	mu      sync.Mutex
	recent  []*telling            // the oldest first
	ofPhone map[string][]*telling // the same by MAC: a phone repeats only itself, and in a storm there are a thousand others
}

// errPanicked stands until store has returned.
var errPanicked = errors.New("storing panicked")

// telling is an event that was told, and the words for it that make another hit a repeat.
type telling struct {
	event  call.Event
	named  bool // the call id names one call
	twice  bool // the vendor tells it once more, with a call id if this has none, and without if it has
	paired bool // and has done so
	since  time.Time

	stored chan struct{} // closed once it is known whether the event is stored
	err    error         // why it is not
}

// once stores an event, unless it has just been stored: then again is true. A repeat of an event that is still being stored
// waits for it and shares its fate, so that its 200 is the same promise.
func (r *repeats) once(said dialect.Said, store func() error) (again bool, err error) {
	t, first := r.tell(said)
	if first {
		return false, r.settle(t, store)
	}
	<-t.stored // a publisher gives up after two seconds
	return true, t.err
}

// tell finds the hit that this one repeats, or takes this one down as the first.
func (r *repeats) tell(said dialect.Said) (t *telling, first bool) {
	x := &telling{event: told(said.Event), named: said.OneCall, twice: said.Twice, stored: make(chan struct{})}
	if x.event.Phone.MAC == "" || !x.named && !x.twice {
		return x, true // behind one address there may be many phones; and without a name any two calls look alike
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	x.since = time.Now()
	for len(r.recent) > 0 && x.since.Sub(r.recent[0].since) >= repeatWindow {
		r.dropOldest()
	}
	mine := r.ofPhone[x.event.Phone.MAC]
	for _, t := range slices.Backward(mine) {
		switch {
		case !t.sameCall(x):
		case t.event == x.event, t.paired && t.event.Type == x.event.Type:
			return t, false
		case t.event.Type != x.event.Type: // held, resumed, held again: the call has gone on since
			return r.add(x), true
		}
	}
	for _, t := range mine {
		if t.pairs(x) {
			t.paired = true
			if x.named {
				t.named, t.event.CallID = true, x.event.CallID // by which the next repeat is known
			}
			return t, false
		}
	}
	return r.add(x), true
}

// told is what must be the same in a repeat: all that the event says but for the words it was said in.
func told(e call.Event) call.Event {
	e.Raw, e.Phone.IP = "", ""
	return e
}

func (t *telling) sameCall(x *telling) bool {
	return t.named && x.named && t.event.CallID == x.event.CallID && t.samePlace(x)
}

func (t *telling) samePlace(x *telling) bool {
	return t.event.Line == x.event.Line // they are of one phone
}

// pairs reports whether t and x are the two ways of telling one thing. Each is half of one pair at most, so that of two
// calls of one caller, each told twice, two remain. Callers who withhold their numbers are not known to be one.
func (t *telling) pairs(x *telling) bool {
	return t.twice && x.twice && !t.paired && (t.event.CallID == "") != (x.event.CallID == "") &&
		t.samePlace(x) && t.event.Type == x.event.Type && t.event.Remote.Number == x.event.Remote.Number && x.event.Remote.Number != ""
}

func (r *repeats) add(x *telling) *telling {
	if len(r.recent) == repeatMemory {
		r.dropOldest()
	}
	if r.ofPhone == nil {
		r.ofPhone = map[string][]*telling{}
	}
	mac := x.event.Phone.MAC
	r.recent, r.ofPhone[mac] = append(r.recent, x), append(r.ofPhone[mac], x)
	return x
}

func (r *repeats) dropOldest() {
	r.leave(r.recent[0])
	r.recent = r.recent[1:]
}

// leave takes a telling out of its phone's.
func (r *repeats) leave(t *telling) {
	mac := t.event.Phone.MAC
	left := slices.DeleteFunc(r.ofPhone[mac], func(other *telling) bool { return other == t })
	if r.ofPhone[mac] = left; len(left) == 0 {
		delete(r.ofPhone, mac)
	}
}

// settle stores the event and tells those who repeated it what became of it. One that was not stored was not told.
func (r *repeats) settle(t *telling, store func() error) error {
	t.err = errPanicked
	defer func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if t.err != nil {
			r.forget(t)
		}
		close(t.stored)
	}()
	t.err = store()
	return t.err
}

// restarted forgets the calls of a phone that has started anew: so have its call ids.
func (r *repeats) restarted(mac string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, t := range slices.Clone(r.ofPhone[mac]) {
		r.forget(t)
	}
}

func (r *repeats) forget(t *telling) {
	if i := slices.Index(r.recent, t); i >= 0 {
		r.leave(t)
		r.recent = slices.Delete(r.recent, i, i+1)
	}
}
