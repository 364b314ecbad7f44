package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"unicode/utf8"
)

// FuzzParseWSDL: whatever ?wsdl answers, what comes out can be put into an envelope that is well-formed XML, and costs little.
func FuzzParseWSDL(f *testing.F) {
	seeds, _ := filepath.Glob("testdata/*.wsdl")
	for _, path := range seeds {
		f.Add(file(f, path), "Звонок")
	}
	for _, operation := range []string{"ShowCard", "Отметить", "Measure", "Find"} {
		f.Add(file(f, "testdata", "structures.wsdl"), operation)
	}
	for _, schema := range []string{ // short ones change faster
		`<complexType name="T"><choice><element name="a" type="t:T"/><element name="b" type="int"/></choice></complexType>`,
		`<complexType name="T"><complexContent><extension base="t:B"><all><element name="a" nillable="true"/></all></extension></complexContent></complexType><complexType name="B"/>`,
		`<complexType name="T"><sequence minOccurs="3"><group ref="t:G"/></sequence></complexType><group name="G"><choice><element name="a" fixed="1"/></choice></group>`,
		`<complexType name="T"><attribute name="a" type="t:S" use="required"/></complexType><simpleType name="S"><list itemType="t:L"/></simpleType>`,
	} {
		f.Add([]byte(small(schema)), "O")
	}
	f.Add([]byte("<definitions xmlns='"+nsWSDL+"'/>"), "TelData")
	f.Fuzz(func(t *testing.T, document []byte, operation string) {
		op, err := ParseWSDL(document, operation)
		if err != nil {
			if len(err.Error()) > 10_000 {
				t.Errorf("the error has %d bytes", len(err.Error()))
			}
			return
		}
		for _, p := range op.Parameters {
			if len(p.Empty) > 8*maxHollow || len(p.Trouble) > 2000 || p.Empty != "" && p.Trouble != "" {
				t.Errorf("%s: %d bytes of structure, and the trouble %q", p.Name, len(p.Empty), p.Trouble)
			}
		}
		wellFormed(t, Envelope(V11, op, nil))
		wellFormed(t, Envelope(V12, op, map[string]string{op.Name: operation}))
	})
}

func wellFormed(t *testing.T, document []byte) {
	t.Helper()
	d := xml.NewDecoder(bytes.NewReader(document))
	for {
		_, err := d.Token()
		if errors.Is(err, io.EOF) {
			return
		}
		if err != nil {
			t.Fatalf("%v in %q", err, document)
		}
	}
}

// FuzzReadAnswer: no body makes the reader panic, or an error text long, or one that breaks a log line.
func FuzzReadAnswer(f *testing.F) {
	for _, body := range []string{
		response(`<m:return>OK</m:return>`), fault11, fault12, "<exception reason='1'><descr>x</descr><inner><descr>y</descr></inner></exception>",
		`{"exception":{"descr":"a","inner":{"descr":"b"}}}`, "<html><title>x</title><body>&lt;y", "\uFEFF \xff\xfe", "<!--<script</title><",
	} {
		f.Add([]byte(body))
	}
	if dir := os.Getenv("CALLBUS_FACTS"); dir != "" {
		samples, _ := filepath.Glob(filepath.Join(dir, "onec-wsdl", "samples", "0*"))
		for _, path := range samples {
			f.Add(file(f, path))
		}
	}
	f.Fuzz(func(t *testing.T, body []byte) {
		got := ReadAnswer(body)
		if got.Kind == Returned {
			return
		}
		if n := utf8.RuneCountInString(got.Text); n > maxText || !utf8.ValidString(got.Text) || strings.ContainsAny(got.Text, "\r\n\x00") {
			t.Errorf("%v: text of %d runes: %q", got.Kind, n, got.Text)
		}
		if len(got.Code) > 200 {
			t.Errorf("%v: code %q", got.Kind, got.Code)
		}
	})
}

// FuzzRoundTrip: what the writer writes, the reader reads back, less what XML cannot carry.
func FuzzRoundTrip(f *testing.F) {
	for _, text := range []string{"OK", "", " \r\n\t ", "]]>", "<&>\"'", "\x00\xff\uFFFE😀", "{\"a\":1}"} {
		f.Add(text)
	}
	op := Operation{Name: "TelDataResponse", Namespace: "ns", Parameters: []Parameter{{Name: "return"}}}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > MaxAnswer/8 {
			t.Skip("may be cut")
		}
		want := carried(text)
		for _, v := range []Version{V11, V12} {
			got := ReadAnswer(Envelope(v, op, map[string]string{"return": text}))
			if got.Kind != Returned || got.Text != want {
				t.Errorf("%v: got %+v, want %q", v, got, want)
			}
		}
	})
}

// carried drops what XML 1.0 cannot carry.
func carried(s string) string {
	var b strings.Builder
	for i, r := range s {
		_, size := utf8.DecodeRuneInString(s[i:])
		if legal(r, size) {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// FuzzShorten: never longer than asked, always one clean line.
func FuzzShorten(f *testing.F) {
	f.Add("a  b\n", 3)
	f.Add(" ё\u00a0ж", 2)
	f.Fuzz(func(t *testing.T, s string, limit int) {
		if limit < 1 || limit > 1000 {
			return
		}
		got := Shorten(s, limit)
		if n := utf8.RuneCountInString(got); n > limit || strings.ContainsAny(got, "\n\r\t") || strings.Contains(got, "  ") || !utf8.ValidString(got) {
			t.Errorf("Shorten(%q, %d) = %q", s, limit, got)
		}
	})
}

// FuzzSimpleValue: whatever the facets, there is an error, or a value that a pattern matches and the lengths allow.
func FuzzSimpleValue(f *testing.F) {
	f.Add(`[0-9a-f]{8}-[0-9a-f]{4}`, 0, 20)
	f.Add(`(а|б)[^0-9A]\-\w+z?.{2,}`, 3, 9)
	f.Add(`((a?)*)*`, 1000, 1000)
	f.Fuzz(func(t *testing.T, expression string, least, most int) {
		if expression != carried(expression) {
			t.Skip("no XML has that")
		}
		var facets strings.Builder
		xml.EscapeText(&facets, []byte(expression))
		document := sequence(simple(fmt.Sprintf(`<pattern value="%s"/><minLength value="%d"/><maxLength value="%d"/>`, &facets, least, most)))
		op, err := ParseWSDL([]byte(document), "O")
		if err != nil || op.Parameters[0].Empty == "" {
			return
		}
		var read struct {
			Value string `xml:"a"`
		}
		if err := xml.Unmarshal([]byte(strings.ReplaceAll(op.Parameters[0].Empty, "m:", "")), &read); err != nil {
			t.Fatal(err)
		}
		n := utf8.RuneCountInString(read.Value)
		if !regexp.MustCompile(`\A(?:`+expression+`)\z`).MatchString(read.Value) || n < least || n > max(most, 0) {
			t.Errorf("%q and %d to %d gave %q", expression, least, most, read.Value)
		}
	})
}
