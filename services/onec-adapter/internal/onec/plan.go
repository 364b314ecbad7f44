package onec

import (
	"fmt"
	"sort"
	"strings"
	"unicode"

	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
	"github.com/callbus/callbus/services/onec-adapter/internal/webhook"
)

// Source is where the value of a parameter comes from: a field of the event, with a format or without ("remote|ru8"), or "="
// and a constant text.
type Source string

// The sources of the original service.
const (
	FromEvent  Source = "event"  // the target's number of the event
	FromRemote Source = "remote" // the other side
	FromLine   Source = "line"   // the line, or p2 of the article's form as it came
	FromNobody Source = ""       // nothing: xsi:nil or an empty element
)

// constant reports whether the source is a fixed text, and which.
func (s Source) constant() (string, bool) { return strings.CutPrefix(string(s), "=") }

// plain is the source without its format.
func (s Source) plain() Source {
	name, _, _ := strings.Cut(string(s), "|")
	return Source(name)
}

func (s Source) explained(m *mapping.Mapping) string {
	if s == FromNobody {
		return "nothing"
	}
	if text, fixed := s.constant(); fixed {
		return fmt.Sprintf("always %q", text)
	}
	f, _ := mapping.ParseField(string(s))
	return m.Explained(f)
}

func readSource(value string) (Source, error) {
	if strings.HasPrefix(value, "=") {
		return Source(value), nil
	}
	f, err := mapping.ParseField(value)
	if err != nil {
		return "", fmt.Errorf(`%w, or a constant such as "=office"`, err)
	}
	return Source(f.String()), nil
}

// Mapped is one parameter of the operation and what goes into it.
type Mapped struct {
	soap.Parameter
	From Source
}

// explained is what the operator reads beside the arrow.
func (m Mapped) explained(words *mapping.Mapping) string {
	if m.Empty != "" && !m.Nillable && (m.From == FromNobody || m.From == "=") {
		return "an empty structure"
	}
	return m.From.explained(words)
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
	mapping   *mapping.Mapping
	hook      *webhook.Hook // nil: SOAP
}

// Lines prints the plan for a person: where, what, and a line for each parameter.
func (p Plan) Lines() []string {
	if p.hook != nil {
		return hookLines(p.hook)
	}
	lines := []string{
		p.URL,
		fmt.Sprintf("service %s, namespace %q, operation %s, %s", p.Service, p.Namespace, p.Operation, p.Version),
	}
	width := 0
	for _, m := range p.Parameters {
		width = max(width, len([]rune(m.Name)))
	}
	for _, m := range p.Parameters {
		lines = append(lines, fmt.Sprintf("  %s%s ← %s", m.Name, strings.Repeat(" ", width-len([]rune(m.Name))), m.explained(p.mapping)))
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

// newPlan works out docs/wire.md §3: overrides first, then known names, then position if there are exactly three. Overrides that
// are empty and not nil ("parameters: {}") are a choice too: an operation without parameters is a bell.
func newPlan(op soap.Operation, overrides map[string]string, words *mapping.Mapping) (Plan, error) {
	m := newDraft(op, overrides)
	if err := m.override(overrides); err != nil {
		return Plan{}, err
	}
	m.byName()
	if len(m.list) == len(positions) {
		m.byPosition()
	}
	if reason := m.lacks(overrides != nil); reason != "" {
		return Plan{}, m.failure(reason)
	}
	return Plan{
		Service: op.Service, Namespace: op.Namespace, Operation: op.Name, Parameters: m.list, operation: op, mapping: words,
	}, nil
}

// draft is a plan in the making.
type draft struct {
	operation string
	list      []Mapped
	decided   []bool
}

func newDraft(op soap.Operation, overrides map[string]string) *draft {
	m := &draft{operation: op.Name, decided: make([]bool, len(op.Parameters))}
	for _, p := range op.Parameters {
		m.list = append(m.list, Mapped{Parameter: p})
	}
	return m
}

// override takes a name that the service does not have for a typing error.
func (m *draft) override(overrides map[string]string) error {
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

func (m *draft) set(i int, s Source) { m.list[i].From, m.decided[i] = s, true }

func (m *draft) taken(s Source) bool {
	for _, p := range m.list {
		if p.From.plain() == s {
			return true
		}
	}
	return false
}

func (m *draft) byName() {
	for i, p := range m.list {
		source, known := knownNames[strings.ReplaceAll(strings.ToLower(p.Name), "_", "")]
		if known && !m.decided[i] && !m.taken(source) {
			m.set(i, source)
		}
	}
}

// byPosition gives the sources that are left to the parameters that are left, in order. A parameter whose type cannot
// hold the value ends it: a service (date, phone, line) is not the original one, whatever the number of parameters.
func (m *draft) byPosition() {
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

func (m *draft) firstUndecided() int {
	for i, done := range m.decided {
		if !done {
			return i
		}
	}
	return -1
}

// lacks says what is missing. Without overrides all three values must have a place; with them the operator has chosen.
func (m *draft) lacks(chosen bool) string {
	var without []string
	for i, p := range m.list {
		if !m.decided[i] && mandatory(p.Parameter) {
			without = append(without, strings.TrimSuffix(p.Name+": "+p.Trouble, ": "))
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
// not a number, nor a date. A structure can be empty where its type is understood.
func mandatory(p soap.Parameter) bool {
	return !p.Nillable && p.Empty == "" && !(p.Optional && textual(p.Type))
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
func (m *draft) failure(reason string) error {
	guess := &draft{list: append([]Mapped(nil), m.list...), decided: append([]bool(nil), m.decided...)}
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

func (m *draft) yaml() string {
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
