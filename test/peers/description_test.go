package peers

import (
	"bytes"
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// description is a WSDL as these tests read it: by themselves, so that a mistake of Callbus's reading is not theirs too.
type description struct {
	Text       []byte
	Operations []operation
	schemas    []schemaText
}

// operation is what is there to be called.
type operation struct {
	Name, Space string // of the element in the body
	SOAP12      bool   // offered too
	Parameters  []parameter
}

// parameter is one element that a call must have.
type parameter struct {
	Name     string
	Value    string // one that its type allows; "" where it is an object
	Object   bool   // its type has elements of its own
	Nillable bool
	Optional bool
}

// schemaText is one xs:schema of a description, cut out so that it stands by itself.
type schemaText struct{ Space, Text string }

const (
	nsWSDL   = "http://schemas.xmlsoap.org/wsdl/"
	nsBind12 = "http://schemas.xmlsoap.org/wsdl/soap12/"
	nsXSD    = "http://www.w3.org/2001/XMLSchema"
)

func readDescription(t *testing.T, text []byte) description {
	t.Helper()
	root := parse(t, text)
	d := description{Text: text, schemas: cutSchemas(t, text)}
	for _, types := range root.all(nsWSDL, "types") {
		d.Operations = operationsOf(t, root, types.all(nsXSD, "schema"))
	}
	if len(d.Operations) == 0 {
		t.Fatal("the description has no operations")
	}
	return d
}

func operationsOf(t *testing.T, root *element, schemas []*element) (all []operation) {
	t.Helper()
	soap12 := make(map[string]bool)
	for _, binding := range root.all(nsWSDL, "binding") {
		for _, op := range binding.all(nsWSDL, "operation") {
			soap12[op.attr("name")] = soap12[op.attr("name")] || len(op.all(nsBind12, "operation")) > 0
		}
	}
	for _, op := range root.all(nsWSDL, "portType")[0].all(nsWSDL, "operation") {
		name := op.attr("name")
		_, message, _ := strings.Cut(op.all(nsWSDL, "input")[0].attr("message"), ":")
		part := root.named("message", message).all(nsWSDL, "part")[0]
		body := part.qname(part.attr("element"))
		wrapper := declared(schemas, "element", body)
		if wrapper == nil {
			t.Fatalf("%s: the element %v is not declared", name, body)
		}
		o := operation{Name: body.Local, Space: body.Space, SOAP12: soap12[name]}
		for _, content := range wrapper.all(nsXSD, "complexType") {
			for _, sequence := range content.all(nsXSD, "sequence") {
				for _, e := range sequence.all(nsXSD, "element") {
					o.Parameters = append(o.Parameters, parameterOf(t, schemas, e))
				}
			}
		}
		all = append(all, o)
	}
	return all
}

func parameterOf(t *testing.T, schemas []*element, e *element) parameter {
	t.Helper()
	p := parameter{Name: e.attr("name"), Nillable: e.attr("nillable") == "true", Optional: e.attr("minOccurs") == "0"}
	p.Value = valueOf(t, schemas, e)
	p.Object = p.Value == ""
	return p
}

// values are of the types that 1C's authors use, and hold what is hard to write in XML where they can.
var values = map[string]string{
	"string": `ООО "Рога & Копыта" <101>`, "decimal": "1.5", "integer": "7", "int": "7", "long": "7", "float": "0.5", "double": "0.5",
	"boolean": "true", "dateTime": "2026-11-22T09:01:41", "date": "2026-11-22", "base64Binary": "QUJD", "anyType": "7",
}

// valueOf is a value of a simple type, or "".
func valueOf(t *testing.T, schemas []*element, e *element) string {
	t.Helper()
	name := e.qname(e.attr("type"))
	if name.Space == nsXSD {
		value := values[name.Local]
		if value == "" {
			t.Fatalf("%s: this test has no value of the type xs:%s", e.attr("name"), name.Local)
		}
		return value
	}
	simple := declared(schemas, "simpleType", name)
	if simple == nil {
		return ""
	}
	restriction := simple.all(nsXSD, "restriction")[0]
	for _, one := range restriction.all(nsXSD, "enumeration") {
		return one.attr("value")
	}
	return values[restriction.qname(restriction.attr("base")).Local]
}

func declared(schemas []*element, kind string, name xml.Name) *element {
	for _, s := range schemas {
		for _, e := range s.all(nsXSD, kind) {
			if s.attr("targetNamespace") == name.Space && e.attr("name") == name.Local {
				return e
			}
		}
	}
	return nil
}

// element is a tree that knows the prefixes.
type element struct {
	name     xml.Name
	attrs    []xml.Attr
	prefixes map[string]string
	children []*element
}

func parse(t *testing.T, text []byte) *element {
	t.Helper()
	root := &element{}
	walk(t, text, func(path []*element, _, _ int64) {
		if len(path) == 1 {
			root = path[0]
		}
	})
	return root
}

// walk calls back for each element when it has ended, with where it stands in the text.
func walk(t *testing.T, text []byte, ended func(path []*element, from, to int64)) {
	t.Helper()
	decoder := xml.NewDecoder(bytes.NewReader(text))
	var path []*element
	var begins []int64
	for {
		at := decoder.InputOffset()
		token, err := decoder.Token()
		if err == io.EOF {
			return
		}
		if err != nil {
			t.Fatalf("read the description: %v", err)
		}
		switch token := token.(type) {
		case xml.StartElement:
			e := newElement(token.Copy(), path)
			path, begins = append(path, e), append(begins, at)
		case xml.EndElement:
			last := len(path) - 1
			ended(path, begins[last], decoder.InputOffset())
			path, begins = path[:last], begins[:last]
		}
	}
}

func newElement(start xml.StartElement, path []*element) *element {
	e := &element{name: start.Name, attrs: start.Attr, prefixes: make(map[string]string)}
	if len(path) > 0 {
		above := path[len(path)-1]
		above.children = append(above.children, e)
		for prefix, space := range above.prefixes {
			e.prefixes[prefix] = space
		}
	}
	for _, a := range start.Attr {
		switch {
		case a.Name.Space == "xmlns":
			e.prefixes[a.Name.Local] = a.Value
		case a.Name.Space == "" && a.Name.Local == "xmlns":
			e.prefixes[""] = a.Value
		}
	}
	return e
}

func (e *element) all(space, local string) (found []*element) {
	for _, c := range e.children {
		if c.name == (xml.Name{Space: space, Local: local}) {
			found = append(found, c)
		}
	}
	return found
}

func (e *element) named(kind, name string) *element {
	for _, c := range e.all(nsWSDL, kind) {
		if c.attr("name") == name {
			return c
		}
	}
	return &element{}
}

func (e *element) attr(name string) string {
	for _, a := range e.attrs {
		if a.Name.Space == "" && a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

func (e *element) qname(value string) xml.Name {
	prefix, local, found := strings.Cut(value, ":")
	if !found {
		prefix, local = "", value
	}
	return xml.Name{Space: e.prefixes[prefix], Local: local}
}

// cutSchemas takes each schema as it stands, and adds the prefixes that were declared above it.
func cutSchemas(t *testing.T, text []byte) (found []schemaText) {
	t.Helper()
	walk(t, text, func(path []*element, from, to int64) {
		e := path[len(path)-1]
		if e.name != (xml.Name{Space: nsXSD, Local: "schema"}) {
			return
		}
		cut := string(text[from:to])
		name := strings.IndexAny(cut, " \t\r\n/>")
		var b strings.Builder
		b.WriteString(cut[:name])
		for prefix, space := range e.prefixes {
			if tag, _, _ := strings.Cut(cut, ">"); prefix != "" && !strings.Contains(tag, "xmlns:"+prefix+"=") {
				fmt.Fprintf(&b, " xmlns:%s=%q", prefix, space)
			}
		}
		b.WriteString(cut[name:])
		found = append(found, schemaText{Space: e.attr("targetNamespace"), Text: b.String()})
	})
	return found
}

// schema writes the description's schemas and the two envelopes around them to a folder.
func (d description) schema(t *testing.T, dir string) schema {
	t.Helper()
	files := make(map[string]string)
	for i, s := range d.schemas {
		files[s.Space] = fmt.Sprintf("service%d.xsd", i)
	}
	for i, s := range d.schemas {
		text := s.Text
		for space, file := range files { // 1C names no place: all are in one document
			text = strings.ReplaceAll(text, `<xs:import namespace="`+space+`"/>`, `<xs:import namespace="`+space+`" schemaLocation="`+file+`"/>`)
		}
		write(t, filepath.Join(dir, fmt.Sprintf("service%d.xsd", i)), text)
	}
	return envelopes(t, dir, files)
}

// collected are the descriptions of real installations, which are not ours to ship. A developer who has them gets more tests;
// everybody else sees that these were skipped.
func collected(t *testing.T) (paths []string) {
	t.Helper()
	at, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	dir := os.Getenv("CALLBUS_FACTS")
	for ; dir == "" && at != filepath.Dir(at); at = filepath.Dir(at) {
		if near := filepath.Join(at, "shared", "facts"); exists(near) {
			dir = near
		}
	}
	if dir == "" {
		t.Skip("SKIPPED: no shared/facts above this directory, and CALLBUS_FACTS is not set")
	}
	paths, err = filepath.Glob(filepath.Join(dir, "onec-wsdl", "*.wsdl"))
	if err != nil || len(paths) == 0 {
		t.Fatalf("no descriptions in %s (%v)", dir, err)
	}
	return paths
}

func exists(path string) bool { _, err := os.Stat(path); return err == nil }
