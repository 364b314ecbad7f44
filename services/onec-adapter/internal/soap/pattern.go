package soap

import (
	"fmt"
	"regexp"
	"regexp/syntax"
	"strings"
	"unicode/utf8"
)

// pattern reads a regular expression of XML Schema as one of Go, as far as the two mean the same: no subtracted classes,
// no blocks of Unicode, no \i and \c, and no anchors, which are letters to XML Schema.
func pattern(s string) (*syntax.Regexp, error) {
	translated, ok := translate(s)
	p, err := syntax.Parse(translated, syntax.Perl)
	if !ok || err != nil || strings.Contains(s, "(?") || anchored(p) {
		return nil, fmt.Errorf("its pattern %q is not understood", Shorten(s, 100))
	}
	return p, nil
}

// translate writes \w and \d as XML Schema means them: \w has no "_" there, and both have the letters of the whole world.
// It is not ok with a class such as [a-z-[aeiou]], nor with what only Go has: \x41, []a].
func translate(s string) (translated string, ok bool) {
	var b strings.Builder
	class := false
	for i := 0; i < len(s); i++ {
		step := s[i : i+1]
		switch {
		case s[i] == '\\':
			if i++; i == len(s) || !strings.Contains(`nrt\|.?*+(){}-[]^$sSdDwWpP`, s[i:i+1]) {
				return "", false
			}
			step = escapes(s[i-1:i+1], class)
		case class && s[i] == '[', strings.HasPrefix(s[i:], "[]"), strings.HasPrefix(s[i:], "[^]"):
			return "", false
		case s[i] == '[':
			class = true
		case s[i] == ']':
			class = false
		}
		b.WriteString(step)
	}
	return b.String(), true
}

func escapes(pair string, class bool) string {
	switch {
	case pair == `\d`:
		return `\p{Nd}`
	case pair == `\w` && class:
		return `\p{L}\p{M}\p{N}\p{S}`
	case pair == `\w`:
		return `[\p{L}\p{M}\p{N}\p{S}]`
	}
	return pair
}

func anchored(p *syntax.Regexp) bool {
	if p.Op >= syntax.OpBeginLine && p.Op <= syntax.OpNoWordBoundary {
		return true
	}
	for _, sub := range p.Sub {
		if anchored(sub) {
			return true
		}
	}
	return false
}

// alternatives gives each its own chance to be the example.
func alternatives(p *syntax.Regexp) []*syntax.Regexp {
	if p.Op == syntax.OpAlternate {
		return p.Sub
	}
	return []*syntax.Regexp{p}
}

func matches(p *syntax.Regexp, value string) bool {
	compiled, err := regexp.Compile(`\A(?:` + p.String() + `)\z`)
	return err == nil && compiled.MatchString(value)
}

// example gives a text that p matches, unless it would be a very long one: what may be repeated is, so many times or as
// near to that as p allows; what may be left out is.
func example(p *syntax.Regexp, times int) string {
	w := exampleWriter{times: times, left: 10 * maxHollowText}
	w.write(p)
	return w.text.String()
}

type exampleWriter struct {
	text  strings.Builder
	times int
	left  int // steps, of which a repeated nothing takes some too
}

func (w *exampleWriter) write(p *syntax.Regexp) {
	if w.left--; w.left < 0 {
		return
	}
	switch p.Op {
	case syntax.OpLiteral:
		w.text.WriteString(string(p.Rune))
	case syntax.OpCharClass:
		w.text.WriteRune(letterOf(p.Rune))
	case syntax.OpAnyChar, syntax.OpAnyCharNotNL:
		w.text.WriteByte('0')
	case syntax.OpCapture, syntax.OpAlternate:
		w.write(p.Sub[0])
	case syntax.OpConcat:
		for _, sub := range p.Sub {
			w.write(sub)
		}
	case syntax.OpStar, syntax.OpPlus, syntax.OpRepeat:
		for range w.repeats(p) {
			if w.left > 0 {
				w.write(p.Sub[0])
			}
		}
	}
}

func (w *exampleWriter) repeats(p *syntax.Regexp) int {
	switch {
	case p.Op == syntax.OpStar:
		return w.times
	case p.Op == syntax.OpPlus:
		return max(1, w.times)
	case p.Max < 0:
		return max(p.Min, w.times)
	}
	return max(p.Min, min(p.Max, w.times))
}

// letterOf is a plain letter of a class (pairs of first and last), or its first that XML can carry.
func letterOf(class []rune) rune {
	for _, r := range "0Aa- " {
		for i := 0; i < len(class); i += 2 {
			if class[i] <= r && r <= class[i+1] {
				return r
			}
		}
	}
	for i := 0; i < len(class); i += 2 {
		if legal(class[i], utf8.RuneLen(class[i])) {
			return class[i]
		}
	}
	return utf8.RuneError
}
