package stream_test

import (
	"encoding/binary"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

// amnesia copies what the broker has written down of its deliveries, once that is all it knows. The function that it returns puts it
// back, which makes a stopped broker one that was killed before it wrote down the rest.
func amnesia(t testing.TB, server *natstest.Server) (forget func()) {
	t.Helper()
	js, _ := jetstream.New(server.Connect())
	kept := map[string][]byte{}
	for begin := time.Now(); ; time.Sleep(10 * time.Millisecond) { // it writes every 100 ms
		files, err := filepath.Glob(filepath.Join(filepath.Dir(server.Creds()), "nats", "jetstream", "*", "streams", stream.Calls, "obs", "*", "o.dat"))
		behind := len(files) == 0
		for _, f := range files {
			if kept[f], err = os.ReadFile(f); err != nil {
				t.Fatal(err)
			}
			c, err := js.Consumer(ctx(t), stream.Calls, filepath.Base(filepath.Dir(f)))
			if err != nil {
				t.Fatal(err)
			}
			behind = behind || !written(kept[f], c.CachedInfo())
		}
		if !behind {
			break
		}
		if time.Since(begin) > natstest.Patience {
			t.Fatalf("the broker does not write down its deliveries: %v (%v)", files, err)
		}
	}
	return func() {
		for f, state := range kept {
			if err := os.WriteFile(f, state, 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// written reports whether a consumer's file says what the server says. It begins with a magic number and a version, a byte each; then
// come, as varints, the two sequences up to which all is acknowledged, the two last delivered, and how many are in hand
// (encodeConsumerState in nats-server's store.go).
func written(file []byte, is *jetstream.ConsumerInfo) bool {
	if len(file) < 2 {
		return false
	}
	for _, want := range []uint64{is.AckFloor.Consumer, is.AckFloor.Stream, is.Delivered.Consumer, is.Delivered.Stream, uint64(is.NumAckPending)} {
		got, n := binary.Uvarint(file[2:])
		if n <= 0 || got != want {
			return false
		}
		file = file[n:]
	}
	return true
}

// forgottenWait is well above the broker's own rounding: it writes times down in seconds.
const forgottenWait = 5 * time.Second

func slowTarget(t *testing.T, nc *nats.Conn) *stream.Target {
	return waitingTarget(t, nc, forgottenWait)
}

func waitingTarget(t *testing.T, nc *nats.Conn, wait time.Duration) *stream.Target {
	t.Helper()
	target, _, err := stream.OpenTarget(ctx(t), nc, stream.TargetOptions{Name: "main", Sessions: 1, AckWait: wait})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// killed is a broker with one lane, in which event 1 has ended and event 2 is in the first adapter's hand when the
// broker is killed and forgets that; before it may have been handed back once. The second adapter has been waiting all
// the while. gone is when the broker was killed.
func killed(t *testing.T, handedBack bool, wait time.Duration) (server *natstest.Server, inHand *stream.Message, second *stream.Lane, gone time.Time) {
	t.Helper()
	server = natstest.Start(t)
	nc := server.Declared()
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	first := lane(t, waitingTarget(t, nc, wait), 0)
	end(t, next(t, first), verdict.Done())
	second = lane(t, waitingTarget(t, server.Connect(), wait), 0)
	if handedBack {
		publish(t, p, "101", 2)
		if err := next(t, first).Later(time.Second); err != nil {
			t.Fatal(err)
		}
	}
	forget := amnesia(t, server)
	if !handedBack {
		publish(t, p, "101", 2)
	}
	inHand = next(t, first)
	first.Pause() // it is busy calling
	gone = time.Now()
	server.Stop()
	forget()
	server.Restart()
	return server, inHand, second, gone
}

func nextAfterOutage(t *testing.T, l *stream.Lane) *stream.Message {
	t.Helper()
	for {
		m, err := l.Next(ctx(t))
		if err == nil {
			return m
		}
		if ctx(t).Err() != nil {
			t.Fatalf("next: %v", err)
		}
	}
}

// The bug: a broker killed under load gave the event to the second adapter as if for the first time, while the first
// was still calling 1C with it. Two calls at once, and a repeat that no ending told of.
func TestWhatAKilledBrokerForgotWaitsForWhoeverHadItInHand(t *testing.T) {
	t.Parallel()
	for name, handedBack := range map[string]bool{"first delivery": false, "second delivery": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, _, second, gone := killed(t, handedBack, forgottenWait)
			m := nextAfterOutage(t, second)
			if waited := time.Since(gone); waited < forgottenWait-100*time.Millisecond {
				t.Errorf("the second adapter got it after %v; the first may be calling for AckWait, %v", waited, forgottenWait)
			}
			if m.Event().CallID != "2" || m.Deliveries() < 2 {
				t.Errorf("call %s, deliveries %d: want 2, counted as delivered before", m.Event().CallID, m.Deliveries())
			}
			if ours, err := m.Ours(ctx(t)); err != nil || !ours {
				t.Errorf("the fence says %v (%v), want true", ours, err)
			}
		})
	}
}

func TestWhatAKilledBrokerForgotIsEndedByWhoeverHadItInHand(t *testing.T) {
	t.Parallel()
	server, inHand, second, _ := killed(t, false, forgottenWait)
	if !end(t, inHand, verdict.Done()) {
		t.Fatal("the first adapter's ending was refused")
	}
	publish(t, publisher(t, server.Connect()), "101", 3)
	if m := nextAfterOutage(t, second); m.Event().CallID != "3" {
		t.Errorf("call %s came to the second adapter, want 3: 2 has its ending", m.Event().CallID)
	}
}

func TestAMessageOfAnEarlierRunOfTheBrokerIsNotOurs(t *testing.T) {
	t.Parallel()
	_, inHand, _, _ := killed(t, false, forgottenWait)
	for {
		ours, err := inHand.Ours(ctx(t))
		if err != nil {
			continue // not connected again yet
		}
		if ours {
			t.Error("the fence took the number of a delivery for that of another run")
		}
		return
	}
}

// The office edition dies together with its broker: the new process cannot know what the old one was calling.
func TestWhatWasStoredBeforeTheStartIsCountedAsDelivered(t *testing.T) {
	t.Parallel()
	const wait = natstest.Patience
	server, _, second, _ := killed(t, false, wait)
	second.Pause()
	begin := time.Now()
	m := next(t, lane(t, waitingTarget(t, server.Connect(), wait), 0))
	if m.Event().CallID != "2" || m.Deliveries() < 2 {
		t.Errorf("call %s, deliveries %d: want 2, counted as delivered before", m.Event().CallID, m.Deliveries())
	}
	if waited := time.Since(begin); waited > wait/2 {
		t.Errorf("it came after %v, want at once: nobody else is there", waited)
	}
}

func TestTheFirstEventOfAFreshLaneIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	publish(t, publisher(t, nc), "101", 1)
	if m := next(t, lane(t, target(t, nc, "main", 1), 0)); m.Deliveries() != 1 {
		t.Errorf("deliveries %d, want 1: nobody can have had it before", m.Deliveries())
	}
}

func TestWhatComesAfterTheStartIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	first := lane(t, target(t, nc, "main", 1), 0)
	end(t, next(t, first), verdict.Done())
	if err := first.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	again := lane(t, target(t, server.Connect(), "main", 1), 0)
	publish(t, p, "101", 2)
	if m := next(t, again); m.Deliveries() != 1 {
		t.Errorf("deliveries %d, want 1: it was stored when nobody else was there", m.Deliveries())
	}
}

// Bug: the lane's last message had been ours, so nobody else's was looked for; but the lane had been lost since.
func TestWhoLostTheLaneBeforeTheKillWaitsToo(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	lost := lane(t, slowTarget(t, nc), 0)
	end(t, next(t, lost), verdict.Done())
	if err := lost.Close(ctx(t)); err != nil { // its breaker shut: the other one takes the lane
		t.Fatal(err)
	}
	owner := lane(t, slowTarget(t, server.Connect()), 0)
	forget := amnesia(t, server)
	publish(t, p, "101", 2)
	next(t, owner) // and calls 1C with it
	owner.Pause()
	gone := time.Now()
	server.Stop()
	forget()
	server.Restart()
	nextAfterOutage(t, lost)
	if waited := time.Since(gone); waited < forgottenWait-100*time.Millisecond {
		t.Errorf("it came after %v; the owner may be calling for %v", waited, forgottenWait)
	}
}

// A pause, or a change of lanes, opens the target anew in the same process and the same run of the broker.
func TestWhatComesWhileATargetIsPausedIsDeliveredOnce(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	memory := &stream.Memory{}
	open := func() *stream.Lane {
		target, _, err := stream.OpenTarget(ctx(t), nc, stream.TargetOptions{Name: "main", Sessions: 1, AckWait: 2 * time.Second, Memory: memory})
		if err != nil {
			t.Fatal(err)
		}
		return lane(t, target, 0)
	}
	open()
	first := open() // not the one who has made its consumer
	publish(t, p, "101", 1)
	end(t, next(t, first), verdict.Done())
	if err := first.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	publish(t, p, "101", 2)
	if m := next(t, open()); m.Deliveries() != 1 {
		t.Errorf("deliveries %d, want 1: nobody can have had it before", m.Deliveries())
	}
}
