package mapping

import (
	"errors"
	"fmt"
	"strings"
)

// Template is a text with places for fields: "/calls/{line}?from={remote|e164}". A brace itself is written twice. There are
// no conditions and no loops: what a target needs of those belongs into the target.
type Template struct {
	texts  []string // one more than fields
	fields []Field
}

// maxTemplate bounds a template, in bytes.
const maxTemplate = 4096

// ParseTemplate reads a template. Its errors quote the place.
func ParseTemplate(s string) (t Template, err error) {
	if len(s) > maxTemplate {
		return t, fmt.Errorf("longer than %d bytes", maxTemplate)
	}
	var literal strings.Builder
	for s != "" {
		i := strings.IndexAny(s, "{}")
		if i < 0 {
			literal.WriteString(s)
			break
		}
		literal.WriteString(s[:i])
		s = s[i:]
		if len(s) > 1 && s[1] == s[0] {
			literal.WriteByte(s[0])
			s = s[2:]
			continue
		}
		inside, rest, closed := strings.Cut(s[1:], "}")
		if s[0] == '}' || !closed {
			return t, errors.New("a brace without its other one; write a brace itself twice")
		}
		f, err := ParseField(inside)
		if err != nil {
			return t, err
		}
		t.texts, t.fields, s = append(t.texts, literal.String()), append(t.fields, f), rest
		literal.Reset()
	}
	t.texts = append(t.texts, literal.String())
	return t, nil
}

// Places are the fields in it, each as a template of its own.
func (t Template) Places() (all []Template) {
	for _, f := range t.fields {
		all = append(all, Template{texts: []string{"", ""}, fields: []Field{f}})
	}
	return all
}

// Constant reports whether there is no place for a field in it.
func (t Template) Constant() bool { return len(t.fields) == 0 }

// Texts are what stands between the fields, in order: one more than there are fields.
func (t Template) Texts() []string { return t.texts }

// String is the template as it was written.
func (t Template) String() string {
	var b strings.Builder
	for i, text := range t.texts {
		b.WriteString(strings.NewReplacer("{", "{{", "}", "}}").Replace(text))
		if i < len(t.fields) {
			b.WriteString("{" + t.fields[i].String() + "}")
		}
	}
	return b.String()
}

// Is reports whether the template is one field and nothing else.
func (t Template) Is(name string) bool {
	return len(t.fields) == 1 && t.fields[0] == Field{name: name} && t.texts[0] == "" && t.texts[1] == ""
}

// Write puts an event's values in. Each is escaped for its place first; the text around them is not.
func (t Template) Write(told *Told, escape func(string) string) string {
	var b strings.Builder
	for i, text := range t.texts {
		b.WriteString(text)
		if i < len(t.fields) {
			b.WriteString(escape(told.Value(t.fields[i])))
		}
	}
	return b.String()
}
