package admin_test

import (
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/callbus/callbus/internal/admin"
)

func TestReadyNamesTheFailingChecks(t *testing.T) {
	s := admin.New(admin.Options{})
	s.Ready("stream", fails("no responders"))
	s.Ready("broker", fails("store frozen"))
	s.Ready("http", passes)
	status, body := ask(t, s, "GET", "/readyz")
	if want := "broker: store frozen\nstream: no responders\n"; status != 503 || body != want {
		t.Errorf("/readyz = %d %q, want 503 %q", status, body, want)
	}
	if status, body := ask(t, s, "GET", "/livez"); status != 200 || body != "ok\n" {
		t.Errorf("/livez = %d %q, want 200 ok: readiness is not liveness", status, body)
	}
}

func TestLiveFailsOnItsOwnChecks(t *testing.T) {
	s := admin.New(admin.Options{})
	s.Live("store", fails("frozen"))
	if status, body := ask(t, s, "GET", "/livez"); status != 503 || body != "store: frozen\n" {
		t.Errorf("/livez = %d %q, want 503 store: frozen", status, body)
	}
	if status, _ := ask(t, s, "GET", "/readyz"); status != 200 {
		t.Errorf("/readyz = %d, want 200", status)
	}
}

func TestACheckThatHangsFailsAndHoldsOneGoroutine(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := admin.New(admin.Options{})
		var runs atomic.Int32
		release := make(chan struct{})
		s.Ready("1c", func(context.Context) error { runs.Add(1); <-release; return nil })
		for range 3 {
			begin := time.Now()
			status, body := ask(t, s, "GET", "/readyz")
			if status != 503 || body != "1c: no answer in 2s\n" || time.Since(begin) != 2*time.Second {
				t.Errorf("/readyz = %d %q after %s, want 503 after 2s", status, body, time.Since(begin))
			}
		}
		if got := runs.Load(); got != 1 {
			t.Errorf("the check that hangs was run %d times, want once", got)
		}
		close(release)
		synctest.Wait()
		if status, _ := ask(t, s, "GET", "/readyz"); status != 200 {
			t.Errorf("/readyz = %d once the check answers again, want 200", status)
		}
	})
}

func TestMetricsComeFromTheGivenRegistry(t *testing.T) {
	reg := prometheus.NewRegistry()
	calls := prometheus.NewCounter(prometheus.CounterOpts{Name: "callbus_calls_total", Help: "Calls."})
	reg.MustRegister(calls)
	calls.Inc()
	status, body := ask(t, admin.New(admin.Options{Metrics: reg}), "GET", "/metrics")
	if status != 200 || !strings.Contains(body, "callbus_calls_total 1\n") || strings.Contains(body, "go_goroutines") {
		t.Errorf("/metrics = %d %q, want the counter and nothing of the global registry", status, body)
	}
}

func TestNothingElseIsServed(t *testing.T) {
	s := admin.New(admin.Options{Metrics: prometheus.NewRegistry()})
	got := map[string]int{}
	for _, what := range []string{"GET /", "HEAD /livez", "POST /livez", "GET /debug/pprof/", "GET /checkphone.php"} {
		method, path, _ := strings.Cut(what, " ")
		got[what], _ = ask(t, s, method, path)
	}
	want := map[string]int{"GET /": 200, "HEAD /livez": 200, "POST /livez": 405, "GET /debug/pprof/": 404, "GET /checkphone.php": 404}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestStartsOnAFreePortAndStops(t *testing.T) {
	s := admin.New(admin.Options{Addr: "127.0.0.1:0", Fail: func(err error) { t.Errorf("Fail(%v) after an asked-for stop", err) }})
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	url := "http://" + s.Addr().String() + "/livez"
	res, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != 200 || string(body) != "ok\n" {
		t.Errorf("GET /livez = %d %q, want 200 ok", res.StatusCode, body)
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop() = %v", err)
	}
	if _, err := net.Dial("tcp", s.Addr().String()); err == nil {
		t.Error("the port is open after Stop")
	}
}

func TestAPortInUseIsAnErrorOfStart(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	s := admin.New(admin.Options{Addr: l.Addr().String()})
	if err := s.Start(t.Context()); err == nil || !strings.Contains(err.Error(), l.Addr().String()) {
		t.Errorf("Start() = %v, want an error that names %s", err, l.Addr())
	}
	if err := s.Stop(t.Context()); err != nil {
		t.Errorf("Stop() of a server that never started = %v, want nil", err)
	}
}

func TestStopBreaksOffWhatDoesNotEndInTime(t *testing.T) {
	s := admin.New(admin.Options{Addr: "127.0.0.1:0"})
	asked := make(chan struct{})
	release := make(chan struct{})
	defer close(release)
	s.Ready("slow", func(context.Context) error { close(asked); <-release; return nil })
	if err := s.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	go func() { _, _ = http.Get("http://" + s.Addr().String() + "/readyz") }()
	<-asked
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := s.Stop(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Stop() = %v, want context.Canceled", err)
	}
}

func TestTwoChecksOfOneNameAreAMistakeOfOurs(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("no panic")
		}
	}()
	s := admin.New(admin.Options{})
	s.Ready("broker", passes)
	s.Ready("broker", passes)
}

func passes(context.Context) error { return nil }

func fails(text string) admin.Check {
	return func(context.Context) error { return errors.New(text) }
}

func ask(t *testing.T, s *admin.Server, method, path string) (int, string) {
	t.Helper()
	rec := httptest.NewRecorder()
	s.Handler().ServeHTTP(rec, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return rec.Code, rec.Body.String()
}

func TestATargetThatIsAwayLeavesTheProcessReady(t *testing.T) {
	s := admin.New(admin.Options{})
	s.Target("main", func(context.Context) error { return errors.New("nobody listens") })
	s.Target("crm", func(context.Context) error { return nil })
	if status, body := ask(t, s, "GET", "/targets"); status != 503 || body != "main: nobody listens\n" {
		t.Errorf("/targets = %d %q, want the one that is away", status, body)
	}
	if status, body := ask(t, s, "GET", "/readyz"); status != 200 || body != "ok\n" {
		t.Errorf("/readyz = %d %q, want ok", status, body)
	}
}
