package onecadapter_test

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/stream"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// crm is somebody else's system that takes webhooks.
type crm struct {
	*httptest.Server
	mu  sync.Mutex
	got []hit
}

type hit struct{ Method, Path, Key, Authorization, Type, Body string }

func newCRM(t *testing.T) *crm {
	t.Helper()
	c := &crm{}
	c.Server = httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if session := r.Header.Get("IBSession"); session != "" {
			t.Errorf("a webhook that is no 1C was told of a session of 1C: %s", session)
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.got = append(c.got, hit{
			r.Method, r.URL.RequestURI(), r.Header.Get("Idempotency-Key"), r.Header.Get("Authorization"), r.Header.Get("Content-Type"), string(body),
		})
	}))
	t.Cleanup(c.Close)
	return c
}

func (c *crm) hits() []hit {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.got)
}

func targetsFile(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "targets.yaml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func publishOne(t *testing.T, nc *nats.Conn, e call.Event) call.Event {
	t.Helper()
	p, err := stream.NewPublisher(nc, "")
	if err != nil {
		t.Fatal(err)
	}
	p.Patience = natstest.Patience
	stored, err := p.Publish(context.Background(), e)
	if err != nil {
		t.Fatal(err)
	}
	return stored
}

func ringing(line, remote string) call.Event {
	return call.Event{
		Type: call.Incoming, Line: call.Line(line), Source: "yealink", Remote: call.Party{URI: remote, Number: phone.Parse(remote, ""), Name: "ООО «Ромашка»"},
	}
}

func TestAWebhookGetsTheWholeEventAsItStandsOnTheBus(t *testing.T) {
	t.Parallel()
	server, crm := natstest.Start(t), newCRM(t)
	nc := server.Declared()
	token := filepath.Join(t.TempDir(), "token")
	if err := os.WriteFile(token, []byte("jwt.of.crm\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	a := run(t, server, onecadapter.Options{Targets: targetsFile(t, fmt.Sprintf(`
targets:
  - {name: crm, protocol: http, url: "%s/rest/key/{line}", bearer_file: %q}
`, crm.URL, token))})
	ring := publishOne(t, nc, ringing("101", "sip:84951230001@pbx"))
	held := publishOne(t, nc, call.Event{Type: call.Held, Line: "101"})
	eventually(t, "the CRM has both", func() bool { return len(crm.hits()) == 2 })
	js, _ := jetstream.New(nc)
	calls, err := js.Stream(t.Context(), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	for i, e := range []call.Event{ring, held} {
		onBus, err := calls.GetMsg(t.Context(), uint64(i+1))
		if err != nil {
			t.Fatal(err)
		}
		want := hit{"POST", "/rest/key/101", e.ID, "Bearer jwt.of.crm", "application/json", string(onBus.Data)}
		if diff := cmp.Diff(want, crm.hits()[i]); diff != "" {
			t.Errorf("event %d (-want +got):\n%s", i, diff)
		}
	}
	if log := a.log.String(); strings.Contains(log, "/rest/key") || strings.Contains(log, "jwt.of.crm") || !strings.Contains(log, "target.plan: POST "+crm.URL) {
		t.Errorf("the log has too much, or too little:\n%s", log)
	}
}

func TestAFormInTheTargetsOwnWords(t *testing.T) {
	t.Parallel()
	server, crm := natstest.Start(t), newCRM(t)
	nc := server.Declared()
	run(t, server, onecadapter.Options{Targets: targetsFile(t, fmt.Sprintf(`
targets:
  - name: crm
    protocol: http
    url: %s/in
    number_format: last10
    events: {incoming: RING, missed: LOST}
    form: {phone: "{remote}", full: "{remote|e164}", ext: "{line}", event: "{event}"}
    rules: [{match: {line: '^(\d+)$', source: yealink}, set: {line: '7$1'}}]
`, crm.URL))})
	publishOne(t, nc, call.Event{Type: call.Outgoing, Line: "101"})
	publishOne(t, nc, ringing("101", "sip:84951230001@pbx"))
	eventually(t, "the CRM has it", func() bool { return len(crm.hits()) == 1 })
	got, err := url.ParseQuery(crm.hits()[0].Body)
	want := url.Values{"phone": {"4951230001"}, "full": {"+74951230001"}, "ext": {"7101"}, "event": {"RING"}}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

// What is not for a target ends there too, so that nothing waits for it in the store.
func TestATargetGetsOnlyWhatIsForIt(t *testing.T) {
	t.Parallel()
	server, all, some := natstest.Start(t), newCRM(t), standin(t, onectest.Options{})
	nc := server.Declared()
	run(t, server, onecadapter.Options{Targets: targetsFile(t, fmt.Sprintf(`
targets:
  - {name: all, protocol: http, url: %q, from: beginning}
  - {name: some, url: %q, from: beginning, number_format: ru8, only: {lines: ["101-120", "2*"], events: [incoming]}}
`, all.URL, some.URL()))})
	for _, line := range []string{"100", "101", "120", "121", "250", "1010"} {
		publishOne(t, nc, ringing(line, "sip:+74951230001@pbx"))
	}
	publishOne(t, nc, call.Event{Type: call.Ended, Line: "101"})
	eventually(t, "both have ended everything", func() bool { return endings(t, nc) == 14 })
	var got []string
	for _, c := range some.Calls() {
		got = append(got, c.Line+" "+c.Remote)
	}
	slices.Sort(got)
	if diff := cmp.Diff([]string{"101 84951230001", "120 84951230001", "250 84951230001"}, got); diff != "" || len(all.hits()) != 7 {
		t.Errorf("the other has %d events, want 7; 1C (-want +got):\n%s", len(all.hits()), diff)
	}
	reasons := map[string]int{}
	for _, kind := range []string{"skipped", "delivered"} {
		subscribeEndings(t, nc, kind, "some", func(reason string) { reasons[kind+" "+reason]++ })
	}
	want := map[string]int{"delivered ": 3, "skipped not for this target: line": 3, "skipped not for this target: event": 1}
	if diff := cmp.Diff(want, reasons); diff != "" {
		t.Errorf("endings (-want +got):\n%s", diff)
	}
}

func subscribeEndings(t *testing.T, nc *nats.Conn, kind, target string, tell func(reason string)) {
	t.Helper()
	js, _ := jetstream.New(nc)
	c, err := js.OrderedConsumer(t.Context(), stream.Endings, jetstream.OrderedConsumerConfig{FilterSubjects: []string{"onec." + kind + "." + target + ".*"}})
	if err != nil {
		t.Fatal(err)
	}
	batch, err := c.FetchNoWait(100)
	if err != nil {
		t.Fatal(err)
	}
	for m := range batch.Messages() {
		_, rest, _ := strings.Cut(string(m.Data()), `"reason":"`)
		reason, _, _ := strings.Cut(rest, `"`)
		tell(reason)
	}
}

func TestATargetsFileThatMakesNoSenseIsRefusedByName(t *testing.T) {
	t.Parallel()
	for want, keys := range map[string]string{
		`target "x": protocol "ftp": want soap or http`:                               `protocol: ftp`,
		`target "x": body is for protocol http only`:                                  `body: {a: b}`,
		`target "x": parameters is for protocol soap only`:                            `protocol: http, parameters: {a: event}`,
		`target "x": bearer_file and user exclude each other`:                         `user: u, bearer_file: f`,
		`target "x": bearer_file: `:                                                   `bearer_file: /nonexistent`,
		`unknown key "sides"`:                                                         `only: {sides: [a]}`,
		`unknown key "lines"`:                                                         `rules: [{match: {lines: a}}]`,
		`target "x": only: lines: "120-101"`:                                          `only: {lines: [120-101]}`,
		`target "x": rules: rule 1: match: remote: error parsing regexp`:              `rules: [{match: {remote: "("}, set: {remote: x}}]`,
		`target "x": number_format: unknown number format "plain"`:                    `number_format: plain`,
		`target "x": events: there is no event "ring"`:                                `events: {ring: 1}`,
		`target "x": parameters: P: the field remote has no format "ru"`:              `parameters: {P: remote|ru}`,
		`target "x": body: a: unknown field "phone"`:                                  `protocol: http, body: {a: "{phone}"}`,
		`target "x": headers: Cookie is not to be set here (a login is user and pass`: `protocol: http, headers: {Cookie: a}`,
	} {
		o := onecadapter.Options{Targets: targetsFile(t, "targets:\n  - {name: x, url: http://127.0.0.1:1/x, "+keys+"}\n")}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if err := onecadapter.Run(ctx, o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got %v, want %s", keys, err, want)
		}
		cancel()
	}
}

func TestAnHTTPServiceOf1CIsCalledInFewSessions(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{User: "Телефония", Password: "Пароль 1", Publication: onectest.Publication{Reuse: onectest.Use}})
	password := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(password, []byte("Пароль 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run(t, server, onecadapter.Options{Targets: targetsFile(t, fmt.Sprintf(
		"targets: [{name: main, protocol: http, url: %q, user: Телефония, password_file: %q, session: auto, sessions: 2}]", s.HTTPURL(), password))})
	publish(t, nc, 4, 5)
	eventually(t, "every event has its ending", func() bool { return endings(t, nc) == 20 })
	keys := map[string]bool{}
	for _, c := range s.Calls() {
		keys[c.Posted.Key] = true
		if c.Number != "incoming" || c.Posted.Repeat {
			t.Errorf("1C got %+v", c)
		}
	}
	if len(keys) != 20 || s.Sessions().Logins > 2 {
		t.Errorf("%d events in %d sessions, want 20 in 2 at most", len(keys), s.Sessions().Logins)
	}
}
