package bsl

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"
)

// Module is a file of code, cut into its procedures.
type Module struct {
	Path       string
	Procedures []*Procedure
	variables  []string // Перем, outside of the procedures
	faults     []string
}

// Procedure is a procedure or a function.
type Procedure struct {
	Name       string
	Function   bool // it gives a value
	Export     bool
	Parameters []Parameter
	line       int
	body       []token
}

// Parameter of a procedure; an optional one has a default.
type Parameter struct {
	Name     string
	Optional bool
}

const bom = "\uFEFF"

// Parse reads a module. What is wrong with it as text, or with its blocks, is among its faults.
func Parse(path, source string) *Module {
	m := &Module{Path: path}
	body, marked := strings.CutPrefix(source, bom)
	if !marked {
		m.fault(1, "no byte order mark: 1C writes its modules as UTF-8 with one")
	}
	if !utf8.ValidString(source) {
		m.fault(1, "not UTF-8")
	}
	tokens, faults := scan(body)
	m.faults = append(m.faults, faults...)
	p := &parser{Module: m, rest: m.withoutDirectives(tokens)}
	for len(p.rest) > 0 {
		p.declaration()
	}
	return m
}

// Procedure finds one by its name, in any case; nil: there is none.
func (m *Module) Procedure(name string) *Procedure {
	i := slices.IndexFunc(m.Procedures, func(p *Procedure) bool { return strings.EqualFold(p.Name, name) })
	if i < 0 {
		return nil
	}
	return m.Procedures[i]
}

// Faults are those that the module has by itself: in its text, its blocks, its brackets, its queries.
func (m *Module) Faults() []string { return m.faults }

func (m *Module) fault(line int, format string, args ...any) {
	m.faults = append(m.faults, fmt.Sprintf("%d: ", line)+fmt.Sprintf(format, args...))
}

// withoutDirectives holds #Область and #КонецОбласти in pairs, and takes them out.
func (m *Module) withoutDirectives(tokens []token) []token {
	var open []token
	rest := slices.DeleteFunc(tokens, func(t token) bool {
		if t.kind != directive {
			return false
		}
		switch first, name, _ := strings.Cut(t.text, " "); {
		case first == "#Область" && name != "":
			open = append(open, t)
		case first == "#КонецОбласти" && len(open) > 0:
			open = open[:len(open)-1]
		default:
			m.fault(t.line, "%s is out of place", t.text)
		}
		return true
	})
	for _, t := range open {
		m.fault(t.line, "%s has no #КонецОбласти", t.text)
	}
	return rest
}

type parser struct {
	*Module
	rest []token
}

// declaration reads what may stand outside of procedures. It always goes on by a token at least.
func (p *parser) declaration() {
	t := p.take()
	switch {
	case t.is("Перем"):
		p.variablesUntilSemicolon()
	case t.is("Процедура", "Функция"):
		p.procedure(t)
	case t.kind == annotation:
		p.annotation(t)
	default:
		p.fault(t.line, "%q stands outside of procedures", t.text)
	}
}

func (p *parser) variablesUntilSemicolon() {
	for len(p.rest) > 0 {
		switch t := p.take(); {
		case t.is(";"):
			return
		case t.kind == word && !t.is("Экспорт"):
			p.variables = append(p.variables, t.text)
		}
	}
}

// annotations of methods that an extension extends.
var annotations = []string{"Перед", "После", "Вместо"}

func (p *parser) annotation(t token) {
	if !slices.Contains(annotations, t.text) {
		p.fault(t.line, "&%s is not known here", t.text)
	}
	if len(p.rest) < 4 || !p.rest[0].is("(") || p.rest[1].kind != text || !p.rest[2].is(")") || !p.rest[3].is("Процедура", "Функция") {
		p.fault(t.line, "&%s must name a method, and a procedure must follow", t.text)
		return
	}
	p.rest = p.rest[3:]
}

func (p *parser) procedure(begin token) {
	f := &Procedure{Function: begin.is("Функция"), line: begin.line}
	switch name := p.take(); {
	case name.kind != word || isKeyword(name.text):
		p.fault(begin.line, "%s has no name", begin.text)
	case p.Procedure(name.text) != nil:
		p.fault(begin.line, "%s is there twice", name.text)
	default:
		f.Name = name.text
	}
	f.Parameters = p.parameters(f)
	if f.Export = len(p.rest) > 0 && p.rest[0].is("Экспорт"); f.Export {
		p.take()
	}
	end := map[bool]string{true: "КонецФункции", false: "КонецПроцедуры"}[f.Function]
	i := slices.IndexFunc(p.rest, func(t token) bool {
		return t.is("КонецФункции", "КонецПроцедуры", "Процедура", "Функция")
	})
	if i < 0 || !p.rest[i].is(end) {
		p.fault(begin.line, "%s has no %s", f.Name, end)
	}
	if i < 0 {
		i = len(p.rest)
	}
	f.body, p.rest = p.rest[:i], p.rest[i:]
	if len(p.rest) > 0 && p.rest[0].is("КонецФункции", "КонецПроцедуры") {
		p.take()
	}
	p.Procedures = append(p.Procedures, f)
	p.faults = append(p.faults, slices.Concat(f.blocks(), f.shapes())...)
}

// parameters reads (А, Знач Б = 1).
func (p *parser) parameters(f *Procedure) (all []Parameter) {
	if len(p.rest) == 0 || !p.rest[0].is("(") {
		p.fault(f.line, "%s has no brackets", f.Name)
		return nil
	}
	for p.take(); len(p.rest) > 0; {
		switch t := p.take(); {
		case t.is(")"):
			return all
		case t.is("=") && len(all) > 0:
			all[len(all)-1].Optional = true
			p.take()
		case t.is(",", "Знач"):
		case t.kind == word && !isKeyword(t.text):
			all = append(all, Parameter{Name: t.text})
		default:
			p.fault(t.line, "%s: %q among the parameters", f.Name, t.text)
			return all
		}
	}
	return all
}

// take gives the next token; after the last one, an empty one.
func (p *parser) take() token {
	if len(p.rest) == 0 {
		return token{kind: symbol}
	}
	t := p.rest[0]
	p.rest = p.rest[1:]
	return t
}
