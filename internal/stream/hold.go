package stream

import (
	"context"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// AckWait is how long the broker waits for whoever has a message in hand and says nothing; then it goes to another adapter.
// It has nothing to do with the length of a call: while one is under way its adapter says so (Message.Hold).
const AckWait = 5 * time.Second

// A message is asked for beats times in AckWait, and held for AckWait less one beat, which is for clocks that differ and a
// machine that is slow.
const beats = 5

// Hold keeps the message in hand until drop is called, however long that is. held ends sooner where the broker has not
// confirmed for so long that the message is ours that another adapter may get it: we were cut off or frozen, NATS was away or
// was started anew, the lane is given up. A call that is under way then must end with it. So nobody need wait for the
// longest call, but only for AckWait: after a kill, an election, or a pause of the lane (docs/adr/0014).
func (m *Message) Hold(ctx context.Context) (held context.Context, drop func()) {
	held, lose := context.WithCancel(ctx)
	wait := m.lane.consumer.CachedInfo().Config.AckWait
	m.lease = time.AfterFunc(lease(wait), func() {
		m.lost.Store(true)
		lose()
	})
	stopped := make(chan struct{})
	go func() {
		defer close(stopped)
		m.beat(held, wait/beats)
	}()
	m.drop = func() {
		m.lease.Stop()
		lose()
		<-stopped // or a last InProgress would undo the delay of Later
	}
	return held, m.drop
}

// beat asks again and again. What comes of it the lease knows. It waits for no answer: one that is lost with the connection would
// be waited for longer than the lease lasts.
func (m *Message) beat(ctx context.Context, every time.Duration) {
	var asked sync.WaitGroup
	defer asked.Wait()
	each(ctx, every, func() {
		asked.Go(func() { _, _ = m.Ours(ctx) })
	})
}

func lease(wait time.Duration) time.Duration { return wait * (beats - 1) / beats }

// renew makes the lease last from when it was asked for. A leader that most of the cluster does not hear may have been
// replaced: the others wait for 4 s at least before they elect, and a lane of a new leader rests for AckWait.
func (m *Message) renew(asked time.Time, info *jetstream.ConsumerInfo) {
	if m.lease == nil || !heard(info) {
		return
	}
	m.renewing.Lock()
	defer m.renewing.Unlock()
	if asked.After(m.renewed) { // the answer to a later question may have come first
		m.renewed = asked
		m.lease.Reset(time.Until(asked.Add(lease(info.Config.AckWait))))
	}
}

// heard reports whether a consumer's leader has heard of most of its group in the last AckWait; a single server is most.
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
