package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"strings"
	"unicode"
)

// MaxWSDL is the largest WSDL that is read. 187 kB is the largest that we have seen.
const MaxWSDL = 4 << 20

// maxParameters is far above what anybody could fill in.
const maxParameters = 256

// The namespaces of a WSDL 1.1 document.
const (
	nsWSDL   = "http://schemas.xmlsoap.org/wsdl/"
	nsBind11 = "http://schemas.xmlsoap.org/wsdl/soap/"
	nsBind12 = "http://schemas.xmlsoap.org/wsdl/soap12/"
	nsSchema = "http://www.w3.org/2001/XMLSchema"
)

// Version is the version of SOAP that is spoken. The zero Version is SOAP 1.1, the default.
type Version int

// 1C serves both versions at one address and answers in the version of the question.
const (
	V11 Version = iota
	V12
)

// String gives "SOAP 1.1" or "SOAP 1.2".
func (v Version) String() string {
	if v == V12 {
		return "SOAP 1.2"
	}
	return "SOAP 1.1"
}

// Parameter is one parameter of an operation, as its author declared it in Designer.
type Parameter struct {
	Name     string
	Type     string // "xs:string"; the bare name for a type of the configuration's own; empty for a nested structure
	Nillable bool
	Optional bool // minOccurs="0"; a 1C of today declares that for fields of objects only, not for parameters

	Unqualified bool // in no namespace; 1C's own are all in that of the operation

	// Empty is the whole element with the least inside that its type wants, where that is a structure (an XDTO object).
	Empty string
	// Trouble says why a structure has no Empty.
	Trouble string
}

// Operation is what a caller has to know of one operation of a web service.
type Operation struct {
	Service    string
	Name       string
	Namespace  string // of the wrapper element and of every parameter that is not Unqualified; free text, not a URL
	Parameters []Parameter
	// Actions has the SOAPAction of each version that the service offers.
	Actions map[Version]string
}

// Offers reports whether the service has a binding for that version.
func (o Operation) Offers(v Version) bool { _, ok := o.Actions[v]; return ok }

// MissingOperationError says which operations there are, so that the operator can pick one.
type MissingOperationError struct {
	Want string
	Have []string
}

// Error lists the operations.
func (e *MissingOperationError) Error() string {
	if len(e.Have) == 0 {
		return fmt.Sprintf("the service has no operation %q, nor any other", Shorten(e.Want, 100))
	}
	return Shorten(fmt.Sprintf("the service has no operation %q; it has %s", Shorten(e.Want, 100), strings.Join(e.Have, ", ")), 2000)
}

// ParseWSDL finds one operation in the WSDL of a 1C web service.
// 1C writes document/literal wrapped only; anything else is an error that says so.
func ParseWSDL(document []byte, operation string) (Operation, error) {
	if len(document) > MaxWSDL {
		return Operation{}, fmt.Errorf("the WSDL has more than %d MiB", MaxWSDL>>20)
	}
	tree, err := parseTree(bytes.NewReader(trimBOM(document)))
	if err != nil {
		return Operation{}, fmt.Errorf("not a WSDL: %w", shortError(err))
	}
	root := tree.first()
	if root.name.Space != nsWSDL || root.name.Local != "definitions" {
		return Operation{}, fmt.Errorf("not a WSDL: the document begins with <%s>", Shorten(root.name.Local, 40))
	}
	return wsdl{root, globals(root)}.operation(operation)
}

// wsdl asks questions of a <definitions> element.
type wsdl struct {
	root    *node
	globals map[global]*node
}

func (w wsdl) operation(name string) (Operation, error) {
	op := Operation{Service: w.service(), Name: name, Actions: w.actions(name)}
	declared := w.declared(name)
	if declared == nil || len(op.Actions) == 0 {
		return Operation{}, &MissingOperationError{Want: name, Have: w.operations()}
	}
	wrapper, err := w.wrapper(declared)
	if err != nil {
		return Operation{}, fmt.Errorf("operation %q: %w", Shorten(name, 100), err)
	}
	if op.Parameters, err = w.parameters(wrapper); err != nil {
		return Operation{}, fmt.Errorf("operation %q: %w", Shorten(name, 100), err)
	}
	op.Name, op.Namespace = wrapper.attr("name"), wrapper.parent.attr("targetNamespace")
	return op, validNames(op)
}

// service is the name that 1C puts into SOAPAction; a WSDL that went through other hands may lack one of the two.
func (w wsdl) service() string {
	for _, s := range w.root.all(nsWSDL, "service") {
		if name := s.attr("name"); name != "" {
			return name
		}
	}
	return w.root.attr("name")
}

// operations lists the names in the order of the document.
func (w wsdl) operations() []string {
	var names []string
	for _, portType := range w.root.all(nsWSDL, "portType") {
		for _, op := range portType.all(nsWSDL, "operation") {
			names = append(names, Shorten(op.attr("name"), 100))
		}
	}
	return names
}

func (w wsdl) declared(name string) *node {
	for _, portType := range w.root.all(nsWSDL, "portType") {
		for _, op := range portType.all(nsWSDL, "operation") {
			if op.attr("name") == name {
				return op
			}
		}
	}
	return nil
}

// actions takes the SOAPAction from the bindings rather than building it: a foreign service behind the same door has
// its own style.
func (w wsdl) actions(name string) map[Version]string {
	actions := make(map[Version]string)
	for _, binding := range w.root.all(nsWSDL, "binding") {
		for _, op := range binding.all(nsWSDL, "operation") {
			if op.attr("name") != name {
				continue
			}
			for _, bound := range op.all(nsBind11, "operation") {
				actions[V11] = bound.attr("soapAction")
			}
			for _, bound := range op.all(nsBind12, "operation") {
				actions[V12] = bound.attr("soapAction")
			}
		}
	}
	return actions
}

// wrapper goes from the operation over its input message to the element that wraps the parameters.
func (w wsdl) wrapper(op *node) (*node, error) {
	input := op.child("input")
	if input == nil {
		return nil, errors.New("it has no input message")
	}
	message := w.message(input.qname(input.attr("message")).Local)
	part := message.child("part")
	if part == nil {
		return nil, errors.New("its input message has no parts")
	}
	if part.attr("element") == "" {
		return nil, errors.New("it is not document/literal wrapped, the only style that 1C writes")
	}
	name := part.qname(part.attr("element"))
	if found := w.globals[global{"element", name}]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("its element %q is not declared in the WSDL", Shorten(name.Local, 100))
}

func (w wsdl) message(name string) *node {
	for _, m := range w.root.all(nsWSDL, "message") {
		if m.attr("name") == name {
			return m
		}
	}
	return nil
}

func (w wsdl) parameters(wrapper *node) ([]Parameter, error) {
	content := wrapper.child("complexType")
	if name := wrapper.attr("type"); name != "" {
		q := wrapper.qname(name)
		content = w.globals[global{"complexType", q}]
	}
	if content == nil {
		return nil, nil // an element without content: an operation without parameters
	}
	list := content.child("sequence")
	if list == nil {
		if inside := content.first(); inside != nil {
			return nil, fmt.Errorf("its parameters are no plain sequence but <%s>", Shorten(inside.name.Local, 40))
		}
		return nil, nil
	}
	if len(list.all(nsSchema, "element")) > maxParameters {
		return nil, fmt.Errorf("it has more than %d parameters", maxParameters)
	}
	return w.parametersOf(list, wrapper.parent.attr("targetNamespace")), nil
}

func (w wsdl) parametersOf(list *node, space string) []Parameter {
	var found []Parameter
	h := hollow{w: w, space: space}
	for _, e := range list.all(nsSchema, "element") {
		p := Parameter{Name: e.attr("name"), Type: typeName(e), Optional: occurs(e) == 0}
		if p.Name == "" {
			p.Name = e.qname(e.attr("ref")).Local
		}
		declared, err := w.resolved("element", e)
		if err == nil {
			p.Nillable = truth(declared.attr("nillable"))
			p.Unqualified = w.expanded(declared, "elementFormDefault").Space == ""
			p.Empty, err = h.parameter(declared)
		}
		if err != nil {
			p.Trouble = Shorten(err.Error(), 300)
		}
		found = append(found, p)
	}
	return found
}

// typeName writes a type of XML Schema as "xs:…", whatever prefix the document uses for it.
func typeName(e *node) string {
	if e.attr("type") == "" {
		return ""
	}
	q := e.qname(e.attr("type"))
	if q.Space == nsSchema {
		return "xs:" + q.Local
	}
	return q.Local
}

func truth(s string) bool { s = strings.TrimSpace(s); return s == "true" || s == "1" }

// validNames keeps a hostile WSDL from writing tags of its own into our envelope: the names go there unescaped.
func validNames(op Operation) error {
	if !validName(op.Name) {
		return fmt.Errorf("operation %q is not an XML name", Shorten(op.Name, 100))
	}
	seen := make(map[string]bool, len(op.Parameters))
	for _, p := range op.Parameters {
		if !validName(p.Name) {
			return fmt.Errorf("operation %q: parameter %q is not an XML name", Shorten(op.Name, 100), Shorten(p.Name, 100))
		}
		if seen[p.Name] {
			return fmt.Errorf("operation %q: there are two parameters %q", Shorten(op.Name, 100), Shorten(p.Name, 100))
		}
		seen[p.Name] = true
	}
	return nil
}

// validName is a little narrower than an NCName of XML: letters (Cyrillic ones too), digits, "_", "-" and ".".
// The decoder has the last word: letters that XML 1.0 had not before its fifth edition (U+0400 Ѐ) are no name to many readers.
func validName(s string) bool {
	for i, r := range s {
		switch {
		case r == '_' || unicode.IsLetter(r) && r != unicode.ReplacementChar:
		case i > 0 && (r == '-' || r == '.' || unicode.IsDigit(r)):
		default:
			return false
		}
	}
	if s == "" || len(s) > 256 {
		return false
	}
	_, err := xml.NewDecoder(strings.NewReader("<" + s + "/>")).Token()
	return err == nil
}

// shortError keeps what an XML error quotes from the document bounded.
func shortError(err error) error {
	if text := err.Error(); len(text) > 200 {
		return errors.New(Shorten(text, 200))
	}
	return err
}
