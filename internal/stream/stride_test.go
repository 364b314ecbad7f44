package stream_test

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

// striding is piledUpFor with enough events for strides, of which the first have ended.
func striding(t *testing.T, events, ended int, ackWait time.Duration) *backlog {
	t.Helper()
	b := piledUpFor(t, events, ackWait)
	b.tellUpTo(1, uint64(ended))
	if ended > 1 && b.lane.Stride() != uint64(ended-1) {
		t.Fatalf("the lane is %d events ahead of its consumer, want %d", b.lane.Stride(), ended-1)
	}
	return b
}

// Each lane acknowledged each event of CALLS: four times as many words as events.
func TestLanesThatAreFarBehindDoNotReadEachEventEach(t *testing.T) {
	t.Parallel()
	const events, lanes = 1500, 4
	b := piledUp(t, events)
	acks, err := b.nc.SubscribeSync("$JS.ACK." + stream.Calls + ".>")
	if err != nil {
		t.Fatal(err)
	}
	target, _, err := stream.OpenTarget(ctx(t), b.nc, stream.TargetOptions{Name: "four", Sessions: lanes, From: "beginning"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(target.Close)
	var mu sync.Mutex
	left, heard := events, map[call.Line]uint64{}
	done := make(chan struct{})
	for i := range lanes {
		l := lane(t, target, i)
		go func() {
			for {
				m, err := l.Next(t.Context())
				if err != nil {
					return
				}
				mu.Lock()
				if line := m.Event().Line; m.Sequence() <= heard[line] {
					t.Errorf("event %d of line %s came after %d", m.Sequence(), line, heard[line])
				} else {
					heard[line] = m.Sequence()
				}
				mu.Unlock()
				if _, err := m.End(t.Context(), verdict.Ending{Verdict: verdict.Done(), Attempts: 1}, func(error) {}); err != nil {
					return
				}
				mu.Lock()
				if left--; left == 0 {
					close(done)
				}
				mu.Unlock()
			}
		}()
	}
	select {
	case <-done:
	case <-time.After(natstest.Patience):
		t.Fatal("they are not all told")
	}
	if n, _, _ := acks.Pending(); n > events {
		t.Errorf("%d words to the broker about %d events: want fewer", n, events)
	}
}

func TestTheConsumerFollowsItsLane(t *testing.T) {
	t.Parallel()
	b := striding(t, 300, 100, natstest.Patience)
	time.Sleep(stream.StrideFor)
	told(t, b.next(101, "it follows"))
	if floor := b.consumer().AckFloor.Stream; floor != 100 {
		t.Errorf("the consumer has come to %d, want 100", floor)
	}
	order, deliveries := b.rest(199)
	if order[0] != 102 || order[198] != 300 || !slices.IsSorted(order) {
		t.Errorf("then came %v", order)
	}
	for sequence, n := range deliveries {
		if n != 1 {
			t.Errorf("event %d counts as delivered %d times, want once", sequence, n)
		}
	}
	nothingFor(t, b.lane, 300*time.Millisecond)
	if floor := b.consumer().AckFloor.Stream; floor != 300 {
		t.Errorf("in the end the consumer has come to %d, want 300", floor)
	}
	b.endedOnce(300)
}

func (b *backlog) consumer() *jetstream.ConsumerInfo {
	b.t.Helper()
	c, err := b.stream().Consumer(ctx(b.t), "onec-main-1-0")
	if err != nil {
		b.t.Fatal(err)
	}
	return c.CachedInfo()
}

func TestAKillInTheMiddleOfAStrideMarksWhatWasCalled(t *testing.T) {
	t.Parallel()
	b := striding(t, 300, 20, 2*time.Second)
	call1C(t, b.next(21, "it follows"))
	b.adapter.nc.Close()
	b.own(b.server.Connect(), 2*time.Second)
	order, deliveries := b.rest(280)
	if order[0] != 21 || !slices.IsSorted(order) {
		t.Errorf("the next owner was handed out %v, want everything from 21 on in its order", order)
	}
	for sequence, n := range deliveries {
		if marked := n > 1; marked != (sequence == 21) {
			t.Errorf("event %d counts as delivered %d times: want twice for 21, which was called, and once else", sequence, n)
		}
	}
	b.endedOnce(300)
}

func TestAStopInTheMiddleOfAStrideHandsTheLaneOver(t *testing.T) {
	t.Parallel()
	b := striding(t, 300, 20, time.Hour)
	if err := b.lane.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	b.own(b.server.Connect(), time.Hour) // AckWait would bring it in an hour
	told(t, b.next(21, "nobody has it in hand"))
}

func TestAStopWithAnEventOfAStrideInHandHandsItOver(t *testing.T) {
	t.Parallel()
	b := striding(t, 300, 20, time.Hour)
	m := b.next(21, "it follows")
	b.lane.Pause()
	if err := m.Later(0); err != nil {
		t.Fatal(err)
	}
	if err := b.lane.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	b.own(b.server.Connect(), time.Hour)
	told(t, b.next(21, "nobody has it in hand"))
}

func TestWhatIsRefusedInAStrideComesAgainBeforeWhatFollows(t *testing.T) {
	t.Parallel()
	b := striding(t, 300, 20, time.Hour)
	m := b.next(21, "it follows")
	call1C(t, m)
	const rests = 700 * time.Millisecond
	begin := time.Now()
	if err := m.Later(rests); err != nil {
		t.Fatal(err)
	}
	m = b.next(21, "it was refused")
	if waited := time.Since(begin); waited < rests {
		t.Errorf("it came again after %v, want %v at the least", waited, rests)
	}
	told(t, m)
	told(t, b.next(22, "it follows"))
}

func TestTheNextOwnerKnowsWhatWasRefusedInAStride(t *testing.T) {
	t.Parallel()
	all := ownersOf(t, 2, 300)
	former, second := all[0], all[1]
	former.tellUpTo(1, 20)
	m := former.next(21, "it follows")
	call1C(t, m)
	former.lane.Pause()
	if err := m.Later(time.Millisecond); err != nil {
		t.Fatal(err)
	}
	if err := former.lane.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	if m := second.next(21, "it was refused"); m.Deliveries() < 2 {
		t.Error("nothing says that the target may have been told of it")
	}
}

func TestWhoHasLostHisLaneInAStrideSkipsNothing(t *testing.T) {
	t.Parallel()
	b := striding(t, 300, 20, time.Second)
	former := b.lane
	call1C(t, b.next(21, "it follows"))
	b.own(b.server.Connect(), time.Second)
	b.unpin()
	told(t, b.next(21, "nobody has held it for longer than AckWait"))
	nothingFor(t, former, 300*time.Millisecond)
}

// The lease is in force for a while yet.
func TestWhoIsToldThatHisLaneIsNotHisSkipsNothing(t *testing.T) {
	t.Parallel()
	all := ownersOf(t, 2, 300)
	former, second := all[0], all[1]
	former.tellUpTo(1, 20)
	m := former.next(21, "it follows")
	former.unpin()
	is := former.consumer()
	word := fmt.Sprintf("$JS.ACK.%s.%s.1.%d.%d.0.0", stream.Calls, is.Name, is.Delivered.Stream, is.Delivered.Consumer)
	if err := former.nc.Publish(word, []byte("-NAK")); err != nil {
		t.Fatal(err)
	}
	told(t, second.next(21, "the lane is his"))
	if ours, err := m.AskOurs(ctx(t)); err != nil || ours {
		t.Fatalf("the fence says %v (%v)", ours, err)
	}
	nothingFor(t, former.lane, 300*time.Millisecond)
}

// unpin lets the lane be owned by who asks first.
func (b *backlog) unpin() {
	b.t.Helper()
	if err := b.stream().UnpinConsumer(ctx(b.t), "onec-main-1-0", "owner"); err != nil {
		b.t.Fatal(err)
	}
}

func TestARestartOfNATSInTheMiddleOfAStrideLosesNothing(t *testing.T) {
	t.Parallel()
	b := striding(t, 300, 20, 2*time.Second)
	b.server.Restart()
	order := b.restAfterOutage(280)
	if order[0] != 21 || !slices.IsSorted(order) {
		t.Errorf("after the restart came %v, want everything from 21 on in its order", order)
	}
	b.endedOnce(300)
}

// What CALLS holds besides: holes, what is for another target, what is no event, and a copy with the server's words about another message.
func TestAStrideTakesPagesAsTheyAre(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 150)
	js, err := jetstream.New(b.nc)
	if err != nil {
		t.Fatal(err)
	}
	store := func(subject, data string, header nats.Header) {
		t.Helper()
		if _, err := js.PublishMsg(ctx(t), &nats.Msg{Subject: subject, Header: header, Data: []byte(data)}); err != nil {
			t.Fatal(err)
		}
	}
	store("again.other.incoming", "{}", nil) // 151
	store("calls.incoming", "no event", nil)
	store("again.main.incoming", "no event either", nil)
	for i := range 300 {
		publish(t, b.p, fmt.Sprint(101+i%10), i)
	}
	store("calls.incoming", "a copy", nats.Header{jetstream.SequenceHeader: {"1"}, "Nats-Last-Sequence": {"0"}}) // 454
	for i := range 300 {
		publish(t, b.p, fmt.Sprint(101+i%10), i)
	}
	for _, hole := range []uint64{30, 64, 65, 128, 200} {
		if err := b.stream().DeleteMsg(ctx(t), hole); err != nil {
			t.Fatal(err)
		}
	}
	var want []uint64
	for i := range uint64(754) {
		if !slices.Contains([]uint64{30, 64, 65, 128, 200, 151}, i+1) {
			want = append(want, i+1)
		}
	}
	order, _ := b.rest(len(want))
	if !slices.Equal(order, want) {
		t.Errorf("got %v\nwant %v", order, want)
	}
	nothingFor(t, b.lane, 300*time.Millisecond)
}

// The server removes it after a minute without work.
func TestAReaderOfPagesThatIsGoneIsMadeAnew(t *testing.T) {
	t.Parallel()
	b := striding(t, 400, 20, natstest.Patience)
	names := b.stream().ConsumerNames(ctx(t))
	for name := range names.Name() {
		if name != b.consumer().Name {
			if err := b.stream().DeleteConsumer(ctx(t), name); err != nil {
				t.Fatal(err)
			}
		}
	}
	b.tellUpTo(21, 200)
	if !b.target.Strides() {
		t.Error("the lanes go on one by one")
	}
}

// What a message says of itself is not what the broker says of it.
func TestNobodyCanSayForWhomAnEventIs(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 30)
	js, err := jetstream.New(b.nc)
	if err != nil {
		t.Fatal(err)
	}
	forged := &nats.Msg{Subject: "calls.incoming", Data: []byte("{}"), Header: nats.Header{jetstream.SubjectHeader: {"again.other.incoming"}}}
	if _, err := js.PublishMsg(ctx(t), forged); err != nil {
		t.Fatal(err)
	}
	for i := range 200 {
		publish(t, b.p, fmt.Sprint(101+i%10), i)
	}
	b.tellUpTo(1, 40)
}

func TestAChangeOfLanesInTheMiddleOfAStride(t *testing.T) {
	t.Parallel()
	b := striding(t, 300, 20, 2*time.Second)
	call1C(t, b.next(21, "it follows"))
	if err := stream.ChangeLanes(ctx(t), b.nc, "main", 2, "test", func(stream.Step) {}); err != nil {
		t.Fatal(err)
	}
	set, err := stream.PlannedChange(ctx(t), b.nc, "main")
	if err != nil {
		t.Fatal(err)
	}
	if former := set.Former; len(former) != 1 || former[0].Ended[0] != 20 || former[0].Heads[0] != 21 {
		t.Errorf("the new lanes know %+v of the old one, want that it had come to 20 and may have told of 21", former)
	}
}

// ownersOf are owners of a lane, one of them waiting for the next, who were there before its events: to one who opens a lane that was there before,
// its first event may have been told anyway.
func ownersOf(t *testing.T, owners, events int) (all []*backlog) {
	t.Helper()
	server := natstest.Start(t)
	nc := server.Declared()
	p := publisher(t, nc)
	for range owners {
		b := &backlog{t: t, server: server, nc: nc, p: p}
		b.own(server.Connect(), 2*time.Second)
		all = append(all, b)
	}
	for i := range events {
		publish(t, p, fmt.Sprint(101+i%10), i)
	}
	return all
}

// Bug: the mark went with whoever was killed while he passed what had ended in the stride of one that was killed before.
func TestTwoKillsKeepTheMarkOfWhatWasCalledInAStride(t *testing.T) {
	t.Parallel()
	all := ownersOf(t, 3, 150)
	former, second, third := all[0], all[1], all[2]
	former.tellUpTo(1, 60)
	call1C(t, former.next(61, "it follows"))
	former.adapter.nc.Close()
	passing, err := former.nc.SubscribeSync("$JS.ACK." + stream.Calls + ".onec-main-1-0.>")
	if err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		_, _ = second.lane.Next(t.Context())
	}()
	for range 30 {
		if _, err := passing.NextMsgWithContext(ctx(t)); err != nil {
			t.Fatal(err)
		}
	}
	second.adapter.nc.Close()
	if m := third.next(61, "it was called, and has not ended"); m.Deliveries() < 2 {
		t.Error("event 61 was called by one who was killed, and nothing says so")
	}
	third.server.Stop()
	<-over
}

// Bug: it was not marked either where the lanes were changed while its heir passed what had ended in the stride.
func TestAChangeOfLanesKeepsTheMarkOfWhatWasCalledInAStride(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 1)
	told(t, b.next(1, "it is the oldest"))
	if _, err := b.stream().PauseConsumer(ctx(t), b.consumer().Name, time.Now().Add(time.Hour)); err != nil {
		t.Fatal(err)
	}
	publish(t, b.p, "101", 2)
	b.lane.Inherit()
	b.target.Change()
	if err := b.lane.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	if err := stream.ChangeLanes(ctx(t), b.nc, "main", 2, "test", func(stream.Step) {}); err != nil {
		t.Fatal(err)
	}
	set, err := stream.PlannedChange(ctx(t), b.nc, "main")
	if err != nil {
		t.Fatal(err)
	}
	if f := set.Former; len(f) != 1 || f[0].Heads[0] != 2 {
		t.Errorf("the new lanes know %+v of the old one, want that it may have told of 2", f)
	}
}
