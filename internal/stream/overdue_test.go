package stream_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
)

func impatient(t *testing.T, nc *nats.Conn) *stream.Target {
	t.Helper()
	return waitingFor(t, nc, time.Second)
}

// waitingFor is a target with one lane, whose broker waits so long for whoever has a message in hand; 0: as long as it does usually.
func waitingFor(t *testing.T, nc *nats.Conn, ackWait time.Duration) *stream.Target {
	t.Helper()
	target, _, err := stream.OpenTarget(ctx(t), nc, stream.TargetOptions{Name: "main", Sessions: 1, AckWait: ackWait})
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// setBack makes the broker hold a message for an hour, as it does with one that was to rest for a second when its clock is set
// back by an hour.
func setBack(t *testing.T, nc *nats.Conn, target *stream.Target, m *stream.Message) {
	t.Helper()
	info, err := target.Consumer(ctx(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	rest := fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.0.0", stream.Calls, info.Name, m.Sequence(), info.Delivered.Consumer)
	if _, err := nc.Request(rest, fmt.Appendf(nil, `-NAK {"delay": %d}`, time.Hour), 30*time.Second); err != nil {
		t.Fatal(err)
	}
}

func TestAClockOfTheBrokerThatIsSetBackStopsNoLane(t *testing.T) {
	_, nc := oneEvent(t)
	target := impatient(t, nc)
	l := lane(t, target, 0)
	first := next(t, l)
	setBack(t, nc, target, first)
	if again := next(t, l); again.Sequence() != first.Sequence() || again.Deliveries() < 2 {
		t.Errorf("delivery %d of message %d came, want a second delivery of message %d", again.Deliveries(), again.Sequence(), first.Sequence())
	}
}

// Bug: while 1C is away a lane pulls for a second at a time, and never waited long enough to look.
func TestAClockThatIsSetBackWhileTheTargetIsAwayStopsNoLane(t *testing.T) {
	t.Parallel()
	_, nc := oneEvent(t)
	target := impatient(t, nc)
	l := lane(t, target, 0)
	setBack(t, nc, target, next(t, l))
	for begin := time.Now(); ; {
		turn, over := context.WithTimeout(t.Context(), time.Second)
		m, err := l.Next(turn)
		over()
		if err == nil {
			if m.Deliveries() < 2 { // more where it came as a turn was over
				t.Errorf("delivery %d came, want another one", m.Deliveries())
			}
			return
		}
		if time.Since(begin) > natstest.Patience {
			t.Fatal("the message does not come")
		}
		l.Pause()
	}
}

// Bug: a message that came while its lane listened for others' words lay there until AckWait had passed, and it was delivered again: a
// gap of two AckWaits after a kill (test/faults -scenario adapters).
func TestAMessageThatComesWhileItsLaneListensIsTaken(t *testing.T) {
	t.Parallel()
	const ackWait = 10 * time.Second // it looks 2 s later, and listens as long again
	server := natstest.Start(t)
	nc := server.Declared()
	waits := lane(t, waitingFor(t, server.Connect(), ackWait), 0)
	nothingFor(t, waits, ackWait/2)
	waits.Pause()
	publish(t, publisher(t, nc), "101", 1)
	dying := lane(t, waitingFor(t, nc, ackWait), 0)
	inHand := next(t, dying)
	begin := time.Now()
	if err := dying.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	if got := next(t, waits); got.Sequence() != inHand.Sequence() {
		t.Errorf("message %d came, want message %d", got.Sequence(), inHand.Sequence())
	}
	if took := time.Since(begin); took > ackWait*3/2 {
		t.Errorf("it was taken after %s", took)
	}
}

// Bug: whoever was cut off while he listened took it for silence, and the call of another adapter was made twice at once.
func TestWhoWasCutOffHasHeardNoSilence(t *testing.T) {
	t.Parallel()
	server, nc := oneEvent(t)
	caller := usualLane(t, nc)
	inHand := next(t, caller)
	_, drop := inHand.Hold(ctx(t))
	caller.Pause() // it is busy calling
	way, cut := wayTo(t, server)
	waits := usualLane(t, cut)
	listening, stop := context.WithCancel(t.Context())
	got := make(chan *stream.Message, 1)
	go func() {
		m, _ := waits.Next(listening)
		got <- m
	}()
	way.shut.Store(true)
	way.breakAt(t, "SUB $JS.ACK.")
	say := func(d time.Duration) {
		for begin := time.Now(); time.Since(begin) < d; time.Sleep(500 * time.Millisecond) {
			if ours, err := inHand.Ours(ctx(t)); err != nil || !ours {
				t.Fatalf("the message was taken from whoever held it (%v)", err)
			}
		}
	}
	drop() // from here on it is said by hand that the message is held
	say(stream.AckWait * 4 / 5)
	way.shut.Store(false)
	time.Sleep(stream.AckWait * 3 / 10)
	say(stream.AckWait * 4 / 5)
	stop()
	if m := <-got; m != nil {
		t.Errorf("message %d came, which another adapter holds", m.Sequence())
	}
}

func TestAClockThatIsSetBackWhileAnAdapterDiesStopsNoLane(t *testing.T) {
	server, nc := oneEvent(t)
	target := impatient(t, nc)
	dying := lane(t, target, 0)
	inHand := next(t, dying)
	setBack(t, nc, target, inHand)
	if err := dying.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	if got := next(t, lane(t, impatient(t, server.Connect()), 0)); got.Sequence() != inHand.Sequence() {
		t.Errorf("message %d came, want %d", got.Sequence(), inHand.Sequence())
	}
}

// A call may last for minutes, and whoever makes it does not pull meanwhile, so that the broker gives the lane to the next one
// who does.
func TestALongCallOfAnotherAdapterIsLeftAlone(t *testing.T) {
	server, nc := oneEvent(t)
	caller := lane(t, impatient(t, nc), 0)
	inHand := next(t, caller)
	held, drop := inHand.Hold(ctx(t))
	defer drop()
	caller.Pause() // it is busy calling
	nothingFor(t, lane(t, impatient(t, server.Connect()), 0), 8*time.Second)
	if held.Err() != nil {
		t.Error("the message was taken from whoever held it")
	}
}
