package soap

import (
	"cmp"
	"errors"
	"fmt"
	"regexp/syntax"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// zeros has the emptiest value of each type that XML Schema brings along; 1C's empty date is 0001-01-01. Types whose
// values must differ or point at each other within a document (ID, IDREF, ENTITY) have none, nor have the old lists.
var zeros = map[string]string{
	"string": "", "normalizedString": "", "token": "", "anyURI": "", "anySimpleType": "", "anyType": "", "base64Binary": "", "hexBinary": "",
	"decimal": "0", "integer": "0", "long": "0", "int": "0", "short": "0", "byte": "0", "float": "0", "double": "0",
	"nonNegativeInteger": "0", "unsignedLong": "0", "unsignedInt": "0", "unsignedShort": "0", "unsignedByte": "0",
	"nonPositiveInteger": "0", "positiveInteger": "1", "negativeInteger": "-1", "boolean": "false",
	"dateTime": "0001-01-01T00:00:00", "date": "0001-01-01", "time": "00:00:00", "duration": "P0D",
	"gYear": "0001", "gYearMonth": "0001-01", "gMonth": "--01", "gMonthDay": "--01-01", "gDay": "---01",
	"language": "ru", "Name": "_", "NCName": "_", "NMTOKEN": "_",
}

// facets are what narrows a simple type, along the whole chain of its restrictions.
type facets struct {
	builtin  string
	item     *typ  // of a list
	members  []typ // of a union
	enums    []string
	patterns [][]*syntax.Regexp // of each restriction at least one must match
	bounds   map[string]string  // minInclusive, maxExclusive, length, …
}

// text gives the emptiest value of a simple type: the first of a few likely ones that its facets allow. They are the
// values of an enumeration, else the type's zero, the bounds and their neighbours, a text as long as it must be, and
// what the patterns make at their shortest.
//
// Not understood, and then an error: patterns that Go does not read as XML Schema does (subtracted classes, blocks of
// Unicode, \i, \c), and a value strictly between two bounds that no neighbour of theirs hits.
func (h *hollow) text(t typ) (string, error) {
	f := &facets{bounds: make(map[string]string)}
	if err := h.narrow(f, t); err != nil {
		return "", err
	}
	candidates, err := h.candidates(f)
	if err != nil {
		return "", err
	}
	for _, c := range candidates {
		if err := h.look(1 + f.cost()); err != nil {
			return "", err
		}
		if f.allow(c) {
			return c, nil
		}
	}
	return "", errors.New("no simple value fits its type")
}

// narrow reads the bases first, so that what is nearest to the type stands last.
func (h *hollow) narrow(f *facets, t typ) error {
	if err := h.spend(0); err != nil {
		return err
	}
	if t.node == nil {
		f.builtin = t.builtin
		switch f.builtin {
		case "positiveInteger":
			f.bounds["minInclusive"] = "1"
		case "negativeInteger":
			f.bounds["maxInclusive"] = "-1"
		}
		return nil
	}
	return h.within(t.node, func() error {
		content := t.node
		if t.complex() {
			content = content.child("simpleContent")
		}
		for _, step := range []struct {
			name string
			read func(*facets, *node) error
		}{{"extension", h.restrict}, {"restriction", h.restrict}, {"list", h.list}, {"union", h.union}} {
			if n := content.child(step.name); n != nil {
				return step.read(f, n)
			}
		}
		return errors.New("its type is not a simple one")
	})
}

func (h *hollow) restrict(f *facets, n *node) error {
	base, err := h.w.typeOf(n, "base")
	if inner := n.child("simpleType"); inner != nil { // a simpleContent may have both
		base, err = typ{node: inner}, nil
	}
	if err == nil {
		err = h.narrow(f, base)
	}
	if err == nil {
		err = h.look(len(n.children))
	}
	if err != nil {
		return err
	}
	return f.take(n)
}

// cost is what holding a value against the patterns takes in steps: each is compiled, which may take a millisecond.
func (f *facets) cost() (n int) {
	for _, of := range f.patterns {
		n += 100 * len(of)
	}
	return n
}

// take adds the facets of one restriction. Enumerations replace those of the base, patterns come on top.
func (f *facets) take(n *node) error {
	var enums []string
	var patterns []*syntax.Regexp
	for _, c := range n.children {
		switch value := c.attr("value"); c.name.Local {
		case "enumeration":
			enums = append(enums, value)
		case "pattern":
			p, err := pattern(value)
			if err != nil {
				return err
			}
			patterns = append(patterns, alternatives(p)...)
		default:
			f.bounds[c.name.Local] = strings.TrimSpace(value)
		}
	}
	if enums != nil {
		f.enums = enums
	}
	if patterns != nil {
		f.patterns = append(f.patterns, patterns)
	}
	return nil
}

func (h *hollow) list(f *facets, n *node) error {
	item, err := h.w.typeOf(n, "itemType")
	f.item = &item
	return err
}

func (h *hollow) union(f *facets, n *node) error {
	for _, name := range strings.Fields(n.attr("memberTypes")) {
		member, err := h.w.typeNamed(n, name)
		if err != nil {
			return err
		}
		f.members = append(f.members, member)
	}
	for _, c := range n.all(nsSchema, "simpleType") {
		f.members = append(f.members, typ{node: c})
	}
	return nil
}

func (h *hollow) candidates(f *facets) ([]string, error) {
	size := max(f.size("length"), f.size("minLength"))
	switch {
	case f.enums != nil:
		return f.enums, nil
	case size > maxHollowText:
		return nil, fmt.Errorf("it must be longer than %d", maxHollowText)
	case f.item != nil:
		return h.items(*f.item, size)
	case f.members != nil:
		return h.anyOf(f.members)
	}
	zero, known := zeros[f.builtin]
	if !known {
		return nil, fmt.Errorf("no empty value of the type xs:%s is known", Shorten(f.builtin, 40))
	}
	return slices.Concat([]string{zero}, f.edges(), f.made(zero, size)), nil
}

// items repeats the item of a list as often as it must be there.
func (h *hollow) items(item typ, size int) ([]string, error) {
	if size == 0 {
		return []string{""}, nil
	}
	one, err := h.text(item)
	if err == nil {
		err = h.spend(size * (len(one) + 1))
	}
	if err != nil {
		return nil, err
	}
	return []string{strings.TrimSpace(strings.Repeat(one+" ", size))}, nil
}

func (h *hollow) anyOf(members []typ) (found []string, err error) {
	for _, m := range members {
		text, failed := h.text(m)
		if failed != nil {
			err = failed
			continue
		}
		found = append(found, text)
	}
	if found != nil {
		return found, nil
	}
	return nil, err
}

// size is a facet of length; 0 if there is none.
func (f *facets) size(facet string) int {
	n, _ := strconv.Atoi(f.bounds[facet])
	return min(max(n, 0), maxHollow)
}

// edges are the bounds, and the numbers beside those that are excluded.
func (f *facets) edges() (found []string) {
	for _, edge := range []struct {
		name string
		step float64
	}{{"minInclusive", 0}, {"maxInclusive", 0}, {"minExclusive", 1}, {"maxExclusive", -1}} {
		text, set := f.bounds[edge.name]
		if x, err := strconv.ParseFloat(text, 64); err == nil && edge.step != 0 {
			text = strconv.FormatFloat(x+edge.step, 'f', -1, 64)
		}
		if set {
			found = append(found, text)
		}
	}
	return found
}

// made are texts as long as they must be, and what each pattern makes at its shortest and, where it repeats something, as
// long as that. A date, a boolean or the name of a language cannot be made up.
func (f *facets) made(zero string, size int) (found []string) {
	found = append(found, strings.Repeat("-", size))
	if zero == "_" {
		found = append(found, strings.Repeat("_", size))
	}
	for _, p := range slices.Concat(f.patterns...) {
		for _, times := range []int{0, size} {
			found = append(found, example(p, times))
		}
	}
	return slices.DeleteFunc(found, func(s string) bool { return !f.isOf(zero, s) })
}

// isOf reports whether a text that was made up is one of the built-in type with that zero.
func (f *facets) isOf(zero, text string) bool {
	_, err := strconv.ParseFloat(zero, 64)
	switch {
	case f.builtin == "NMTOKEN":
		return validName("_" + text) // what may stand anywhere in a name
	case zero == "_":
		return validName(text)
	case err == nil:
		_, err := strconv.ParseInt(text, 10, 64)
		return err == nil
	}
	return zero == "" && !strings.HasSuffix(f.builtin, "Binary") && len(appendEscaped(nil, text)) >= len(text)
}

// allow reports whether the facets take a value.
func (f *facets) allow(value string) bool {
	for _, patterns := range f.patterns {
		if !slices.ContainsFunc(patterns, func(p *syntax.Regexp) bool { return matches(p, value) }) {
			return false
		}
	}
	return f.sized(value) && f.inBounds(value)
}

// sized counts letters. A list is as long as it was made.
func (f *facets) sized(value string) bool {
	if f.item != nil {
		return true
	}
	n := utf8.RuneCountInString(value)
	_, exact := f.bounds["length"]
	_, most := f.bounds["maxLength"]
	return n >= f.size("minLength") && (!exact || n == f.size("length")) && (!most || n <= f.size("maxLength"))
}

func (f *facets) inBounds(value string) bool {
	for name, allowed := range map[string]func(int) bool{
		"minInclusive": func(c int) bool { return c >= 0 }, "minExclusive": func(c int) bool { return c > 0 },
		"maxInclusive": func(c int) bool { return c <= 0 }, "maxExclusive": func(c int) bool { return c < 0 },
	} {
		if bound, set := f.bounds[name]; set && !allowed(compare(value, bound)) {
			return false
		}
	}
	return true
}

// compare compares numbers as such, and anything else as text, which is right for dates with a year of four digits.
func compare(a, b string) int {
	x, err := strconv.ParseFloat(a, 64)
	y, err2 := strconv.ParseFloat(b, 64)
	if err != nil || err2 != nil {
		return cmp.Compare(a, b)
	}
	return cmp.Compare(x, y)
}
