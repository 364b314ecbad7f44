package onectest_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

const good = `<p:Nomer_Sobitia>1</p:Nomer_Sobitia><p:Nomer_sip>sip:74951230001@h</p:Nomer_sip><p:moi_nomer>101</p:moi_nomer>`

func envelope(parameters string) string {
	return `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><p:TelData xmlns:p="` +
		onectest.DefaultNamespace + `">` + parameters + `</p:TelData></S:Body></S:Envelope>`
}

func start(t *testing.T, o onectest.Options) *onectest.Server {
	t.Helper()
	server := onectest.New(o)
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server
}

func post(url, body string) (int, string, error) {
	reply, err := http.Post(url, "text/xml; charset=utf-8", strings.NewReader(body))
	if err != nil {
		return 0, "", err
	}
	defer reply.Body.Close()
	text, err := io.ReadAll(reply.Body)
	return reply.StatusCode, string(text), err
}

func TestAGoodCallIsAnsweredAndRecorded(t *testing.T) {
	var told []onectest.Call
	server := start(t, onectest.Options{OnCall: func(c onectest.Call) { told = append(told, c) }})
	status, answer, err := post(server.URL(), envelope(good))
	if err != nil || status != 200 || !strings.Contains(answer, ">OK</m:return>") {
		t.Fatalf("got %d %s, %v; want OK", status, answer, err)
	}
	calls := server.Calls()
	if len(calls) != 1 || !calls[0].Worked || calls[0].Finished.IsZero() {
		t.Fatalf("recorded %+v, want one finished call", calls)
	}
	got := []string{calls[0].Number, calls[0].Remote, calls[0].Line, string(calls[0].Raw)}
	if diff := cmp.Diff([]string{"1", "sip:74951230001@h", "101", envelope(good)}, got); diff != "" {
		t.Errorf("the record differs (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(calls, told); diff != "" {
		t.Errorf("OnCall was told something else (-record +told):\n%s", diff)
	}
}

func TestABadCallIsAFaultThatSaysWhy(t *testing.T) {
	tests := []struct{ name, body, want string }{
		{"no XML", "x", "no XML"},
		{"no envelope", "<a/>", "no SOAP envelope"},
		{"another operation", strings.ReplaceAll(envelope(good), "p:TelData", "p:Tel"), "unknown operation"},
		{"another namespace", strings.ReplaceAll(envelope(good), onectest.DefaultNamespace, "x"), "unknown operation"},
		{"a parameter without the namespace", envelope(strings.ReplaceAll(good, "p:moi_nomer", "moi_nomer")), "parameter 3 is {}moi_nomer"},
		{"a parameter too few", envelope(strings.Split(good, "<p:moi")[0]), "parameter moi_nomer is missing"},
		{"a parameter too many", envelope(good + "<p:x/>"), "parameter x is one too many"},
		{"another order", envelope("<p:moi_nomer/>" + good), "parameter 1 is"},
		{"no such event", envelope(strings.Replace(good, ">1<", ">5<", 1)), "want 1, 2, 3 or 4"},
	}
	server := start(t, onectest.Options{})
	for _, tt := range tests {
		status, answer, err := post(server.URL(), tt.body)
		if err != nil || status != 500 || !strings.Contains(answer, "Fault") || !strings.Contains(answer, tt.want) {
			t.Errorf("%s: got %d %s, %v; want a Fault with %q", tt.name, status, answer, err, tt.want)
		}
	}
	if n := len(server.Calls()); n != 0 {
		t.Errorf("%d bad calls were recorded as calls", n)
	}
}

func TestAPasswordIsAskedFor(t *testing.T) {
	server := start(t, onectest.Options{User: "u", Password: "p"})
	if status, _, err := post(server.URL(), envelope(good)); err != nil || status != 401 {
		t.Errorf("without a password: %d, %v; want 401", status, err)
	}
	if status, _, err := post(strings.Replace(server.URL(), "//", "//u:p@", 1), envelope(good)); err != nil || status != 200 {
		t.Errorf("with the password: %d, %v; want 200", status, err)
	}
}

func TestAConnectionThatBreaksTellsTheRecordWhetherTheWorkWasDone(t *testing.T) {
	for action, worked := range map[onectest.Action]bool{onectest.ResetBefore(): false, onectest.ResetAfter(): true} {
		server := start(t, onectest.Options{Behaviour: onectest.Always(action)})
		if _, _, err := post(server.URL(), envelope(good)); err == nil {
			t.Errorf("%+v: no error", action)
		}
		if calls := server.Calls(); len(calls) != 1 || calls[0].Worked != worked {
			t.Errorf("%+v: recorded %+v, want Worked %v", action, calls, worked)
		}
	}
}

func TestHangingEndsWithTheServer(t *testing.T) {
	for name, closing := range map[string]func(*onectest.Server, *httptest.Server){
		"its own server": func(s *onectest.Server, _ *httptest.Server) { s.Close() },
		"another server": func(s *onectest.Server, h *httptest.Server) { s.Close(); h.Close() },
	} {
		arrived := make(chan bool, 2)
		server := start(t, onectest.Options{Behaviour: func(c *onectest.Call) onectest.Action { arrived <- true; return onectest.Hang() }})
		other := httptest.NewServer(server)
		url := server.URL()
		if name == "another server" {
			url = other.URL + onectest.DefaultPath
		}
		ended := make(chan bool)
		go func() { post(url, envelope(good)); close(ended) }()
		<-arrived
		closing(server, other)
		<-ended
		other.Close()
	}
}

func TestA1CComesBackOnItsOldAddress(t *testing.T) {
	server := start(t, onectest.Options{})
	address := server.Addr()
	for range 3 {
		if err := server.Close(); err != nil {
			t.Fatal(err)
		}
		if _, _, err := post(server.URL(), envelope(good)); err == nil {
			t.Error("a closed server answers")
		}
		if err := server.Start(address); err != nil {
			t.Fatal(err)
		}
		if status, _, err := post(server.URL(), envelope(good)); err != nil || status != 200 {
			t.Errorf("after the restart: %d, %v", status, err)
		}
	}
	if n := len(server.Calls()); n != 3 {
		t.Errorf("%d calls recorded, want all 3", n)
	}
}

func TestTheMostCallsAtOnceAreKnownByName(t *testing.T) {
	const lanes = 3
	var arrived sync.WaitGroup
	arrived.Add(lanes)
	server := start(t, onectest.Options{Behaviour: func(c *onectest.Call) onectest.Action {
		arrived.Done()
		arrived.Wait()
		return onectest.OK()
	}})
	var done sync.WaitGroup
	for i := range lanes {
		done.Go(func() {
			body := envelope(strings.ReplaceAll(good, "101", fmt.Sprint(101+i)))
			if _, _, err := post(server.URL(), body); err != nil {
				t.Error(err)
			}
		})
	}
	done.Wait()
	lines := make(map[string]bool)
	for _, c := range server.MaxConcurrent() {
		lines[c.Line] = true
	}
	if diff := cmp.Diff(map[string]bool{"101": true, "102": true, "103": true}, lines); diff != "" {
		t.Errorf("the calls at once differ (-want +got):\n%s", diff)
	}
}

func TestAMixIsTheSameForTheSameSeed(t *testing.T) {
	draw := func() (drawn []onectest.Kind) {
		mix := onectest.Mix(7, onectest.Share{Part: 0.3, Action: onectest.Fault("x")}, onectest.Share{Part: 0.2, Action: onectest.ResetAfter()})
		for i := range 1000 {
			drawn = append(drawn, mix(&onectest.Call{Seq: i + 1}).Kind)
		}
		return drawn
	}
	first := draw()
	if diff := cmp.Diff(first, draw()); diff != "" {
		t.Errorf("two draws differ:\n%s", diff)
	}
	count := make(map[onectest.Kind]int)
	for _, k := range first {
		count[k]++
	}
	if n := count[onectest.KindFault]; n < 250 || n > 350 {
		t.Errorf("%d Faults of 1000, want about 300", n)
	}
	if n := count[onectest.KindResetAfter]; n < 150 || n > 250 {
		t.Errorf("%d resets of 1000, want about 200", n)
	}
}

func TestASick1CShowsItInItsWSDLToo(t *testing.T) {
	server := start(t, onectest.Options{Behaviour: onectest.Always(onectest.Locked())})
	reply, err := http.Get(server.URL() + "?wsdl")
	if err != nil {
		t.Fatal(err)
	}
	reply.Body.Close()
	if reply.StatusCode != 403 {
		t.Errorf("got %d, want 403", reply.StatusCode)
	}
}
