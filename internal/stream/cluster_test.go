package stream_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

// A new leader of a lane's consumer has not heard of the last deliveries of the one that was killed, and the adapters' connections
// may have noticed nothing. So what was stored before it waits until whoever may have it in hand has ended, and is known to be in doubt;
// what was stored after it does not wait.
func TestInAClusterWhatANewLeaderMayHaveForgottenWaits(t *testing.T) {
	t.Parallel()
	c := natstest.StartCluster(t)
	nc := c.Connect()
	p := publisher(t, nc)
	target := slowTarget(t, nc)
	l := lane(t, target, 0)
	publish(t, p, "101", 1)
	end(t, next(t, l), verdict.Done())
	l.Pause()

	publish(t, p, "101", 2)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	look := func() *jetstream.ClusterInfo {
		asked, cancel := context.WithTimeout(t.Context(), time.Second) // while there is no leader nobody answers
		defer cancel()
		info, err := js.Consumer(asked, stream.Calls, "onec-main-1-0")
		if err != nil {
			return &jetstream.ClusterInfo{}
		}
		return info.CachedInfo().Cluster
	}
	led := func() *jetstream.ClusterInfo { // waits for a leader
		for begin := time.Now(); time.Since(begin) < natstest.Patience; {
			if now := look(); now.LeaderSince != nil {
				return now
			}
		}
		t.Fatal("there is no leader")
		return nil
	}
	before := led()
	if len(before.Replicas) != 2 {
		t.Fatalf("the lane has %d replicas beside its leader, want 2", len(before.Replicas))
	}
	asked := time.Time{}
	for deadline := time.Now().Add(natstest.Patience); ; time.Sleep(50 * time.Millisecond) {
		if time.Since(asked) > 5*time.Second { // a busy machine may have an election of its own under way
			if _, err := nc.Request("$JS.API.CONSUMER.LEADER.STEPDOWN.CALLS.onec-main-1-0", nil, 5*time.Second); err != nil {
				t.Log(err)
			}
			asked = time.Now()
		}
		now := led()
		if !now.LeaderSince.Equal(*before.LeaderSince) {
			break
		}
		if time.Now().After(deadline) {
			t.Fatalf("there is no new leader: %+v", now)
		}
	}
	elected := *led().LeaderSince
	if got := nc.Stats().Reconnects; got != 0 {
		t.Fatalf("the connection was broken %d times, want 0: it is the leader that is new", got)
	}
	m := nextAfterOutage(t, l)
	if waited := time.Since(elected); waited < forgottenWait-500*time.Millisecond {
		t.Errorf("event 2 came %v after the election, want AckWait (%v) at least", waited, forgottenWait)
	}
	if m.Event().Line != "101" || m.Deliveries() < 2 {
		t.Errorf("event of line %s, delivered %d times: want 101, and 2 at least, so that its ending says that it is in doubt", m.Event().Line, m.Deliveries())
	}
	end(t, m, verdict.Done())
	publish(t, p, "101", 3)
	m = next(t, l)
	end(t, m, verdict.Done())
	if now := led(); now.LeaderSince.Equal(elected) && m.Deliveries() != 1 {
		t.Errorf("event 3, stored after the election, is in doubt: %d deliveries", m.Deliveries())
	}
}
