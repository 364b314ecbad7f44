package soap

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// Limits of all the empty structures of one operation. The largest that we have seen has 20 elements, 3 deep.
const (
	maxHollow      = 64 << 10 // bytes
	maxHollowSteps = 100_000  // parts of it, and facets and values that are looked at for them
	maxHollowDepth = 64
	maxHollowText  = 250 // letters of a text that is made up to be so long, or items of a list
)

// A hollow writes the emptiest structure that its schema accepts, for a parameter that must be there and that Callbus
// has no value for: 1C reads a parameter by its schema and refuses an empty element where the type wants fields.
//
//	sequence, all, group     each part in order, as often as its minOccurs: mostly once, or not at all
//	choice                   the first alternative that can be written
//	nillable                 xsi:nil
//	fixed, default           that value
//	attributes               the required ones, of the base types too
//	extension                the parts of the base, then its own
//	restriction              its own parts
//	a simple type            see text
//
// It gives up, and the parameter has a Trouble instead, where a structure must have an element of any kind (xs:any), one
// of an abstract type or in place of an abstract element (nobody says which), a type from outside of the WSDL, or a part
// that contains itself and may not be left out. It knows nothing of keys that must be unique (xs:key, xs:unique).
type hollow struct {
	w      wsdl
	space  string // what the prefix "m" stands for
	out    []byte
	inside []*node // the types and groups that are being written
	steps  int
}

// parameter gives the whole element of a parameter, or nothing if it is a plain value.
func (h *hollow) parameter(declared *node) (string, error) {
	t, err := h.w.typeOf(declared, "type")
	if err != nil || !t.complex() {
		return "", err
	}
	h.out, h.inside = nil, nil
	if err := h.declared(declared); err != nil {
		return "", err
	}
	return string(h.out), nil
}

// spend keeps a hostile schema from costing more than the limits: one step, and the bytes that it will write.
func (h *hollow) spend(bytes int) error {
	if len(h.out)+bytes > maxHollow {
		return fmt.Errorf("it has more than %d kB", maxHollow>>10)
	}
	return h.look(1)
}

// look counts steps.
func (h *hollow) look(steps int) error {
	h.steps += steps
	if h.steps > maxHollowSteps {
		return fmt.Errorf("it takes more than %d steps", maxHollowSteps)
	}
	return nil
}

// within runs f unless n is being written already.
func (h *hollow) within(n *node, f func() error) error {
	if slices.Contains(h.inside, n) {
		return errors.New("its type contains itself and may not be left out")
	}
	if len(h.inside) == maxHollowDepth {
		return fmt.Errorf("it is more than %d deep", maxHollowDepth)
	}
	h.inside = append(h.inside, n)
	defer func() { h.inside = h.inside[:len(h.inside)-1] }()
	return f()
}

func (h *hollow) element(e *node) error {
	declared, err := h.w.resolved("element", e)
	if err != nil {
		return err
	}
	if err := h.declared(declared); err != nil {
		return fmt.Errorf("%s: %w", Shorten(declared.attr("name"), 100), err)
	}
	return nil
}

func (h *hollow) declared(e *node) error {
	t, err := h.w.typeOf(e, "type")
	if err != nil {
		return err
	}
	if truth(e.attr("abstract")) || t.complex() && truth(t.node.attr("abstract")) {
		return errors.New("it is abstract")
	}
	tag, err := h.open(e)
	if err != nil {
		return err
	}
	if t.complex() {
		if err := h.attributes(t.node, make(map[xml.Name]bool)); err != nil {
			return err
		}
	}
	if truth(e.attr("nillable")) && e.attr("fixed") == "" {
		h.out = append(h.out, ` xsi:nil="true"/>`...)
		return nil
	}
	h.out = append(h.out, '>')
	if err := h.filling(e, t); err != nil {
		return err
	}
	h.out = append(h.out, "</"+tag+">"...)
	return nil
}

// open writes the tag up to its attributes. An element of a namespace other than the operation's declares that itself;
// one of none has no prefix, and no envelope of ours has a default namespace.
func (h *hollow) open(e *node) (tag string, err error) {
	name := h.w.expanded(e, "elementFormDefault")
	if !validName(name.Local) {
		return "", errors.New("it is not an XML name")
	}
	if err := h.spend(2*len(name.Local) + len(name.Space)); err != nil {
		return "", err
	}
	switch name.Space {
	case "":
		tag = name.Local
		h.out = append(h.out, "<"+tag...)
	case h.space:
		tag = "m:" + name.Local
		h.out = append(h.out, "<"+tag...)
	default:
		tag = "n:" + name.Local
		h.out = append(h.out, "<"+tag+` xmlns:n="`...)
		h.out = append(appendEscaped(h.out, name.Space), '"')
	}
	return tag, nil
}

func (h *hollow) filling(e *node, t typ) error {
	given := e.attr("fixed")
	if given == "" {
		given = e.attr("default")
	}
	switch {
	case given != "":
		return h.write(given)
	case t.complex() && t.node.child("simpleContent") == nil:
		return h.content(t.node)
	}
	return h.writeText(t)
}

func (h *hollow) write(text string) error {
	if err := h.spend(len(text)); err != nil {
		return err
	}
	h.out = appendEscaped(h.out, text)
	return nil
}

func (h *hollow) writeText(t typ) error {
	text, err := h.text(t)
	if err != nil {
		return err
	}
	return h.write(text)
}

// content writes what stands inside an element of a complex type: first what a base brings along.
func (h *hollow) content(complexType *node) error {
	return h.within(complexType, func() error {
		body, base, err := h.derivation(complexType)
		if err == nil && body.name.Local == "extension" && base.complex() {
			err = h.content(base.node)
		}
		if err != nil {
			return err
		}
		return h.particles(body)
	})
}

// derivation is where the parts of a complex type stand, and the type that it adds to or narrows.
func (h *hollow) derivation(complexType *node) (body *node, base typ, err error) {
	content := complexType.child("complexContent")
	if content == nil {
		content = complexType.child("simpleContent")
	}
	for _, how := range []string{"extension", "restriction"} {
		if body := content.child(how); body != nil {
			base, err = h.w.typeOf(body, "base")
			return body, base, err
		}
	}
	return complexType, typ{}, nil
}

func (h *hollow) particles(of *node) error {
	for _, p := range of.children {
		if err := h.particle(p); err != nil {
			return err
		}
	}
	return nil
}

// particle writes a part as often as it must be there. What is no particle, an attribute for example, is passed over.
func (h *hollow) particle(p *node) error {
	write := map[string]func(*node) error{
		"element": h.element, "sequence": h.particles, "all": h.particles, "choice": h.choice, "group": h.group, "any": wildcard,
	}[p.name.Local]
	if write == nil || p.name.Space != nsSchema {
		return nil
	}
	for range occurs(p) {
		if err := h.spend(0); err != nil {
			return err
		}
		if err := write(p); err != nil {
			return err
		}
	}
	return nil
}

func occurs(p *node) int {
	text := strings.TrimSpace(p.attr("minOccurs"))
	if text == "" {
		return 1
	}
	n, _ := strconv.Atoi(text) // what is beyond an int becomes the largest, and then costs too much
	return n
}

func wildcard(*node) error { return errors.New("it must have an element of any kind") }

func (h *hollow) choice(of *node) error {
	err := errors.New("it is a choice of nothing")
	before := len(h.out)
	for _, p := range of.children {
		if p.name.Space != nsSchema || p.name.Local == "annotation" {
			continue
		}
		if err = h.particle(p); err == nil {
			return nil
		}
		h.out = h.out[:before]
	}
	return err
}

func (h *hollow) group(reference *node) error {
	group, err := h.w.resolved("group", reference)
	if err != nil {
		return err
	}
	return h.within(group, func() error { return h.particles(group) })
}

// attributes writes the required attributes of a complex type and of its bases. A narrowed type may have them again.
func (h *hollow) attributes(complexType *node, seen map[xml.Name]bool) error {
	return h.within(complexType, func() error {
		body, base, err := h.derivation(complexType)
		if err == nil {
			err = h.attributesIn(body, seen)
		}
		if err == nil && base.complex() {
			err = h.attributes(base.node, seen)
		}
		return err
	})
}

func (h *hollow) attributesIn(body *node, seen map[xml.Name]bool) error {
	for _, reference := range body.all(nsSchema, "attributeGroup") {
		group, err := h.w.resolved("attributeGroup", reference)
		if err != nil {
			return err
		}
		if err := h.within(group, func() error { return h.attributesIn(group, seen) }); err != nil {
			return err
		}
	}
	for _, a := range body.all(nsSchema, "attribute") {
		if a.attr("use") != "required" {
			continue
		}
		if err := h.attribute(a, seen); err != nil {
			return fmt.Errorf("attribute %s: %w", Shorten(a.attr("name")+a.attr("ref"), 100), err)
		}
	}
	return nil
}

func (h *hollow) attribute(a *node, seen map[xml.Name]bool) error {
	declared, err := h.w.resolved("attribute", a)
	if err != nil {
		return err
	}
	name := h.w.expanded(declared, "attributeFormDefault")
	if seen[name] {
		return nil
	}
	seen[name] = true
	if !validName(name.Local) {
		return errors.New("it is not an XML name")
	}
	if err := h.spend(len(name.Local) + len(name.Space)); err != nil {
		return err
	}
	h.out = append(h.out, ' ')
	if name.Space != "" {
		h.out = fmt.Appendf(h.out, `xmlns:a%d="`, len(seen))
		h.out = fmt.Appendf(appendEscaped(h.out, name.Space), `" a%d:`, len(seen))
	}
	h.out = append(h.out, name.Local+`="`...)
	if err := h.attributeValue(a, declared); err != nil {
		return err
	}
	h.out = append(h.out, '"')
	return nil
}

func (h *hollow) attributeValue(a, declared *node) error {
	for _, given := range []string{a.attr("fixed"), declared.attr("fixed")} {
		if given != "" {
			return h.write(given)
		}
	}
	t, err := h.w.typeOf(declared, "type")
	if err != nil {
		return err
	}
	return h.writeText(t)
}
