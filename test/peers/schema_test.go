package peers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// schema is what an envelope must be: SOAP around one element that the description's own schema allows.
type schema struct{ file string }

const (
	soap11 = "http://schemas.xmlsoap.org/soap/envelope/"
	soap12 = "http://www.w3.org/2003/05/soap-envelope"
)

// newSchema takes the xs:schema out of a description and puts the two envelopes around it. xmllint then judges the
// bytes as they came: nothing of ours has read them and written them again.
func newSchema(t *testing.T, wsdl string) schema {
	t.Helper()
	text, err := os.ReadFile(wsdl)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, begins := strings.Cut(string(text), "<xs:schema ")
	inner, _, ends := strings.Cut(rest, "</xs:schema>")
	if !begins || !ends {
		t.Fatalf("there is no xs:schema in %s", wsdl)
	}
	dir := filepath.Dir(wsdl)
	write(t, filepath.Join(dir, "service.xsd"), "<xs:schema "+inner+"</xs:schema>")
	write(t, filepath.Join(dir, "soap11.xsd"), strings.ReplaceAll(envelopeSchema, "ENVELOPE", soap11))
	write(t, filepath.Join(dir, "soap12.xsd"), strings.ReplaceAll(envelopeSchema, "ENVELOPE", soap12))
	write(t, filepath.Join(dir, "request.xsd"), requestSchema)
	return schema{filepath.Join(dir, "request.xsd")}
}

const requestSchema = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema">
	<xs:import namespace="` + soap11 + `" schemaLocation="soap11.xsd"/>
	<xs:import namespace="` + soap12 + `" schemaLocation="soap12.xsd"/>
</xs:schema>
`

// envelopeSchema wants exactly one element in the body, and wants it to be declared ("strict").
const envelopeSchema = `<xs:schema xmlns:xs="http://www.w3.org/2001/XMLSchema" targetNamespace="ENVELOPE" elementFormDefault="qualified">
	<xs:import namespace="http://callbus.example/teldata" schemaLocation="service.xsd"/>
	<xs:element name="Envelope">
		<xs:complexType>
			<xs:sequence>
				<xs:element name="Body">
					<xs:complexType>
						<xs:sequence>
							<xs:any namespace="##other" processContents="strict"/>
						</xs:sequence>
					</xs:complexType>
				</xs:element>
			</xs:sequence>
		</xs:complexType>
	</xs:element>
</xs:schema>
`

func (s schema) check(t *testing.T, envelope []byte) (said string, err error) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "envelope.xml")
	write(t, file, string(envelope))
	out, err := exec.Command("xmllint", "--noout", "--nonet", "--schema", s.file, file).CombinedOutput()
	return string(out), err
}

// accepts fails the test unless the envelope is valid.
func (s schema) accepts(t *testing.T, envelope []byte) {
	t.Helper()
	if said, err := s.check(t, envelope); err != nil {
		t.Errorf("xmllint: %v: want a valid request, got\n%s\n%s", err, said, envelope)
	}
}

// refuses fails the test unless the envelope is invalid for the reason given.
func (s schema) refuses(t *testing.T, envelope []byte, why string) {
	t.Helper()
	said, err := s.check(t, envelope)
	if err == nil || !strings.Contains(said, why) {
		t.Errorf("xmllint: got %v and\n%s\nwant a refusal with %q of\n%s", err, said, why, envelope)
	}
}
