package onecadapter_test

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/admin"
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/porttest"
	"github.com/callbus/callbus/internal/stream"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// adapter runs an adapter until stop, or the end of the test.
type adapter struct {
	stop func()
	log  *buffer
}

type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

func run(t testing.TB, server *natstest.Server, o onecadapter.Options) adapter {
	t.Helper()
	a := adapter{log: &buffer{}}
	o.NATS, o.NATSCreds, o.Log = server.URL(), server.Creds(), zerolog.New(a.log)
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- onecadapter.Run(ctx, o) }()
	a.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Errorf("the adapter ended with %v", err)
		}
	})
	t.Cleanup(a.stop)
	return a
}

// single is one 1C that answers; the timeout of one that hangs is to be shorter.
func single(url string, sessions int) onecadapter.Options {
	return onecadapter.Options{Single: onecadapter.Target{Name: "main", URL: url, Sessions: sessions, Timeout: time.Minute}}
}

func hanging(url string, sessions int) onecadapter.Options {
	o := single(url, sessions)
	o.Single.Timeout = 4 * time.Second
	return o
}

func standin(t testing.TB, o onectest.Options) *onectest.Server {
	t.Helper()
	s := onectest.New(o)
	if err := s.Start(porttest.Free(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

func publish(t testing.TB, nc *nats.Conn, lines, each int) {
	t.Helper()
	p, err := stream.NewPublisher(nc, "")
	if err != nil {
		t.Fatal(err)
	}
	p.Patience = natstest.Patience
	var wg sync.WaitGroup
	for l := range lines {
		wg.Go(func() {
			for i := range each {
				_, err := p.Publish(context.Background(), call.Event{
					Type: call.Incoming, Line: call.Line(fmt.Sprint(100 + l)),
					Remote: call.Party{URI: fmt.Sprintf("sip:7495123%04d@pbx", i)},
				})
				if err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
}

// eventually waits until a claim holds: it is told by a server that nobody here can ask to tell when.
func eventually(t testing.TB, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !holds(); time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("not within a minute: %s", what)
		}
	}
}

func endings(t testing.TB, nc *nats.Conn) int {
	t.Helper()
	js, _ := jetstream.New(nc)
	s, err := js.Stream(context.Background(), stream.Endings)
	if err != nil {
		return 0
	}
	return int(s.CachedInfo().State.Msgs)
}

func TestAnAdapterStartsWithout1CAndLooksAgain(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{})
	url := s.URL()
	s.Close()
	a := run(t, server, single(url, 1))
	publish(t, nc, 1, 1)
	eventually(t, "the log says that 1C is away", func() bool { return strings.Contains(a.log.String(), "target.away at the start") })
	if err := s.Start(strings.Split(strings.TrimPrefix(url, "http://"), "/")[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the event reaches 1C", func() bool { return len(s.Calls()) == 1 })
	if !strings.Contains(a.log.String(), "moi_nomer") {
		t.Errorf("the log does not print the mapping:\n%s", a.log)
	}
}

// AckWait says how fast a killed adapter's event goes to another, and nothing of how long a call may take.
func TestACallLongerThanAckWaitReaches1COnce(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{Latency: func() time.Duration { return stream.AckWait * 3 / 2 }})
	o := single(s.URL(), 1)
	o.Single.Timeout = time.Minute
	one, other := run(t, server, o), run(t, server, o)
	publish(t, nc, 1, 1)
	eventually(t, "the event ends", func() bool { return endings(t, nc) == 1 })
	one.stop()
	other.stop()
	if got := len(s.Calls()); got != 1 {
		t.Errorf("%d calls, want 1", got)
	}
	if said := one.log.String() + other.log.String(); !strings.Contains(said, "call.delivered") || strings.Contains(said, "lane.fenced") {
		t.Errorf("the log should tell of one delivery, and of nobody who came second:\n%s", said)
	}
}

func TestA1CThatDiedIsKnownBeforeACallFails(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	server.Declared()
	s, monitor := standin(t, onectest.Options{}), admin.New(admin.Options{})
	o := single(s.URL(), 1)
	o.Monitor = monitor
	a := run(t, server, o)
	eventually(t, "1C is described", func() bool { return strings.Contains(a.log.String(), "target.plan") })
	s.Close()
	eventually(t, "/targets says that nobody listens", func() bool {
		got := httptest.NewRecorder()
		monitor.Handler().ServeHTTP(got, httptest.NewRequest(http.MethodGet, "/targets", nil))
		return got.Code == http.StatusServiceUnavailable && strings.Contains(got.Body.String(), "nobody listens at this address")
	})
	if calls := s.Calls(); len(calls) != 0 {
		t.Errorf("1C was called: %v", calls)
	}
}

func TestAnAdapterStartsWithoutNATSAndWithoutStreams(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	s := standin(t, onectest.Options{})
	creds := server.Creds()
	server.Stop()
	a := run(t, server, single(s.URL(), 1))
	eventually(t, "the log says that the stream is away", func() bool { return strings.Contains(a.log.String(), "stream.away") })
	server.Restart()
	if creds != server.Creds() {
		t.Fatal("the test's server has other credentials now")
	}
	publish(t, server.Declared(), 1, 1)
	eventually(t, "the event reaches 1C", func() bool { return len(s.Calls()) == 1 })
}

func TestAdaptersThatComeAndGoKeepTheOrderAndTheSessions(t *testing.T) {
	t.Parallel()
	const lines, each = 20, 15
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{Latency: func() time.Duration { return 2 * time.Millisecond }})
	first := run(t, server, single(s.URL(), 4))
	run(t, server, single(s.URL(), 4))
	publish(t, nc, lines, each/3)
	first.stop()
	publish(t, nc, lines, each/3)
	run(t, server, single(s.URL(), 4))
	publish(t, nc, lines, each/3)
	eventually(t, "every event has its ending", func() bool { return endings(t, nc) >= lines*each })

	next := map[string]int{}
	for _, c := range s.Calls() {
		if want := fmt.Sprintf("sip:7495123%04d@pbx", next[c.Line]%(each/3)); c.Remote != want {
			t.Errorf("line %s: %s came, want %s", c.Line, c.Remote, want)
		}
		next[c.Line]++
	}
	if got := len(s.Calls()); got != lines*each {
		t.Errorf("%d calls of 1C for %d events, and nobody was killed", got, lines*each)
	}
	if got := endings(t, nc); got != lines*each {
		t.Errorf("%d endings for %d events", got, lines*each)
	}
	if got := len(s.MaxConcurrent()); got > 4 {
		t.Errorf("%d calls at once, want 4 at most", got)
	}
}

// Bug: the adapter of a target that somebody had forgotten worked on nothing until it was restarted, and was ready.
func TestATargetForgottenUnderAnAdapterIsOpenedAnew(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{})
	url := s.URL()
	s.Close()
	a := run(t, server, single(url, 1)) // 1C is away, so nothing is pulled yet: nobody is seen to work on the target
	eventually(t, "1C is missed", func() bool { return strings.Contains(a.log.String(), "target.away at the start") })
	if err := stream.ForgetTarget(context.Background(), nc, "main"); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(strings.Split(strings.TrimPrefix(url, "http://"), "/")[0]); err != nil {
		t.Fatal(err)
	}
	eventually(t, "an event reaches 1C", func() bool {
		publish(t, nc, 1, 1)
		return len(s.Calls()) > 0
	})
}

// Bug: with fewer sessions asked for than the set in force has lanes, the lanes queued for the connections, and one
// hanging line made healthy ones time out.
func TestFewerSessionsThanLanesStarveNobody(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{Behaviour: onectest.ForLines(onectest.Hang(), "100")})
	run(t, server, hanging(s.URL(), 4)).stop() // declares four lanes
	a := run(t, server, hanging(s.URL(), 1))
	publish(t, nc, 8, 1)
	eventually(t, "every event has its ending", func() bool { return endings(t, nc) == 8 })
	a.stop() // what is told of the last one is told after its ending
	if log := a.log.String(); strings.Count(log, "call.delivered") != 7 || strings.Contains(log, "cannot be reached") {
		t.Errorf("want 7 deliveries and one dead letter, got:\n%s", log)
	}
}

func TestABrokenTargetDelaysNoOther(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	good, bad := standin(t, onectest.Options{}), standin(t, onectest.Options{Behaviour: onectest.Always(onectest.Hang())})
	file := filepath.Join(t.TempDir(), "targets.yaml")
	text := fmt.Sprintf("targets:\n  - {name: bad, url: %q, timeout: 2s}\n  - {name: good, url: %q, from: beginning}\n", bad.URL(), good.URL())
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, server, onecadapter.Options{Targets: file})
	publish(t, nc, 5, 4)
	eventually(t, "the good target has all events", func() bool { return len(good.Calls()) == 20 })
}

func TestNoPasswordIsInTheLog(t *testing.T) {
	t.Parallel()
	const password = "Жёлтый-Слон-42"
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{User: "Телефония", Password: "another"})
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := single(s.URL(), 1)
	o.Single.User, o.Single.PasswordFile = "Телефония", file
	a := run(t, server, o)
	publish(t, nc, 1, 1)
	eventually(t, "the log tells of the refusal", func() bool { return strings.Contains(a.log.String(), "401") })
	a.stop()
	if strings.Contains(a.log.String(), password) {
		t.Error("the log holds the password")
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	file := func(text string) string {
		path := filepath.Join(t.TempDir(), "targets.yaml")
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	target := onecadapter.Target{Name: "main", URL: "http://127.0.0.1:1/x", Sessions: 2, Timeout: time.Second}
	with := func(change func(*onecadapter.Target)) onecadapter.Options {
		t := target
		change(&t)
		return onecadapter.Options{Single: t}
	}
	for want, o := range map[string]onecadapter.Options{
		"say where 1C is":     {},
		"exclude each other":  {Single: target, Targets: "x"},
		"no such file":        {Targets: filepath.Join(t.TempDir(), "none")},
		"there are none":      {Targets: file("targets: []\n")},
		"sesions":             {Targets: file("targets:\n  - {name: a, url: http://x/, sesions: 3}\n")},
		"twice":               {Targets: file("targets:\n  - {name: a, url: http://x/}\n  - {name: a, url: http://y/}\n")},
		"target name \"a b\"": {Targets: file("targets:\n  - {name: a b, url: http://x/}\n")},
		"sessions 65":         with(func(t *onecadapter.Target) { t.Sessions = 65 }),
		"fresh_for":           with(func(t *onecadapter.Target) { t.FreshFor = -1 }),
		"from \"yesterday\"":  with(func(t *onecadapter.Target) { t.From = "yesterday" }),
		"password":            with(func(t *onecadapter.Target) { t.PasswordFile = "/nonexistent" }),
		"timeout 1ms":         with(func(t *onecadapter.Target) { t.Timeout = time.Millisecond }),
	} {
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := onecadapter.Run(ctx, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
		cancel()
	}
}

func TestAServiceThatCannotBeMappedIsToldWithAFileThatWorks(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{})
	// A fourth parameter, and names that nobody knows: what goes where cannot be guessed.
	description := strings.NewReplacer("Nomer_Sobitia", "Sobytie", "Nomer_sip", "Kto", "moi_nomer", "Linia").Replace(s.WSDL())
	description = strings.Replace(description, `name="Kto"`, `name="Data" type="xs:dateTime"/><xs:element name="Kto"`, 1)
	odd := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, description) }))
	t.Cleanup(odd.Close)
	a := run(t, server, single(odd.URL+"/ws/odd.1cws", 1))
	publish(t, nc, 1, 1)
	eventually(t, "the log has the override", func() bool { return strings.Contains(a.log.String(), "target.unmapped") })
	_, text, _ := strings.Cut(a.log.String(), "for --targets: ")
	text, _, _ = strings.Cut(text, "\"}\n")
	text = strings.ReplaceAll(text, `\"`, `"`)

	file := filepath.Join(t.TempDir(), "targets.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	a.stop()
	b := run(t, server, onecadapter.Options{Targets: file})
	eventually(t, "what was pasted gives a plan", func() bool { return strings.Contains(b.log.String(), "target.plan") })
}
