package mapping

import (
	"fmt"
	"path"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
)

// Only says which events are for a target. An empty list keeps nothing out; of several lists all must agree.
type Only struct {
	Sites   []string `yaml:"sites"`   // names or globs
	Lines   []string `yaml:"lines"`   // numbers, ranges ("101-120") or globs ("2*")
	Events  []string `yaml:"events"`  // names
	Sources []string `yaml:"sources"` // names or globs
}

// only is an Only that makes sense.
type only struct {
	sites, lines, sources []pattern
	events                []string
}

func (o Only) compile(events map[call.EventType]string) (c only, err error) {
	for _, t := range o.Events {
		if events[call.EventType(t)] == "" {
			return c, fmt.Errorf("events: %q is no event that the target gets", t)
		}
	}
	c.events = o.Events
	if c.sites, err = globs(o.Sites); err != nil {
		return c, fmt.Errorf("sites: %w", err)
	}
	if c.sources, err = globs(o.Sources); err != nil {
		return c, fmt.Errorf("sources: %w", err)
	}
	for _, text := range o.Lines {
		p, err := linePattern(text)
		if err != nil {
			return c, fmt.Errorf("lines: %w", err)
		}
		c.lines = append(c.lines, p)
	}
	return c, nil
}

func (o only) keepsOut(e call.Event) string {
	switch {
	case len(o.events) > 0 && !slices.Contains(o.events, string(e.Type)):
		return notEvent
	case !anyFits(o.sites, e.Site):
		return notSite
	case !anyFits(o.sources, e.Source):
		return notSource
	case !anyFits(o.lines, string(e.Line)) && !anyFits(o.lines, user(string(e.Line))):
		return notLine // of the article's form the line is p2 as it came, which may be sip:101@pbx
	}
	return ""
}

func anyFits(patterns []pattern, s string) bool {
	return len(patterns) == 0 || slices.ContainsFunc(patterns, func(p pattern) bool { return p.fits(s) })
}

// pattern is a glob, or a range of numbers that have as many digits as its ends: "101-120" holds 110, and not 0110 or 11000.
type pattern struct {
	glob     string
	from, to string // where it is a range
}

func (p pattern) fits(s string) bool {
	if p.from != "" {
		return len(s) == len(p.from) && digits(s) && p.from <= s && s <= p.to
	}
	fits, _ := path.Match(p.glob, s) // checked by globs
	return fits
}

func globs(list []string) (all []pattern, err error) {
	for _, text := range list {
		if _, err := path.Match(text, ""); err != nil {
			return nil, fmt.Errorf("%q cannot be read: [ wants its ]", text)
		}
		all = append(all, pattern{glob: text})
	}
	return all, nil
}

func linePattern(text string) (pattern, error) {
	from, to, found := strings.Cut(text, "-")
	if !found || !digits(from) || !digits(to) {
		all, err := globs([]string{text})
		if err != nil || text == "" {
			return pattern{}, fmt.Errorf("%q: want a number, a range such as 101-120, or a pattern such as 2*", text)
		}
		return all[0], nil
	}
	if len(from) != len(to) || from > to {
		return pattern{}, fmt.Errorf("%q: a range goes from the smaller to the larger number, both with as many digits", text)
	}
	return pattern{from: from, to: to}, nil
}

func digits(s string) bool {
	return s != "" && strings.Trim(s, "0123456789") == ""
}
