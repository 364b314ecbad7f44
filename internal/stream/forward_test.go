package stream_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
)

// badLine stands between a branch and its hub. It can be cut, and it can swallow what the hub answers.
type badLine struct {
	net.Listener
	deaf, down atomic.Bool
	mu         sync.Mutex
	open       map[net.Conn]bool
}

func newBadLine(t *testing.T, hub *natstest.Server) *badLine {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	b := &badLine{Listener: l, open: map[net.Conn]bool{}}
	t.Cleanup(func() { l.Close(); b.cut() })
	go func() {
		for {
			branch, err := l.Accept()
			if err != nil {
				return
			}
			go b.carry(branch, strings.TrimPrefix(hub.URL(), "nats://"))
		}
	}()
	return b
}

func (b *badLine) carry(branch net.Conn, hub string) {
	defer branch.Close()
	if b.down.Load() {
		return
	}
	far, err := net.Dial("tcp", hub)
	if err != nil {
		return
	}
	defer far.Close()
	b.mu.Lock()
	b.open[branch] = true
	b.mu.Unlock()
	go func() { io.Copy(far, branch); far.Close() }()
	buf := make([]byte, 64<<10)
	for {
		n, err := far.Read(buf)
		if err != nil {
			return
		}
		if !b.deaf.Load() {
			branch.Write(buf[:n])
		}
	}
}

// cut breaks off the connections; new ones are taken unless the line is down.
func (b *badLine) cut() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for c := range b.open {
		c.Close()
	}
	clear(b.open)
}

// branch is a branch's store with its forwarder, which may be stopped and started.
type branch struct {
	t      *testing.T
	site   string
	server *natstest.Server
	nc     *nats.Conn
	p      *stream.Publisher
	url    string
	creds  string
	told   chan error
	stop   func()
}

func newBranch(t *testing.T, site string, hub *natstest.Server, url string) *branch {
	t.Helper()
	b := &branch{t: t, site: site, server: natstest.Start(t), url: url, creds: hub.Creds(), told: make(chan error, 1000), stop: func() {}}
	b.nc = b.server.Declared()
	var err error
	if b.p, err = stream.NewPublisher(b.nc, site); err != nil {
		t.Fatal(err)
	}
	b.p.Patience = natstest.Patience
	t.Cleanup(func() { b.stop() })
	return b
}

// forward starts the forwarder.
func (b *branch) forward() {
	b.t.Helper()
	hub, err := stream.Connect(stream.ConnectOptions{Name: b.site, URL: b.url, Creds: b.creds})
	if err != nil {
		b.t.Fatal(err)
	}
	o := stream.ForwarderOptions{Branch: b.nc, Site: b.site, Tell: func(err error) {
		select {
		case b.told <- err:
		default:
		}
	}}
	f, err := stream.NewForwarder(ctx(b.t), o)
	for begin := time.Now(); err != nil && time.Since(begin) < natstest.Patience; f, err = stream.NewForwarder(ctx(b.t), o) {
		time.Sleep(10 * time.Millisecond) // its broker was just restarted
	}
	if err != nil {
		b.t.Fatal(err)
	}
	work, cancel := context.WithCancel(context.Background())
	var running sync.WaitGroup
	running.Go(func() { f.Run(work, hub) })
	b.stop = sync.OnceFunc(func() { cancel(); running.Wait(); go hub.Close() }) // it waits for a try to connect
}

// kill ends the forwarder as kill -9 would: without waiting for anything.
func (b *branch) kill(line *badLine) {
	line.down.Store(true)
	line.cut()
	b.stop()
	line.deaf.Store(false)
	line.down.Store(false)
}

// shortMemory makes a hub forget ids at once: what is sent twice is stored twice.
func shortMemory(t testing.TB, nc *nats.Conn) {
	t.Helper()
	js, _ := jetstream.New(nc)
	s, err := js.Stream(ctx(t), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.Duplicates = 100 * time.Millisecond
	if _, err := js.UpdateStream(ctx(t), cfg); err != nil {
		t.Fatal(err)
	}
}

// kept are the call ids in CALLS by site and line, in order.
func kept(t testing.TB, nc *nats.Conn) map[string]string {
	t.Helper()
	events, err := stream.Latest(ctx(t), nc, 1<<20)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, e := range events {
		all[e.Site+"/"+string(e.Line)] += e.CallID + " "
	}
	return all
}

// arrives waits until the hub has n events.
func arrives(t testing.TB, nc *nats.Conn, n uint64) {
	t.Helper()
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		s, err := stream.Look(ctx(t), nc)
		if err == nil && s.Last >= n {
			return
		}
		if time.Since(begin) > natstest.Patience {
			t.Fatalf("the hub has %d events (%v), want %d", s.Last, err, n)
		}
	}
}

// passed waits until nothing waits for the hub.
func (b *branch) passed() {
	b.t.Helper()
	for begin := time.Now(); ; time.Sleep(5 * time.Millisecond) {
		left, err := stream.HubBacklog(ctx(b.t), b.nc)
		if err == nil && left.Waiting == 0 {
			return
		}
		if time.Since(begin) > natstest.Patience {
			b.t.Fatalf("%d events wait for the hub (%v)", left.Waiting, err)
		}
	}
}

// well waits until the forwarder has told that calls pass: it said otherwise last.
func (b *branch) well() {
	b.t.Helper()
	for {
		select {
		case err := <-b.told:
			if err == nil && len(b.told) == 0 {
				return
			}
		case <-time.After(natstest.Patience):
			b.t.Fatal("nobody has told that calls pass again")
		}
	}
}

func raw(t testing.TB, nc *nats.Conn, sequence uint64) *jetstream.RawStreamMsg {
	t.Helper()
	js, _ := jetstream.New(nc)
	s, err := js.Stream(ctx(t), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	m, err := s.GetMsg(ctx(t), sequence)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func TestTheHubGetsWhatTheBranchHas(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	there := hub.Declared()
	live, err := there.SubscribeSync("lines.101.>")
	if err != nil {
		t.Fatal(err)
	}
	b := newBranch(t, "b2", hub, hub.URL())
	publish(t, b.p, "101", 1)
	b.forward()
	b.passed()
	is, want := raw(t, there, 1), raw(t, b.nc, 1)
	if is.Subject != want.Subject || string(is.Data) != string(want.Data) {
		t.Errorf("got %s %s\nwant %s %s", is.Subject, is.Data, want.Subject, want.Data)
	}
	if diff := cmp.Diff(want.Header, is.Header); diff != "" {
		t.Errorf("headers (-branch +hub):\n%s", diff)
	}
	copied, err := live.NextMsg(natstest.Patience)
	if err != nil || copied.Subject != "lines.101.incoming" || string(copied.Data) != string(want.Data) {
		t.Errorf("live copy %v (%v)", copied, err)
	}
}

func TestTwoBranchesWithTheSameLinesDoNotMix(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	there := hub.Declared()
	want := map[string]string{}
	for _, site := range []string{"b1", "b2"} {
		b := newBranch(t, site, hub, hub.URL())
		b.forward()
		defer b.passed()
		for i := range 50 {
			publish(t, b.p, fmt.Sprint(101+i%3), i)
			want[fmt.Sprint(site, "/", 101+i%3)] += fmt.Sprint(i, " ")
		}
	}
	arrives(t, there, 100)
	if diff := cmp.Diff(want, kept(t, there)); diff != "" {
		t.Errorf("calls by site and line (-want +got):\n%s", diff)
	}
}

func TestWhatWasPublishedWithoutAnAnswerIsNotSentAgain(t *testing.T) {
	t.Parallel()
	for name, again := range map[string]func(*branch, *badLine){
		"the line was cut": func(*branch, *badLine) {},
		"the branch was restarted": func(b *branch, line *badLine) {
			b.kill(line)
			b.server.Restart()
			b.forward()
		},
		"the power went, and with it what was not fsynced": func(b *branch, line *badLine) {
			b.kill(line)
			js, _ := jetstream.New(b.nc)
			if err := js.DeleteConsumer(ctx(b.t), stream.Calls, "hub"); err != nil {
				b.t.Fatal(err)
			}
			b.forward()
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			hub := natstest.Start(t)
			there := hub.Declared()
			shortMemory(t, there)
			line := newBadLine(t, hub)
			b := newBranch(t, "b2", hub, "nats://"+line.Addr().String())
			b.forward()
			want := map[string]string{}
			say := func(from, to int) {
				for i := from; i < to; i++ {
					publish(t, b.p, fmt.Sprint(101+i%5), i)
					want[fmt.Sprint("b2/", 101+i%5)] += fmt.Sprint(i, " ")
				}
			}
			say(0, 10)
			arrives(t, there, 10)
			b.passed()
			line.deaf.Store(true)
			say(10, 30)
			arrives(t, there, 15) // one of each line
			time.Sleep(300 * time.Millisecond)
			line.cut()
			line.deaf.Store(false)
			again(b, line)
			b.passed()
			if diff := cmp.Diff(want, kept(t, there)); diff != "" {
				t.Errorf("calls by line (-want +got):\n%s", diff)
			}
		})
	}
}

// Bug: where the hub was found to have everything, and nothing new came, the hub was said to be away until the next call.
func TestAHubIsSaidToBeBackThoughNothingHadToGo(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	there := hub.Declared()
	line := newBadLine(t, hub)
	b := newBranch(t, "b2", hub, "nats://"+line.Addr().String())
	b.forward()
	publish(t, b.p, "101", 1)
	b.passed()
	line.deaf.Store(true)
	publish(t, b.p, "101", 2)
	arrives(t, there, 2)
	line.cut()
	line.deaf.Store(false)
	b.passed()
	b.well()
}

func TestAHubThatIsFullGetsItAllLater(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	there := hub.Declared()
	js, _ := jetstream.New(there)
	s, err := js.Stream(ctx(t), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	cfg := s.CachedInfo().Config
	cfg.MaxMsgs = 7
	if _, err := js.UpdateStream(ctx(t), cfg); err != nil {
		t.Fatal(err)
	}
	b := newBranch(t, "b2", hub, hub.URL())
	want := map[string]string{}
	for i := range 40 {
		publish(t, b.p, fmt.Sprint(101+i%4), i)
		want[fmt.Sprint("b2/", 101+i%4)] += fmt.Sprint(i, " ")
	}
	b.forward()
	for err := range b.told {
		if err != nil && strings.Contains(err.Error(), "maximum messages exceeded") {
			break
		}
	}
	cfg.MaxMsgs = -1
	if _, err := js.UpdateStream(ctx(t), cfg); err != nil {
		t.Fatal(err)
	}
	b.passed()
	if diff := cmp.Diff(want, kept(t, there)); diff != "" {
		t.Errorf("calls by line (-want +got):\n%s", diff)
	}
}

func TestAHubThatIsNotThereYetIsWaitedFor(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	hub.Stop()
	b := newBranch(t, "b2", hub, hub.URL())
	b.forward()
	if err := <-b.told; !errors.Is(err, stream.ErrAway) {
		t.Errorf("told %v, want ErrAway", err)
	}
	publish(t, b.p, "101", 1)
	hub.Restart()
	for err := range b.told {
		if err != nil && strings.Contains(err.Error(), "no stream CALLS") {
			break
		}
	}
	there := hub.Connect()
	js, _ := jetstream.New(there)
	if _, err := stream.DeclareIngest(ctx(t), js, natstest.Room, 1, true); err != nil {
		t.Fatal(err)
	}
	b.passed()
	arrives(t, there, 1)
}

func TestAStoreWithTargetsHandsOnWhatComesFromNowOn(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	there := hub.Declared()
	b := newBranch(t, "b2", hub, hub.URL())
	target(t, b.nc, "main", 1)
	publish(t, b.p, "101", 1)
	b.forward()
	publish(t, b.p, "101", 2)
	b.passed()
	if got := stored(t, there); got != "2" {
		t.Errorf("the hub has %q, want 2 alone", got)
	}
}

func TestWhatWasNotForwardedIsNotPurged(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	there := hub.Declared()
	shortMemory(t, there)
	b := newBranch(t, "b2", hub, hub.URL())
	b.forward()
	full := func() {
		for used := int64(0); used < natstest.Room/100*82; {
			_, err := b.p.Publish(ctx(t), call.Event{Type: call.Incoming, Line: "101", Raw: strings.Repeat("x", 100<<10)})
			if err != nil {
				t.Fatal(err)
			}
			if used, _, err = stream.Fill(ctx(t), b.nc); err != nil {
				t.Fatal(err)
			}
		}
	}
	hub.Stop()
	full()
	janitor, err := stream.NewJanitor(b.nc)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := janitor.Sweep(ctx(t)); n.Events != 0 || err != nil {
		t.Errorf("purged %d (%v) of what waits for the hub", n, err)
	}
	hub.Restart()
	b.passed()
	if n, err := janitor.Sweep(ctx(t)); n.Events == 0 || err != nil {
		t.Errorf("purged %d (%v) of what the hub has, in a store that is 80 %% full", n, err)
	}
	if err := stream.ForgetHub(ctx(t), b.nc); !errors.As(err, new(stream.InUse)) {
		t.Errorf("forget the hub while it is forwarded to: %v, want InUse", err)
	}
	b.stop()
	err = stream.ForgetHub(ctx(t), b.nc)
	// The client takes its last pull back on its own time.
	for begin := time.Now(); errors.As(err, new(stream.InUse)) && time.Since(begin) < natstest.Patience; time.Sleep(10 * time.Millisecond) {
		err = stream.ForgetHub(ctx(t), b.nc)
	}
	if err != nil {
		t.Error(err)
	}
	if _, err := stream.HubBacklog(ctx(t), b.nc); !errors.Is(err, stream.ErrNoHub) {
		t.Errorf("backlog of a store that forwards no more: %v, want ErrNoHub", err)
	}
	before := kept(t, there)
	b.forward()
	publish(t, b.p, "102", 1)
	b.passed()
	before["b2/102"] = "1 "
	if diff := cmp.Diff(before, kept(t, there)); diff != "" {
		t.Errorf("at the hub, after it was forgotten and named again (-want +got):\n%s", diff)
	}
}

// Everything that can go wrong, in any order: the line is cut, answers are lost, the hub and the branch are restarted, with
// and without what was not fsynced. The hub forgets ids at once, so that nothing but the look keeps repeats out.
func TestEachEventArrivesOnceAndInOrderWhateverHappens(t *testing.T) {
	t.Parallel()
	for range 2 {
		seed := seedOf(t)
		t.Run(fmt.Sprint(seed), func(t *testing.T) { t.Parallel(); atRandom(t, seed) })
	}
}

func atRandom(t *testing.T, seed uint64) {
	chance := rand.New(rand.NewPCG(seed, 0))
	hub := natstest.Start(t)
	there := hub.Declared()
	shortMemory(t, there)
	line := newBadLine(t, hub)
	want, branches := map[string]string{}, []*branch{}
	for _, site := range []string{"b1", "b2"} {
		b := newBranch(t, site, hub, "nats://"+line.Addr().String())
		b.forward()
		branches = append(branches, b)
	}
	for i := range 400 {
		b := branches[chance.IntN(2)]
		number := fmt.Sprint(101 + chance.IntN(8))
		publish(t, b.p, number, i)
		want[b.site+"/"+number] += fmt.Sprint(i, " ")
		switch chance.IntN(60) {
		case 0, 1, 2:
			line.deaf.Store(true)
		case 3:
			line.cut()
		case 4, 5:
			line.cut()
			line.deaf.Store(false)
		case 6:
			b.kill(line)
			b.forward()
		case 7:
			b.stop()
			line.cut()
			line.deaf.Store(false)
			b.server.Restart()
			b.forward()
		case 8:
			hub.Restart()
		case 9:
			time.Sleep(time.Duration(chance.IntN(300)) * time.Millisecond)
		}
	}
	line.deaf.Store(false)
	line.cut()
	for _, b := range branches {
		b.passed()
	}
	if diff := cmp.Diff(want, kept(t, there)); diff != "" {
		t.Errorf("calls by site and line (-want +got):\n%s", diff)
	}
}

// seedOf is a new one, or the one of a run that failed: SEED=… go test -run …
func seedOf(t *testing.T) uint64 {
	given := os.Getenv("SEED")
	if given == "" {
		return rand.Uint64()
	}
	seed, err := strconv.ParseUint(given, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return seed
}
