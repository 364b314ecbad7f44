package bsl

import (
	"fmt"
	"slices"
	"strings"
)

// The words of the language that we use, each by what it does to the structure.
var (
	openers  = map[string]string{"Если": "КонецЕсли", "Для": "КонецЦикла", "Пока": "КонецЦикла", "Попытка": "КонецПопытки"}
	awaited  = map[string]string{"Если": "Тогда", "ИначеЕсли": "Тогда", "Для": "Цикл", "Пока": "Цикл"}
	middles  = map[string]string{"Иначе": "КонецЕсли", "ИначеЕсли": "КонецЕсли", "Исключение": "КонецПопытки"}
	closers  = []string{"КонецЕсли", "КонецЦикла", "КонецПопытки"}
	simple   = []string{"Возврат", "ВызватьИсключение", "Продолжить", "Прервать"}
	inside   = []string{"Тогда", "Цикл", "Каждого", "Из", "По", "И", "ИЛИ", "НЕ", "Новый"}
	outside  = []string{"Процедура", "Функция", "КонецПроцедуры", "КонецФункции", "Экспорт", "Перем", "Знач"}
	literals = []string{"Истина", "Ложь", "Неопределено", "NULL"}
)

// keyword gives a keyword as it is spelled in the tables above, or nothing.
func keyword(name string) string {
	for k := range openers {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	for k := range middles {
		if strings.EqualFold(k, name) {
			return k
		}
	}
	for _, list := range [][]string{closers, simple, inside, outside} {
		if i := slices.IndexFunc(list, func(k string) bool { return strings.EqualFold(k, name) }); i >= 0 {
			return list[i]
		}
	}
	return ""
}

func isKeyword(name string) bool { return keyword(name) != "" }

// structure follows the blocks and brackets of a body.
type structure struct {
	of      *Procedure
	open    []token // Если, Для, Пока, Попытка
	round   []token // ( and [
	waiting token   // Если, that has had no Тогда yet
	before  token
	faults  []string
}

// blocks finds what is not paired, and statements that run into each other.
func (f *Procedure) blocks() []string {
	s := &structure{of: f, before: token{kind: symbol, text: ";"}}
	for _, t := range f.body {
		s.follow(t)
		s.before = t
	}
	s.statementEnds(token{kind: symbol, text: ";", line: f.line})
	for _, t := range s.open {
		s.fault(t, "%s has no %s", t.text, openers[keyword(t.text)])
	}
	if f.Function && !slices.ContainsFunc(f.body, func(t token) bool { return t.is("Возврат") }) {
		s.fault(token{line: f.line}, "a function without Возврат")
	}
	return s.faults
}

func (s *structure) follow(t token) {
	k := ""
	if t.kind == word && !s.before.is(".") {
		k = keyword(t.text)
	}
	if s.before.is("Возврат") && s.of.Function == t.is(";") {
		s.fault(t, "Возврат in a function gives a value, in a procedure none")
	}
	switch {
	case t.is("(", "["):
		s.round = append(s.round, t)
	case t.is(")", "]"):
		s.closeBracket(t)
	case t.is(";"):
		s.statementEnds(t)
	case k == "":
		s.operand(t)
	case k == "Тогда" || k == "Цикл":
		s.headEnds(t, k)
	default:
		s.keyword(t, k)
	}
}

func (s *structure) keyword(t token, k string) {
	closing, middle, opens := slices.Contains(closers, k), middles[k] != "", openers[k] != ""
	switch {
	case closing || middle:
		s.statementEnds(t)
		s.needsOpen(t, k)
	case opens || slices.Contains(simple, k):
		if s.endsOperand() || s.closes(s.before) {
			s.fault(t, "no ; before %s", t.text)
		}
		s.statementEnds(t)
	case k == "Новый":
		s.operandAfterOperand(t)
	case slices.Contains(outside, k):
		s.fault(t, "%s inside of a procedure", t.text)
	}
	if opens {
		s.open = append(s.open, t)
	}
	if awaited[k] != "" {
		s.waiting = t
	}
}

// needsOpen holds КонецЕсли, Иначе and Исключение against the block that they are in.
func (s *structure) needsOpen(t token, k string) {
	want, last := k, len(s.open)-1
	if middles[k] != "" {
		want = middles[k]
	}
	if last < 0 || openers[keyword(s.open[last].text)] != want {
		s.fault(t, "%s is out of place", t.text)
		return
	}
	if middles[k] == "" {
		s.open = s.open[:last]
	}
}

func (s *structure) headEnds(t token, k string) {
	if awaited[keyword(s.waiting.text)] != k {
		s.fault(t, "%s is out of place", t.text)
	}
	s.waiting = token{}
	s.bracketsEnd(t)
}

func (s *structure) statementEnds(t token) {
	if s.waiting.text != "" {
		s.fault(s.waiting, "%s has no %s", s.waiting.text, awaited[keyword(s.waiting.text)])
		s.waiting = token{}
	}
	s.bracketsEnd(t)
}

func (s *structure) bracketsEnd(t token) {
	for _, b := range s.round {
		s.fault(b, "%s is not closed before %s in line %d", b.text, t.text, t.line)
	}
	s.round = nil
}

func (s *structure) closeBracket(t token) {
	want := map[string]string{")": "(", "]": "["}[t.text]
	if len(s.round) == 0 || s.round[len(s.round)-1].text != want {
		s.fault(t, "%s closes nothing", t.text)
		return
	}
	s.round = s.round[:len(s.round)-1]
}

// operand finds two values with nothing between them: a comma, an operator or a ; was left out.
func (s *structure) operand(t token) {
	if t.kind == symbol {
		return
	}
	s.operandAfterOperand(t)
	if s.closes(s.before) {
		s.fault(t, "no ; before %s", t.text)
	}
}

func (s *structure) operandAfterOperand(t token) {
	if s.endsOperand() {
		s.fault(t, "nothing between %q and %q", s.before.text, t.text)
	}
}

func (s *structure) endsOperand() bool {
	b := s.before
	switch b.kind {
	case word:
		return !isKeyword(b.text)
	case symbol:
		return b.is(")", "]")
	}
	return b.kind == number || b.kind == text || b.kind == date
}

func (s *structure) closes(t token) bool {
	return t.kind == word && slices.Contains(closers, keyword(t.text))
}

func (s *structure) fault(t token, format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf("%d: %s: ", t.line, s.of.Name)+fmt.Sprintf(format, args...))
}
