package stream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
)

// crowd publishes for many lines at once, and remembers what was promised.
type crowd struct {
	p  *stream.Publisher
	mu sync.Mutex
	ok map[string][]string // line → calls that are on disk, in order
	no map[string]error    // line/call → why not
}

func newCrowd(p *stream.Publisher) *crowd {
	return &crowd{p: p, ok: map[string][]string{}, no: map[string]error{}}
}

// publish gives each line the calls [from, to), with pauses drawn from a seed.
func (c *crowd) publish(lines, from, to int, seed uint64) {
	var all sync.WaitGroup
	for l := range lines {
		all.Go(func() {
			draw := rand.New(rand.NewPCG(seed, uint64(l)))
			for n := from; n < to; n++ {
				c.one(fmt.Sprint(101+l), fmt.Sprint(n))
				time.Sleep(time.Duration(draw.IntN(2)) * time.Duration(draw.IntN(3)) * time.Millisecond)
			}
		})
	}
	all.Wait()
}

func (c *crowd) one(line, id string) {
	_, err := c.p.Publish(context.Background(), call.Event{Type: call.Incoming, Line: call.Line(line), CallID: id})
	c.mu.Lock()
	defer c.mu.Unlock()
	if err != nil {
		c.no[line+"/"+id] = err
		return
	}
	c.ok[line] = append(c.ok[line], id)
}

// inCalls is what CALLS holds: each line's calls in their order, and how many came in batches.
func inCalls(t *testing.T, nc *nats.Conn) (lines map[string][]string, together int) {
	t.Helper()
	js, _ := jetstream.New(nc)
	s, err := js.Stream(ctx(t), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	lines = map[string][]string{}
	reader, err := s.OrderedConsumer(ctx(t), jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	for left := s.CachedInfo().State.Msgs; left > 0; left-- {
		m, err := reader.Next(jetstream.FetchMaxWait(30 * time.Second))
		if err != nil {
			t.Fatalf("%d messages are missing: %v", left, err)
		}
		e, err := stream.Decode(m.Data())
		if err != nil {
			t.Fatal(err)
		}
		lines[string(e.Line)] = append(lines[string(e.Line)], e.CallID)
		if m.Headers().Get("Nats-Batch-Id") != "" {
			together++
		}
	}
	return lines, together
}

// holds compares what was promised with what is kept: nothing lost, nothing twice, every line in its order.
func (c *crowd) holds(t *testing.T, lines map[string][]string) {
	t.Helper()
	for line, ids := range lines {
		for i, id := range ids {
			if slices.Contains(ids[:i], id) {
				t.Errorf("line %s: call %s is stored twice", line, id)
			}
			if i > 0 && number(ids[i-1]) > number(id) {
				t.Errorf("line %s: call %s stands behind %s", line, id, ids[i-1])
			}
		}
	}
	for line, ids := range c.ok {
		for _, id := range ids {
			if !slices.Contains(lines[line], id) {
				t.Errorf("line %s: call %s was acknowledged and is lost", line, id)
			}
		}
	}
}

// onlyLate: the only failure is that the answer did not come in time, as on a machine whose disk is slow.
func (c *crowd) onlyLate(t *testing.T) {
	t.Helper()
	for id, err := range c.no {
		if !errors.Is(err, stream.ErrUnsettled) {
			t.Errorf("%s: %v, want it stored or unsettled", id, err)
		}
	}
}

func number(id string) (n int) {
	fmt.Sscan(id, &n)
	return n
}

func together(t *testing.T, s *natstest.Server, nc *nats.Conn) *stream.Publisher {
	p := publisher(t, nc)
	s.Together(p)
	return p
}

func TestWhatComesAtOnceIsStoredTogetherOnceAndInOrder(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	c := newCrowd(together(t, server, nc))
	seed := rand.Uint64()
	c.publish(32, 0, 20, seed)
	lines, inBatches := inCalls(t, nc)
	t.Logf("seed %d: %d of %d events were stored together with others", seed, inBatches, 32*20)
	c.holds(t, lines)
	c.onlyLate(t)
	if inBatches == 0 {
		t.Error("none were stored together")
	}
}

func TestALonePublishIsNoBatch(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	p := together(t, server, nc)
	for n := range 5 {
		publish(t, p, "101", n)
	}
	if lines, inBatches := inCalls(t, nc); inBatches != 0 || len(lines["101"]) != 5 {
		t.Errorf("%d in batches, line 101 has %v; want none and five", inBatches, lines["101"])
	}
}

// It had waited at its line's door for nearly all of its patience.
func TestAnEventWithoutPatienceDoesNotWaitForCompany(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	p := together(t, server, server.Declared())
	defer p.Busy()()
	all := ctx(t)
	spent, cancel := context.WithCancel(all)
	cancel()
	for line := range 400 {
		_, err := p.Publish(spent, call.Event{Type: call.Incoming, Line: call.Line(fmt.Sprint(101 + line))})
		if !errors.Is(err, stream.ErrUnsettled) {
			t.Fatalf("got %v, want unsettled", err)
		}
		if all.Err() != nil {
			t.Fatalf("%d events without patience took all the time of the test", line+1)
		}
	}
}

// The server's answers to batches are lost on the way: their events are sent one by one, with the ids that they have.
func TestBatchesWhoseAnswersWereLostAreStoredOnceAndInOrder(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	direct := server.Declared()
	proxy := newDeafProxy(t, server.URL())
	c := newCrowd(together(t, server, proxy.connect(t, server.Creds())))
	c.publish(24, 0, 5, 1)
	deafened := time.AfterFunc(20*time.Millisecond, func() { proxy.deaf.Store(true) })
	heard := time.AfterFunc(900*time.Millisecond, func() { proxy.deaf.Store(false) })
	defer deafened.Stop()
	defer heard.Stop()
	c.publish(24, 5, 20, 2)
	c.publish(24, 20, 22, 3) // the unsettled ones come before these
	lines, inBatches := inCalls(t, direct)
	t.Logf("%d not acknowledged, %d in batches", len(c.no), inBatches)
	c.holds(t, lines)
	c.onlyLate(t)
}

func TestABrokerThatIsRestartedInMidBatchLosesNothing(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	c := newCrowd(together(t, server, nc))
	done := make(chan struct{})
	go func() { c.publish(24, 0, 25, 1); close(done) }()
	for range 3 {
		time.Sleep(50 * time.Millisecond)
		server.Restart()
	}
	<-done
	for !nc.IsConnected() {
		time.Sleep(time.Millisecond)
	}
	c.publish(24, 25, 27, 2)
	lines, _ := inCalls(t, server.Connect())
	c.holds(t, lines)
}

func events(line string, n int) (all []call.Event) {
	for i := range n {
		all = append(all, call.Event{
			Type: call.Incoming, Line: call.Line(line), CallID: fmt.Sprint(i), ID: uuid.Must(uuid.NewV7()).String(), Time: time.Now(),
		})
	}
	return all
}

func TestABatchWithAnIdThatIsKnownStoresNothingAndItsEventsOneByOneTheRest(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	p := together(t, server, nc)
	all := events("101", 5)
	for _, e := range all[:2] {
		if err := p.Once(ctx(t), e); err != nil {
			t.Fatal(err)
		}
	}
	if done, err := p.Batch(all[1:]...); done || err != nil {
		t.Fatalf("a batch with a known id: stored %v (%v)", done, err)
	}
	if lines, _ := inCalls(t, nc); len(lines["101"]) != 2 {
		t.Fatalf("the refused batch has left %v", lines)
	}
	for _, e := range all[1:] {
		if err := p.Once(ctx(t), e); err != nil {
			t.Fatal(err)
		}
	}
	if lines, _ := inCalls(t, nc); strings.Join(lines["101"], " ") != "0 1 2 3 4" {
		t.Errorf("stored %v, want each once and in order", lines["101"])
	}
}

// A fsync that failed leaves its batch's ids known to the server, which calls their repetition a duplicate.
func TestADuplicateIsBelievedOnlyWhileTheStoreIsSound(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	var frozen error
	p.Together(2, func() error { return frozen })
	e := events("101", 1)[0]
	for range 2 {
		if err := p.Once(ctx(t), e); err != nil {
			t.Fatalf("while the store is sound: %v", err)
		}
	}
	frozen = errors.New("frozen")
	if err := p.Once(ctx(t), e); !errors.Is(err, stream.ErrUnsettled) || !errors.Is(err, frozen) {
		t.Errorf("while it is not: %v, want unsettled", err)
	}
}

func TestInAFullStoreEachEventGetsItsOwnAnswer(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Connect()
	js, _ := jetstream.New(nc)
	if _, err := stream.DeclareIngest(ctx(t), js, 64<<10, 1, true); err != nil {
		t.Fatal(err)
	}
	c := newCrowd(together(t, server, nc))
	c.publish(16, 0, 20, 1)
	lines, _ := inCalls(t, nc)
	c.holds(t, lines)
	full := 0
	for id, err := range c.no {
		switch {
		case strings.Contains(err.Error(), "maximum bytes") && !errors.Is(err, stream.ErrUnsettled):
			full++
			if line, n, _ := strings.Cut(id, "/"); slices.Contains(lines[line], n) {
				t.Errorf("%s was refused and is stored", id)
			}
		case !errors.Is(err, stream.ErrUnsettled): // the machine is busy
			t.Errorf("%s: %v, want that the store is full", id, err)
		}
	}
	if full == 0 || len(c.ok) == 0 {
		t.Errorf("%d events refused because the store is full, %d lines stored; want some of both", full, len(c.ok))
	}
}

// A server that does not take batches says so to the commit; one that does not know them answers as to one message.
func TestWithoutBatchesEverythingIsStoredAllTheSame(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	js, _ := jetstream.New(nc)
	s, err := js.Stream(ctx(t), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.AllowAtomicPublish = false
	if _, err := js.UpdateStream(ctx(t), cfg); err != nil {
		t.Fatal(err)
	}
	c := newCrowd(together(t, server, nc))
	c.publish(16, 0, 10, 1)
	lines, inBatches := inCalls(t, nc)
	c.holds(t, lines)
	c.onlyLate(t)
	if inBatches != 0 {
		t.Errorf("%d in batches; want none", inBatches)
	}
}

func TestACALLSOfAnEarlierVersionTakesBatchesFromNowOn(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Connect()
	js, _ := jetstream.New(nc)
	if _, err := js.CreateStream(ctx(t), jetstream.StreamConfig{Name: stream.Calls, Subjects: []string{"calls.*", "again.*.*"}, Discard: jetstream.DiscardNew, MaxBytes: natstest.Room}); err != nil {
		t.Fatal(err)
	}
	if differences, err := stream.DeclareIngest(ctx(t), js, natstest.Room, 1, true); err != nil || len(differences) > 0 {
		t.Fatalf("declare: %v, %v", differences, err)
	}
	if s, err := js.Stream(ctx(t), stream.Calls); err != nil || !s.CachedInfo().Config.AllowAtomicPublish {
		t.Errorf("it takes no batches (%v)", err)
	}
}

func TestOnlyTheAnswerToTheWholeBatchSaysThatItIsStored(t *testing.T) {
	t.Parallel()
	for answer, want := range map[string]bool{
		`{"stream":"CALLS","seq":18,"batch":"b1","count":16}`:                                             true,
		`{"stream":"CALLS","seq":18}`:                                                                     false,
		`{"stream":"CALLS","seq":18,"batch":"b1","count":15}`:                                             false,
		`{"stream":"CALLS","seq":18,"batch":"b2","count":16}`:                                             false,
		`{"error":{"code":400,"err_code":10201},"stream":"CALLS","seq":0,"batch":"b1","count":16}`:        false,
		`{"error":{"code":400,"err_code":10174,"description":"atomic publish is disabled"},"stream":"C"}`: false,
		``: false, `+OK`: false, `null`: false,
	} {
		if got := stream.Committed([]byte(answer), "b1", 16); got != want {
			t.Errorf("%s: stored %v, want %v", answer, got, want)
		}
	}
}

// Whatever a server says, a batch counts as stored only where the answer names it, all of it, and no error.
func FuzzOnlyACompleteAnswerIsBelieved(f *testing.F) {
	f.Add([]byte(`{"stream":"CALLS","seq":18,"batch":"b1","count":16}`), "b1", 16)
	f.Add([]byte(`{"batch":"b1","count":16,"error":{}}`), "b1", 16)
	f.Add([]byte(`[]`), "", 0)
	f.Fuzz(func(t *testing.T, answer []byte, id string, n int) {
		if !stream.Committed(answer, id, n) {
			return
		}
		var said map[string]any
		if json.Unmarshal(answer, &said) != nil {
			t.Fatalf("%q is no answer", answer)
		}
		for name := range maps.Keys(said) {
			if strings.EqualFold(name, "error") && said[name] != nil {
				t.Errorf("%q is an error", answer)
			}
		}
		again, _ := json.Marshal(map[string]any{"batch": id, "count": n})
		if !stream.Committed(again, id, n) {
			t.Errorf("%q is believed, %s is not", answer, again)
		}
	})
}
