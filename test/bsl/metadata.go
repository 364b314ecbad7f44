package bsl

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
)

// node is an element of XML.
type node struct {
	name     string
	attrs    map[string]string
	text     string
	children []*node
}

// parseXML reads a document. A prefix that is not declared is an error, which encoding/xml would let pass.
func parseXML(source string) (*node, error) {
	body, marked := strings.CutPrefix(source, bom)
	if !marked {
		return nil, errors.New("no byte order mark")
	}
	decoder := xml.NewDecoder(strings.NewReader(body))
	top := &node{}
	path := []*node{top}
	for {
		t, err := decoder.Token()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return nil, err
		}
		switch t := t.(type) {
		case xml.StartElement:
			n, err := newNode(t)
			if err != nil {
				return nil, err
			}
			last := path[len(path)-1]
			last.children = append(last.children, n)
			path = append(path, n)
		case xml.EndElement:
			path = path[:len(path)-1]
		case xml.CharData:
			path[len(path)-1].text += string(t)
		}
	}
	if len(top.children) != 1 {
		return nil, fmt.Errorf("%d roots", len(top.children))
	}
	return top.children[0], nil
}

func newNode(e xml.StartElement) (*node, error) {
	n := &node{name: e.Name.Local, attrs: map[string]string{}}
	names := []xml.Name{e.Name}
	for _, a := range e.Attr {
		n.attrs[a.Name.Local] = a.Value
		if a.Name.Space != "xmlns" {
			names = append(names, a.Name)
		}
	}
	for _, name := range names {
		if name.Space != "" && !strings.Contains(name.Space, "/") {
			return nil, fmt.Errorf("the prefix %s is not declared", name.Space)
		}
	}
	return n, nil
}

// at goes down by names; where there is nothing, it gives an empty node.
func (n *node) at(names ...string) *node {
	for _, name := range names {
		all := n.all(name)
		if len(all) == 0 {
			return &node{}
		}
		n = all[0]
	}
	return n
}

func (n *node) all(name string) (found []*node) {
	for _, c := range n.children {
		if c.name == name {
			found = append(found, c)
		}
	}
	return found
}

// property of an object of metadata.
func (n *node) property(name string) string {
	return strings.TrimSpace(n.at("Properties", name).text)
}

// each visits an element and everything below it.
func (n *node) each(visit func(*node)) {
	visit(n)
	for _, c := range n.children {
		c.each(visit)
	}
}
