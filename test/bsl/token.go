// Package bsl reads the 1C side of Callbus (deploy/1c) as far as it can be read without 1C: its modules token by token, its
// metadata as XML, and one held against the other.
//
// No interpreter and no linter of this language can be had where our tests run. What stands here finds what a hand that
// slips leaves behind: a string without its end, a block without its end, a name that nobody defined, a call of a procedure
// that is not there or not exported, a query with a parameter that nobody sets. It says nothing of what the code does.
//
// Each check returns a line for each fault, so that its test can plant some. It never ships.
package bsl

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

type kind int

const (
	word   kind = iota // a name or a keyword
	number             // 15, 1.5
	text               // "…", with its continuation lines joined
	date               // '20261122'
	symbol             // = <> ( ; …
	annotation
	directive // #Область Имя
)

// token is one of them. Text is what was written, but for strings, where it is what they mean.
type token struct {
	kind kind
	text string
	line int
}

// is compares without regard to case, as the language does.
func (t token) is(words ...string) bool {
	if t.kind != word && t.kind != symbol {
		return false
	}
	for _, w := range words {
		if strings.EqualFold(t.text, w) {
			return true
		}
	}
	return false
}

// scanner goes through a module once, and always forward.
type scanner struct {
	rest   string
	line   int
	tokens []token
	faults []string
}

// scan cuts a module into tokens. Comments are left out.
func scan(source string) (tokens []token, faults []string) {
	s := &scanner{rest: source, line: 1}
	for s.rest != "" {
		s.next()
	}
	return s.tokens, s.faults
}

func (s *scanner) next() {
	r, size := utf8.DecodeRuneInString(s.rest)
	switch {
	case r == '\n':
		s.line++
		s.rest = s.rest[size:]
	case unicode.IsSpace(r):
		s.rest = s.rest[size:]
	case strings.HasPrefix(s.rest, "//"):
		s.cut(s.lineEnd())
	case r == '"':
		s.text()
	case r == '\'':
		s.date()
	case r == '#':
		s.add(directive, strings.TrimSpace(s.cut(s.lineEnd())))
	case r == '&':
		s.rest = s.rest[size:]
		s.add(annotation, s.cut(s.span(isName)))
	case isName(r) && !unicode.IsDigit(r):
		s.add(word, s.cut(s.span(isName)))
	case unicode.IsDigit(r):
		s.add(number, s.cut(s.span(func(r rune) bool { return unicode.IsDigit(r) || r == '.' })))
	default:
		s.symbol(r, size)
	}
}

const symbols = "=+-*/%<>()[].,;:?"

func (s *scanner) symbol(r rune, size int) {
	if strings.HasPrefix(s.rest, "<>") || strings.HasPrefix(s.rest, "<=") || strings.HasPrefix(s.rest, ">=") {
		s.add(symbol, s.cut(2))
		return
	}
	if !strings.ContainsRune(symbols, r) || r == utf8.RuneError {
		s.fault("the sign %q has no meaning here", r)
	}
	s.add(symbol, s.cut(size))
}

// text reads a string: "" is a quote, and what goes on in the next line begins there with a bar.
func (s *scanner) text() {
	begin, value := s.line, strings.Builder{}
	s.rest = s.rest[1:]
	for {
		end := strings.IndexAny(s.rest, "\"\n")
		if end < 0 {
			s.rest = ""
			s.faultAt(begin, "a string has no end")
			return
		}
		value.WriteString(strings.TrimSuffix(s.rest[:end], "\r"))
		ending := s.rest[end]
		s.rest = s.rest[end+1:]
		switch {
		case ending == '"' && strings.HasPrefix(s.rest, `"`):
			value.WriteByte('"')
			s.rest = s.rest[1:]
		case ending == '"':
			s.tokens = append(s.tokens, token{text, value.String(), begin})
			return
		case !s.bar():
			s.faultAt(begin, "a string has no end in its line, and the next begins with no bar")
			return
		default:
			value.WriteByte('\n')
		}
	}
}

// bar passes over the beginning of a string's next line. Comments may stand between the lines of a string.
func (s *scanner) bar() bool {
	s.line++
	line, after, more := strings.Cut(s.rest, "\n")
	switch line = strings.TrimLeft(line, " \t"); {
	case strings.HasPrefix(line, "//") && more:
		s.rest = after
		return s.bar()
	case strings.HasPrefix(line, "|"):
		s.rest = s.rest[strings.Index(s.rest, "|")+1:]
		return true
	}
	return false
}

func (s *scanner) date() {
	end := strings.IndexAny(s.rest[1:], "'\n")
	if end < 0 || s.rest[1+end] == '\n' {
		s.fault("a date has no end")
		s.cut(s.lineEnd())
		return
	}
	s.add(date, s.cut(end+2))
}

func (s *scanner) add(k kind, t string) { s.tokens = append(s.tokens, token{k, t, s.line}) }

func (s *scanner) cut(n int) string {
	t := s.rest[:n]
	s.rest = s.rest[n:]
	return t
}

func (s *scanner) lineEnd() int {
	if i := strings.IndexByte(s.rest, '\n'); i >= 0 {
		return i
	}
	return len(s.rest)
}

// span is the length of the longest beginning of which each character fits.
func (s *scanner) span(fits func(rune) bool) int {
	if i := strings.IndexFunc(s.rest, func(r rune) bool { return !fits(r) }); i >= 0 {
		return i
	}
	return len(s.rest)
}

func isName(r rune) bool {
	return r != utf8.RuneError && (r == '_' || unicode.IsLetter(r) || unicode.IsDigit(r))
}

func (s *scanner) fault(format string, args ...any) { s.faultAt(s.line, format, args...) }

func (s *scanner) faultAt(line int, format string, args ...any) {
	s.faults = append(s.faults, fmt.Sprintf("%d: ", line)+fmt.Sprintf(format, args...))
}
