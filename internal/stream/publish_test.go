package stream_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

// deafProxy stands between a publisher and the server, and swallows the server's answers when it is told to.
type deafProxy struct {
	net.Listener
	deaf atomic.Bool
}

func newDeafProxy(t *testing.T, server string) *deafProxy {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &deafProxy{Listener: l}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			back, err := net.Dial("tcp", strings.TrimPrefix(server, "nats://"))
			if err != nil {
				client.Close()
				return
			}
			go func() { io.Copy(back, client); back.Close() }()
			go p.answer(client, back)
		}
	}()
	return p
}

func (p *deafProxy) connect(t *testing.T, creds string) *nats.Conn {
	t.Helper()
	nc, err := stream.Connect(stream.ConnectOptions{Name: "deaf", URL: "nats://" + p.Addr().String(), Creds: creds})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func (p *deafProxy) answer(client, back net.Conn) {
	defer client.Close()
	buf := make([]byte, 64<<10)
	for {
		n, err := back.Read(buf)
		if err != nil {
			return
		}
		if p.deaf.Load() {
			continue
		}
		if _, err := client.Write(buf[:n]); err != nil {
			return
		}
	}
}

func TestAnEventWhoseAnswerWasLostStandsBeforeTheNextOneAndOnce(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	direct := server.Declared()
	proxy := newDeafProxy(t, server.URL())
	nc := proxy.connect(t, server.Creds())
	p, err := stream.NewPublisher(nc, "")
	if err != nil {
		t.Fatal(err)
	}
	publish(t, p, "101", 1)

	proxy.deaf.Store(true)
	begin := time.Now()
	_, err = p.Publish(ctx(t), call.Event{Type: call.Answered, Line: "101", CallID: "2"})
	if !errors.Is(err, stream.ErrUnsettled) {
		t.Errorf("without an answer: %v, want ErrUnsettled", err)
	}
	if took := time.Since(begin); took > natstest.Patience/2 { // two seconds, and what a busy machine takes
		t.Errorf("the phone waited %v", took)
	}
	proxy.deaf.Store(false)
	publish(t, p, "101", 3)

	if got := stored(t, direct); got != "1 2 3" {
		t.Errorf("stored calls %q, want 1 2 3: each once, in order", got)
	}
}

// Bug: an ending whose PubAck came too late was taken for another adapter's, and the delivery was told nowhere.
func TestAnEndingWhoseAnswerWasLostIsStillOurs(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	direct := server.Declared()
	proxy := newDeafProxy(t, server.URL())
	nc := proxy.connect(t, server.Creds())
	publish(t, publisher(t, direct), "101", 1)
	m := next(t, lane(t, slowTarget(t, nc), 0))
	proxy.deaf.Store(true)
	ended, err := m.End(ctx(t), verdict.Ending{Verdict: verdict.Done()}, func(error) { proxy.deaf.Store(false) })
	if !ended || err != nil {
		t.Errorf("ended %v (%v): nobody else was there", ended, err)
	}
	if n := endings(t, direct); n != 1 {
		t.Errorf("%d endings, want 1", n)
	}
}

// stored lists the call ids in CALLS.
func stored(t *testing.T, nc *nats.Conn) string {
	t.Helper()
	js, _ := jetstream.New(nc)
	s, err := js.Stream(ctx(t), "CALLS")
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for i := uint64(1); i <= s.CachedInfo().State.LastSeq; i++ {
		m, err := s.GetMsg(ctx(t), i)
		if err != nil {
			t.Fatal(err)
		}
		e, err := stream.Decode(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		ids = append(ids, e.CallID)
	}
	return strings.Join(ids, " ")
}

func TestWithoutNATSAPublishFailsAtOnce(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	p := publisher(t, nc)
	server.Stop()
	for nc.IsConnected() {
		time.Sleep(time.Millisecond) // the client learns it from its socket
	}
	awayAtOnce(t, p)
	server.Restart()
	for {
		_, err := p.Publish(ctx(t), call.Event{Type: call.Incoming, Line: "101"})
		if err == nil {
			break
		}
		if !errors.Is(err, stream.ErrAway) {
			t.Fatalf("once it is back: %v", err)
		}
		time.Sleep(time.Millisecond)
	}
}

// muted stands before a server. The first connection through it works; those after it hear nothing.
type muted struct {
	url   string
	first chan net.Conn
	again chan struct{} // closed when it has been dialled again
}

func mute(t *testing.T, server *natstest.Server) muted {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	m := muted{url: "nats://" + l.Addr().String(), first: make(chan net.Conn, 1), again: make(chan struct{})}
	go func() {
		client, err := l.Accept()
		if err != nil {
			return
		}
		back, err := net.Dial("tcp", strings.TrimPrefix(server.URL(), "nats://"))
		if err != nil {
			return
		}
		m.first <- client
		go io.Copy(back, client) //nolint:errcheck // it ends with the test
		go io.Copy(client, back) //nolint:errcheck // likewise
		for n := 0; ; n++ {
			silent, err := l.Accept()
			if err != nil {
				return
			}
			defer silent.Close()
			if n == 0 {
				close(m.again)
			}
		}
	}()
	return m
}

// Bug: the client is locked while it dials; a server that had been unplugged kept phones waiting for five seconds, without an answer.
func TestWhileAServerThatSaysNothingIsDialledAPublishFailsAtOnce(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	server.Declared()
	m := mute(t, server)
	nc, err := stream.Connect(stream.ConnectOptions{Name: "mute", URL: m.url, Creds: server.Creds()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	p := publisher(t, nc)
	publish(t, p, "101", 1)
	(<-m.first).Close()
	<-m.again
	awayAtOnce(t, p)
}

// awayAtOnce takes the best of ten: a busy machine may hold up some of them, and whoever waits for NATS holds up all.
func awayAtOnce(t *testing.T, p *stream.Publisher) {
	t.Helper()
	fastest := time.Hour
	for range 10 {
		begin := time.Now()
		if _, err := p.Publish(ctx(t), call.Event{Type: call.Incoming, Line: "101"}); !errors.Is(err, stream.ErrAway) {
			t.Errorf("error %v, want ErrAway", err)
		}
		fastest = min(fastest, time.Since(begin))
	}
	if fastest > 500*time.Millisecond {
		t.Errorf("it took %v to say so", fastest)
	}
}

// Bug: a hit that could not be used waited, with its phone, until the client had dialled.
func TestWhileAServerThatSaysNothingIsDialledARejectedHitWaitsForNobody(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	m := mute(t, server)
	key, err := nats.NkeyOptionFromSeed(server.Creds())
	if err != nil {
		t.Fatal(err)
	}
	const dialling = 90 * time.Second
	nc, err := nats.Connect(m.url, key, nats.Timeout(dialling), nats.MaxReconnects(1), nats.ReconnectWait(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	(<-m.first).Close()
	<-m.again
	r, begin, kept := stream.NewRejections(nc), time.Now(), 0
	for range 30 {
		if r.Keep(stream.Rejection{Reason: "nothing usable", Status: 400}) {
			kept++
		}
	}
	if took := time.Since(begin); kept > 10 || took > dialling/2 {
		t.Errorf("%d of 30 were on their way, after %v; want 10 at most, at once", kept, took)
	}
}

// A cluster that elects a new leader for CALLS has none for a moment, and the server says that nobody listens.
func TestAStreamThatIsThereWithinThePatienceIsWaitedFor(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	p := publisher(t, nc)
	js, _ := jetstream.New(nc)
	calls, err := js.Stream(ctx(t), stream.Calls)
	if err == nil {
		err = js.DeleteStream(ctx(t), stream.Calls)
	}
	if err != nil {
		t.Fatal(err)
	}
	declared := make(chan error, 1)
	go func() {
		time.Sleep(300 * time.Millisecond)
		_, err := js.CreateStream(context.Background(), calls.CachedInfo().Config)
		declared <- err
	}()
	if _, err := p.Publish(ctx(t), call.Event{Type: call.Incoming, Line: "101"}); err != nil {
		t.Errorf("the stream was there in time: %v", err)
	}
	if err := <-declared; err != nil {
		t.Fatal(err)
	}
}

// Bug: a cluster says of an id that it is storing it; that was taken for a refusal, and the phone told 503 at once.
func TestAnIdInProcessIsNoRefusal(t *testing.T) {
	t.Parallel()
	for code, want := range map[jetstream.ErrorCode]bool{10158: false, 10077: true, 10023: true} {
		if got := stream.Refused(&jetstream.APIError{ErrorCode: code}); got != want {
			t.Errorf("error %d is a refusal: %v, want %v", code, got, want)
		}
	}
}

func TestARefusedPublisherSaysWhy(t *testing.T) {
	t.Parallel()
	p := publisher(t, natstest.Start(t).Declared())
	frozen := errors.New("frozen")
	p.Refuse(frozen)
	if _, err := p.Publish(context.Background(), call.Event{Type: call.Incoming, Line: "101"}); !errors.Is(err, frozen) {
		t.Errorf("error %v, want the one that Refuse was told", err)
	}
}

func TestRejectedHitsAreKeptTenASecond(t *testing.T) {
	t.Parallel()
	nc := natstest.Start(t).Declared()
	r := stream.NewRejections(nc)
	begin, kept := time.Now(), 0
	for range 100 {
		if r.Keep(stream.Rejection{Reason: "nothing usable", Status: 400}) {
			kept++
		}
	}
	if most := 11 + int(10*time.Since(begin).Seconds()); kept < 10 || kept > most {
		t.Errorf("%d of 100 were kept, want 10 to %d", kept, most)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	js, _ := jetstream.New(nc)
	s, err := js.Stream(ctx(t), "HITS")
	if err != nil {
		t.Fatal(err)
	}
	for s.CachedInfo().State.Msgs < uint64(kept) { // stored after the flush: nobody waited for an answer
		if _, err := s.Info(ctx(t)); err != nil {
			t.Fatalf("%d of %d stored: %v", s.CachedInfo().State.Msgs, kept, err)
		}
	}
}
