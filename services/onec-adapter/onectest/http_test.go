package onectest_test

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// exchange sends a request of a few headers ("Name: value").
func exchange(t *testing.T, method, url, body string, headers ...string) says {
	t.Helper()
	r, err := http.NewRequest(method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return says{answer.StatusCode, string(text)}
}

const event = `{"id":"a","type":"incoming","line":"101","remote":{"number":"+74951230001","name":"Анна"}}`

func TestAnHTTPServiceTakesAnEventOnce(t *testing.T) {
	server := start(t, onectest.Options{Bearer: "token"})
	url := server.HTTPURL() + "/events/incoming?from=callbus"
	headers := []string{"Content-Type: application/json", "Idempotency-Key: a", "Authorization: Bearer token"}
	if got := exchange(t, "PUT", url, event, headers[:2]...); got.status != 401 {
		t.Errorf("without the token: %+v, want 401", got)
	}
	for i, want := range []string{`{"success":true,"repeat":false}`, `{"success":true,"repeat":true}`} {
		if got := exchange(t, "PUT", url, event, headers...); got != (says{200, want}) {
			t.Errorf("time %d: %+v, want %s", i+1, got, want)
		}
	}
	calls := server.ByLine()["101"]
	if len(calls) != 2 || !calls[0].Worked || calls[1].Worked || !calls[1].Posted.Repeat {
		t.Fatalf("recorded %+v, want one that worked and its repeat", calls)
	}
	c := calls[0]
	got := []string{c.Number, c.Remote, string(c.Raw), c.Posted.Method, c.Posted.Path, c.Posted.Query, c.Posted.Key, c.Posted.Header.Get("Authorization")}
	want := []string{"incoming", "+74951230001", event, "PUT", onectest.DefaultHTTPPath + "/events/incoming", "from=callbus", "a", ""}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the record differs (-want +got):\n%s", diff)
	}
}

func TestAnHTTPServiceRefusesWhatItCannotRead(t *testing.T) {
	server := start(t, onectest.Options{})
	for body, kind := range map[string]string{`{"a":`: "application/json", "%zz": "application/x-www-form-urlencoded", "x": "text/plain"} {
		if got := exchange(t, "POST", server.HTTPURL(), body, "Content-Type: "+kind); got.status != 400 || !strings.Contains(got.body, `{"error":`) {
			t.Errorf("%s of %s: %+v, want 400", body, kind, got)
		}
	}
	for body, kind := range map[string]string{"[1]": "application/json", "a=1&b=2": "application/x-www-form-urlencoded", "": ""} {
		if got := exchange(t, "POST", server.HTTPURL(), body, "Content-Type: "+kind); got.status != 200 {
			t.Errorf("%s of %s: %+v, want 200", body, kind, got)
		}
	}
	server.Behave(onectest.Always(onectest.Fault("Деление на 0")))
	if got := exchange(t, "GET", server.HTTPURL(), ""); got.status != 500 || !strings.Contains(got.body, "Деление на 0") {
		t.Errorf("a Fault: %+v", got)
	}
}

func TestAMarkStandsInFrontOnce(t *testing.T) {
	server := start(t, onectest.Options{BOM: true})
	for _, action := range []onectest.Action{onectest.OK(), onectest.Fault("x"), onectest.Heavy("x", 1<<20), onectest.Page(), onectest.Full()} {
		server.Behave(onectest.Always(action))
		if _, body, err := post(server.URL(), envelope(good)); err != nil || strings.Count(body, "\uFEFF") != 1 || !strings.HasPrefix(body, "\uFEFF") {
			t.Errorf("%+v: %v, %.60q; want one mark in front", action, err, body)
		}
	}
	server.SetBOM(false)
	server.Behave(nil)
	if _, body, err := post(server.URL(), envelope(good)); err != nil || strings.Contains(body, "\uFEFF") {
		t.Errorf("%v, %.60q; want no mark", err, body)
	}
	server.Behave(onectest.Always(onectest.ResetBefore()))
	server.SetBOM(true)
	if _, _, err := post(server.URL(), envelope(good)); err == nil {
		t.Error("a connection that was to break did not")
	}
}

func TestAHeavyExceptionHasItsMegabytes(t *testing.T) {
	server := start(t, onectest.Options{Behaviour: onectest.Always(onectest.Heavy("Деление на 0", 3<<20))})
	status, body, err := post(server.URL(), envelope(good))
	if err != nil || status != 500 || len(body) < 3<<20 || !strings.Contains(body, "Деление на 0") {
		t.Errorf("%d, %d bytes, %v; want 500 and 3 MiB", status, len(body), err)
	}
}

func TestFurtherParametersAreDeclaredAndWanted(t *testing.T) {
	server := start(t, onectest.Options{
		Service: "Телефония", Operation: "Звонок", Namespace: "наша телефония", Parameters: []string{"НомерСобытия", "НомерСип", "МойНомер"},
		Further: []onectest.Parameter{
			{Name: "Контакт", Type: "tns:Контакт", Nillable: true, Fields: []onectest.Parameter{{Name: "Имя", Type: "xs:string"}}},
			{Name: "Описание", Type: "xs:string"},
			{Name: "Ответ", Type: "xs:string", Out: true},
		},
	})
	wsdl := exchange(t, "GET", server.URL()+"?WSDL", "")
	for _, part := range []string{`<xs:complexType name="Контакт">`, `type="tns:Контакт"`, `nillable="true"`, `soapAction="наша телефония#Телефония:Звонок"`} {
		if !strings.Contains(wsdl.body, part) {
			t.Errorf("the WSDL lacks %s", part)
		}
	}
	call := func(further string) says {
		return exchange(t, "POST", server.URL(), `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/" xmlns:i="http://www.w3.org/2001/XMLSchema-instance">`+
			`<S:Body><Звонок xmlns="наша телефония"><НомерСобытия>1</НомерСобытия><НомерСип>7</НомерСип><МойНомер>101</МойНомер>`+further+
			`</Звонок></S:Body></S:Envelope>`, "Content-Type: text/xml; charset=utf-8")
	}
	if got := call(`<Контакт i:nil="true"/><Описание/>`); got.status != 200 || !strings.Contains(got.body, "<m:Ответ") {
		t.Errorf("a good call: %+v", got)
	}
	for _, bad := range []string{``, `<Описание/><Контакт i:nil="true"/>`, `<Контакт/><Описание i:nil="true"/>`, `<Контакт/><Описание/><Ответ/>`} {
		if got := call(bad); got.status != 500 {
			t.Errorf("%s: %+v, want a Fault", bad, got)
		}
	}
}
