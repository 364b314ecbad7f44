package stream_test

import (
	"context"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

// oneEvent is a server in whose CALLS one event waits.
func oneEvent(t *testing.T) (*natstest.Server, *nats.Conn) {
	t.Helper()
	server := natstest.Start(t)
	nc := server.Declared()
	publish(t, publisher(t, nc), "101", 1)
	return server, nc
}

func usualLane(t *testing.T, nc *nats.Conn) *stream.Lane {
	t.Helper()
	return lane(t, waitingFor(t, nc, 0), 0)
}

func TestACallMayLastLongerThanAckWait(t *testing.T) {
	t.Parallel()
	_, nc := oneEvent(t)
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

// handedOver fails where a message is at another adapter and the first one's call goes on, or where nothing says so.
func handedOver(t *testing.T, held context.Context, m *stream.Message) {
	t.Helper()
	if held.Err() == nil {
		t.Error("the message is at another adapter, and the call of the first goes on")
	}
	if m.Deliveries() < 2 {
		t.Errorf("%d deliveries, want 2: the ending has to say that it is in doubt", m.Deliveries())
	}
}

// Whoever cannot say that it is at work must not be any more when another adapter gets the message.
func TestWhoIsCutOffBreaksItsCallOffBeforeAnotherGetsTheMessage(t *testing.T) {
	t.Parallel()
	server, _ := oneEvent(t)
	cut := server.Connect()
	held, drop := next(t, usualLane(t, cut)).Hold(ctx(t))
	defer drop()
	cut.Close()
	m := next(t, usualLane(t, server.Connect()))
	handedOver(t, held, m)
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
	handedOver(t, held, m)
}

// A change of lanes waits for AckWait, so no call may last longer once it has begun.
func TestAChangeOfLanesEndsTheHold(t *testing.T) {
	t.Parallel()
	_, nc := oneEvent(t)
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
	_, nc := oneEvent(t)
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
	if again := next(t, l); again.Deliveries() < 2 {
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
	server, nc := oneEvent(t)
	m := next(t, usualLane(t, nc))
	held, drop := m.Hold(ctx(t))
	defer drop()
	server.Stop()
	<-held.Done()
	server.Restart()
	end(t, m, verdict.Done())
	if all := endingsOf(t, server.Connect()); len(all) != 1 || !all[0].Unsure {
		t.Errorf("endings %+v, want one that says it is unsure", all)
	}
}

// The bug: who woke from a frost had stored his ending before the timer of his hold told him that it was lost (faults -scenario behind
// -seconds 40 -seed 14).
func TestAnEndingIsUnsureThoughNoTimerHasToldThatTheHoldWasLost(t *testing.T) {
	t.Parallel()
	server, nc := oneEvent(t)
	m := next(t, usualLane(t, nc))
	_, drop := m.Hold(ctx(t))
	defer drop()
	server.Stop()
	m.Oversleep()
	time.Sleep(stream.AckWait)
	server.Restart()
	end(t, m, verdict.Done())
	if all := endingsOf(t, server.Connect()); len(all) != 1 || !all[0].Unsure {
		t.Errorf("endings %+v, want one that says it is unsure", all)
	}
}

func endingsOf(t *testing.T, nc *nats.Conn) (all []stream.Ended) {
	t.Helper()
	if err := stream.EndingsSince(ctx(t), nc, time.Now().Add(-time.Hour), func(e stream.Ended) { all = append(all, e) }); err != nil {
		t.Fatal(err)
	}
	return all
}

// cuttable is a way to a server that breaks where a client says something, and stays broken until it is opened.
type cuttable struct {
	listener net.Listener
	at       atomic.Pointer[string] // what it breaks at; nil: at nothing
	broken   chan struct{}          // told when it has broken
	shut     atomic.Bool
}

// wayTo returns a way to a server, and a connection over it.
func wayTo(t *testing.T, server *natstest.Server) (*cuttable, *nats.Conn) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	w := &cuttable{listener: l, broken: make(chan struct{}, 1)}
	go w.serve(strings.TrimPrefix(server.URL(), "nats://"))
	nc, err := stream.Connect(stream.ConnectOptions{URL: "nats://" + l.Addr().String(), Creds: server.Creds()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	for begin := time.Now(); !nc.IsConnected(); time.Sleep(time.Millisecond) {
		if time.Since(begin) > natstest.Patience {
			t.Fatal("not connected")
		}
	}
	return w, nc
}

func (w *cuttable) serve(server string) {
	for {
		client, err := w.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", server)
		if err != nil || w.shut.Load() {
			client.Close()
			continue
		}
		go func() { _, _ = io.Copy(client, far); client.Close() }()
		go func() { w.pass(far, client); far.Close(); client.Close() }()
	}
}

func (w *cuttable) pass(far io.Writer, client io.Reader) {
	buf := make([]byte, 1<<16)
	for {
		n, err := client.Read(buf)
		if at := w.at.Load(); at != nil && strings.Contains(string(buf[:n]), *at) {
			w.at.Store(nil)
			w.broken <- struct{}{}
			return
		}
		if _, failed := far.Write(buf[:n]); failed != nil || err != nil {
			return
		}
	}
}

// breakAt breaks it at the next of these words, and returns when it has.
func (w *cuttable) breakAt(t *testing.T, words string) {
	t.Helper()
	w.at.Store(&words)
	select {
	case <-w.broken:
	case <-time.After(natstest.Patience):
		t.Fatalf("nobody says %s", words)
	}
}

// Bug: a connection that broke for a moment with a question on it ended the call: the answer was waited for until the lease was over.
func TestAConnectionThatBreaksForAMomentEndsNoCall(t *testing.T) {
	t.Parallel()
	server, _ := oneEvent(t)
	way, nc := wayTo(t, server)
	// A question is not answered for 5 s; here the lease would be over by then.
	const ackWait = 7 * time.Second
	held, drop := next(t, lane(t, waitingFor(t, nc, ackWait), 0)).Hold(ctx(t))
	defer drop()
	way.breakAt(t, "CONSUMER.INFO")
	select {
	case <-held.Done():
		t.Error("the call was broken off")
	case <-time.After(ackWait):
	}
}

// Bug: an adapter that came to again handed back a message that was with another one by then, in a call, which was broken off for
// it or made twice at once.
func TestWhatIsHeldNoMoreIsNotHandedBack(t *testing.T) {
	t.Parallel()
	server, nc := oneEvent(t)
	frozen := usualLane(t, nc)
	inHand := next(t, frozen)
	if err := frozen.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	caller := usualLane(t, server.Connect())
	held, drop := next(t, caller).Hold(ctx(t))
	defer drop()
	caller.Pause() // it is busy calling
	late, dropped := inHand.Hold(ctx(t))
	defer dropped()
	<-late.Done()
	if err := inHand.Later(0); err != nil {
		t.Fatal(err)
	}
	nothingFor(t, usualLane(t, server.Connect()), 8*time.Second) // by then the lane has no owner
	if held.Err() != nil {
		t.Error("the message was taken from whoever held it")
	}
}
