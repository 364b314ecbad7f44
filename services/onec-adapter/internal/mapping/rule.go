package mapping

import (
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// Rule mends what an odd trunk or phone says: where all expressions of Match fit, Set replaces.
type Rule struct {
	Match struct {
		Remote string `yaml:"remote"` // fits what the phone sent, its user part, or the recognised number, whichever comes first
		Line   string `yaml:"line"`   // fits the line as it came, or its user part
		Site   string `yaml:"site"`
		Source string `yaml:"source"`
		Event  string `yaml:"event"`
	} `yaml:"match"`
	Set struct {
		Remote string `yaml:"remote"`
		Line   string `yaml:"line"`
	} `yaml:"set"`
}

// maxMatched bounds in bytes the expressions, and what they are tried on. RE2 takes time in proportion to both.
const maxMatched = 1024

// rule is a Rule that makes sense.
type rule struct {
	conditions   []condition
	remote, line *replacement
}

type condition struct {
	of         func(call.Event) []string // the texts that are tried, in this order
	expression *regexp.Regexp
}

func (r Rule) compile() (c rule, err error) {
	if c.conditions, err = r.conditions(); err != nil {
		return c, fmt.Errorf("match: %w", err)
	}
	if r.Set.Remote == "" && r.Set.Line == "" {
		return c, errors.New("set: is empty; say remote, line or both")
	}
	groups := 0
	for _, one := range c.conditions {
		groups += one.expression.NumSubexp()
	}
	if c.remote, err = replace(r.Set.Remote, groups); err != nil {
		return c, fmt.Errorf("set: remote: %w", err)
	}
	if c.line, err = replace(r.Set.Line, groups); err != nil {
		return c, fmt.Errorf("set: line: %w", err)
	}
	return c, nil
}

// conditions are the expressions that there are, in the order in which their groups count.
func (r Rule) conditions() (all []condition, err error) {
	for _, row := range []struct {
		key, text string
		of        func(call.Event) []string
	}{
		{"remote", r.Match.Remote, func(e call.Event) []string {
			return []string{e.Remote.URI, user(e.Remote.URI), string(e.Remote.Number)}
		}},
		{"line", r.Match.Line, func(e call.Event) []string { return []string{string(e.Line), user(string(e.Line))} }},
		{"site", r.Match.Site, func(e call.Event) []string { return []string{e.Site} }},
		{"source", r.Match.Source, func(e call.Event) []string { return []string{e.Source} }},
		{"event", r.Match.Event, func(e call.Event) []string { return []string{string(e.Type)} }},
	} {
		if row.text == "" {
			continue
		}
		expression, err := readExpression(row.text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w", row.key, err)
		}
		all = append(all, condition{row.of, expression})
	}
	if len(all) == 0 {
		return nil, errors.New("is empty; say what it is for")
	}
	return all, nil
}

func readExpression(text string) (*regexp.Regexp, error) {
	if len(text) > maxMatched {
		return nil, fmt.Errorf("longer than %d bytes", maxMatched)
	}
	return regexp.Compile(text)
}

// apply gives the event as the rule leaves it.
func (r rule) apply(e call.Event) call.Event {
	var groups []string
	for _, c := range r.conditions {
		found := c.fits(e)
		if found == nil {
			return e
		}
		groups = append(groups, found[1:]...)
	}
	if text, set := r.remote.with(groups); set {
		e.Remote.URI, e.Remote.Number = text, phone.Parse(text, "")
	}
	if text, set := r.line.with(groups); set {
		e.Line = call.Line(text)
		e.Local.URI, e.Local.Number = text, phone.Parse(text, "") // else the article's p2 would win over what was set
	}
	return e
}

// fits gives the match and its groups, nil if there is none.
func (c condition) fits(e call.Event) []string {
	for _, text := range c.of(e) {
		if len(text) > maxMatched {
			continue
		}
		if found := c.expression.FindStringSubmatch(text); found != nil {
			return found
		}
	}
	return nil
}

// replacement is a text with $1 to $9, counted through all expressions of the rule in the order of Match.
type replacement struct {
	texts  []string // one more than groups
	groups []int
}

var reference = regexp.MustCompile(`\$(?:([1-9])|\{([1-9])\}|(.?))`)

func replace(text string, groups int) (*replacement, error) {
	if text == "" {
		return nil, nil
	}
	if len(text) > maxMatched {
		return nil, fmt.Errorf("longer than %d bytes", maxMatched)
	}
	r, end, literal := &replacement{}, 0, ""
	for _, at := range reference.FindAllStringSubmatchIndex(text, -1) {
		literal += text[end:at[0]]
		end = at[1]
		found := text[at[0]:end]
		digit := strings.Trim(found, "${}")
		switch {
		case found == "$$":
			literal += "$"
			continue
		case digit == "" || digit[0] < '1' || digit[0] > '9':
			return nil, fmt.Errorf("%q: want $1 to $9, or $$ for a dollar sign", found)
		case int(digit[0]-'0') > groups:
			return nil, fmt.Errorf("%s: the expressions of match have %d groups in brackets", found, groups)
		}
		r.texts, r.groups, literal = append(r.texts, literal), append(r.groups, int(digit[0]-'1')), ""
	}
	r.texts = append(r.texts, literal+text[end:])
	return r, nil
}

// with puts the groups in. A result that is longer than anything that could be matched again is none.
func (r *replacement) with(groups []string) (string, bool) {
	if r == nil {
		return "", false
	}
	var b strings.Builder
	for i, text := range r.texts {
		b.WriteString(text)
		if i < len(r.groups) {
			b.WriteString(groups[r.groups[i]])
		}
	}
	return b.String(), b.Len() <= maxMatched
}
