package onec

import (
	"fmt"
	"sort"
	"strings"
	"unicode"

	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
)

// Source is where the value of a parameter comes from.
type Source string

// The sources, as the configuration spells them. A constant is "=" and its text.
const (
	FromEvent  Source = "event"  // the number of the event, EventNumber
	FromRemote Source = "remote" // the other side, as the phone sent it
	FromLine   Source = "line"   // the line, or p2 of the article's form as it came
	FromNobody Source = ""       // nothing: xsi:nil or an empty element
)

// constant reports whether the source is a fixed text, and which.
func (s Source) constant() (string, bool) { return strings.CutPrefix(string(s), "=") }

// explained is what the operator reads beside the arrow.
func (s Source) explained() string {
	switch s {
	case FromEvent:
		return "the event: 1 incoming, 2 answered, 3 outgoing, 4 ended, missed or rejected"
	case FromRemote:
		return "the other side, as the phone sent it"
	case FromLine:
		return "the line (p2 as it came, where the phone uses the article's form)"
	case FromNobody:
		return "nothing"
	}
	text, _ := s.constant()
	return fmt.Sprintf("always %q", text)
}

func readSource(value string) (Source, error) {
	s := Source(strings.TrimSpace(value))
	switch s {
	case FromEvent, FromRemote, FromLine:
		return s, nil
	}
	if strings.HasPrefix(value, "=") {
		return Source(value), nil
	}
	return "", fmt.Errorf(`unknown source %q; want event, remote, line, or a constant such as "=office"`, value)
}

// Mapped is one parameter of the operation and what goes into it.
type Mapped struct {
	soap.Parameter
	From Source
}

// Plan is how events become calls of one service: what the WSDL said, and what was made of it.
type Plan struct {
	URL        string // of the calls, without query; it never held credentials
	Service    string
	Namespace  string
	Operation  string
	Version    soap.Version
	Parameters []Mapped

	operation soap.Operation
}

// Lines prints the plan for a person: where, what, and a line for each parameter.
func (p Plan) Lines() []string {
	lines := []string{
		p.URL,
		fmt.Sprintf("service %s, namespace %q, operation %s, %s", p.Service, p.Namespace, p.Operation, p.Version),
	}
	width := 0
	for _, m := range p.Parameters {
		width = max(width, len([]rune(m.Name)))
	}
	for _, m := range p.Parameters {
		lines = append(lines, fmt.Sprintf("  %s%s ← %s", m.Name, strings.Repeat(" ", width-len([]rune(m.Name))), m.From.explained()))
	}
	return lines
}

// knownNames are the parameters of the original service as authors spell them, in lower case and without underscores.
var knownNames = map[string]Source{
	"nomersobitia": FromEvent,
	"номерсобытия": FromEvent,
	"nomersip":     FromRemote,
	"номерсип":     FromRemote,
	"номерsip":     FromRemote,
	"moinomer":     FromLine,
	"мойномер":     FromLine,
}

// positions is the order of the original service's parameters.
var positions = [...]Source{FromEvent, FromRemote, FromLine}

// MappingError says that the client cannot tell where the values go. Its text ends in a table for the configuration.
type MappingError struct {
	Operation  string
	Reason     string
	Suggestion string // YAML, ready to paste
}

// Error explains, and prints the override.
func (e *MappingError) Error() string {
	return fmt.Sprintf("the operation %s %s; say in the target's configuration what goes where, for example:\n\n%s",
		e.Operation, e.Reason, e.Suggestion)
}

// newPlan works out docs/wire.md §3: overrides first, then known names, then position if there are exactly three.
func newPlan(op soap.Operation, overrides map[string]string) (Plan, error) {
	m := newMapping(op, overrides)
	if err := m.override(overrides); err != nil {
		return Plan{}, err
	}
	m.byName()
	if len(m.list) == len(positions) {
		m.byPosition()
	}
	if reason := m.lacks(len(overrides) > 0); reason != "" {
		return Plan{}, m.failure(reason)
	}
	return Plan{
		Service: op.Service, Namespace: op.Namespace, Operation: op.Name, Parameters: m.list, operation: op,
	}, nil
}

// mapping is a plan in the making.
type mapping struct {
	operation string
	list      []Mapped
	decided   []bool
}

func newMapping(op soap.Operation, overrides map[string]string) *mapping {
	m := &mapping{operation: op.Name, decided: make([]bool, len(op.Parameters))}
	for _, p := range op.Parameters {
		m.list = append(m.list, Mapped{Parameter: p})
	}
	return m
}

// override takes a name that the service does not have for a typing error.
func (m *mapping) override(overrides map[string]string) error {
	left := make(map[string]bool, len(overrides))
	for name := range overrides {
		left[name] = true
	}
	for i, p := range m.list {
		value, found := overrides[p.Name]
		if !found {
			continue
		}
		source, err := readSource(value)
		if err != nil {
			return fmt.Errorf("parameters: %s: %w", p.Name, err)
		}
		m.set(i, source)
		delete(left, p.Name)
	}
	if len(left) > 0 {
		return m.failure("has no parameter " + strings.Join(sorted(left), ", "))
	}
	return nil
}

func sorted(set map[string]bool) []string {
	var names []string
	for name := range set {
		names = append(names, name)
	}
	sort.Strings(names)
	return names
}

func (m *mapping) set(i int, s Source) { m.list[i].From, m.decided[i] = s, true }

func (m *mapping) taken(s Source) bool {
	for _, p := range m.list {
		if p.From == s {
			return true
		}
	}
	return false
}

func (m *mapping) byName() {
	for i, p := range m.list {
		source, known := knownNames[strings.ReplaceAll(strings.ToLower(p.Name), "_", "")]
		if known && !m.decided[i] && !m.taken(source) {
			m.set(i, source)
		}
	}
}

// byPosition gives the sources that are left to the parameters that are left, in order. A parameter whose type cannot
// hold the value ends it: a service (date, phone, line) is not the original one, whatever the number of parameters.
func (m *mapping) byPosition() {
	for _, source := range positions {
		if m.taken(source) {
			continue
		}
		i := m.firstUndecided()
		if i < 0 || !fits(source, m.list[i].Type) {
			return
		}
		m.set(i, source)
	}
}

func (m *mapping) firstUndecided() int {
	for i, done := range m.decided {
		if !done {
			return i
		}
	}
	return -1
}

// lacks says what is missing. Without overrides all three values must have a place; with them the operator has chosen.
func (m *mapping) lacks(chosen bool) string {
	var without []string
	for i, p := range m.list {
		if !m.decided[i] && mandatory(p.Parameter) {
			without = append(without, p.Name)
		}
	}
	if len(without) > 0 {
		return "has parameters that Callbus has no value for (" + strings.Join(without, ", ") + ")"
	}
	for _, source := range positions {
		if !chosen && !m.taken(source) {
			return "has no parameter that Callbus recognises for the " + string(source)
		}
	}
	return ""
}

// mandatory parameters need a value: those that may not be nil, unless they are optional texts. An empty element is
// not a number, nor a date.
func mandatory(p soap.Parameter) bool {
	return !p.Nillable && !(p.Optional && textual(p.Type))
}

func textual(t string) bool {
	switch t {
	case "xs:string", "xs:normalizedString", "xs:token", "xs:anyType", "xs:anySimpleType", "xs:anyURI":
		return true
	}
	return false
}

func numeric(t string) bool {
	switch t {
	case "xs:decimal", "xs:integer", "xs:int", "xs:long", "xs:short", "xs:byte", "xs:float", "xs:double",
		"xs:nonNegativeInteger", "xs:positiveInteger", "xs:unsignedInt", "xs:unsignedLong", "xs:unsignedShort", "xs:unsignedByte":
		return true
	}
	return false
}

// fits reports whether a type can hold the value: the other side is a SIP address, so a number cannot.
func fits(s Source, t string) bool { return textual(t) || s != FromRemote && numeric(t) }

// failure prints the best guess as an override: what is decided, then the sources that are left where they fit, then
// constants.
func (m *mapping) failure(reason string) error {
	guess := &mapping{list: append([]Mapped(nil), m.list...), decided: append([]bool(nil), m.decided...)}
	guess.byName()
	for _, source := range positions {
		for i, p := range guess.list {
			if !guess.taken(source) && !guess.decided[i] && fits(source, p.Type) {
				guess.set(i, source)
			}
		}
	}
	return &MappingError{Operation: m.operation, Reason: reason, Suggestion: guess.yaml()}
}

func (m *mapping) yaml() string {
	var b strings.Builder
	b.WriteString("parameters:\n")
	for i, p := range m.list {
		value := string(p.From)
		if !m.decided[i] {
			value = defaultConstant(p.Type)
		}
		if strings.HasPrefix(value, "=") {
			value = fmt.Sprintf("%q", value)
		}
		fmt.Fprintf(&b, "  %s: %s  # %s\n", yamlKey(p.Name), value, described(p.Parameter))
	}
	if len(m.list) == 0 {
		return "parameters: {}  # the operation has none\n"
	}
	return b.String()
}

func described(p soap.Parameter) string {
	text := p.Type
	if text == "" {
		text = "a structure"
	}
	if p.Nillable {
		text += ", may be nil"
	}
	return text
}

// defaultConstant is an empty value that the type accepts; 1C's empty date is 0001-01-01T00:00:00.
func defaultConstant(t string) string {
	switch {
	case numeric(t):
		return "=0"
	case t == "xs:boolean":
		return "=false"
	case t == "xs:dateTime":
		return "=0001-01-01T00:00:00"
	}
	return "="
}

// yamlKey quotes the few names that YAML would take for something else.
func yamlKey(name string) string {
	switch strings.ToLower(name) {
	case "null", "true", "false", "yes", "no", "on", "off", "y", "n":
		return `"` + name + `"`
	}
	for _, r := range name {
		if unicode.IsDigit(r) && r > unicode.MaxASCII {
			return `"` + name + `"`
		}
	}
	return name
}
