package ingest_test

import (
	"context"
	"fmt"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/admin"
	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/ingest"
)

func TestABranchAnswersWithoutItsHubAndHandsOnLater(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	there := hub.Declared()
	dir, log := t.TempDir(), &lines{}
	o := ingest.Options{Store: dir, Site: "b2", Hub: hub.URL(), HubCreds: hub.Creds(), Log: zerolog.New(log)}
	hit := func(url string, i int) {
		t.Helper()
		if code := get(t, fmt.Sprint(url, "/phone/incoming?line=101&remote=sip:74951234567@pbx&cid=", i)); code != 200 {
			t.Fatalf("status %d", code)
		}
	}
	url, stop := run(t, o)
	hit(url, 1)
	waitFor(t, func() bool { return len(stored(t, there, stream.Calls)) == 1 })
	hub.Stop()
	hit(url, 2)
	waitFor(t, func() bool { return len(log.named("hub.away")) == 1 })
	stop()

	away := log.named("hub.away")
	if why, _ := away[0]["error"].(string); len(log.named("hub.there")) != 1 || !strings.HasPrefix(why, "NATS is away") {
		t.Errorf("the log says %v", away)
	}
	o.Metrics, o.Monitor = prometheus.NewRegistry(), admin.New(admin.Options{})
	url, _ = run(t, o)
	hit(url, 3)
	waitFor(t, func() bool { return strings.Contains(targets(o.Monitor), "NATS is away") })
	waitFor(t, func() bool { return gauge(t, o.Metrics, "callbus_hub_waiting_events") == 2 })
	if up, age := gauge(t, o.Metrics, "callbus_hub_connected"), gauge(t, o.Metrics, "callbus_hub_oldest_seconds"); up != 0 || age <= 0 {
		t.Errorf("with the hub away: connected %v, oldest %v s", up, age)
	}
	hub.Restart()
	waitFor(t, func() bool { return len(stored(t, there, stream.Calls)) == 3 })
	for i, e := range stored(t, there, stream.Calls) {
		if e.CallID != fmt.Sprint(i+1) || e.Site != "b2" || e.Line != "101" {
			t.Errorf("event %d at the hub is %v", i+1, e)
		}
	}
	waitFor(t, func() bool { return strings.Contains(targets(o.Monitor), "ok") })
	waitFor(t, func() bool {
		return gauge(t, o.Metrics, "callbus_hub_waiting_events") == 0 && gauge(t, o.Metrics, "callbus_hub_connected") == 1
	})
	if there := log.named("hub.there"); len(there) != 2 {
		t.Errorf("the log says %v, want the hub there twice", there)
	}
}

func TestAStoreThatWasABranchsSaysSo(t *testing.T) {
	t.Parallel()
	hub, dir, log := natstest.Start(t), t.TempDir(), &lines{}
	_, stop := run(t, ingest.Options{Store: dir, Site: "b2", Hub: hub.URL(), HubCreds: hub.Creds()})
	stop()
	run(t, ingest.Options{Store: dir, Site: "b2", Log: zerolog.New(log)})
	if len(log.named("hub.left")) != 1 {
		t.Error("the log says nothing of the hub that was left")
	}
}

func TestOptionsOfABranchThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]ingest.Options{
		"belong to --hub":     {Store: "x", HubCreds: "y"},
		"--hub needs a store": {NATS: "x", Hub: "y", Site: "b2"},
		"--hub needs --site":  {Store: "x", Hub: "y"},
	} {
		if err := ingest.Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func TestWithoutAStoreAPhoneIsRefusedAtOnceWhenNATSGoes(t *testing.T) {
	t.Parallel()
	server, log := natstest.Start(t), &lines{}
	url, _ := run(t, ingest.Options{NATS: server.URL(), NATSCreds: server.Creds(), Log: zerolog.New(log)})
	hit := url + "/phone/incoming?line=101&remote=sip:74951234567@pbx"
	waitFor(t, func() bool { return get(t, hit) == 200 })
	server.Stop()
	waitFor(t, func() bool { return get(t, hit) == 503 })
	refusedAtOnce(t, hit)
	if refused := log.named("call.refused"); len(refused) == 0 || refused[len(refused)-1]["error"] != "NATS is away" || len(log.named("nats.disconnected")) == 0 {
		t.Errorf("the log does not say that NATS is away: %v", refused)
	}
}

// targets is what /targets says.
func targets(m *admin.Server) string {
	answer := httptest.NewRecorder()
	m.Handler().ServeHTTP(answer, httptest.NewRequest("GET", "/targets", nil))
	return answer.Body.String()
}

// Bug: each try of a branch that had been removed was a line in its log, for ever.
func TestARemovedBranchSaysOnceThatItIsAway(t *testing.T) {
	t.Parallel()
	hub := natstest.Start(t)
	hub.Declared()
	folder, key := filepath.Dir(hub.Creds()), filepath.Join(t.TempDir(), "b2.creds")
	public, err := broker.NewKey(key)
	if err != nil {
		t.Fatal(err)
	}
	b2 := broker.Branch{Name: "b2", Key: public}
	if err := broker.AdmitBranch(folder, b2); err != nil {
		t.Fatal(err)
	}
	log, monitor := &lines{}, admin.New(admin.Options{})
	run(t, ingest.Options{Store: t.TempDir(), Site: "b2", Hub: hub.URL(), HubCreds: key, Monitor: monitor, Log: zerolog.New(log)})
	waitFor(t, func() bool { return len(log.named("hub.there")) == 1 })
	before := len(log.named("hub.away"))
	if err := broker.DismissBranch(folder, b2.Name); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return strings.Contains(targets(monitor), "Authorization Violation") })
	if err := broker.AdmitBranch(folder, b2); err != nil {
		t.Fatal(err)
	}
	waitFor(t, func() bool { return len(log.named("hub.there")) == 2 })
	if away, wrong := len(log.named("hub.away"))-before, log.named("nats.error"); away != 1 || len(wrong) > 0 {
		t.Errorf("it said %d times that the hub is away, and %v", away, wrong)
	}
}

func waitFor(t *testing.T, ok func() bool) {
	t.Helper()
	for begin := time.Now(); !ok(); time.Sleep(20 * time.Millisecond) {
		if time.Since(begin) > natstest.Patience {
			t.Fatalf("not within %v", natstest.Patience)
		}
	}
}
