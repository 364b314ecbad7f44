package soap

import (
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var telData = Operation{
	Service: "TelData", Name: "TelData", Namespace: `a "b" & <c>`,
	Parameters: []Parameter{
		{Name: "Nomer_Sobitia", Type: "xs:decimal"},
		{Name: "Nomer_sip", Type: "xs:string"},
		{Name: "moi_nomer", Type: "xs:string", Nillable: true},
		{Name: "extra", Type: "xs:string", Optional: true},
	},
	Actions: map[Version]string{V11: "ns#TelData:TelData", V12: "ns#TelData:TelData"},
}

func TestAnEnvelopeHasEveryParameterInOrder(t *testing.T) {
	got := string(Envelope(V11, telData, map[string]string{"Nomer_sip": `sip:"A" <b>&c@h`, "Nomer_Sobitia": "1"}))
	want := `<?xml version="1.0" encoding="UTF-8"?>
<soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">` +
		`<soap:Body><m:TelData xmlns:m="a &quot;b&quot; &amp; &lt;c&gt;"><m:Nomer_Sobitia>1</m:Nomer_Sobitia>` +
		`<m:Nomer_sip>sip:&quot;A&quot; &lt;b&gt;&amp;c@h</m:Nomer_sip><m:moi_nomer xsi:nil="true"/><m:extra></m:extra>` +
		`</m:TelData></soap:Body></soap:Envelope>`
	if got != want {
		t.Errorf("got\n%s\nwant\n%s", got, want)
	}
}

func TestAnEmptyValueIsNotNil(t *testing.T) {
	got := string(Envelope(V11, telData, map[string]string{"moi_nomer": ""}))
	if !strings.Contains(got, "<m:moi_nomer></m:moi_nomer>") {
		t.Errorf("a mapped, empty value should be an empty element: %s", got)
	}
}

func TestSOAP12HasItsOwnNamespaceAndType(t *testing.T) {
	got := string(Envelope(V12, telData, nil))
	if !strings.Contains(got, `xmlns:soap="http://www.w3.org/2003/05/soap-envelope"`) {
		t.Errorf("not a SOAP 1.2 envelope: %s", got)
	}
}

func TestHeaders(t *testing.T) {
	action := `n"s#S:O`
	for v, want := range map[Version]http.Header{
		V11: {"Content-Type": {"text/xml; charset=utf-8"}, "SOAPAction": {`"ns#S:O"`}},
		V12: {"Content-Type": {`application/soap+xml;charset=utf-8;action="ns#S:O"`}},
	} {
		if diff := cmp.Diff(want, Header(v, action)); diff != "" {
			t.Errorf("%v (-want +got):\n%s", v, diff)
		}
	}
}

func TestWhatXMLCannotCarryIsDropped(t *testing.T) {
	got := string(appendEscaped(nil, "a\x00b\x1fc\xffd\uFFFEe\tf\ng\rh😀\uFFFD"))
	if want := "abcde\tf\ng&#13;h😀\uFFFD"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}

// BenchmarkEnvelope: encoding must vanish beside a call of 30 ms.
func BenchmarkEnvelope(b *testing.B) {
	values := map[string]string{"Nomer_Sobitia": "1", "Nomer_sip": "sip:74951230001@operatorsip.ru", "moi_nomer": "101"}
	b.ReportAllocs()
	for b.Loop() {
		Envelope(V11, telData, values)
	}
}
