package stream_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

func usualLane(t *testing.T, nc *nats.Conn) *stream.Lane {
	t.Helper()
	target, _, err := stream.OpenTarget(ctx(t), nc, stream.TargetOptions{Name: "main", Sessions: 1})
	if err != nil {
		t.Fatal(err)
	}
	return lane(t, target, 0)
}

func TestACallMayLastLongerThanAckWait(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	publish(t, publisher(t, nc), "101", 1)
	m := next(t, usualLane(t, nc))
	held, drop := m.Hold(ctx(t))
	defer drop()
	select {
	case <-held.Done():
		t.Fatal("the message was not held for as long as the call lasted")
	case <-time.After(stream.AckWait * 3 / 2):
	}
	if ours, err := m.Ours(ctx(t)); err != nil || !ours {
		t.Errorf("the fence says %v (%v), want true: the message was delivered once", ours, err)
	}
}

// Whoever cannot say that it is at work must not be any more when another adapter gets the message.
func TestWhoIsCutOffBreaksItsCallOffBeforeAnotherGetsTheMessage(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	publish(t, publisher(t, server.Declared()), "101", 1)
	cut := server.Connect()
	held, drop := next(t, usualLane(t, cut)).Hold(ctx(t))
	defer drop()
	cut.Close()
	m := next(t, usualLane(t, server.Connect()))
	if held.Err() == nil {
		t.Error("the message is at another adapter, and the call of the first goes on")
	}
	if m.Deliveries() < 2 {
		t.Errorf("%d deliveries, want 2: the ending has to say that it is in doubt", m.Deliveries())
	}
}

// The bug: a killed broker forgot the delivery, and the lane had to rest for as long as the longest call.
func TestAKilledBrokerEndsTheHoldBeforeAnotherGetsTheMessage(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	p := publisher(t, nc)
	first := usualLane(t, nc)
	publish(t, p, "101", 1)
	end(t, next(t, first), verdict.Done())
	second := usualLane(t, server.Connect())
	forget := amnesia(t, server)
	publish(t, p, "101", 2)
	held, drop := next(t, first).Hold(ctx(t))
	defer drop()
	server.Stop()
	forget()
	server.Restart()
	first.Pause()
	m := nextAfterOutage(t, second)
	if held.Err() == nil {
		t.Error("the message is at another adapter, and the call of the first goes on")
	}
	if m.Deliveries() < 2 {
		t.Errorf("%d deliveries, want 2: the ending has to say that it is in doubt", m.Deliveries())
	}
}

// A change of lanes waits for AckWait, so no call may last longer once it has begun.
func TestAChangeOfLanesEndsTheHold(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	publish(t, publisher(t, nc), "101", 1)
	held, drop := next(t, usualLane(t, nc)).Hold(ctx(t))
	defer drop()
	if err := stream.ChangeUpTo(ctx(t), nc, "main", 2, stream.ChangeHeld); err != nil {
		t.Fatal(err)
	}
	select {
	case <-held.Done():
	case <-ctx(t).Done():
		t.Error("the message is held though its lane is being given up")
	}
}

// A beat behind Later would put the message off by AckWait.
func TestWhatIsHandedBackIsNotHeldAnyMore(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	publish(t, publisher(t, nc), "101", 1)
	l := usualLane(t, nc)
	m := next(t, l)
	held, drop := m.Hold(ctx(t))
	defer drop()
	if err := m.Later(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if held.Err() == nil {
		t.Error("the message is held though it was handed back")
	}
	if again := next(t, l); again.Deliveries() != 2 {
		t.Errorf("%d deliveries, want 2", again.Deliveries())
	}
}

func TestALeaderThatMostDoNotHearRenewsNothing(t *testing.T) {
	t.Parallel()
	near, far := &jetstream.PeerInfo{Active: time.Second}, &jetstream.PeerInfo{Active: stream.AckWait + time.Second}
	off := &jetstream.PeerInfo{Offline: true}
	for name, c := range map[string]struct {
		cluster *jetstream.ClusterInfo
		want    bool
	}{
		"a single server":         {nil, true},
		"one replica":             {&jetstream.ClusterInfo{}, true},
		"three, all well":         {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{near, near}}, true},
		"three, one away":         {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{near, off}}, true},
		"three, the leader alone": {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{far, off}}, false},
		"five, two away":          {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{near, near, far, far}}, true},
		"five, three away":        {&jetstream.ClusterInfo{Replicas: []*jetstream.PeerInfo{near, far, far, far}}, false},
	} {
		info := &jetstream.ConsumerInfo{Cluster: c.cluster, Config: jetstream.ConsumerConfig{AckWait: stream.AckWait}}
		if got := stream.Heard(info); got != c.want {
			t.Errorf("%s: heard %v, want %v", name, got, c.want)
		}
	}
}

// The bug: an adapter was frozen between 1C's answer and the ending, another one called 1C meanwhile, and the first one's ending
// was stored, which knew nothing of a second call (faults -scenario mix -seconds 13 -seed 500).
func TestAnEndingAfterTheHoldWasLostIsUnsure(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	publish(t, publisher(t, nc), "101", 1)
	m := next(t, usualLane(t, nc))
	held, drop := m.Hold(ctx(t))
	defer drop()
	server.Stop()
	<-held.Done()
	server.Restart()
	end(t, m, verdict.Done())
	var all []stream.Ended
	if err := stream.EndingsSince(ctx(t), server.Connect(), time.Now().Add(-time.Hour), func(e stream.Ended) { all = append(all, e) }); err != nil {
		t.Fatal(err)
	}
	if len(all) != 1 || !all[0].Unsure {
		t.Errorf("endings %+v, want one that says it is unsure", all)
	}
}
