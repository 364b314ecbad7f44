package onec

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
	"github.com/callbus/callbus/services/onec-adapter/internal/webhook"
)

// hookAnswers are claims about targets of protocol http. An empty label: taken.
var hookAnswers = []struct {
	status int
	body   string
	fails
}{
	{200, "", fails{}},
	{204, "", fails{}},
	{201, `{"success": true}`, fails{}},
	{200, "<html><body>Спасибо</body></html>", fails{}},
	{200, `{"success": true, "exception": null}`, fails{}},
	{200, exceptionBody, fails{label: "exception", blame: verdict.Unclear, why: "Поле не найдено"}},
	{202, "", fails{label: "status", blame: verdict.Unclear, unsure: true, why: "none of the statuses that were expected"}},
	{302, "", fails{label: "redirect"}},
	{400, `{"error": "no such field"}`, fails{label: "refusal", blame: verdict.Message, why: "the receiver refuses the event"}},
	{400, exceptionBody, fails{label: "exception", blame: verdict.Message, why: "Поле не найдено"}},
	{401, "", fails{label: "unauthorized"}},
	{403, "", fails{label: "forbidden"}},
	{403, "Начало сеанса с информационной базой запрещено.", fails{label: "locked"}},
	{404, "", fails{label: "absent"}},
	{408, "", fails{label: "later", why: "asked again"}},
	{422, "no", fails{label: "refusal", blame: verdict.Message, why: "(HTTP 422"}},
	{425, "", fails{label: "later"}},
	{429, "", fails{label: "throttled"}},
	{500, "<html>Traceback</html>", fails{label: "failure", blame: verdict.Unclear, unsure: true, why: "the receiver failed"}},
	{500, "Не обнаружено свободной лицензии!", fails{label: "licence"}},
	{500, exceptionBody, fails{label: "exception", blame: verdict.Unclear, why: "1C failed: Поле не найдено"}},
	{502, "", fails{label: "gateway", unsure: true}},
	{503, "", fails{label: "unavailable"}},
}

func hookClient(t *testing.T, h http.Handler, change func(*Config)) *Client {
	t.Helper()
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	c := Config{
		URL: server.URL + "/hook", HTTP: &webhook.Config{Expect: []int{200, 201, 204}},
		Mapping: mapping.Config{JSON: func(e call.Event) ([]byte, error) { return fmt.Appendf(nil, `{"id":%q}`, e.ID), nil }},
	}
	if change != nil {
		change(&c)
	}
	client, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func TestWhatAWebhookAnswersDecides(t *testing.T) {
	for _, tt := range hookAnswers {
		t.Run(fmt.Sprint(tt.status, " ", tt.label), func(t *testing.T) {
			client := hookClient(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(tt.status)
				if tt.status != http.StatusNoContent {
					io.WriteString(w, tt.body)
				}
			}), nil)
			_, err := client.Call(t.Context(), call.Event{Type: call.Held, ID: "1"})
			if tt.label == "" && err != nil || tt.label != "" && err == nil {
				t.Fatalf("got %v", err)
			}
			if err != nil {
				check(t, err, tt.fails)
			}
		})
	}
}

func TestATargetOfProtocolHTTPIsOnlyConnectedTo(t *testing.T) {
	asked := 0
	client := hookClient(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }), nil)
	if err := client.Alive(t.Context()); err != nil {
		t.Error(err)
	}
	plan, err := client.Describe(t.Context())
	if err != nil || asked != 0 {
		t.Fatalf("Describe gave %v after %d requests, want none", err, asked)
	}
	want := []string{"POST " + plan.URL, "  Idempotency-Key ← {id}", "  body ← {json}"}
	if diff := cmp.Diff(want, plan.Lines()); diff != "" || strings.Contains(plan.URL, "/hook") {
		t.Errorf("the plan of %s (-want +got):\n%s", plan.URL, diff)
	}
}

func TestAWebhookThatIsNotThereIsAway(t *testing.T) {
	client := hookClient(t, nil, func(c *Config) { c.URL = "http://127.0.0.1:1/hook" })
	_, err := client.Describe(t.Context())
	check(t, err, fails{label: "refused", why: "nobody listens at this address"})
	check(t, client.Alive(t.Context()), fails{label: "refused"})
}

// A receiver that repeats what it got, or whose page of errors does, must not bring an operator's keys into log and endings.
func TestTheReceiversKeysAreNeverRepeated(t *testing.T) {
	const token, header, query, path = "eyJhbGciOiJIUzI1NiJ9", "key-in-a-header", "key-in-the-query", "key-in-the-path"
	const added, body = "q2V5+aW4/IG9mIHRoZQ==", "key-in-the-body"
	for _, status := range []int{http.StatusOK, http.StatusBadRequest} {
		client := hookClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			w.WriteHeader(status)
			sent, _ := io.ReadAll(r.Body)
			fmt.Fprint(w, "you sent ", r.URL, r.URL.Query(), string(sent), r.Header)
		}), func(c *Config) {
			c.URL = strings.Replace(c.URL, "/hook", "/rest/1/"+path+"/{line}?apikey="+query, 1)
			c.HTTP.Headers = map[string]string{"X-Api-Key": header}
			c.HTTP.Query = map[string]string{"auth": added}
			c.HTTP.Body = map[string]any{"line": "{line}", "auth": []any{map[string]any{"token": body}}}
			c.Bearer = func() string { return token }
		})
		reply, err := client.Call(t.Context(), call.Event{Type: call.Incoming, Line: "101"})
		all := fmt.Sprint(reply, err)
		for _, secret := range []string{token, header, query, path, added, url.QueryEscape(added), body} {
			if strings.Contains(all, secret) || !strings.Contains(all, "you sent") {
				t.Errorf("%s is in %s", secret, all)
			}
		}
	}
}

func TestATokenGoesInPlaceOfUserAndPasswordAndIsNeverRepeated(t *testing.T) {
	const token = "eyJhbGciOiJIUzI1NiJ9.e30.x"
	got := make(chan string, 1)
	client := hookClient(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got <- r.Header.Get("Authorization")
		w.WriteHeader(http.StatusBadRequest)
		io.WriteString(w, "you sent "+r.Header.Get("Authorization"))
	}), func(c *Config) { c.Bearer = func() string { return token } })
	_, err := client.Call(t.Context(), call.Event{Type: call.Incoming})
	if was := <-got; was != "Bearer "+token {
		t.Errorf("Authorization: %q", was)
	}
	if err == nil || strings.Contains(err.Error(), token) {
		t.Errorf("got %v, want an error without the token", err)
	}
}
