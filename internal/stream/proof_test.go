package stream_test

import (
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

// proven is a lane whose first message was proven to be ours and has ended, and the second one, which is in hand.
func proven(t *testing.T, nc *nats.Conn, ackWait time.Duration) (*stream.Lane, *stream.Message) {
	t.Helper()
	publish(t, publisher(t, nc), "101", 1)
	publish(t, publisher(t, nc), "101", 2)
	l := lane(t, waitingTarget(t, nc, ackWait), 0)
	first := next(t, l)
	isOurs(t, first)
	end(t, first, verdict.Done())
	return l, next(t, l)
}

func isOurs(t *testing.T, m *stream.Message) {
	t.Helper()
	if ours, err := m.Ours(ctx(t)); err != nil || !ours {
		t.Errorf("the fence says %v (%v), want true", ours, err)
	}
}

// asks reports whether a fence asks the broker.
func asks(t *testing.T, nc *nats.Conn, m *stream.Message) bool {
	t.Helper()
	asked, err := askedFor(t, nc, m)
	if err != nil {
		t.Error(err)
	}
	return asked
}

func askedFor(t *testing.T, nc *nats.Conn, m *stream.Message) (bool, error) {
	questions, err := nc.SubscribeSync("$JS.API.CONSUMER.INFO.CALLS.>")
	if err != nil {
		return false, err
	}
	defer questions.Unsubscribe() //nolint:errcheck // it ends with the connection at the latest
	if ours, err := m.Ours(ctx(t)); err != nil || !ours {
		return false, fmt.Errorf("the fence says %v (%v), want true", ours, err)
	}
	err = nc.Flush()
	asked, _, _ := questions.Pending()
	return asked > 0, err
}

// forAges is an AckWait of which no test lasts for as long as a beat.
const forAges = 100 * natstest.Patience

func TestWhatIsKnownToBeOursIsNotAskedFor(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	l, m := proven(t, nc, forAges)
	if asks(t, nc, m) {
		t.Error("the broker was asked although it had said that it had delivered nothing since")
	}
	if err := m.Later(0); err != nil {
		t.Fatal(err)
	}
	if !asks(t, nc, next(t, l)) {
		t.Error("the broker was not asked for a message that somebody has had before")
	}
}

// A new leader may not know of what the old one has said. A cluster on a busy machine has one every now and then, so it is tried again.
func TestInAClusterEachMessageIsAskedFor(t *testing.T) {
	t.Parallel()
	nc := natstest.StartCluster(t).Connect()
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	publish(t, p, "101", 2)
	for begin := time.Now(); ; {
		asked, err := askedForSecond(t, nc, fmt.Sprint("t", time.Since(begin).Microseconds()))
		switch {
		case err == nil && !asked:
			t.Error("the leader was not asked")
			return
		case err == nil:
			return
		case time.Since(begin) > natstest.Patience:
			t.Fatal(err)
		}
	}
}

// askedForSecond reports whether a lane of a new target asks for its second message.
func askedForSecond(t *testing.T, nc *nats.Conn, name string) (bool, error) {
	target, _, err := stream.OpenTarget(ctx(t), nc, stream.TargetOptions{Name: name, Sessions: 1, AckWait: forAges, From: "beginning"})
	if err != nil {
		return false, err
	}
	defer target.Close()
	l, err := target.Lane(ctx(t), 0)
	if err != nil {
		return false, err
	}
	defer l.Pause()
	first, err := l.Next(ctx(t))
	if err != nil {
		return false, err
	}
	if ours, err := first.Ours(ctx(t)); err != nil || !ours {
		return false, fmt.Errorf("the fence says %v (%v), want true", ours, err)
	}
	end(t, first, verdict.Done())
	second, err := l.Next(ctx(t))
	if err != nil {
		return false, err
	}
	return askedFor(t, nc, second)
}

// Whoever was frozen finds the message with another adapter.
func TestAProofThatIsOlderThanABeatProvesNothing(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	frozen, m := proven(t, server.Declared(), time.Second)
	frozen.Pause()
	next(t, lane(t, waitingTarget(t, server.Connect(), time.Second), 0))
	for range 2 { // what was found not to be ours is no proof either
		if ours, err := m.Ours(ctx(t)); err != nil || ours {
			t.Errorf("the fence says %v (%v), want false: another adapter has it", ours, err)
		}
	}
}

func TestAMachineThatHasSleptKnowsHowLong(t *testing.T) {
	t.Parallel()
	asleep := time.Now()
	// The first word of a time holds the seconds of the clock on the wall above the lowest 30 bits; the other clock is in the second.
	*(*uint64)(unsafe.Pointer(&asleep)) -= 3600 << 30
	if got := stream.Age(asleep); got < time.Hour || got > time.Hour+natstest.Patience {
		t.Errorf("age %v, want an hour", got)
	}
	if got := stream.Age(time.Now().Add(-time.Hour)); got < time.Hour {
		t.Errorf("age %v, want an hour", got)
	}
}

func TestAProofEndsWithItsConnection(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	_, m := proven(t, nc, forAges)
	server.Stop()
	for begin := time.Now(); nc.IsConnected(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > natstest.Patience {
			t.Fatal("the client does not notice that its server is gone")
		}
	}
	if ours, err := m.Ours(ctx(t)); err == nil {
		t.Errorf("the fence says %v of a broker that is away, want an error", ours)
	}
	server.Restart()
	if ours, err := m.Ours(ctx(t)); err != nil || ours {
		t.Errorf("the fence says %v (%v), want false: another run of the broker knows nothing of it", ours, err)
	}
}

// Else a lease would begin with Hold, which may come long after the delivery.
func TestALeaseCountsFromTheProof(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	l, first := proven(t, nc, forAges)
	end(t, first, verdict.Done())
	publish(t, publisher(t, nc), "101", 3)
	delivered := time.Now()
	m := next(t, l)
	_, drop := m.Hold(ctx(t))
	defer drop()
	isOurs(t, m)
	if since := m.HeldSince(); since.After(delivered) {
		t.Errorf("held since %v, want since the proof, which was before %v", since, delivered)
	}
}

// A call may begin after the lane was paused, and must have ended before anybody else seals the lane.
func TestAChangeOfLanesEndsTheHoldOfWhatWasNotAskedFor(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	_, m := proven(t, nc, stream.AckWait)
	if err := stream.ChangeUpTo(ctx(t), nc, "main", 2, stream.ChangeHeld); err != nil {
		t.Fatal(err)
	}
	held, drop := m.Hold(ctx(t))
	defer drop()
	if _, err := m.Ours(ctx(t)); err != nil {
		t.Fatal(err)
	}
	select {
	case <-held.Done():
	case <-ctx(t).Done():
		t.Error("the message is held though its lane is being given up")
	}
}
