package peers

import (
	"bufio"
	"bytes"
	"encoding/json"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// php is a TelData service on PHP's SoapServer.
type php struct {
	t      *testing.T
	URL    string // without ?wsdl
	record string
	fault  string // while this file exists, the operation throws a SoapFault with its content
	schema schema
}

// request is one request as PHP had it.
type request struct {
	Raw    []byte
	Type   string
	Action string
	Call   map[string]string // nil where PHP never came to call the operation
}

// startPHP starts the service. A user is asked for a password if he is not empty.
func startPHP(t *testing.T, user, password string) *php {
	t.Helper()
	peer(t, "php", "xmllint")
	dir, addr := t.TempDir(), rig.FreeAddr(t)
	p := &php{
		t: t, URL: "http://" + addr + "/base/ws/teldata.1cws",
		record: filepath.Join(dir, "record"), fault: filepath.Join(dir, "fault"),
	}
	// The stand-in is not served here: only its description is taken, the one place that says what 1C publishes.
	wsdl := filepath.Join(dir, "teldata.wsdl")
	described := onectest.New(onectest.Options{}).WSDL()
	write(t, wsdl, described)
	p.schema = readDescription(t, []byte(described)).schema(t, dir)
	t.Setenv("CALLBUS_WSDL", wsdl)
	t.Setenv("CALLBUS_RECORD", p.record)
	t.Setenv("CALLBUS_FAULT", p.fault)
	t.Setenv("CALLBUS_USER", user)
	t.Setenv("CALLBUS_PASSWORD", password)
	rig.Start(t, "php", "-d", "display_errors=stderr", "-S", addr, filepath.Join("php", "server.php"))
	rig.Listening(t, addr)
	return p
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// requests are all POSTs so far.
func (p *php) requests() []request {
	p.t.Helper()
	text, err := os.ReadFile(p.record)
	if err != nil && !os.IsNotExist(err) {
		p.t.Fatal(err)
	}
	var all []request
	for lines := bufio.NewScanner(bytes.NewReader(text)); lines.Scan(); {
		var r request
		if err := json.Unmarshal(lines.Bytes(), &r); err != nil {
			p.t.Fatalf("PHP's record %s: %v", lines.Text(), err)
		}
		all = append(all, r)
	}
	return all
}

// called waits for n requests and returns them.
func (p *php) called(n int) []request {
	p.t.Helper()
	var all []request
	rig.Until(p.t, "PHP to be called", func() (any, bool) {
		all = p.requests()
		return len(all), len(all) >= n
	})
	return all
}

// post sends an envelope past Callbus and returns PHP's answer.
func (p *php) post(envelope []byte) (status int, body string) {
	p.t.Helper()
	answer, err := http.Post(p.URL, "text/xml; charset=utf-8", bytes.NewReader(envelope))
	if err != nil {
		p.t.Fatal(err)
	}
	defer answer.Body.Close()
	var b strings.Builder
	if _, err := bufio.NewReader(answer.Body).WriteTo(&b); err != nil {
		p.t.Fatal(err)
	}
	return answer.StatusCode, b.String()
}

func telData(event, remote, line string) map[string]string {
	return map[string]string{"Nomer_Sobitia": event, "Nomer_sip": remote, "moi_nomer": line}
}

func TestPHPGetsTheArticlesCall(t *testing.T) {
	p := startPHP(t, "", "")
	in := rig.StartIngest(t)
	rig.StartAdapter(t, in, onecadapter.Target{URL: p.URL})

	rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=sip:74951234567@operatorsip.ru&p2=101")
	got := p.called(1)[0]
	if diff := cmp.Diff(telData("1", "sip:74951234567@operatorsip.ru", "101"), got.Call); diff != "" {
		t.Errorf("PHP's TelData got (-want +got):\n%s", diff)
	}
	if want := `"http://callbus.example/teldata#TelData:TelData"`; got.Action != want {
		t.Errorf("SOAPAction: got %s, want %s", got.Action, want)
	}
	p.schema.accepts(t, got.Raw)
}

// escape writes a blank as %20: a phone's raw plus is a plus, so ingest does not take "+" for a blank.
func escape(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func TestPHPReadsCyrillicAndSpecialCharacters(t *testing.T) {
	p := startPHP(t, "", "")
	in := rig.StartIngest(t)
	rig.StartAdapter(t, in, onecadapter.Target{URL: p.URL})

	for i, remote := range []string{
		`"ООО «Ромашка» & Ко" <sip:74951234567@operatorsip.ru>`,
		`"<b>Иван</b> ]]> &amp; &#1; 'Петров'" <sip:74951234567@operatorsip.ru;user=phone>`,
		`"Мария 🌼 Тест" <sip:+74951234567@operatorsip.ru>`,
	} {
		rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1="+escape(remote)+"&p2=101")
		got := p.called(i + 1)[i]
		if diff := cmp.Diff(telData("1", remote, "101"), got.Call); diff != "" {
			t.Errorf("%s: PHP's TelData got (-want +got):\n%s", remote, diff)
		}
		p.schema.accepts(t, got.Raw)
	}
}

func TestPHPGetsEachEventOfACallInOrder(t *testing.T) {
	p := startPHP(t, "", "")
	in := rig.StartIngest(t)
	rig.StartAdapter(t, in, onecadapter.Target{URL: p.URL})
	want := []string{"1", "2", "4", "3", "4"}
	for _, event := range want {
		rig.Accepted(t, in.Phones, "/checkphone.php?event="+event+"&p1=74951234567&p2=101")
	}
	var got []string
	for _, r := range p.called(len(want)) {
		got = append(got, r.Call["Nomer_Sobitia"])
		p.schema.accepts(t, r.Raw)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("events at PHP (-want +got):\n%s", diff)
	}
}

func TestPHPSpeaksSOAP12(t *testing.T) {
	p := startPHP(t, "", "")
	in := rig.StartIngest(t)
	rig.StartAdapter(t, in, onecadapter.Target{URL: p.URL, SOAP12: true})

	rig.Accepted(t, in.Phones, "/checkphone.php?event=2&p1=sip:74951234567@operatorsip.ru&p2=101")
	got := p.called(1)[0]
	if diff := cmp.Diff(telData("2", "sip:74951234567@operatorsip.ru", "101"), got.Call); diff != "" {
		t.Errorf("PHP's TelData got (-want +got):\n%s", diff)
	}
	rig.Claim(t, "type of a SOAP 1.2 request", got.Type, "application/soap+xml", `action="http://callbus.example/teldata#TelData:TelData"`)
	rig.Claim(t, "SOAP 1.2 request", string(got.Raw), soap12)
	p.schema.accepts(t, got.Raw)
	end := rig.Ended(t, rig.Connect(t, in.NATS, in.Creds), 1)[0]
	if end.Kind != "delivered" || end.Answer != "PHP took event 2" {
		t.Errorf("the ending: got %s with the answer %q, want delivered and %q", end.Kind, end.Answer, "PHP took event 2")
	}
}

func TestPHPAsksForAPasswordInCyrillic(t *testing.T) {
	const user, password = "Робот", "пароль для 1С"
	p := startPHP(t, user, password)
	file := filepath.Join(t.TempDir(), "password")
	write(t, file, password+"\n")
	in := rig.StartIngest(t)
	rig.StartAdapter(t, in, onecadapter.Target{URL: p.URL, User: user, PasswordFile: file})

	rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=74951234567&p2=101")
	if diff := cmp.Diff(telData("1", "74951234567", "101"), p.called(1)[0].Call); diff != "" {
		t.Errorf("PHP's TelData got (-want +got):\n%s", diff)
	}
	if status, _ := p.post(nil); status != http.StatusUnauthorized {
		t.Errorf("a call without the password: got %d, want 401: this test would not notice a missing password", status)
	}
}

func TestAFaultOfPHPIsADeadLetterWithItsText(t *testing.T) {
	for _, soap12 := range []bool{false, true} {
		p := startPHP(t, "", "")
		write(t, p.fault, "Деление на 0 & <ничего>")
		in := rig.StartIngest(t)
		rig.StartAdapter(t, in, onecadapter.Target{URL: p.URL, SOAP12: soap12})

		rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=74951234567&p2=101")
		dead := rig.DeadLetter(t, rig.Connect(t, in.NATS, in.Creds))
		rig.Claim(t, "the reason of the dead letter", dead.Why, "1C refused: Деление на 0 & <ничего>", "HTTP 500", "SOAP Fault")
		if dead.Attempts != 2 || len(p.requests()) != 2 {
			t.Errorf("SOAP 1.2 %v: %d attempts in the letter, %d calls of PHP; want 2 and 2", soap12, dead.Attempts, len(p.requests()))
		}
	}
}

// SoapServer looks at the query of a GET only: what is posted to the bare URL is a call. 1C does the same.
func TestPHPServesItsDescriptionAndTakesCallsWithoutIt(t *testing.T) {
	p := startPHP(t, "", "")
	answer, err := http.Get(p.URL + "?wsdl")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if got := answer.Header.Get("Content-Type"); answer.StatusCode != 200 || !strings.HasPrefix(got, "text/xml") {
		t.Errorf("GET ?wsdl: got %s and %q, want 200 and text/xml", answer.Status, got)
	}
	in := rig.StartIngest(t)
	rig.StartAdapter(t, in, onecadapter.Target{URL: p.URL + "?wsdl"})
	rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=74951234567&p2=101")
	p.called(1)
	if _, body := p.post([]byte("<no-envelope/>")); !strings.Contains(body, "Fault") {
		t.Errorf("POST of something else to the bare URL: want a Fault, got %s", body)
	}
}

// PHP and the schema together must notice what a real 1C refuses, or the tests above prove nothing. Each mistake is
// planted into a request that was in order.
func TestAWrongCallIsNoticed(t *testing.T) {
	p := startPHP(t, "", "")
	in := rig.StartIngest(t)
	rig.StartAdapter(t, in, onecadapter.Target{URL: p.URL})
	rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=sip:74951234567@operatorsip.ru&p2=101")
	good := p.called(1)[0].Raw
	p.schema.accepts(t, good)

	const (
		remote = "<m:Nomer_sip>sip:74951234567@operatorsip.ru</m:Nomer_sip>"
		line   = "<m:moi_nomer>101</m:moi_nomer>"
	)
	for _, plant := range []struct{ name, from, to, says string }{
		{"a parameter missing", remote, "", "Expected is ( {http://callbus.example/teldata}Nomer_sip )"},
		{"a parameter in no namespace", line, `<moi_nomer>101</moi_nomer>`, "Expected is ( {http://callbus.example/teldata}moi_nomer )"},
		{"a parameter in another namespace", line, `<x:moi_nomer xmlns:x="http://callbus.example/other">101</x:moi_nomer>`,
			"Expected is ( {http://callbus.example/teldata}moi_nomer )"},
		{"parameters out of order", remote + line, line + remote, "Expected is ( {http://callbus.example/teldata}Nomer_sip )"},
		{"one parameter too many", line, line + "<m:x/>", "This element is not expected"},
		{"an event that is no number", ">1<", ">incoming<", "is not a valid value of the atomic type 'xs:decimal'"},
	} {
		t.Run(plant.name, func(t *testing.T) {
			bad := strings.Replace(string(good), plant.from, plant.to, 1)
			if bad == string(good) {
				t.Fatalf("nothing was planted: there is no %s in\n%s", plant.from, good)
			}
			p.schema.refuses(t, []byte(bad), plant.says)
			status, body := p.post([]byte(bad))
			last := p.requests()[len(p.requests())-1]
			t.Logf("noticed by xmllint; PHP by itself answers %d (fault: %v) and decodes %q", status, strings.Contains(body, "Fault"), last.Call)
		})
	}
}
