package stream

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// AckWait is how long the broker waits for whoever has a message in hand and says nothing; then it goes to another adapter.
// It has nothing to do with the length of a call: while one is under way its adapter says so (Message.Hold).
const AckWait = 5 * time.Second

// A message is asked for beats times in AckWait, and held for AckWait less one beat, which is for clocks that differ and a
// machine that is slow.
const beats = 5

// hand is a delivery of the broker that came here: with a lane's oldest open message in hand its owner may work in the lane.
type hand struct {
	lane     *Lane
	raw      jetstream.Msg
	broker   string // id of the run that delivered it
	sequence uint64 // in CALLS
	delivery uint64 // consumer sequence: another one means that it was delivered again
	first    bool   // nobody has had the message before
	waiting  uint64 // how many wait behind it

	lease *time.Timer // nil: nobody holds it
	lost  atomic.Bool // it ran out: another adapter may be calling with the message
	drop  func()

	renewing sync.Mutex
	renewed  time.Time // when the lease was asked for that is in force; at first, when it came here
}

// Hold keeps the message in hand until drop is called, however long that is. held ends sooner where the broker has not
// confirmed for so long that the message is ours that another adapter may get it: we were cut off or frozen, NATS was away or
// was started anew, the lane is given up. A call that is under way then must end with it. So nobody need wait for the
// longest call, but only for AckWait: after a kill, an election, or a pause of the lane (docs/adr/0014).
func (m *Message) Hold(ctx context.Context) (held context.Context, drop func()) {
	return m.hand.hold(ctx)
}

func (h *hand) hold(ctx context.Context) (held context.Context, drop func()) {
	held, lose := context.WithCancel(ctx)
	wait := h.lane.consumer.CachedInfo().Config.AckWait
	h.renewing.Lock()
	h.lease = time.AfterFunc(time.Until(h.renewed.Add(lease(wait))), func() { // others may have been worked on with this hand before
		h.lost.Store(true)
		lose()
	})
	h.renewing.Unlock()
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		h.beat(held, wait/beats)
	}()
	h.drop = func() {
		h.lease.Stop()
		lose()
		<-stopped // or a last InProgress would undo the delay of Later
	}
	return held, h.drop
}

// beat asks again and again. What comes of it the lease knows. It waits for no answer: one that is lost with the connection would
// be waited for longer than the lease lasts.
func (h *hand) beat(ctx context.Context, every time.Duration) {
	var asked sync.WaitGroup
	defer asked.Wait()
	each(ctx, every, func() {
		asked.Go(func() { _, _ = h.ours(ctx) })
	})
}

// proof is that the broker had delivered nothing of a lane to anybody since a delivery which came here. It says that of when it was
// asked for; what came here later was delivered later.
type proof struct {
	asked      time.Time
	connection uint64 // counts the reconnects: what came over another one proves nothing
}

// sure is ours without a question, where the answer is known. A message that was delivered after a proof no older than a beat
// can be with nobody else before AckWait has passed since that proof, whatever happened to the broker or to us since; so the lease
// is counted from the proof, and the beats go on asking from there. In a cluster a new leader may not know of the proof, so there is
// none; what was delivered before, somebody else may still say something of (docs/adr/0014).
func (h *hand) sure() bool {
	p, nc := h.lane.proof.Load(), h.lane.target.nc
	wait := h.lane.consumer.CachedInfo().Config.AckWait
	if p == nil || !h.first || age(p.asked) >= wait/beats || !nc.IsConnected() || nc.Stats().Reconnects != p.connection {
		return false
	}
	h.renewing.Lock()
	defer h.renewing.Unlock()
	h.count(p.asked, wait)
	return true
}

// age is by the clock that nobody sets, and by the one on the wall where that one went further: the first one stands still while a
// machine sleeps.
func age(t time.Time) time.Duration {
	now := time.Now()
	return max(now.Sub(t), now.Round(0).Sub(t.Round(0)))
}

// ours reports whether the delivery is still the broker's last one, and ours. NATS does not
// fence acknowledgements, and a process that was frozen longer than AckWait comes back as if nothing had happened
// (tried: 16 repeats and 4 out of order in 4,000 without the fence, 2 and 0 with it). It also starts AckWait anew.
func (h *hand) ours(ctx context.Context) (bool, error) {
	asked, connection := time.Now(), h.lane.target.nc.Stats().Reconnects
	if err := h.raw.InProgress(); err != nil {
		return false, fmt.Errorf("lane %s: %w", h.lane.name, err)
	}
	info, err := h.lane.consumer.Info(ctx)
	if err != nil {
		return false, fmt.Errorf("lane %s: is message %d still ours: %w", h.lane.name, h.sequence, err)
	}
	if h.broker != h.lane.run(info) {
		h.lane.pin.Store(nil) // look at it anew with the next message, whatever its pin
		return false, nil     // another run of the broker, or another leader, may have given this very number to another delivery
	}
	// A paused lane is one that is being given up: whoever takes its place waits for the calls that have begun, not for others.
	ours := !info.Paused && info.NumAckPending == 1 && info.Delivered.Consumer == h.delivery && info.Delivered.Stream == h.sequence
	if ours && heard(info) {
		h.extend(asked, info.Config.AckWait)
	}
	if ours && info.Cluster == nil {
		h.lane.proof.Store(&proof{asked, connection})
	}
	return ours, nil
}

// back hands the delivery back, to come again after a while. What is held no more is not handed back: another adapter may be
// calling with it, and the broker does not ask whose NAK it is. AckWait brings it.
func (h *hand) back(after time.Duration) error {
	if h.drop != nil {
		h.drop()
	}
	if !h.held() {
		return nil
	}
	if after <= 0 {
		return h.raw.Nak()
	}
	h.lane.rest = time.Now().Add(after)
	return h.raw.NakWithDelay(after)
}

// held reports whether the lease that was asked for last is still in force. Its timer alone does not tell: who wakes from a frost may be
// here before it.
func (h *hand) held() bool {
	h.renewing.Lock()
	defer h.renewing.Unlock()
	return !h.lost.Load() && time.Since(h.renewed) < lease(h.lane.consumer.CachedInfo().Config.AckWait)
}

func lease(wait time.Duration) time.Duration { return wait * (beats - 1) / beats }

// extend makes the lease last from when it was asked for.
func (h *hand) extend(asked time.Time, wait time.Duration) {
	h.renewing.Lock()
	defer h.renewing.Unlock()
	if asked.After(h.renewed) { // the answer to a later question may have come first
		h.count(asked, wait)
	}
}

func (h *hand) count(from time.Time, wait time.Duration) {
	h.renewed = from
	if h.lease != nil {
		h.lease.Reset(time.Until(from.Add(lease(wait))))
	}
}

// heard reports whether a consumer's leader has heard of most of its group in the last AckWait; a single server is most. One that
// most do not hear may have been replaced: the others wait for 4 s at least before they elect, and a lane of a new leader rests for
// AckWait.
func heard(info *jetstream.ConsumerInfo) bool {
	if info.Cluster == nil {
		return true
	}
	silent := 0
	for _, peer := range info.Cluster.Replicas {
		if peer.Offline || peer.Active > info.Config.AckWait {
			silent++
		}
	}
	return 2*silent <= len(info.Cluster.Replicas)
}
