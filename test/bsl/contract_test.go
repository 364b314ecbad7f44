package bsl_test

import (
	"encoding/json"
	"encoding/xml"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/bsl"
)

// What our tests call is what the extension publishes: the same service, operation, parameters, order and types.
func TestTheStandInPublishesWhatTheExtensionDoes(t *testing.T) {
	x := read(t)
	if len(x.Operations) != 1 {
		t.Fatalf("got the operations %v, want one", x.Operations)
	}
	if diff := cmp.Diff(x.Operations[0], publishedByTheStandIn(t)); diff != "" {
		t.Errorf("the metadata (-) and the stand-in's WSDL (+) have parted:\n%s", diff)
	}
}

func publishedByTheStandIn(t *testing.T) bsl.Operation {
	t.Helper()
	server := onectest.New(onectest.Options{})
	if err := server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	defer server.Close()
	answer, err := http.Get(server.URL() + "?wsdl")
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	_, address, _ := strings.Cut(server.URL(), "/ws/")
	return operationOf(t, body, address)
}

// operationOf reads of a WSDL what the metadata say too.
func operationOf(t *testing.T, wsdl []byte, address string) bsl.Operation {
	t.Helper()
	type element struct {
		Name   string    `xml:"name,attr"`
		Type   string    `xml:"type,attr"`
		Fields []element `xml:"complexType>sequence>element"`
	}
	var doc struct {
		Name      string    `xml:"name,attr"`
		Namespace string    `xml:"targetNamespace,attr"`
		Elements  []element `xml:"types>schema>element"`
		Operation struct {
			Name string `xml:"name,attr"`
		} `xml:"portType>operation"`
	}
	if err := xml.Unmarshal([]byte(strings.TrimPrefix(string(wsdl), "\uFEFF")), &doc); err != nil {
		t.Fatalf("%v in %s", err, wsdl)
	}
	o := bsl.Operation{Service: doc.Name, Address: address, Namespace: doc.Namespace, Name: doc.Operation.Name}
	for _, e := range doc.Elements {
		switch e.Name {
		case o.Name:
			for _, f := range e.Fields {
				o.Parameters = append(o.Parameters, bsl.Typed{Name: f.Name, Type: f.Type})
			}
		case o.Name + "Response":
			o.Returns = e.Fields[0].Type
		}
	}
	return o
}

// The example of a publication is for these services, each by its name and address, with its sessions reused.
func TestTheExampleOfAPublicationIsForThisExtension(t *testing.T) {
	x := read(t)
	type service struct {
		Name    string `xml:"name,attr"`
		Alias   string `xml:"alias,attr"`
		RootURL string `xml:"rootUrl,attr"`
		Reuse   string `xml:"reuseSessions,attr"`
	}
	var vrd struct {
		Points   []service `xml:"ws>point"`
		Services []service `xml:"httpServices>service"`
	}
	if err := xml.Unmarshal(file(t, "../../deploy/1c/default.vrd"), &vrd); err != nil {
		t.Fatal(err)
	}
	got := slices.Concat(vrd.Points, vrd.Services)
	want := []service{
		{Name: x.Operations[0].Service, Alias: x.Operations[0].Address, Reuse: "autouse"},
		{Name: x.Routes[0].Service, RootURL: x.Routes[0].Root, Reuse: "autouse"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the metadata (-) and default.vrd (+) have parted:\n%s", diff)
	}
}

func TestTheGuideNamesEveryObjectAndAddress(t *testing.T) {
	x, guide := read(t), string(file(t, "../../deploy/1c/README.md"))
	o, r := x.Operations[0], x.Routes[0]
	names := append(x.Names(), "/ws/"+o.Address+"?wsdl", "/hs/"+r.Root+r.Template, r.Method, o.Namespace)
	for _, p := range o.Parameters {
		names = append(names, "`"+p.Name+"` (`"+strings.TrimPrefix(p.Type, "xs:")+"`)")
	}
	if len(names) < 15 {
		t.Fatalf("got only the names %v", names)
	}
	for _, name := range names {
		if !strings.Contains(guide, name) {
			t.Errorf("the guide does not name %s", name)
		}
	}
}

func file(t *testing.T, name string) []byte {
	t.Helper()
	content, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	return content
}

// The intake reads fields as Поле(Данные, "remote.number"): each must be one of the event's, and a text.
func TestTheFieldsThatTheHTTPServiceReadsAreTheEvents(t *testing.T) {
	var fields []string
	for _, p := range read(t).Modules[intake].Procedures {
		fields = append(fields, p.Strings("Поле", 1)...)
	}
	if len(fields) < 8 || !slices.Contains(fields, "remote.number") {
		t.Fatalf("got only the fields %v", fields)
	}
	event := eventOnTheBus(t)
	for _, field := range fields {
		if !isText(event, field) {
			t.Errorf("the event has no text %s: %v", field, event)
		}
	}
	for _, other := range []string{"remote", "number", "call_id", "remote.number.x", "phones.mac"} {
		if isText(event, other) {
			t.Errorf("%s passed for a text of the event", other)
		}
	}
}

// eventOnTheBus is what a target of protocol http is sent.
func eventOnTheBus(t *testing.T) (event map[string]any) {
	t.Helper()
	data, err := stream.JSON(call.Event{Type: call.Incoming, Time: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal(data, &event); err != nil {
		t.Fatal(err)
	}
	return event
}

func isText(event map[string]any, path string) bool {
	name, below, deeper := strings.Cut(path, ".")
	if inner, ok := event[name].(map[string]any); deeper && ok {
		return isText(inner, below)
	}
	_, ok := event[name].(string)
	return ok && !deeper
}

// A kind of event that Callbus does not have would never be shown.
func TestTheEventsThatTheExtensionKnowsAreOurs(t *testing.T) {
	x, known := read(t), []string{}
	for _, p := range x.Modules[screen].Procedures {
		known = append(known, p.Compared("Событие")...)
	}
	for _, p := range x.Modules[intake].Procedures {
		known = append(known, p.Strings("Вставить", 1)...)
	}
	for _, want := range []string{"incoming", "answered", "outgoing", "ended", "missed"} {
		if !slices.Contains(known, want) {
			t.Errorf("the extension knows nothing of %s, only %v", want, known)
		}
	}
	for _, name := range known {
		if name != "" && !slices.Contains(call.CallEvents, call.EventType(name)) {
			t.Errorf("Callbus has no event %s", name)
		}
	}
}

// TelData's numbers mean in 1C what docs/wire.md promises.
func TestTheNumbersOfTelDataAreThoseOfTheWire(t *testing.T) {
	p := read(t).Modules[intake].Procedure("ПринятьTelData")
	numbers, names := p.Strings("Вставить", 0), p.Strings("Вставить", 1)
	if len(numbers) != 4 || len(names) != 4 {
		t.Fatalf("got the numbers %v and names %v, want four", numbers, names)
	}
	_, row, _ := strings.Cut(string(file(t, "../../docs/wire.md")), "| `Nomer_Sobitia`")
	row, _, _ = strings.Cut(row, "\n")
	for i, number := range numbers {
		if !strings.Contains(row+",", number+" "+names[i]+",") {
			t.Errorf("%s is %s here; in docs/wire.md: %s", number, names[i], row)
		}
	}
}

func read(t *testing.T) *bsl.Extension {
	t.Helper()
	x, err := bsl.Read(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	return x
}
