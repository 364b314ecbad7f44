package e2e

import (
	"io"
	"net"
	"net/http"
	"sync"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/test/rig"
)

// underWay is how many phones are being served when the stop comes (docs/adr/0005 measured with as many).
const underWay = 40

// Phones never call again, so a stop answers those who are being served: HTTP ends first, the connection to the broker
// last. 40 events are in the store when SIGTERM comes, and not one PubAck has come back.
func TestFortyRequestsUnderWayOnSIGTERMAreAnswered(t *testing.T) {
	store := natstest.Start(t)
	nc := store.Declared()
	line := newTelegraph(t, store.URL())
	phones := rig.FreeAddr(t)
	ingest := rig.Start(t, ingestProgram(t), "--nats", line.url, "--nats-creds", store.Creds(), "--http", phones, "--admin", "")
	ingest.Says("phones.welcome")
	ingest.Says("store.ready")

	line.hold()
	calling, answers := callUntilStored(t, phones, nc)
	if len(answers) != 0 {
		t.Fatalf("%d phones had their answer before the store had: this test proves nothing", len(answers))
	}
	ingest.Signal(syscall.SIGTERM)
	shut(t, phones)
	line.release()

	got := map[int]int{}
	for range calling {
		got[<-answers]++
	}
	if got[http.StatusOK] < underWay {
		t.Errorf("answers by status: got %v, want 200 for at least %d (0 is no answer)", got, underWay)
	}
	if err := ingest.Wait(); err != nil {
		t.Errorf("ingest after SIGTERM: got %v, want exit code 0", err)
	}
	if n := len(rig.Stored(t, nc)); n != got[http.StatusOK] {
		t.Errorf("CALLS: got %d events, want one for each of %d answers 200", n, got[http.StatusOK])
	}
	t.Logf("%d phones called; answers by status: %v", calling, got)
}

// callUntilStored lets phones call until 40 events are in the store. That takes a few more phones than 40: where two
// lines share a door (package stream) the second event waits for the first one's PubAck.
func callUntilStored(t *testing.T, phones string, nc *nats.Conn) (calling int, answers chan int) {
	t.Helper()
	answers = make(chan int, 10*underWay)
	before := 0
	rig.Until(t, "40 events in the store", func() (any, bool) {
		stored := storedCalls(t, nc)
		for calling < underWay || stored == before && calling < cap(answers) {
			line := lineNumber(calling)
			go func() { answers <- try(phones, rig.CheckPhone(1, "74951234567", line)) }()
			calling++
			before = -1 // one more at a time, and only while nothing moves
		}
		before = stored
		return stored, stored >= underWay
	})
	return calling, answers
}

// storedCalls counts in one request: a phone waits two seconds for its PubAck, and no longer.
func storedCalls(t *testing.T, nc *nats.Conn) int {
	t.Helper()
	state, err := stream.Look(rig.Context(t), nc)
	if err != nil {
		t.Fatal(err)
	}
	return int(state.Last)
}

// try is rig.Hit for other goroutines than the test's: 0 where there is no answer.
func try(phones, pathAndQuery string) int {
	answer, err := http.Get("http://" + phones + pathAndQuery)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

// shut waits until nobody is let in any more: the stop has begun.
func shut(t *testing.T, addr string) {
	t.Helper()
	rig.Until(t, "ingest to shut the door", func() (any, bool) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
		}
		return "still open", err != nil
	})
}

// telegraph carries the bytes between a client and NATS, and can hold back what NATS says.
type telegraph struct {
	url  string
	gate sync.RWMutex
}

func newTelegraph(t *testing.T, url string) *telegraph {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	g := &telegraph{url: "nats://" + l.Addr().String()}
	go func() {
		for {
			client, err := l.Accept()
			if err != nil {
				return
			}
			go g.carry(client, url[len("nats://"):])
		}
	}()
	return g
}

func (g *telegraph) hold()    { g.gate.Lock() }
func (g *telegraph) release() { g.gate.Unlock() }

func (g *telegraph) carry(client net.Conn, addr string) {
	defer client.Close()
	server, err := net.Dial("tcp", addr)
	if err != nil {
		return
	}
	defer server.Close()
	go io.Copy(server, client) //nolint:errcheck // either side may go
	io.Copy(&held{client, &g.gate}, server)
}

// held writes once the gate is open.
type held struct {
	net.Conn
	gate *sync.RWMutex
}

func (h *held) Write(p []byte) (int, error) {
	h.gate.RLock()
	defer h.gate.RUnlock()
	return h.Conn.Write(p)
}
