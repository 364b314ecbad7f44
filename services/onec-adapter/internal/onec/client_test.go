package onec_test

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// start gives a stand-in 1C on a free port and a client of it.
func start(t *testing.T, o onectest.Options, change func(*onec.Config)) (*onectest.Server, *onec.Client) {
	t.Helper()
	server := onectest.New(o)
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	config := onec.Config{URL: server.URL()}
	if change != nil {
		change(&config)
	}
	return server, newClient(t, config)
}

func newClient(t *testing.T, config onec.Config) *onec.Client {
	t.Helper()
	client, err := onec.New(config)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.Close)
	return client
}

func ring() call.Event {
	return call.Event{
		Type: call.Incoming, Line: "101", Source: "yealink",
		Local:  call.Party{URI: "sip:101@pbx"},
		Remote: call.Party{URI: "sip:74951230001@operatorsip.ru"},
	}
}

// received is what 1C got: number, other side and line of each call.
func received(s *onectest.Server) [][3]string {
	var all [][3]string
	for _, c := range s.Calls() {
		all = append(all, [3]string{c.Number, c.Remote, c.Line})
	}
	return all
}

func TestACallArrivesAsTheOriginalServiceExpectsIt(t *testing.T) {
	for _, soap12 := range []bool{false, true} {
		server, client := start(t, onectest.Options{}, func(c *onec.Config) { c.SOAP12 = soap12 })
		got, err := client.Call(t.Context(), ring())
		want := verdict.Reply{Sent: "TelData(Nomer_Sobitia: 1, Nomer_sip: sip:74951230001@operatorsip.ru, moi_nomer: 101)", Answer: "OK"}
		if err != nil || got != want {
			t.Fatalf("SOAP12=%v: Call gave %+v, %v; want %+v", soap12, got, err, want)
		}
		if diff := cmp.Diff([][3]string{{"1", "sip:74951230001@operatorsip.ru", "101"}}, received(server)); diff != "" {
			t.Errorf("SOAP12=%v: 1C got something else (-want +got):\n%s", soap12, diff)
		}
		if got := server.Calls()[0].SOAP12; got != soap12 {
			t.Errorf("the call was SOAP 1.2: %v, want %v", got, soap12)
		}
	}
}

func TestEachEventHasTheNumberOfTheOriginalService(t *testing.T) {
	want := map[call.EventType]string{
		call.Incoming: "1", call.Answered: "2", call.Outgoing: "3", call.Ended: "4", call.Missed: "4", call.Rejected: "4",
	}
	_, client := start(t, onectest.Options{}, nil)
	for _, e := range append(append([]call.EventType(nil), call.CallEvents...), call.PhoneEvents...) {
		if got := client.Word(e); got != want[e] {
			t.Errorf("Word(%s) = %q, want %q", e, got, want[e])
		}
	}
}

func TestAnEventWithoutANumberIsNeverSent(t *testing.T) {
	server, client := start(t, onectest.Options{}, nil)
	_, err := client.Call(t.Context(), call.Event{Type: call.Held})
	if f := failure(t, err); f.Blame() != verdict.Message || len(server.Calls()) != 0 {
		t.Errorf("got %v after %d calls, want the message's failure and no call", err, len(server.Calls()))
	}
}

func TestTheLineIsWhat1CKnowsTheExtensionBy(t *testing.T) {
	lines := map[string]string{"asw-login": "105", "201": "21"}
	tests := []struct {
		name        string
		line        call.Line
		local, from string
		want        string
	}{
		{"the line", "101", "sip:101@pbx", "yealink", "101"},
		{"the article's form, unchanged", "101", "sip:101@192.168.0.9;x", "checkphone", "sip:101@192.168.0.9;x"},
		{"the article's form without p2", "101", "", "checkphone", "101"},
		{"a login in the table", "asw-login", "", "yealink", "105"},
		{"a login in the table, as a URI", "asw-login@pbx", "", "yealink", "105"},
		{"a login in the local URI", "001565aabbcc", `"Sales" <sip:asw-login@pbx;transport=udp>`, "yealink", "105"},
		{"the table before the article's form", "201", "sip:201@pbx", "checkphone", "21"},
		{"nothing known", "", "", "yealink", ""},
	}
	server, client := start(t, onectest.Options{}, func(c *onec.Config) { c.Mapping.Lines = lines })
	for _, tt := range tests {
		server.Reset()
		e := ring()
		e.Line, e.Local.URI, e.Source = tt.line, tt.local, tt.from
		if _, err := client.Call(t.Context(), e); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := server.Calls()[0].Line; got != tt.want {
			t.Errorf("%s: 1C got %q, want %q", tt.name, got, tt.want)
		}
	}
}

func TestCyrillicServicesAndPositionsAreUnderstood(t *testing.T) {
	tests := map[string][]string{
		"Cyrillic names":    {"НомерСобытия", "НомерСип", "МойНомер"},
		"mixed spelling":    {"НОМЕРСОБЫТИЯ", "Номер_SIP", "MOI_NOMER"},
		"by position":       {"Event", "Who", "Where"},
		"two of them known": {"nomer_sobitia", "Telefon", "moi_nomer"},
	}
	for name, parameters := range tests {
		server, client := start(t, onectest.Options{
			Namespace: "наша телефония", Service: "Телефония", Operation: "Звонок", Path: "/база/ws/тел.1cws", Parameters: parameters,
		}, func(c *onec.Config) { c.Operation = "Звонок" })
		if _, err := client.Call(t.Context(), ring()); err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		if diff := cmp.Diff([][3]string{{"1", "sip:74951230001@operatorsip.ru", "101"}}, received(server)); diff != "" {
			t.Errorf("%s: 1C got something else (-want +got):\n%s", name, diff)
		}
	}
}

func TestThePlanTellsTheOperatorWhatWasFound(t *testing.T) {
	server, client := start(t, onectest.Options{}, nil)
	plan, err := client.Describe(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	want := server.URL() + `
service TelData, namespace "http://callbus.example/teldata", operation TelData, SOAP 1.1
  Nomer_Sobitia ← the event: 1 incoming, 2 answered, 3 outgoing, 4 ended, missed or rejected
  Nomer_sip     ← the other side, as the phone sent it
  moi_nomer     ← the line (p2 as it came, where the phone uses the article's form)`
	if diff := cmp.Diff(want, strings.Join(plan.Lines(), "\n")); diff != "" {
		t.Errorf("differs (-want +got):\n%s", diff)
	}
}

// wsdl is a service whose operation TelData has the parameters that are written in it.
func wsdl(parameters string) string {
	before, after, _ := strings.Cut(onectest.New(onectest.Options{}).WSDL(), "<xs:sequence>")
	_, after, _ = strings.Cut(after, "</xs:sequence>")
	return before + "<xs:sequence>" + parameters + "</xs:sequence>" + after
}

// publication serves a WSDL and answers every POST with "OK"; it hands the bodies out.
func publication(t *testing.T, document string) (*httptest.Server, chan string) {
	t.Helper()
	posted := make(chan string, 100)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, document)
			return
		}
		var body strings.Builder
		if err := r.Write(&body); err != nil {
			t.Error(err)
		}
		posted <- body.String()
		fmt.Fprint(w, `<Envelope><Body><R><return>OK</return></R></Body></Envelope>`)
	}))
	t.Cleanup(server.Close)
	return server, posted
}

func TestAServiceThatCannotBeToldApartPrintsAnOverrideThatWorks(t *testing.T) {
	server, posted := publication(t, wsdl(`
		<xs:element name="When" type="xs:dateTime"/>
		<xs:element name="Событие" type="xs:int"/>
		<xs:element name="Who" type="xs:string"/>
		<xs:element name="Where" type="xs:string"/>
		<xs:element name="null" type="xs:boolean"/>
		<xs:element name="Comment" type="xs:string" nillable="true"/>`))
	_, err := newClient(t, onec.Config{URL: server.URL}).Describe(t.Context())
	if f := failure(t, err); f.Blame() != verdict.Target {
		t.Errorf("blame is %v, want the target's", f.Blame())
	}
	var mapping *onec.MappingError
	if !errors.As(err, &mapping) || !strings.Contains(err.Error(), mapping.Suggestion) {
		t.Fatalf("got %v, want a MappingError that prints its suggestion", err)
	}
	var pasted struct{ Parameters map[string]string }
	if err := yaml.Unmarshal([]byte(mapping.Suggestion), &pasted); err != nil {
		t.Fatalf("%v in\n%s", err, mapping.Suggestion)
	}
	want := map[string]string{
		"When": "=0001-01-01T00:00:00", "Событие": "event", "Who": "remote", "Where": "line", "null": "=false", "Comment": "=",
	}
	if diff := cmp.Diff(want, pasted.Parameters); diff != "" {
		t.Errorf("the override differs (-want +got):\n%s", diff)
	}
	if _, err := newClient(t, onec.Config{URL: server.URL, Parameters: pasted.Parameters}).Call(t.Context(), ring()); err != nil {
		t.Fatal(err)
	}
	if body := <-posted; !strings.Contains(body, "<m:When>0001-01-01T00:00:00</m:When><m:Событие>1</m:Событие><m:Who>sip:74951230001@operatorsip.ru</m:Who><m:Where>101</m:Where>") {
		t.Errorf("1C got\n%s", body)
	}
}

func TestWhatDoesNotFitIsRefusedWithAReason(t *testing.T) {
	three := `<xs:element name="a" type="xs:string"/><xs:element name="b" type="xs:string"/><xs:element name="c" type="xs:string"/>`
	tests := []struct {
		name, parameters string
		change           func(*onec.Config)
		want             string
	}{
		{"another service of three", strings.Replace(three, "xs:string", "xs:dateTime", 1), nil, "has no value for (a, b, c)"},
		{"an object for the phone", strings.Replace(three, `name="b" type="xs:string"`, `name="b" type="tns:Object"`, 1), nil, "has no value for"},
		{"two parameters", `<xs:element name="Nomer_sip" type="xs:string"/><xs:element name="moi_nomer" type="xs:string"/>`, nil, "recognises for the event"},
		{"a mandatory fourth", `<xs:element name="Nomer_Sobitia" type="xs:int"/><xs:element name="Nomer_sip" type="xs:string"/><xs:element name="moi_nomer" type="xs:string"/><xs:element name="Site" type="xs:string"/>`, nil, "has no value for (Site)"},
		{"a name in the override that is not there", three, func(c *onec.Config) { c.Parameters = map[string]string{"d": "event"} }, "has no parameter d"},
		{"a missing operation", three, func(c *onec.Config) { c.Operation = "Phone" }, `no operation "Phone"; it has TelData`},
		{"no parameters", "", nil, "parameters: {}"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			server, _ := publication(t, wsdl(tt.parameters))
			config := onec.Config{URL: server.URL}
			if tt.change != nil {
				tt.change(&config)
			}
			_, err := newClient(t, config).Describe(t.Context())
			if f := failure(t, err); f.Label != "description" || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got %s: %v\nwant a description error with %q", f.Label, err, tt.want)
			}
		})
	}
}

func TestAnOptionalFourthParameterBecomesNil(t *testing.T) {
	server, posted := publication(t, wsdl(`<xs:element name="x" type="xs:int" nillable="true"/><xs:element name="Nomer_Sobitia" type="xs:int"/>`+
		`<xs:element name="Nomer_sip" type="xs:string"/><xs:element name="moi_nomer" type="xs:string"/>`))
	if _, err := newClient(t, onec.Config{URL: server.URL}).Call(t.Context(), ring()); err != nil {
		t.Fatal(err)
	}
	if body := <-posted; !strings.Contains(body, `<m:x xsi:nil="true"/><m:Nomer_Sobitia>1`) {
		t.Errorf("1C got\n%s", body)
	}
}

func TestAServiceWithoutSOAP12SaysSo(t *testing.T) {
	document := strings.ReplaceAll(wsdl(`<xs:element name="a" type="xs:string"/>`), "http://schemas.xmlsoap.org/wsdl/soap12/", "gone")
	server, _ := publication(t, document)
	_, err := newClient(t, onec.Config{URL: server.URL, SOAP12: true}).Describe(t.Context())
	if err == nil || !strings.Contains(err.Error(), "does not offer SOAP 1.2") {
		t.Errorf("got %v, want that SOAP 1.2 is not offered", err)
	}
}

func TestURLsInEverySpellingLeadToTheSameService(t *testing.T) {
	server, _ := start(t, onectest.Options{}, nil)
	for _, ending := range []string{"", "?wsdl", "?WSDL", "?wsdl=", "#x"} {
		server.Reset()
		if _, err := newClient(t, onec.Config{URL: " " + server.URL() + ending}).Call(t.Context(), ring()); err != nil {
			t.Errorf("with %q: %v", ending, err)
		}
	}
}

func TestAConfigurationThatCannotWorkIsRefused(t *testing.T) {
	tests := []struct {
		config onec.Config
		want   string
	}{
		{onec.Config{URL: ""}, "http:// or https://"},
		{onec.Config{URL: "ftp://server/x"}, "http:// or https://"},
		{onec.Config{URL: "server/base/ws/x.1cws"}, "http:// or https://"},
		{onec.Config{URL: "http://user:geheim@server/x"}, "must not hold a user or a password"},
		{onec.Config{URL: "http://user:geh%eim@server/x"}, "cannot be read"},
		{onec.Config{URL: "http://server/x", User: "a:b"}, "colon"},
		{onec.Config{URL: "http://server/x", Parameters: map[string]string{"a": "number"}}, `unknown field "number"`},
	}
	for _, tt := range tests {
		_, err := onec.New(tt.config)
		if err == nil || !strings.Contains(err.Error(), tt.want) || strings.Contains(err.Error(), "geh") {
			t.Errorf("New(%q) gave %v, want an error with %q and without the password", tt.config.URL, err, tt.want)
		}
	}
}

func TestThePasswordIsNeverPrinted(t *testing.T) {
	password := func() string { return "geheimnis" }
	config := onec.Config{URL: "http://server/x", User: "u", Password: password}
	if printed := fmt.Sprintf("%v %+v %#v", config, config, config); strings.Contains(printed, "geheim") {
		t.Errorf("a printed Config shows it: %s", printed)
	}
	echo := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintf(w, "<html><body>%s geheimnis</body></html>", r.Header.Get("Authorization"))
	}))
	t.Cleanup(echo.Close)
	config.URL = echo.URL
	err := newClient(t, config).Alive(t.Context())
	if err == nil || strings.Contains(err.Error(), "geheim") || strings.Contains(err.Error(), "dTpnZWhlaW1uaXM") {
		t.Errorf("a page that echoes the request: %v", err)
	}
}

func TestTheWSDLIsReadOnceForAllLanes(t *testing.T) {
	server, client := start(t, onectest.Options{}, nil)
	var lanes sync.WaitGroup
	for range 16 {
		lanes.Go(func() {
			if _, err := client.Call(t.Context(), ring()); err != nil {
				t.Error(err)
			}
		})
	}
	lanes.Wait()
	if n := server.Reads(); n != 1 {
		t.Errorf("the WSDL was read %d times for 16 calls, want once", n)
	}
}

func TestTheWSDLIsReadAgainWhenTheServiceMayHaveChanged(t *testing.T) {
	tests := []struct {
		name   string
		action onectest.Action
		again  bool
	}{
		{"a Fault about XDTO", onectest.Fault("Ошибка преобразования данных XDTO"), true},
		{"a Fault about parameters", onectest.Fault("Недостаточно фактических параметров"), true},
		{"409", onectest.Updating(), true},
		{"another Fault", onectest.Fault("Деление на 0"), false},
		{"a broken connection", onectest.ResetAfter(), false},
	}
	for _, tt := range tests {
		server, client := start(t, onectest.Options{Behaviour: onectest.First(1, tt.action)}, nil)
		if _, err := client.Call(t.Context(), ring()); err == nil {
			t.Fatalf("%s: no error", tt.name)
		}
		if _, err := client.Call(t.Context(), ring()); err != nil {
			t.Fatalf("%s: %v", tt.name, err)
		}
		if got := server.Reads() == 2; got != tt.again {
			t.Errorf("%s: the WSDL was read %d times", tt.name, server.Reads())
		}
	}
}

func TestAliveTellsAWorking1CFromOthers(t *testing.T) {
	server, client := start(t, onectest.Options{User: "Сайт", Password: "пароль"}, func(c *onec.Config) {
		c.User, c.Password = "Сайт", func() string { return "пароль" }
	})
	if err := client.Alive(t.Context()); err != nil {
		t.Errorf("a healthy 1C: %v", err)
	}
	for _, a := range []onectest.Action{onectest.Locked(), onectest.Absent(), {Kind: onectest.KindPage}} {
		server.Behave(onectest.Always(a))
		f := failure(t, client.Alive(t.Context()))
		if f.Blame() != verdict.Target || f.Unsure() {
			t.Errorf("%+v: %v is not the target's for certain", a, f)
		}
	}
	server.Close()
	if f := failure(t, client.Alive(t.Context())); !f.Outage().Sure {
		t.Errorf("a stopped 1C: %v, want that nobody is there", f)
	}
}

// Alive decides about a call that hangs; it must not wait behind it.
func TestAliveDoesNotWaitBehindHangingCalls(t *testing.T) {
	server, client := start(t, onectest.Options{}, nil)
	if _, err := client.Describe(t.Context()); err != nil {
		t.Fatal(err)
	}
	hanging := make(chan bool)
	server.Behave(func(c *onectest.Call) onectest.Action {
		if c.Seq > 0 {
			close(hanging)
			return onectest.Hang()
		}
		return onectest.OK()
	})
	ended := make(chan error)
	go func() { _, err := client.Call(t.Context(), ring()); ended <- err }()
	<-hanging
	if err := client.Alive(t.Context()); err != nil {
		t.Error(err)
	}
	server.Release()
	for {
		select {
		case err := <-ended:
			if err != nil {
				t.Error(err)
			}
			return
		default:
			server.Release() // it may not have begun to wait when the first release came
		}
	}
}

func TestALongReturnValueIsShortened(t *testing.T) {
	_, client := start(t, onectest.Options{Behaviour: onectest.Always(onectest.Return(strings.Repeat("да\n", 1000)))}, nil)
	reply, err := client.Call(t.Context(), ring())
	if n := len([]rune(reply.Answer)); err != nil || n != 500 {
		t.Errorf("got %d runes, %v; want 500", n, err)
	}
}

// A caller who gives up must not spoil the reading of the WSDL for those who wait with it.
func TestACallerWhoGivesUpSpoilsNothing(t *testing.T) {
	_, client := start(t, onectest.Options{}, nil)
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := client.Call(gone, ring())
	if f := failure(t, err); f.Unsure() || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled, certain", err)
	}
	if _, err := client.Call(t.Context(), ring()); err != nil {
		t.Error(err)
	}
}

func failure(t *testing.T, err error) *onec.Failure {
	t.Helper()
	var f *onec.Failure
	if !errors.As(err, &f) {
		t.Fatalf("got %v, want a *Failure", err)
	}
	return f
}
