package soap

import (
	"encoding/xml"
	"fmt"
)

// A global is what a schema declares at its top, for others to refer to.
type global struct {
	kind string // "element", "complexType", …
	name xml.Name
}

// globals lists them all. There is one schema for the service's own namespace and one for each XDTO package that it uses.
// Of two with one name the first counts.
func globals(definitions *node) map[global]*node {
	found := make(map[global]*node)
	for _, types := range definitions.all(nsWSDL, "types") {
		for _, schema := range types.all(nsSchema, "schema") {
			for _, c := range schema.children {
				key := global{c.name.Local, xml.Name{Space: schema.attr("targetNamespace"), Local: c.attr("name")}}
				if found[key] == nil && c.name.Space == nsSchema {
					found[key] = c
				}
			}
		}
	}
	return found
}

// resolved follows a ref="…", if n is one.
func (w wsdl) resolved(kind string, n *node) (*node, error) {
	ref := n.attr("ref")
	if ref == "" {
		return n, nil
	}
	if found := w.globals[global{kind, n.qname(ref)}]; found != nil {
		return found, nil
	}
	return nil, fmt.Errorf("%s is not declared in the WSDL", Shorten(ref, 100))
}

// expanded is the name of an element or attribute with its namespace: those that are not declared at the top of their
// schema have one only where the schema says so, by form="qualified" or by a default (elementFormDefault).
func (w wsdl) expanded(declared *node, formDefault string) xml.Name {
	schema := declared
	for schema.name.Local != "schema" && schema.parent != nil {
		schema = schema.parent
	}
	form := declared.attr("form")
	if form == "" {
		form = schema.attr(formDefault)
	}
	name := xml.Name{Local: declared.attr("name")}
	if declared.parent == schema || form == "qualified" {
		name.Space = schema.attr("targetNamespace")
	}
	return name
}

// A typ is one that XML Schema brings along ("string"), or a complexType or simpleType of the WSDL.
type typ struct {
	builtin string
	node    *node
}

func (t typ) complex() bool { return t.node != nil && t.node.name.Local == "complexType" }

// typeOf gives the type that an attribute of n names, or that stands inside n, or any.
func (w wsdl) typeOf(n *node, attribute string) (typ, error) {
	if name := n.attr(attribute); name != "" {
		return w.typeNamed(n, name)
	}
	for _, kind := range []string{"complexType", "simpleType"} {
		if inside := n.child(kind); inside != nil {
			return typ{node: inside}, nil
		}
	}
	return typ{builtin: "anyType"}, nil
}

func (w wsdl) typeNamed(n *node, name string) (typ, error) {
	q := n.qname(name)
	if q.Space == nsSchema {
		return typ{builtin: q.Local}, nil
	}
	for _, kind := range []string{"complexType", "simpleType"} {
		if found := w.globals[global{kind, q}]; found != nil {
			return typ{node: found}, nil
		}
	}
	return typ{}, fmt.Errorf("its type %s is not declared in the WSDL", Shorten(name, 100))
}
