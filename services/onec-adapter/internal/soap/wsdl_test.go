package soap

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// facts finds the collected WSDLs and samples of real 1Cs, which are not ours to ship. A developer who has them gets
// more tests; everybody else sees that these were skipped.
func facts(t testing.TB) string {
	t.Helper()
	dir := os.Getenv("CALLBUS_FACTS")
	if dir != "" {
		return filepath.Join(dir, "onec-wsdl")
	}
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	for ; ; at = filepath.Dir(at) {
		dir = filepath.Join(at, "shared", "facts", "onec-wsdl")
		if _, err := os.Stat(dir); err == nil {
			return dir
		}
		if at == filepath.Dir(at) {
			t.Skip("SKIPPED: no shared/facts/onec-wsdl above this directory, and CALLBUS_FACTS is not set")
		}
	}
}

func file(t testing.TB, path ...string) []byte {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func TestAServiceWithCyrillicNamesIsUnderstood(t *testing.T) {
	got, err := ParseWSDL(file(t, "testdata", "cyrillic.wsdl"), "Звонок")
	if err != nil {
		t.Fatal(err)
	}
	want := Operation{
		Service: "Телефония", Name: "Звонок", Namespace: "наша телефония",
		Parameters: []Parameter{
			{Name: "НомерСобытия", Type: "xs:int"},
			{Name: "НомерСип", Type: "xs:string"},
			{Name: "МойНомер", Type: "xs:string", Nillable: true},
			{Name: "Прочее", Type: "Объект", Optional: true, Trouble: "its type other:Объект is not declared in the WSDL"},
			{Name: "Список", Trouble: "мы:Список is not declared in the WSDL"},
		},
		Actions: map[Version]string{V11: "наша телефония#Телефония:Звонок"},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the operation differs (-want +got):\n%s", diff)
	}
	if got.Offers(V12) {
		t.Error("SOAP 1.2 is said to be offered, but there is no binding for it")
	}
}

func TestAnOperationWithoutParametersIsOne(t *testing.T) {
	got, err := ParseWSDL(file(t, "testdata", "cyrillic.wsdl"), "Проверка")
	if err != nil || len(got.Parameters) != 0 {
		t.Errorf("got %v, %v; want no parameters and no error", got.Parameters, err)
	}
}

func TestAMissingOperationIsAnsweredWithThoseThatThereAre(t *testing.T) {
	_, err := ParseWSDL(file(t, "testdata", "cyrillic.wsdl"), "TelData")
	var missing *MissingOperationError
	if !errors.As(err, &missing) {
		t.Fatalf("got %v, want a MissingOperationError", err)
	}
	if diff := cmp.Diff([]string{"Звонок", "Проверка", "Старый"}, missing.Have); diff != "" {
		t.Errorf("the list differs (-want +got):\n%s", diff)
	}
	if !strings.Contains(err.Error(), "Звонок, Проверка, Старый") {
		t.Errorf("the error %q does not name them", err)
	}
}

func TestWhatIsNoWSDLIsRefused(t *testing.T) {
	good := string(file(t, "testdata", "cyrillic.wsdl"))
	tests := []struct{ name, document, operation, want string }{
		{"empty", "", "TelData", "no XML document"},
		{"a login page", "<html><body>Sign in</body></html>", "TelData", "begins with <html>"},
		{"cut off", good[:len(good)/2], "Звонок", "not a WSDL"},
		{"RPC style", good, "Старый", "document/literal"},
		{"a tag in a name", strings.ReplaceAll(good, `name="НомерСип"`, `name="a&gt;&lt;b"`), "Звонок", "not an XML name"},
		{"a name twice", strings.ReplaceAll(good, `name="НомерСип"`, `name="НомерСобытия"`), "Звонок", "two parameters"},
		{"a choice", strings.ReplaceAll(good, "x:sequence", "x:choice"), "Звонок", "no plain sequence"},
		{"endless depth", strings.Repeat("<a>", 1000), "Звонок", "64 levels"},
		{"endless width", "<a>" + strings.Repeat("<b/>", maxNodes+1) + "</a>", "Звонок", "elements"},
		{"endless attributes", "<a " + strings.Repeat(" b='c'", maxAttrs+1) + "/>", "Звонок", "attributes"},
		{"endless parameters", strings.Replace(good, `<x:element ref="мы:Список"/>`, strings.Repeat(`<x:element name="a"/>`, 300), 1), "Звонок", "256 parameters"},
		{"too large", "<a>" + strings.Repeat(" ", MaxWSDL), "Звонок", "4 MiB"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			_, err := ParseWSDL([]byte(tt.document), tt.operation)
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("got error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestAWSDLInWindows1251IsRead(t *testing.T) {
	document := "<?xml version=\"1.0\" encoding=\"windows-1251\"?><a b=\"\xe0\"/>"
	tree, err := parseTree(strings.NewReader(document))
	if err != nil || tree.first().attr("b") != "а" {
		t.Errorf("got %v, want the Cyrillic letter а", err)
	}
}

func TestEveryCollectedWSDLIsUnderstood(t *testing.T) {
	paths, err := filepath.Glob(filepath.Join(facts(t), "*.wsdl"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no WSDLs found (%v)", err)
	}
	for _, path := range paths {
		t.Run(filepath.Base(path), func(t *testing.T) {
			document := file(t, path)
			_, err := ParseWSDL(document, "no such operation")
			var missing *MissingOperationError
			if !errors.As(err, &missing) || len(missing.Have) == 0 {
				t.Fatalf("got %v, want a list of operations", err)
			}
			for _, name := range missing.Have {
				op, err := ParseWSDL(document, name)
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				if op.Namespace == "" || op.Service == "" || !op.Offers(V11) || op.Actions[V11] == "" {
					t.Errorf("%s is incomplete: %+v", name, op)
				}
			}
			t.Logf("%d operations", len(missing.Have))
		})
	}
}

func TestDetailsOfCollectedWSDLs(t *testing.T) {
	dir := facts(t)
	tests := []struct {
		file, operation, action, namespace string
		parameters                         []Parameter
	}{
		{
			"TelData.CONSTRUCTED.wsdl", "TelData", "http://example.org/teldata#TelData:TelData", "http://example.org/teldata",
			[]Parameter{{Name: "Nomer_Sobitia", Type: "xs:decimal"}, {Name: "Nomer_sip", Type: "xs:string"}, {Name: "moi_nomer", Type: "xs:string"}},
		},
		{
			"neofly.wsdl", "createOrder", "neo-fly#Neofly:createOrder", "neo-fly",
			[]Parameter{{Name: "Data", Type: "orderRequest", Empty: "<m:Data><m:total>0</m:total><m:UserId>0</m:UserId></m:Data>"}},
		},
		{"tl_exch.wsdl", "GetOrder", "http://localhost/orderservice#tl_exch:GetOrder", "http://localhost/orderservice", []Parameter{{Name: "number", Type: "xs:string"}}},
		{
			"mdclasses_WSRef1_platform_reserialised.wsdl", "Add", "http://tempuri.org/Add", "http://tempuri.org/",
			[]Parameter{{Name: "intA", Type: "xs:int"}, {Name: "intB", Type: "xs:int"}},
		},
	}
	for _, tt := range tests {
		op, err := ParseWSDL(file(t, dir, tt.file), tt.operation)
		if err != nil {
			t.Errorf("%s: %v", tt.file, err)
			continue
		}
		if op.Actions[V11] != tt.action || op.Namespace != tt.namespace {
			t.Errorf("%s: action %q in namespace %q, want %q in %q", tt.file, op.Actions[V11], op.Namespace, tt.action, tt.namespace)
		}
		if diff := cmp.Diff(tt.parameters, op.Parameters); diff != "" {
			t.Errorf("%s: the parameters differ (-want +got):\n%s", tt.file, diff)
		}
	}
}

// A name goes into the envelope unescaped, so it must be one to every reader of XML.
func TestValidName(t *testing.T) {
	for name, want := range map[string]bool{
		"Nomer_sip": true, "НомерСобытия": true, "a1.b-c": true,
		"": false, "1a": false, "a b": false, "a:b": false, "a/><b": false, "\xff": false,
		"НомерСЀбытия": false, // U+0400: a letter to Unicode, a name only since the fifth edition of XML 1.0; found by fuzzing
	} {
		if got := validName(name); got != want {
			t.Errorf("validName(%q) = %v", name, got)
		}
	}
}
