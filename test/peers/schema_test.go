package peers

import (
	"fmt"
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

// envelopes puts the two envelopes around schemas (namespace → file in dir). xmllint then judges the bytes as they came:
// nothing of ours has read them and written them again.
func envelopes(t *testing.T, dir string, files map[string]string) schema {
	t.Helper()
	var imports strings.Builder
	for space, file := range files {
		fmt.Fprintf(&imports, "\t<xs:import namespace=%q schemaLocation=%q/>\n", space, file)
	}
	for version, space := range map[string]string{"soap11.xsd": soap11, "soap12.xsd": soap12} {
		write(t, filepath.Join(dir, version), strings.NewReplacer("ENVELOPE", space, "IMPORTS", imports.String()).Replace(envelopeSchema))
	}
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
IMPORTS	<xs:element name="Envelope">
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
