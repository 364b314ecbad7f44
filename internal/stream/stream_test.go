package stream_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

func ctx(t testing.TB) context.Context {
	c, cancel := context.WithTimeout(context.Background(), natstest.Patience)
	t.Cleanup(cancel)
	return c
}

func publisher(t testing.TB, nc *nats.Conn) *stream.Publisher {
	t.Helper()
	p, err := stream.NewPublisher(nc, "")
	if err != nil {
		t.Fatal(err)
	}
	p.Patience = natstest.Patience
	return p
}

func publish(t testing.TB, p *stream.Publisher, line string, n int) call.Event {
	t.Helper()
	e := call.Event{
		Type: call.Incoming, Line: call.Line(line), CallID: fmt.Sprint(n),
		Remote: call.Party{URI: "sip:74951234567@pbx", Number: "+74951234567", Name: "ООО Ромашка"},
		Phone:  call.Phone{MAC: "001565aabbcc", IP: "192.168.10.10"}, Source: "yealink", Raw: "remote=sip:74951234567@pbx",
	}
	for {
		stored, err := p.Publish(ctx(t), e)
		switch {
		case err == nil:
			return stored
		case !errors.Is(err, stream.ErrAway) || errors.Is(err, stream.ErrUnsettled):
			t.Fatalf("publish: %v", err)
		}
		time.Sleep(time.Millisecond) // the broker was just restarted, and the publisher has not heard of it yet
	}
}

func target(t testing.TB, nc *nats.Conn, name string, sessions int) *stream.Target {
	t.Helper()
	target, differences, err := stream.OpenTarget(ctx(t), nc, stream.TargetOptions{Name: name, Sessions: sessions, AckWait: 2 * time.Second})
	if err != nil {
		t.Fatalf("open target %s: %v", name, err)
	}
	if len(differences) > 0 {
		t.Logf("differences: %v", differences)
	}
	return target
}

func lane(t testing.TB, target *stream.Target, i int) *stream.Lane {
	t.Helper()
	l, err := target.Lane(ctx(t), i)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Pause)
	return l
}

func next(t testing.TB, l *stream.Lane) *stream.Message {
	t.Helper()
	m, err := l.Next(ctx(t))
	if err != nil {
		t.Fatalf("next of lane %s: %v", l.Name(), err)
	}
	return m
}

func nothingFor(t testing.TB, l *stream.Lane, d time.Duration) {
	t.Helper()
	c, cancel := context.WithTimeout(context.Background(), d)
	defer cancel()
	if m, err := l.Next(c); err == nil {
		t.Fatalf("lane %s handed out message %d, want nothing", l.Name(), m.Sequence())
	}
}

func end(t testing.TB, m *stream.Message, v verdict.Verdict) bool {
	t.Helper()
	ended, err := m.End(ctx(t), verdict.Ending{Verdict: v, Attempts: 1}, func(err error) { t.Logf("trouble: %v", err) })
	if err != nil {
		t.Fatalf("end: %v", err)
	}
	return ended
}

func TestWhatIsPublishedIsReadBackWhole(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	sent := publish(t, publisher(t, nc), "101", 1)
	got := next(t, lane(t, target(t, nc, "main", 1), 0)).Event()
	if diff := cmp.Diff(sent, got); diff != "" {
		t.Errorf("event (-sent +got):\n%s", diff)
	}
}

func TestTheMessageIsACloudEventUnderItsOwnId(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	js, _ := jetstream.New(nc)
	sent := publish(t, publisher(t, nc), "10 1%", 1)
	calls, err := js.Stream(ctx(t), "CALLS")
	if err != nil {
		t.Fatal(err)
	}
	m, err := calls.GetMsg(ctx(t), 1)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{
		"Nats-Msg-Id": sent.ID, "Callbus-Line": "10%201%25", "ce-specversion": "1.0", "ce-id": sent.ID,
		"ce-type": "callbus.call.incoming.v1", "ce-source": "/callbus/", "ce-subject": "10%201%25",
		"content-type": "application/json",
	}
	for k, v := range want {
		if got := m.Header.Get(k); got != v {
			t.Errorf("header %s = %q, want %q", k, got, v)
		}
	}
	if m.Subject != "calls.incoming" {
		t.Errorf("subject %q, want calls.incoming", m.Subject)
	}
	if !strings.Contains(string(m.Data), `"type":"incoming"`) || !strings.Contains(string(m.Data), `"site":""`) {
		t.Errorf("payload %s: want the proto3 JSON form with empty fields", m.Data)
	}
}

func TestTheLiveCopyComesAfterTheEventIsStored(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	live, err := nc.SubscribeSync("lines.101.>")
	if err != nil {
		t.Fatal(err)
	}
	sent := publish(t, publisher(t, nc), "101", 1)
	m, err := live.NextMsg(natstest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	got, err := stream.Decode(m.Data)
	if err != nil || got.ID != sent.ID || m.Subject != "lines.101.incoming" {
		t.Errorf("live copy %s on %s (%v), want %s on lines.101.incoming", got.ID, m.Subject, err, sent.ID)
	}
}

func TestALinesEventsAreStoredInTheOrderOfTheirIds(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	var wg sync.WaitGroup
	for range 16 {
		wg.Go(func() {
			for i := range 20 {
				publish(t, p, "101", i)
			}
		})
	}
	wg.Wait()
	l := lane(t, target(t, nc, "main", 1), 0)
	last := ""
	for range 320 {
		m := next(t, l)
		if id := m.Event().ID; id <= last {
			t.Fatalf("message %d has id %s after %s", m.Sequence(), id, last)
		} else {
			last = id
		}
		end(t, m, verdict.Done())
	}
}

func TestEachLineBelongsToOneLaneAndEachEventComesOnce(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	want, got := [3][]string{}, [3][]string{}
	for i := range 20 {
		line := call.Line(fmt.Sprint(100 + i))
		publish(t, p, string(line), i)
		own := stream.LaneOf("", line, 3)
		want[own] = append(want[own], string(line))
	}
	tg := target(t, nc, "main", 3)
	for i := range 3 {
		l := lane(t, tg, i)
		for range want[i] {
			m := next(t, l)
			got[i] = append(got[i], string(m.Event().Line))
			end(t, m, verdict.Done())
		}
		nothingFor(t, l, 300*time.Millisecond)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("lines by lane (-want +got):\n%s", diff)
	}
}

func TestAnEventWithAnEndingIsNotHandedOutAgain(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	tg := target(t, nc, "main", 1)
	// An owner was killed between the ending and its acknowledgement: the ending stands, the message is open.
	js, _ := jetstream.New(nc)
	ending := []byte(`{"sequence":"1","target":"main","lane":"1-0","kind":"delivered"}`)
	if _, err := js.Publish(ctx(t), "onec.delivered.main.1-0", ending); err != nil {
		t.Fatal(err)
	}
	publish(t, p, "101", 2)
	m := next(t, lane(t, tg, 0))
	if m.Event().CallID != "2" {
		t.Errorf("call %s was handed out, want 2: 1 has its ending", m.Event().CallID)
	}
	if !end(t, m, verdict.Done()) {
		t.Error("the ending after it was refused")
	}
}

func onec(t testing.TB, nc *nats.Conn) jetstream.Stream {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(ctx(t), stream.Endings)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func endings(t testing.TB, nc *nats.Conn) uint64 {
	t.Helper()
	return onec(t, nc).CachedInfo().State.Msgs
}

func TestOfTwoOwnersOnlyOneWritesTheEnding(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	publish(t, publisher(t, nc), "101", 1)
	frozen := lane(t, target(t, nc, "main", 1), 0)
	old := next(t, frozen)
	frozen.Pause() // as a frozen process: it pulls no more, and the pin goes to another after pinnedTTL

	other := lane(t, target(t, server.Connect(), "main", 1), 0)
	m := next(t, other)
	if m.Deliveries() < 2 || !m.TakenOver() {
		t.Errorf("deliveries %d, taken over %v: want a redelivery to a new owner", m.Deliveries(), m.TakenOver())
	}
	if ours, err := old.Ours(ctx(t)); err != nil || ours {
		t.Errorf("the frozen owner's fence says %v (%v), want false", ours, err)
	}
	if ours, err := m.Ours(ctx(t)); err != nil || !ours {
		t.Errorf("the new owner's fence says %v (%v), want true", ours, err)
	}
	if !end(t, m, verdict.Done()) {
		t.Error("the new owner's ending was refused")
	}
	if end(t, old, verdict.Never("late")) {
		t.Error("the frozen owner's ending was stored beside the new one's")
	}
	if got := endings(t, nc); got != 1 {
		t.Errorf("%d endings, want 1", got)
	}
}

func TestAStoppedOwnerHandsItsLaneOverAtOnce(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	p := publisher(t, nc)
	a, b := lane(t, target(t, nc, "main", 1), 0), lane(t, target(t, server.Connect(), "main", 1), 0)
	unpinned, err := nc.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.UNPINNED.CALLS.onec-main-1-0")
	if err != nil {
		t.Fatal(err)
	}
	publish(t, p, "101", 1)
	end(t, next(t, a), verdict.Done())
	nothingFor(t, b, 300*time.Millisecond) // b waits: a owns the lane
	if err := a.Close(ctx(t)); err != nil {
		t.Fatalf("close: %v", err)
	}
	publish(t, p, "101", 2)
	if got := next(t, b).Event().CallID; got != "2" {
		t.Errorf("call %s came to the second owner, want 2", got)
	}
	// Without its word the server would take the lane from it five seconds later, for a timeout.
	if m, err := unpinned.NextMsg(natstest.Patience); err != nil || !strings.Contains(string(m.Data), `"reason":"admin"`) {
		t.Errorf("the lane changed hands: %s (%v), want that its owner has said so", m.Data, err)
	}
}

func TestWhatIsHandedBackComesAgainBeforeAnythingElse(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	for i := range 3 {
		publish(t, p, "101", i)
	}
	l := lane(t, target(t, nc, "main", 1), 0)
	if err := next(t, l).Later(300 * time.Millisecond); err != nil {
		t.Fatal(err)
	}
	for want := range 3 {
		m := next(t, l)
		if m.Event().CallID != fmt.Sprint(want) {
			t.Fatalf("call %s came, want %d", m.Event().CallID, want)
		}
		end(t, m, verdict.Done())
	}
}

func TestABrokerRestartRepeatsNothingThatHasAnEnding(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	p := publisher(t, nc)
	for i := range 5 {
		publish(t, p, "101", i)
	}
	l := lane(t, target(t, nc, "main", 1), 0)
	for range 3 {
		end(t, next(t, l), verdict.Done())
	}
	server.Restart()
	for want := 3; want < 5; {
		m, err := l.Next(ctx(t))
		if err != nil {
			continue
		}
		if m.Event().CallID != fmt.Sprint(want) {
			t.Fatalf("call %s came after the restart, want %d", m.Event().CallID, want)
		}
		end(t, m, verdict.Done())
		want++
	}
}

func TestALaterTargetBeginsWithWhatComes(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	first, second := target(t, nc, "main", 1), target(t, nc, "crm", 1)
	publish(t, p, "101", 2)
	if got := next(t, lane(t, first, 0)).Event().CallID; got != "1" {
		t.Errorf("the first target begins with call %s, want 1", got)
	}
	if got := next(t, lane(t, second, 0)).Event().CallID; got != "2" {
		t.Errorf("the second target begins with call %s, want 2", got)
	}
}

func TestTheSetInForceIsKeptAndSaidSo(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	target(t, nc, "main", 2)
	second, differences, err := stream.OpenTarget(ctx(t), nc, stream.TargetOptions{Name: "main", Sessions: 4, AckWait: 2 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	if second.Set().Lanes != 2 || len(differences) != 1 || !strings.Contains(differences[0], "2 sessions") || !strings.Contains(differences[0], "callbus lanes main 4") {
		t.Errorf("lanes %d, differences %q: want 2 and a line that says so", second.Set().Lanes, differences)
	}
}

// Bug: a target that was forgotten and declared again took the old lanes' endings for the cursors of its new lanes, whose
// lines are others: events came twice, and others never.
func TestAForgottenTargetBeginsAnewInTheNextGeneration(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	before := lane(t, target(t, nc, "main", 1), 0)
	for i := range 3 {
		publish(t, p, fmt.Sprint(101+i), 0)
		end(t, next(t, before), verdict.Done())
	}
	if err := stream.ForgetTarget(ctx(t), nc, "main"); err == nil || !strings.Contains(err.Error(), "an adapter works") {
		t.Errorf("forget a target in use: %v, want a refusal", err)
	}
	if err := before.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	forget(t, nc, "main")
	if err := stream.ForgetTarget(ctx(t), nc, "main"); err == nil || !strings.Contains(err.Error(), "no target") {
		t.Errorf("forget it twice: %v, want that it is not there", err)
	}
	publish(t, p, "101", 1) // nobody keeps this one
	again := target(t, nc, "main", 2)
	if set := again.Set(); set.Generation != 2 || set.Lanes != 2 {
		t.Errorf("the new set is %+v, want generation 2 with 2 lanes", set)
	}
	lanes := []*stream.Lane{lane(t, again, 0), lane(t, again, 1)}
	publish(t, p, "101", 2)
	m := next(t, lanes[stream.LaneOf("", "101", 2)])
	if m.Event().CallID != "2" {
		t.Errorf("call %s came first, want 2", m.Event().CallID)
	}
}

func TestADeadLetterIsFoundAndSentOnceMore(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	sent := publish(t, publisher(t, nc), "101", 1)
	l := lane(t, target(t, nc, "main", 1), 0)
	end(t, next(t, l), verdict.Never("1C refused: Ошибка"))
	var letters []stream.DeadLetter
	collect := func() {
		letters = nil
		if err := stream.DeadLetters(ctx(t), nc, func(d stream.DeadLetter) { letters = append(letters, d) }); err != nil {
			t.Fatal(err)
		}
	}
	if collect(); len(letters) != 1 || letters[0].Why != "1C refused: Ошибка" || letters[0].Event.ID != sent.ID {
		t.Fatalf("dead letters %+v, want the one", letters)
	}
	number := letters[0].Number
	if err := stream.Retry(ctx(t), nc, number); err != nil {
		t.Fatal(err)
	}
	if err := stream.Retry(ctx(t), nc, number); !errors.Is(err, stream.ErrOnItsWay) {
		t.Errorf("a second retry while the first waits: %v, want ErrOnItsWay", err)
	}
	m := next(t, l)
	if !m.Again() || m.Event().ID != sent.ID {
		t.Errorf("again %v, id %s: want the same event once more", m.Again(), m.Event().ID)
	}
	ended, err := m.End(ctx(t), verdict.Ending{Verdict: verdict.Done()}, func(err error) { t.Errorf("trouble: %v", err) })
	if !ended || err != nil {
		t.Errorf("its new ending was refused (%v)", err)
	}
	if collect(); len(letters) != 0 {
		t.Errorf("dead letters %+v after the retry, want none", letters)
	}
	if err := stream.Retry(ctx(t), nc, number); !errors.Is(err, stream.ErrNoDeadLetter) {
		t.Errorf("a retry of what has ended anew: %v, want ErrNoDeadLetter", err)
	}
}

// Bug: the letter of a forgotten target was sent to a subject that nobody reads, and removed.
func TestALetterThatNobodyWouldTakeStays(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	publish(t, publisher(t, nc), "101", 1)
	l := lane(t, target(t, nc, "main", 1), 0)
	end(t, next(t, l), verdict.Never("1C refused"))
	if err := l.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	forget(t, nc, "main")
	left := 0
	if err := stream.DeadLetters(ctx(t), nc, func(d stream.DeadLetter) {
		left++
		if err := stream.Retry(ctx(t), nc, d.Number); err == nil || !strings.Contains(err.Error(), "there is no target main") {
			t.Errorf("retry: %v, want that there is no such target", err)
		}
	}); err != nil || left != 1 {
		t.Errorf("%d letters (%v), want 1", left, err)
	}
}

// Bug: an office that renamed its only target, as the messages told it to, had its whole store ring again.
func TestARenamedTargetDoesNotReplayTheStore(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	l := lane(t, target(t, nc, "main", 1), 0)
	end(t, next(t, l), verdict.Done())
	if err := l.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	forget(t, nc, "main")
	renamed := lane(t, target(t, nc, "buh", 1), 0)
	publish(t, p, "101", 2)
	if got := next(t, renamed).Event().CallID; got != "2" {
		t.Errorf("call %s came first, want 2", got)
	}
}

// Bug: after somebody had removed CALLS and ingest had made it anew, events that were answered 200 were taken for ended.
func TestAStreamThatWasMadeAnewBeginsAtItsBeginning(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	l := lane(t, target(t, nc, "main", 1), 0)
	for i := range 3 {
		publish(t, p, "101", i)
		end(t, next(t, l), verdict.Done())
	}
	js, _ := jetstream.New(nc)
	if err := js.DeleteStream(ctx(t), stream.Calls); err != nil {
		t.Fatal(err)
	}
	if _, err := stream.DeclareIngest(ctx(t), js, natstest.Room, 1, true); err != nil {
		t.Fatal(err)
	}
	publish(t, p, "101", 7)
	if _, err := l.Next(ctx(t)); !errors.Is(err, stream.ErrLaneGone) {
		t.Errorf("the old lane: %v, want ErrLaneGone", err)
	}
	m := next(t, lane(t, target(t, nc, "main", 1), 0))
	if m.Event().CallID != "7" || !end(t, m, verdict.Done()) {
		t.Errorf("call %s came from the new stream, want 7 and its ending", m.Event().CallID)
	}
}

// Bug: a target was forgotten although an adapter had its message in hand, because its pin had run out.
func TestATargetWithAMessageInHandIsNotForgotten(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	publish(t, publisher(t, nc), "101", 1)
	tg, _, err := stream.OpenTarget(ctx(t), nc, stream.TargetOptions{Name: "main", Sessions: 1, AckWait: 30 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	l := lane(t, tg, 0)
	next(t, l)
	if err := l.Close(ctx(t)); err != nil { // unpinned, and no pull waits: only the message tells
		t.Fatal(err)
	}
	if err := stream.ForgetTarget(ctx(t), nc, "main"); err == nil || !strings.Contains(err.Error(), "an adapter works") {
		t.Errorf("forget: %v, want a refusal", err)
	}
}

func TestAMessageThatIsNoEventIsSaidToBeBroken(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	js, _ := jetstream.New(nc)
	if _, err := js.Publish(ctx(t), "calls.incoming", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	m := next(t, lane(t, target(t, nc, "main", 1), 0))
	if m.Broken() == nil {
		t.Error("a text was taken for an event")
	}
	if !end(t, m, verdict.Never(m.Broken().Error())) {
		t.Error("its dead letter was refused")
	}
}

func TestTheJanitorTakesOnlyWhatEveryTargetHasEnded(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	main, crm := target(t, nc, "main", 1), target(t, nc, "crm", 1)
	big := strings.Repeat("x", 100<<10)
	stored := func() jetstream.StreamState {
		js, _ := jetstream.New(nc)
		s, err := js.Stream(ctx(t), "CALLS")
		if err != nil {
			t.Fatal(err)
		}
		return s.CachedInfo().State
	}
	for stored().Bytes < natstest.Room/100*85 {
		if _, err := p.Publish(ctx(t), call.Event{Type: call.Incoming, Line: "101", Raw: big}); err != nil {
			t.Fatal(err)
		}
	}
	janitor, err := stream.NewJanitor(nc)
	if err != nil {
		t.Fatal(err)
	}
	sweep := func() uint64 {
		t.Helper()
		swept, err := janitor.Sweep(ctx(t))
		if err != nil {
			t.Fatal(err)
		}
		return swept.Events
	}
	lm, lc := lane(t, main, 0), lane(t, crm, 0)
	for range 50 {
		end(t, next(t, lm), verdict.Done())
	}
	if n := sweep(); n != 0 {
		t.Fatalf("%d purged although crm has ended nothing", n)
	}
	for range 10 {
		end(t, next(t, lc), verdict.Done())
	}
	if n := sweep(); n > 10 || n == 0 {
		t.Errorf("%d purged, want 1 to the 10 that both have ended", n)
	}
	if err := lc.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	forget(t, nc, "crm")
	sweep()
	if used := stored().Bytes; used > natstest.Room/100*80 {
		t.Errorf("%d bytes used after crm is forgotten, want below 80 %% of %d", used, natstest.Room)
	}
}

// Bug: ONEC had as much room as CALLS, an ending is larger than its event, and nothing made room in it: once it was full the lanes
// stood still for weeks.
func TestAFullONECIsSweptButForCursorsAndDeadLetters(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	main, quiet := target(t, nc, "main", 1), target(t, nc, "quiet", 1)
	lm, lq := lane(t, main, 0), lane(t, quiet, 0)
	publish(t, p, "101", 1)
	end(t, next(t, lq), verdict.Done())
	end(t, next(t, lm), verdict.Never("refused"))
	fillEndings(t, nc, p, lm)
	swept, left := sweepEndings(t, nc), heldBy(t, nc, "onec.>")
	if swept == 0 || left.Bytes > natstest.Room/100*75 {
		t.Errorf("%d were swept; ONEC has %d of %d bytes left, want about 70 %%", swept, left.Bytes, natstest.Room)
	}
	delete(left.Subjects, "onec.delivered.main.1-0")
	if diff := cmp.Diff(map[string]uint64{"onec.delivered.quiet.1-0": 1, "onec.dead.main.1-0": 1}, left.Subjects); diff != "" {
		t.Errorf("the cursor of a quiet lane and the dead letter (-want +got):\n%s", diff)
	}
	if again := sweepEndings(t, nc); again != 0 {
		t.Errorf("the next sweep took %d", again)
	}
}

// What says that a call has begun before its turn goes with the endings, by its age and where room is wanted, but for a lane's last word.
func TestWhatHasBegunGoesWithTheEndings(t *testing.T) {
	t.Parallel()
	b := piledUp(t, 0)
	killed := &backlog{t: t, target: target(t, b.nc, "killed", 1)}
	killed.lane = lane(t, killed.target, 0)
	for i := range 100 {
		publish(t, b.p, fmt.Sprint(101+i%10), i)
	}
	b.readAhead(100)
	killed.readAhead(100)
	fresh := b.ring("900")
	killed.noted(fresh)
	call1C(t, killed.next(fresh, "it is fresh"))
	told(t, b.next(fresh, "it is fresh"))
	b.rest(99)

	const ours, others = "onec.begun.main.1-0", "onec.begun.killed.1-0"
	if diff := cmp.Diff(map[string]uint64{ours: 1, others: 1}, heldBy(t, b.nc, "onec.begun.>").Subjects); diff != "" {
		t.Fatalf("what has begun (-want +got):\n%s", diff)
	}
	for _, subject := range []string{ours, others, "onec.delivered.main.1-0"} {
		m, err := onec(t, b.nc).GetLastMsgForSubject(ctx(t), subject)
		if err != nil {
			t.Fatal(err)
		}
		if ttl := m.Header.Get(jetstream.MsgTTLHeader); ttl != "720h0m0s" {
			t.Errorf("%s is kept for %q, want 30 days", subject, ttl)
		}
	}
	fillEndings(t, b.nc, b.p, b.lane)
	sweepEndings(t, b.nc)
	if diff := cmp.Diff(map[string]uint64{others: 1}, heldBy(t, b.nc, "onec.begun.>").Subjects); diff != "" {
		t.Errorf("what has begun, after a sweep (-want +got):\n%s", diff)
	}
}

// fillEndings ends events of a lane until ONEC needs room.
func fillEndings(t *testing.T, nc *nats.Conn, p *stream.Publisher, l *stream.Lane) {
	t.Helper()
	big := strings.Repeat("x", 100<<10)
	for heldBy(t, nc, "onec.>").Bytes < natstest.Room/100*85 {
		if _, err := p.Publish(ctx(t), call.Event{Type: call.Incoming, Line: "101", Raw: big}); err != nil {
			t.Fatal(err)
		}
		end(t, next(t, l), verdict.Done())
	}
}

func sweepEndings(t *testing.T, nc *nats.Conn) (purged uint64) {
	t.Helper()
	janitor, err := stream.NewJanitor(nc)
	if err != nil {
		t.Fatal(err)
	}
	swept, err := janitor.Sweep(ctx(t))
	if err != nil {
		t.Fatal(err)
	}
	return swept.Endings
}

// heldBy is what ONEC holds, with how many messages each of these subjects has.
func heldBy(t *testing.T, nc *nats.Conn, filter string) jetstream.StreamState {
	t.Helper()
	info, err := onec(t, nc).Info(ctx(t), jetstream.WithSubjectFilter(filter))
	if err != nil {
		t.Fatal(err)
	}
	return info.State
}

func TestAFullStoreRefusesCleanly(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	big := strings.Repeat("x", 100<<10)
	var err error
	for range 200 {
		if _, err = p.Publish(ctx(t), call.Event{Type: call.Incoming, Line: "101", Raw: big}); err != nil {
			break
		}
	}
	if err == nil || !strings.Contains(err.Error(), "maximum bytes exceeded") {
		t.Errorf("error %v, want the store's own word for full", err)
	}
}

func TestATokenIsAlwaysOneSubjectToken(t *testing.T) {
	for in, want := range map[string]string{
		"101": "101", "a_b-C": "a_b-C", "": "h_e3b0c44298fc1c14", "*": "h_684888c0ebb17f37",
		"h_101": stream.Token("h_101"),
	} {
		if got := stream.Token(in); got != want {
			t.Errorf("Token(%q) = %q, want %q", in, got, want)
		}
	}
	if stream.Token("h_e3b0c44298fc1c14") == stream.Token("") {
		t.Error("a plain text can pose as the hash of another")
	}
}

func FuzzToken(f *testing.F) {
	for _, s := range []string{"", "101", "*", ">", "a.b", "$SYS", "h_0", strings.Repeat("a", 5000), "Иван"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		token := stream.Token(s)
		if len(token) == 0 || len(token) > 64 || strings.ContainsAny(token, " .*>\t\r\n\x00") {
			t.Errorf("Token(%q) = %q", s, token)
		}
		if stream.Token(s) != token {
			t.Errorf("Token(%q) differs from call to call", s)
		}
	})
}

func FuzzDecode(f *testing.F) {
	f.Add([]byte(`{"id":"1","type":"incoming","time":"2026-11-22T06:57:08.123456Z","line":"101"}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		if e, err := stream.Decode(data); err == nil && !e.Type.Known() {
			t.Errorf("Decode let type %q through", e.Type)
		}
	})
}

// forget forgets a target whose lanes have been closed. The server may not have seen yet that nobody pulls, and what a lane
// handed back counts as in hand for AckWait.
func forget(t *testing.T, nc *nats.Conn, target string) {
	t.Helper()
	err := stream.ForgetTarget(ctx(t), nc, target)
	for ; err != nil && strings.Contains(err.Error(), "a moment ago"); err = stream.ForgetTarget(ctx(t), nc, target) {
		time.Sleep(20 * time.Millisecond)
	}
	if err != nil {
		t.Fatal(err)
	}
}
