package webhook

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
)

// words is a mapping that calls events by their names.
func words(t testing.TB) *mapping.Mapping {
	t.Helper()
	m, err := mapping.New(mapping.Config{Events: mapping.Names, JSON: func(e call.Event) ([]byte, error) {
		return json.Marshal(map[string]string{"id": e.ID, "remote": e.Remote.URI, "name": e.Remote.Name})
	}})
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ring() call.Event {
	return call.Event{
		ID: "01a2027d-619f", Type: call.Incoming, Line: "101", Time: time.Date(2026, 11, 22, 9, 1, 41, 0, time.UTC),
		Remote: call.Party{URI: "sip:84951230001@pbx", Number: "+74951230001", Name: `ООО "Ромашка" & К`},
	}
}

func newHook(t testing.TB, c Config) *Hook {
	t.Helper()
	h, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return h
}

func TestByDefaultTheWholeEventIsPosted(t *testing.T) {
	got, err := newHook(t, Config{URL: "https://crm.example.org/secret/hook?key=1"}).Request(words(t).Of(ring()))
	want := Request{
		Method: "POST", URL: "https://crm.example.org/secret/hook?key=1",
		Header: http.Header{"Content-Type": {"application/json"}, "Idempotency-Key": {"01a2027d-619f"}},
		Body:   []byte(`{"id":"01a2027d-619f","name":"ООО \"Ромашка\" \u0026 К","remote":"sip:84951230001@pbx"}`),
		Told:   "POST https://crm.example.org (body: the whole event)",
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestAValueIsEscapedForItsPlace(t *testing.T) {
	h := newHook(t, Config{
		URL: "https://crm.example.org/звонки/{line}/{name}?to={name}", Method: "put",
		Headers: map[string]string{"X-Caller": "{name}; {remote|e164}", "Content-Type": "application/vnd.crm+json"},
		Query:   map[string]string{"who": "a b+{name}", "b": "1"},
		Body: map[string]any{
			"who": "{name}", "n": 1, "yes": true, "none": nil, "list": []any{"{line}", 1.5}, "all": "{json}", "deep": map[string]any{"<k>": "<{line}>"},
		},
		IdempotencyHeader: "X-Request-Id",
	})
	got, err := h.Request(words(t).Of(ring()))
	const name = "%D0%9E%D0%9E%D0%9E%20%22%D0%A0%D0%BE%D0%BC%D0%B0%D1%88%D0%BA%D0%B0%22%20"
	want := Request{
		Method: "PUT",
		URL: "https://crm.example.org/%D0%B7%D0%B2%D0%BE%D0%BD%D0%BA%D0%B8/101/" + name + "&%20%D0%9A?to=" + name + "%26%20%D0%9A" +
			"&b=1&who=a%20b%2B" + name + "%26%20%D0%9A",
		Header: http.Header{
			"Content-Type": {"application/vnd.crm+json"}, "X-Request-Id": {"01a2027d-619f"},
			"X-Caller": {`%D0%9E%D0%9E%D0%9E "%D0%A0%D0%BE%D0%BC%D0%B0%D1%88%D0%BA%D0%B0" & %D0%9A; +74951230001`},
		},
		Body: []byte(`{"all":{"id":"01a2027d-619f","name":"ООО \"Ромашка\" \u0026 К","remote":"sip:84951230001@pbx"},"deep":{"<k>":"<101>"},` +
			`"list":["101",1.5],"n":1,"none":null,"who":"ООО \"Ромашка\" & К","yes":true}`),
		Told: `PUT https://crm.example.org (line: 101, name: ООО "Ромашка" & К, name: ООО "Ромашка" & К, who: a b+ООО "Ромашка" & К, ` +
			`all: the whole event, <k>: <101>, list: 101, who: ООО "Ромашка" & К)`,
	}
	if diff := cmp.Diff(want, got); diff != "" || err != nil {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
}

func TestAFormIsOne(t *testing.T) {
	h := newHook(t, Config{URL: "http://crm/", Form: map[string]string{"phone": "{remote|digits}", "who": "{name}", "api_key": "k=1&2"}})
	got, err := h.Request(words(t).Of(ring()))
	if err != nil {
		t.Fatal(err)
	}
	form, err := url.ParseQuery(string(got.Body))
	want := url.Values{"phone": {"74951230001"}, "who": {ring().Remote.Name}, "api_key": {"k=1&2"}}
	if diff := cmp.Diff(want, form); diff != "" || err != nil || got.Header.Get("Content-Type") != "application/x-www-form-urlencoded" {
		t.Errorf("%v, %v (-want +got):\n%s", err, got.Header, diff)
	}
	if strings.Contains(got.Told, "k=1") {
		t.Errorf("what the operator wrote himself is told: %s", got.Told)
	}
}

func TestAGetHasNoBody(t *testing.T) {
	got, err := newHook(t, Config{URL: "http://crm:8080/in", Method: "GET", Query: map[string]string{"phone": "{remote|last10}"}}).Request(words(t).Of(ring()))
	if err != nil || got.Body != nil || got.URL != "http://crm:8080/in?phone=4951230001" {
		t.Errorf("got %+v, %v", got, err)
	}
}

func TestWhichStatusesSayThatItWasTaken(t *testing.T) {
	usual, strict := newHook(t, Config{URL: "http://crm/"}), newHook(t, Config{URL: "http://crm/", Expect: []int{202, 409}})
	for status, want := range map[int][2]bool{200: {true, false}, 202: {true, true}, 299: {true, false}, 302: {}, 409: {false, true}, 500: {}} {
		if got := [2]bool{usual.Took(status), strict.Took(status)}; got != want {
			t.Errorf("%d: got %v, want %v", status, got, want)
		}
	}
}

func TestAStepUpInThePathIsRefused(t *testing.T) {
	h := newHook(t, Config{URL: "http://crm/calls/{line}/{name}"})
	for _, line := range []string{".", ".."} {
		e := ring()
		e.Line = call.Line(line)
		if r, err := h.Request(words(t).Of(e)); err == nil {
			t.Errorf("line %q: sent to %s", line, r.URL)
		}
	}
}

func TestTheUnusableIsRefusedByName(t *testing.T) {
	deep := any("x")
	for range 30 {
		deep = []any{deep}
	}
	for _, c := range []struct {
		want   string
		config Config
	}{
		{"url: it must begin with http:// or https://", Config{URL: "ftp://crm/"}},
		{"url: it cannot be read; want https://server/path", Config{URL: ""}},
		{"url: it must begin with http:// or https://", Config{URL: "crm.example.org/hook"}},
		{"url: scheme and server are fixed", Config{URL: "https://{line}.example.org/"}},
		{"url: no user or password in it", Config{URL: "https://u:geheim@crm/"}},
		{"url: it cannot be read", Config{URL: "https://crm%zz/geheim"}},
		{"url: it cannot be read", Config{URL: "https://crm/a/../geheim"}},
		{"url: it cannot be read", Config{URL: "https://crm/%zz"}},
		{"url: what stands behind a #", Config{URL: "https://crm/#/calls"}},
		{"url: unknown field", Config{URL: "https://crm/{number}"}},
		{"query: q: unknown field", Config{URL: "https://crm/", Query: map[string]string{"q": "{x}"}}},
		{"method: \"FETCH\"", Config{URL: "https://crm/", Method: "FETCH"}},
		{"a GET has no body", Config{URL: "https://crm/", Method: "GET", Form: map[string]string{"a": "b"}}},
		{"body and form exclude", Config{URL: "https://crm/", Body: map[string]any{}, Form: map[string]string{}}},
		{"body: want a table or a list", Config{URL: "https://crm/", Body: "text"}},
		{"body: a: unknown field", Config{URL: "https://crm/", Body: map[string]any{"a": "{b}"}}},
		{"body: t: 2026-11-22", Config{URL: "https://crm/", Body: map[string]any{"t": time.Date(2026, 11, 22, 0, 0, 0, 0, time.UTC)}}},
		{"nested more than 20 deep", Config{URL: "https://crm/", Body: deep}},
		{"form: a: a brace without", Config{URL: "https://crm/", Form: map[string]string{"a": "{"}}},
		{"headers: authorization is not to be set here", Config{URL: "https://crm/", Headers: map[string]string{"authorization": "x"}}},
		{`headers: "a b" is no name`, Config{URL: "https://crm/", Headers: map[string]string{"a b": "x"}}},
		{"headers: X: a header holds printable ASCII only", Config{URL: "https://crm/", Headers: map[string]string{"X": "a\nb"}}},
		{"headers: X: a header holds printable ASCII only", Config{URL: "https://crm/", Headers: map[string]string{"X": "Офис"}}},
		{"idempotency_header: host is not", Config{URL: "https://crm/", IdempotencyHeader: "host"}},
		{"expect: 99 is no status", Config{URL: "https://crm/", Expect: []int{99}}},
	} {
		_, err := New(c.config)
		if err == nil || !strings.Contains(err.Error(), c.want) || strings.Contains(err.Error(), "geheim") {
			t.Errorf("%+v: got %v, want %s", c.config, err, c.want)
		}
	}
}

// What a phone says stays where it was put: it goes to the same server and as deep, with the same headers, and JSON and form
// hold it as it was.
func FuzzRequest(f *testing.F) {
	f.Add("101", "Иван", "sip:84951230001@pbx")
	f.Add("..", "a\r\nX-Evil: 1", "x&y=z#?/\\")
	f.Add("%2e%2e/", "\"}{\"a\":\"", "\x00\xff")
	f.Add("@evil.example", "://", "?")
	m := words(f)
	json1 := newHook(f, Config{
		URL: "https://crm.example.org/v1/{line}/x/{name}{remote}?a={remote}&b=2", Headers: map[string]string{"X-Name": "n={name}", "X-Line": "{line}"},
		Query: map[string]string{"q": "{name}"}, Body: map[string]any{"name": "{name}", "both": []any{"{line}+{remote}"}, "event": "{json}"},
	})
	form := newHook(f, Config{URL: "http://crm.example.org", Form: map[string]string{"name": "{name}", "remote": "{remote}"}})
	f.Fuzz(func(t *testing.T, line, name, remote string) {
		e := ring()
		e.Line, e.Remote = call.Line(line), call.Party{URI: remote, Name: name}
		got, err := json1.Request(m.Of(e))
		if err == nil {
			sameServer(t, got, line, name+remote, remote, name)
			sameHeaders(t, got)
			sameJSON(t, got.Body, e)
		} else if line != "." && line != ".." && name+remote != "." && name+remote != ".." {
			t.Fatal(err)
		}
		got, err = form.Request(m.Of(e))
		if err != nil {
			t.Fatal(err)
		}
		values, err := url.ParseQuery(string(got.Body))
		if diff := cmp.Diff(url.Values{"name": {name}, "remote": {remote}}, values); diff != "" || err != nil {
			t.Errorf("the form: %v (-want +got):\n%s", err, diff)
		}
	})
}

func sameServer(t *testing.T, r Request, line, last, a, q string) {
	t.Helper()
	request, err := http.NewRequest(r.Method, r.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	u := request.URL
	if u.Host != "crm.example.org" || u.Scheme != "https" || u.Fragment != "" || strings.Count(u.EscapedPath(), "/") != 4 {
		t.Errorf("it goes to %s", r.URL)
	}
	if want := "/v1/" + line + "/x/" + last; u.Path != want {
		t.Errorf("the path is %q, want %q", u.Path, want)
	}
	if diff := cmp.Diff(url.Values{"a": {a}, "b": {"2"}, "q": {q}}, u.Query()); diff != "" {
		t.Errorf("the query (-want +got):\n%s", diff)
	}
}

func sameHeaders(t *testing.T, r Request) {
	t.Helper()
	if len(r.Header) != 4 {
		t.Errorf("headers: %v", r.Header)
	}
	for name, values := range r.Header {
		if len(values) != 1 || strings.ContainsFunc(values[0], func(c rune) bool { return c < ' ' || c > '~' }) {
			t.Errorf("%s: %q", name, values)
		}
	}
}

func sameJSON(t *testing.T, body []byte, e call.Event) {
	t.Helper()
	var got struct {
		Name  string
		Both  []string
		Event map[string]string
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatalf("%v in %q", err, body)
	}
	for _, text := range []string{e.Remote.Name, e.Remote.URI, string(e.Line)} {
		if !utf8.ValidString(text) {
			return // JSON has no such text
		}
	}
	if got.Name != e.Remote.Name || len(got.Both) != 1 || got.Both[0] != string(e.Line)+"+"+e.Remote.URI || got.Event["name"] != e.Remote.Name {
		t.Errorf("%q says %+v", body, got)
	}
}
