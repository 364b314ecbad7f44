package bsl

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// query is a string that begins with ВЫБРАТЬ, and the line of its beginning.
type query struct {
	text string
	line int
}

func (p *Procedure) queries() (all []query) {
	for _, t := range p.body {
		if t.kind == text && strings.HasPrefix(strings.TrimSpace(t.text), "ВЫБРАТЬ") {
			all = append(all, query{text: t.text, line: t.line})
		}
	}
	return all
}

// Strings are the texts that stand alone as the argument of that number, from 0, in calls of that name.
func (p *Procedure) Strings(function string, argument int) (all []string) {
	for i, t := range p.body {
		if !t.is(function) || i+1 == len(p.body) || !p.body[i+1].is("(") {
			continue
		}
		arguments := split(p.body[i+1:])
		if argument < len(arguments) && len(arguments[argument]) == 1 && arguments[argument][0].kind == text {
			all = append(all, arguments[argument][0].text)
		}
	}
	return all
}

// Compared are the texts that a name, or a member of that name, is compared with or set to.
func (p *Procedure) Compared(name string) (all []string) {
	for i, t := range p.body {
		if t.is(name) && i+2 < len(p.body) && p.body[i+1].is("=", "<>") && p.body[i+2].kind == text {
			all = append(all, p.body[i+2].text)
		}
	}
	return all
}

var (
	queryParameter = regexp.MustCompile(`&([\p{L}\d_]+)`)
	placeholder    = regexp.MustCompile(`#[\p{L}\d_]+`)
	source         = regexp.MustCompile(`РегистрСведений\.([\p{L}\d_]+)(?:\s+КАК\s+([\p{L}\d_]+))?`)
	queryField     = regexp.MustCompile(`([\p{L}\d_]+)\.([\p{L}\d_]+)`)
	queryWord      = regexp.MustCompile(`[\p{L}\d_]+`)
)

// queries holds the queries of a module against what its procedures set, and against the registers.
func (m *Module) queries(registers map[string][]string) (faults []string) {
	for _, p := range m.Procedures {
		queries, set := p.queries(), p.Strings("УстановитьПараметр", 0)
		for _, q := range queries {
			for _, fault := range slices.Concat(q.parameters(p, set), q.fields(registers)) {
				faults = append(faults, q.fault(p, fault))
			}
		}
		for _, name := range set {
			if !slices.ContainsFunc(queries, func(q query) bool { return slices.Contains(q.names(queryParameter), "&"+name) }) {
				faults = append(faults, fmt.Sprintf("%d: %s: no query has the parameter &%s", p.line, p.Name, name))
			}
		}
	}
	return faults
}

func (q query) names(pattern *regexp.Regexp) []string { return pattern.FindAllString(q.text, -1) }

func (q query) fault(p *Procedure, what string) string {
	return fmt.Sprintf("%d: %s: the query: %s", q.line, p.Name, what)
}

// shapes finds queries that are none by themselves.
func (p *Procedure) shapes() (faults []string) {
	for _, q := range p.queries() {
		if !slices.Contains(q.names(queryWord), "ИЗ") {
			faults = append(faults, q.fault(p, "no ИЗ"))
		}
		if !q.paired() {
			faults = append(faults, q.fault(p, "its brackets are not in pairs"))
		}
	}
	return faults
}

func (q query) paired() bool {
	depth := 0
	for _, r := range q.text {
		depth += strings.Count("(", string(r)) - strings.Count(")", string(r))
		if depth < 0 {
			break
		}
	}
	return depth == 0
}

// parameters must be set, and placeholders such as #Таблица replaced, in the procedure of the query.
func (q query) parameters(p *Procedure, set []string) (faults []string) {
	for _, name := range q.names(queryParameter) {
		if !slices.Contains(set, name[1:]) {
			faults = append(faults, name+" is not set")
		}
	}
	for _, name := range q.names(placeholder) {
		if !slices.ContainsFunc(p.body, func(t token) bool { return t.kind == text && t.text == name }) {
			faults = append(faults, name+" is not replaced")
		}
	}
	return faults
}

// fields must be there, as far as they are of our registers.
func (q query) fields(registers map[string][]string) (faults []string) {
	aliases := map[string]string{}
	for _, m := range source.FindAllStringSubmatch(q.text, -1) {
		if registers[m[1]] == nil {
			faults = append(faults, "there is no register "+m[1])
		}
		if m[2] == "" {
			faults = append(faults, m[1]+" has no alias")
		}
		aliases[m[2]] = m[1]
	}
	for _, m := range queryField.FindAllStringSubmatch(q.text, -1) {
		if register := aliases[m[1]]; register != "" && !slices.Contains(registers[register], m[2]) {
			faults = append(faults, register+" has no field "+m[2])
		}
	}
	return faults
}
