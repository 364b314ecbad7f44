package soap

import (
	"bytes"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"

	"golang.org/x/text/encoding/charmap"
)

// Limits of one document. The largest WSDL of a 1C in our collection has 187 kB and 98 operations, some 5,000
// elements, 12 deep.
const (
	maxDepth = 64
	maxNodes = 100_000
	maxAttrs = 256 // of one element: each prefix is looked for among them
)

// A node is an element, or a run of text (then name.Local is empty).
type node struct {
	name     xml.Name
	attrs    []xml.Attr
	text     string
	parent   *node
	children []*node
}

// parseTree reads one document. On an error the part that was read comes with it, because an answer of 1C may be cut at
// our limit in the middle of a megabyte of call stack, and what matters stands before that.
func parseTree(r io.Reader) (*node, error) {
	d := xml.NewDecoder(r)
	d.CharsetReader = charsetReader
	root := &node{}
	at, depth, count := root, 0, 0
	for {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return root, unfinished(root)
		}
		if err != nil {
			return root, err
		}
		switch t := token.(type) {
		case xml.StartElement:
			at, depth = at.open(t), depth+1
			count++
		case xml.EndElement:
			at, depth = at.parent, depth-1
		case xml.CharData:
			at.children = append(at.children, &node{text: string(t), parent: at})
			count++
		}
		if depth > maxDepth || count > maxNodes || len(at.attrs) > maxAttrs {
			return root, fmt.Errorf("the document has more than %d levels, %d elements, or %d attributes of one", maxDepth, maxNodes, maxAttrs)
		}
	}
}

func unfinished(root *node) error {
	if root.first() == nil {
		return errors.New("no XML document")
	}
	return nil
}

// charsetReader knows the one other encoding that a Russian web server writes.
func charsetReader(charset string, in io.Reader) (io.Reader, error) {
	switch strings.ToLower(charset) {
	case "windows-1251", "cp1251":
		return charmap.Windows1251.NewDecoder().Reader(in), nil
	}
	return nil, fmt.Errorf("unknown encoding %q", Shorten(charset, 40))
}

func (n *node) open(t xml.StartElement) *node {
	child := &node{name: t.Name, attrs: t.Attr, parent: n}
	n.children = append(n.children, child)
	return child
}

// first is the first child element, or nil.
func (n *node) first() *node {
	for _, c := range n.children {
		if c.name.Local != "" {
			return c
		}
	}
	return nil
}

// child is the first child element of that local name, in any namespace, or nil. It may be called on nil.
func (n *node) child(local string) *node {
	if n == nil {
		return nil
	}
	for _, c := range n.children {
		if c.name.Local == local {
			return c
		}
	}
	return nil
}

// all lists the child elements with that namespace and local name. It may be called on nil.
func (n *node) all(space, local string) []*node {
	if n == nil {
		return nil
	}
	var found []*node
	for _, c := range n.children {
		if c.name.Local == local && c.name.Space == space {
			found = append(found, c)
		}
	}
	return found
}

// attr is the value of an attribute without a namespace.
func (n *node) attr(local string) string {
	for _, a := range n.attrs {
		if a.Name.Local == local && a.Name.Space == "" {
			return a.Value
		}
	}
	return ""
}

// qname resolves a "prefix:name" that stands in an attribute, which encoding/xml leaves as it is.
func (n *node) qname(value string) xml.Name {
	prefix, local, found := strings.Cut(strings.TrimSpace(value), ":")
	if !found {
		prefix, local = "", prefix
	}
	for at := n; at != nil; at = at.parent {
		for _, a := range at.attrs {
			declares := a.Name.Space == "xmlns" && a.Name.Local == prefix
			if prefix == "" {
				declares = a.Name.Space == "" && a.Name.Local == "xmlns"
			}
			if declares {
				return xml.Name{Space: a.Value, Local: local}
			}
		}
	}
	return xml.Name{Local: local}
}

// plain is the text of an element: exactly as it stands if there is nothing but text in it, else the texts of the
// elements inside, trimmed and separated by blanks (an XDTO object that an author returned). It may be called on nil.
func (n *node) plain() string {
	if n == nil {
		return ""
	}
	var b strings.Builder
	if n.first() == nil {
		for _, c := range n.children {
			b.WriteString(c.text)
		}
		return b.String()
	}
	n.gather(&b)
	return b.String()
}

// gather goes at most maxDepth deep, as parseTree does.
func (n *node) gather(b *strings.Builder) {
	for _, c := range n.children {
		if text := strings.TrimSpace(c.text); text != "" {
			if b.Len() > 0 {
				b.WriteByte(' ')
			}
			b.WriteString(text)
		}
		c.gather(b)
	}
}

// trimBOM cuts the byte order mark that 1C may write before XML and JSON.
func trimBOM(b []byte) []byte { return bytes.TrimPrefix(b, []byte("\uFEFF")) }
