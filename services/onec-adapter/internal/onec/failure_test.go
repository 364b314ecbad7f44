package onec

import (
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
	"github.com/callbus/callbus/services/onec-adapter/internal/transport"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// fails is one claim about the table.
type fails struct {
	name   string
	action onectest.Action
	label  string
	blame  verdict.Blame
	unsure bool
	why    string // a part of what the operator reads
}

const (
	pageBody      = "<html><body><h1>Error</h1></body></html>"
	exceptionBody = `{"#exception":"x","exception":{"descr":"Поле не найдено"}}`
)

func faultBody(text string) string {
	return "<Envelope><Body><Fault><faultcode>Server</faultcode><faultstring>" + text + "</faultstring></Fault></Body></Envelope>"
}

// answers are claims that a stand-in 1C plays over real HTTP.
var answers = []fails{
	{"a Fault", onectest.Fault("Деление на 0"), "fault", verdict.Message, false, "1C refused: Деление на 0 (HTTP 500, SOAP Fault)"},
	{"a Fault with 200", onectest.Status(200, faultBody("Нет")), "fault", verdict.Message, false, "Нет"},
	{"a Fault with 400", onectest.Status(400, faultBody("Нет")), "fault", verdict.Message, false, "Нет"},
	{"a Fault about a lock", onectest.Fault("Ошибка блокировки данных\nпо причине"), "lock", verdict.Target, false, "Ошибка блокировки"},
	{"a Fault about a deadlock", onectest.Fault("Microsoft SQL: Deadlock victim"), "lock", verdict.Target, false, "Deadlock"},
	{"a Fault about locks", onectest.Fault("Конфликт блокировок при выполнении транзакции"), "lock", verdict.Target, false, "Конфликт"},
	{"no licence", onectest.Fault("Не обнаружено свободной лицензии!"), "licence", verdict.Target, false, "licence"},
	{"no licence with 406", onectest.Status(406, "Не найдена лицензия. Не обнаружен ключ защиты программы"), "licence", verdict.Target, false, "licence"},
	{"a session that is gone", onectest.Fault("Сеанс отсутствует или удален"), "session", verdict.Target, false, "session"},
	{"sessions by header", onectest.Status(400, "Не указан заголовок управления сеансами или куки с идентификатором сеанса"), "session", verdict.Target, false, "session"},
	{"full", onectest.Full(), "full", verdict.Target, false, "Истекло время ожидания сеанса (HTTP 406, 1C exception)"},
	{"full, without words", onectest.Status(406, ""), "full", verdict.Target, false, "no free session"},
	{"locked", onectest.Locked(), "locked", verdict.Target, false, "Ведутся технические работы"},
	{"forbidden", onectest.Action{Kind: onectest.KindForbidden}, "forbidden", verdict.Target, false, "refuses access"},
	{"unauthorized", onectest.Action{Kind: onectest.KindUnauthorized}, "unauthorized", verdict.Target, false, "user or the password"},
	{"not found", onectest.Status(404, pageBody), "absent", verdict.Target, false, "no web service"},
	{"method not allowed", onectest.Status(405, ""), "absent", verdict.Target, false, "no web service"},
	{"gone", onectest.Status(410, ""), "absent", verdict.Target, false, "any more"},
	{"a proxy", onectest.Status(407, ""), "proxy", verdict.Target, false, "proxy"},
	{"updating", onectest.Updating(), "updating", verdict.Target, false, "8.3.27.2130"},
	{"updating, without words", onectest.Status(409, ""), "updating", verdict.Target, false, "updated"},
	{"throttled", onectest.Status(429, ""), "throttled", verdict.Target, false, "too many"},
	{"absent", onectest.Absent(), "unavailable", verdict.Target, false, "not available"},
	{"a gateway", onectest.Action{Kind: onectest.KindGateway}, "gateway", verdict.Target, true, "may have processed"},
	{"a gateway's time-out", onectest.Status(504, pageBody), "gateway", verdict.Target, true, "may have processed"},
	{"another 5xx", onectest.Status(520, pageBody), "unexpected", verdict.Target, true, "HTTP 520"},
	{"a redirect", onectest.Status(302, ""), "redirect", verdict.Target, false, "redirect"},
	{"a page with 200", onectest.Action{Kind: onectest.KindPage}, "page", verdict.Target, false, "Please sign in"},
	{"a platform error", onectest.Status(500, pageBody), "page", verdict.Target, false, "HTTP 500, HTML page"},
	{"an exception about the data", onectest.Status(422, exceptionBody), "exception", verdict.Message, false, "Поле не найдено"},
	{"an exception with 500", onectest.Status(500, exceptionBody), "exception", verdict.Unclear, false, "Поле не найдено"},
	{"an exception with 200", onectest.Status(200, exceptionBody), "exception", verdict.Unclear, false, "Поле не найдено"},
	{"too large, as web servers say it", onectest.Status(413, pageBody), "unexpected", verdict.Message, false, "too large"},
	{"too large", onectest.Status(413, ""), "unexpected", verdict.Message, false, "too large"},
	{"garbage", onectest.Action{Kind: onectest.KindGarbage}, "unexpected", verdict.Unclear, true, "not an answer of 1C"},
	{"nothing", onectest.Status(200, ""), "unexpected", verdict.Unclear, true, "empty answer"},
	{"nothing with 500", onectest.Status(500, ""), "unexpected", verdict.Unclear, true, "empty answer"},
	{"a return value with 500", onectest.Status(500, "<Envelope><Body><R><return>OK</return></R></Body></Envelope>"), "unexpected", verdict.Unclear, true, "HTTP 500"},
	{"reset before the work", onectest.ResetBefore(), "broken", verdict.Unclear, true, "broke in mid-call"},
	{"reset after the work", onectest.ResetAfter(), "broken", verdict.Unclear, true, "broke in mid-call"},
	{"hanging", onectest.Hang(), "timeout", verdict.Unclear, true, "no answer in time"},
}

func TestEveryAnswerHasItsBlame(t *testing.T) {
	server := onectest.New(onectest.Options{})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	for _, tt := range answers {
		t.Run(tt.name, func(t *testing.T) {
			timeout := time.Minute
			if tt.action.Kind == onectest.KindHang {
				timeout = time.Second // what it waits in vain for
			}
			client, err := New(Config{URL: server.URL(), Timeout: timeout})
			if err != nil {
				t.Fatal(err)
			}
			defer client.Close()
			server.Behave(nil)
			if _, err := client.Describe(t.Context()); err != nil {
				t.Fatal(err)
			}
			server.Behave(onectest.Always(tt.action))
			_, err = client.Call(t.Context(), call.Event{Type: call.Incoming, Line: "101"})
			check(t, err, tt)
		})
	}
}

// Whoever calls chooses his name. An exception that repeats it must not hold his line up, or everybody's, for ever.
func TestNobodysNameSpeaksFor1C(t *testing.T) {
	server := onectest.New(onectest.Options{})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	client, err := New(Config{URL: server.URL()})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for _, name := range []string{"Deadlock", "No\x01 \tLicense", "ООО МОНОПОЛЬНОЕ ПРАВО"} {
		text := soap.Shorten(name, 100)
		server.Behave(onectest.Always(onectest.Fault("Не найден контрагент " + text)))
		_, err = client.Call(t.Context(), call.Event{Type: call.Incoming, Line: "101", Remote: call.Party{Name: name}})
		check(t, err, fails{label: "fault", blame: verdict.Message, why: text})
	}
}

func check(t *testing.T, err error, want fails) {
	t.Helper()
	var f *Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a *Failure", err)
	}
	if f.Label != want.label || f.Blame() != want.blame || f.Unsure() != want.unsure {
		t.Errorf("got %s, blame %d, unsure %v; want %s, %d, %v: %v", f.Label, f.Blame(), f.Unsure(), want.label, want.blame, want.unsure, f)
	}
	if !strings.Contains(f.Why, want.why) {
		t.Errorf("Why is %q, want %q in it", f.Why, want.why)
	}
	if strings.ContainsAny(f.Why, "\r\n") {
		t.Errorf("Why has several lines: %q", f.Why)
	}
	if f.Outage().Cause != want.label {
		t.Errorf("the outage is called %q, want %q", f.Outage().Cause, want.label)
	}
}

// unanswered are claims about calls without an answer.
var unanswered = []struct {
	fails
	err error
}{
	{fails{name: "refused", label: "refused", why: "nobody listens"}, &net.OpError{Op: "dial", Err: syscall.ECONNREFUSED}},
	{fails{name: "refused on Windows", label: "refused", why: "nobody listens"}, &net.OpError{Op: "dial", Err: winRefused}},
	{fails{name: "no such name", label: "lookup", why: "no such host"}, &net.DNSError{Err: "no such host", Name: "server"}},
	{fails{name: "a certificate", label: "tls", why: "x509"}, errors.New("tls: failed to verify certificate: x509: unknown authority")},
	{fails{name: "no TLS there", label: "tls", why: "HTTPS"}, errors.New("http: server gave HTTP response to HTTPS client")},
	{fails{name: "a slow connect", label: "unreached", why: "i/o timeout"}, &net.OpError{Op: "dial", Err: errors.New("i/o timeout")}},
}

func TestWhatWasNotSentIsTheTargetsForCertain(t *testing.T) {
	c := &Client{}
	for _, tt := range unanswered {
		err := &transport.Error{Err: tt.err}
		check(t, c.failure(evidence{cause: causeOf(err), err: err}), tt.fails)
	}
}

func TestWhatWasSentIsUnsure(t *testing.T) {
	c := &Client{}
	for _, cause := range []error{io.EOF, syscall.ECONNRESET, syscall.ECONNREFUSED, errors.New("malformed HTTP response")} {
		err := &transport.Error{Written: true, Err: cause}
		check(t, c.failure(evidence{cause: causeOf(err), err: err}), fails{label: "broken", blame: verdict.Unclear, unsure: true})
	}
}

// How long the target is left alone decides about an operator's night and about his licences, so it is written down twice.
func TestEachCauseHasItsPause(t *testing.T) {
	want := map[string]string{
		// first, longest; at once or after five in a row; an alarm where somebody has to do something
		"refused": "1s 5s at once", "lookup": "1s 5s", "tls": "5s 1m0s alarm", "unreached": "1s 5s", "description": "5s 1m0s alarm",
		"timeout": "1s 5s", "stopped": "1s 5s", "broken": "1s 5s",
		"locked": "5s 30s at once", "licence": "10s 30s at once", "full": "10s 30s at once", "session": "1s 5s",
		"updating": "10s 30s at once", "lock": "1s 5s", "gateway": "1s 5s", "unavailable": "1s 5s",
		"redirect": "5s 1m0s alarm", "unauthorized": "30s 5m0s at once alarm", "forbidden": "30s 5m0s at once alarm",
		"absent": "5s 1m0s alarm", "proxy": "5s 1m0s alarm", "page": "5s 1m0s alarm", "throttled": "1s 5s", "unexpected": "1s 5s",
		"fault": "1s 5s", "exception": "1s 5s",
		"later": "1s 5s", "refusal": "1s 5s", "failure": "1s 5s", "status": "1s 5s",
	}
	got := make(map[string]string)
	for _, r := range failures {
		o := r.outage()
		text := fmt.Sprint(o.First, " ", o.Longest)
		if o.Sure {
			text += " at once"
		}
		if o.Alarm {
			text += " alarm"
		}
		got[r.label] = text
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
}

// Every row decides at least one claim, so no row is dead, and none is untested.
func TestEveryRowOfTheTableIsReached(t *testing.T) {
	reached := make(map[string]bool)
	mark := func(e evidence) { reached[fmt.Sprintf("%+v", judge(e))] = true }
	for _, c := range []cause{refused, lookup, insecure, unreached, misread, timedOut, stopped, broken} {
		mark(evidence{cause: c})
	}
	for _, tt := range answers {
		status, body := played(t, tt.action)
		if status != 0 {
			mark(evidence{cause: answered, status: status, answer: soap.ReadAnswer(body)})
		}
	}
	for _, tt := range hookAnswers {
		mark(evidence{cause: answered, status: tt.status, answer: soap.ReadAnswer([]byte(tt.body)), http: true})
	}
	for _, r := range failures {
		if !reached[fmt.Sprintf("%+v", r)] {
			t.Errorf("no claim reaches the row %+v", r)
		}
	}
}

// played is the answer that the stand-in gives; 0 where it gives none.
func played(t *testing.T, a onectest.Action) (int, []byte) {
	t.Helper()
	if a.Kind == onectest.KindHang || a.Kind == onectest.KindResetAfter || a.Kind == onectest.KindResetBefore {
		return 0, nil
	}
	server := httptest.NewServer(onectest.New(onectest.Options{Behaviour: onectest.Always(a)}))
	defer server.Close()
	envelope := soap.Envelope(soap.V11, soap.Operation{Name: "TelData", Namespace: onectest.DefaultNamespace, Parameters: []soap.Parameter{
		{Name: "Nomer_Sobitia"}, {Name: "Nomer_sip"}, {Name: "moi_nomer"},
	}}, map[string]string{"Nomer_Sobitia": "1"})
	reply, err := http.Post(server.URL+onectest.DefaultPath, "text/xml; charset=utf-8", strings.NewReader(string(envelope)))
	if err != nil {
		return statusOfRedirect(err), nil
	}
	defer reply.Body.Close()
	body, err := io.ReadAll(reply.Body)
	if err != nil {
		t.Fatal(err)
	}
	return reply.StatusCode, body
}

// statusOfRedirect: http.Post wants to follow a redirect without a Location.
func statusOfRedirect(error) int { return http.StatusFound }

// Each text that a row looks for must be found in what 1C would say, in any case of letters.
func TestTextsOfTheTableAreInLowerCase(t *testing.T) {
	for _, r := range failures {
		for _, text := range r.texts {
			if text != strings.ToLower(text) || strings.Contains(text, "ё") {
				t.Errorf("row %s: %q can never be found", r.label, text)
			}
			shouted := soap.Answer{Kind: soap.Fault, Text: "X " + strings.ToUpper(text) + " X"}
			if got := judge(evidence{cause: answered, status: 500, answer: shouted}); got.label != r.label {
				t.Errorf("%q is judged %s, want %s", text, got.label, r.label)
			}
		}
	}
}

func TestReadingTheWSDLIsAlwaysTheTargetsForCertain(t *testing.T) {
	c := &Client{}
	for _, cause := range []cause{timedOut, broken, stopped, misread} {
		f := c.failure(evidence{cause: cause, reading: true, err: errors.New("x")})
		if f.Blame() != verdict.Target || f.Unsure() || strings.Contains(f.Why, "may have processed") {
			t.Errorf("%s: blame %d, unsure %v, %q; want the target's for certain", cause, f.Blame(), f.Unsure(), f.Why)
		}
	}
}
