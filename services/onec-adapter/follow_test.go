package onecadapter_test

import (
	"context"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/callbus/callbus/internal/admin"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

func statuses(t *testing.T, nc *nats.Conn) []stream.Status {
	t.Helper()
	all, err := stream.AskStatus(context.Background(), nc, "main")
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// ask returns what an admin port says.
func ask(monitor *admin.Server, path string) (int, string) {
	got := httptest.NewRecorder()
	monitor.Handler().ServeHTTP(got, httptest.NewRequest(http.MethodGet, path, nil))
	return got.Code, got.Body.String()
}

func TestAdaptersFollowAChangeOfLanesWithoutRestart(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	onec := standin(t, onectest.Options{})
	a, b := run(t, server, single(onec.URL(), 2)), run(t, server, single(onec.URL(), 2))
	publish(t, nc, 10, 5)
	eventually(t, "50 events have ended", func() bool { return endings(t, nc) >= 50 })
	if err := stream.ChangeLanes(context.Background(), nc, "main", 5, "test", func(stream.Step) {}); err != nil {
		t.Fatal(err)
	}
	publish(t, nc, 10, 5)
	eventually(t, "five lanes have an owner", func() bool {
		owned := map[string]bool{}
		for _, s := range statuses(t, nc) {
			for lane := range s.Owns {
				owned[lane] = true
			}
		}
		return len(owned) == 5 && owned["2-0"] && owned["2-4"]
	})
	eventually(t, "100 calls of 1C", func() bool { return len(onec.Calls()) >= 100 })
	for _, each := range []adapter{a, b} {
		each.stop()
		if log := each.log.String(); !strings.Contains(log, "lanes.changed") || strings.Contains(log, "error") {
			t.Errorf("the log of an adapter that followed:\n%s", log)
		}
	}
	if n := len(onec.Calls()); n != 100 {
		t.Errorf("%d calls of 1C, want 100", n)
	}
}

func TestAPauseIsSeenEverywhereAndOutlivesARestart(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	onec := standin(t, onectest.Options{})
	o := single(onec.URL(), 2)
	reg := prometheus.NewRegistry()
	o.Monitor, o.Metrics = admin.New(admin.Options{Metrics: reg}), reg
	first := run(t, server, o)
	publish(t, nc, 2, 1)
	eventually(t, "2 calls of 1C", func() bool { return len(onec.Calls()) == 2 })
	if _, err := stream.PauseTarget(context.Background(), nc, "main", "oleg"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the adapter says that it is paused", func() bool {
		all := statuses(t, nc)
		return len(all) == 1 && all[0].State == stream.Paused && !all[0].Since.IsZero()
	})
	if code, body := ask(o.Monitor, "/targets"); code != 503 || !strings.Contains(body, "main: paused since ") || !strings.Contains(body, "by oleg") {
		t.Errorf("/targets says %d %q, want who has paused it and since when", code, body)
	}
	if _, metrics := ask(o.Monitor, "/metrics"); !strings.Contains(metrics, `callbus_target_paused{target="main"} 1`) {
		t.Errorf("the metrics do not show the pause:\n%s", metrics)
	}
	if n := strings.Count(first.log.String(), "target.paused"); n != 1 {
		t.Errorf("the log tells %d times of the pause, want once:\n%s", n, first.log.String())
	}
	first.stop()
	second := run(t, server, single(onec.URL(), 2))
	publish(t, nc, 2, 1)
	eventually(t, "the second adapter is paused as well", func() bool { return strings.Contains(second.log.String(), "target.paused") })
	if n := len(onec.Calls()); n != 2 {
		t.Errorf("%d calls of 1C, want the 2 from before the pause", n)
	}
	if _, err := stream.ResumeTarget(context.Background(), nc, "main"); err != nil {
		t.Fatal(err)
	}
	eventually(t, "4 calls of 1C", func() bool { return len(onec.Calls()) == 4 })
}

func TestAnAdapterSaysWhyItDoesNotWork(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	if all := statuses(t, nc); len(all) != 0 {
		t.Errorf("%+v answer where no adapter runs", all)
	}
	onec := standin(t, onectest.Options{})
	o := single(onec.URL(), 3)
	o.Single.FreshFor = 600e9
	o.Single.Only.Lines = []string{"100-120"}
	run(t, server, o)
	var rules []stream.Rule
	eventually(t, "it works", func() bool {
		all := statuses(t, nc)
		if len(all) != 1 || all[0].State != stream.Working || all[0].Sessions != 3 {
			return false
		}
		rules = all[0].Rules
		return true
	})
	last := rules[len(rules)-1]
	if (last != stream.Rule{Setting: "fresh_for", Value: "10m0s"}) || rules[len(rules)-2] != (stream.Rule{Setting: "only.lines", Value: "100-120"}) {
		t.Errorf("rules %+v", rules)
	}
	onec.Behave(onectest.Always(onectest.Absent()))
	publish(t, nc, 4, 2)
	eventually(t, "1C is away", func() bool {
		all := statuses(t, nc)
		return len(all) == 1 && all[0].State == stream.Away && all[0].Why != "" && !all[0].Since.IsZero()
	})
}
