// Package mapping is an event in a target's words: which events it gets and what it calls them, how it wants numbers
// written, what an odd trunk's numbers are turned into, and the templates that the words are put into.
//
// It promises that what a phone sent stays a value: it is escaped for its place before it is put there, by the one who
// knows the place. What an operator wrote is checked by New and the Parse functions, never in the middle of a call.
package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// TelData are the numbers of the original service: 1 incoming, 2 answered, 3 outgoing, 4 the end of a call in any way.
// Other events do not exist for it.
var TelData = map[call.EventType]string{
	call.Incoming: "1", call.Answered: "2", call.Outgoing: "3", call.Ended: "4", call.Missed: "4", call.Rejected: "4",
}

// Names calls each event of a call by its name.
var Names = func() map[call.EventType]string {
	names := map[call.EventType]string{}
	for _, t := range call.CallEvents {
		names[t] = string(t)
	}
	return names
}()

// Config is what an operator says about one target.
type Config struct {
	Events map[call.EventType]string // the events that the target gets, and its word for each
	Only   Only
	Rules  []Rule
	Lines  map[string]string // SIP login → the number that the target knows
	Format phone.Form        // of the field remote where it says no other; empty: as sent
	// JSON writes a whole event, for the field json. Nil: there is no such field.
	JSON func(call.Event) ([]byte, error)
}

// Mapping is a Config that makes sense. It is safe for concurrent use.
type Mapping struct {
	config Config
	only   only
	rules  []rule
}

// maxWord bounds the word for an event, in bytes.
const maxWord = 64

// New checks what the operator said. Its errors name the key.
func New(c Config) (*Mapping, error) {
	m := &Mapping{config: c}
	for t, word := range c.Events {
		if !slices.Contains(call.CallEvents, t) {
			return nil, fmt.Errorf("events: there is no event %q of a call; there are %s", string(t), listed(call.CallEvents))
		}
		if word == "" || len(word) > maxWord {
			return nil, fmt.Errorf("events: %s: want a number or a word of up to %d bytes", t, maxWord)
		}
	}
	if c.Format != "" {
		if _, err := phone.ParseForm(string(c.Format)); err != nil {
			return nil, fmt.Errorf("number_format: %w", err)
		}
	}
	var err error
	if m.only, err = c.Only.compile(c.Events); err != nil {
		return nil, fmt.Errorf("only: %w", err)
	}
	for i, r := range c.Rules {
		compiled, err := r.compile()
		if err != nil {
			return nil, fmt.Errorf("rules: rule %d: %w", i+1, err)
		}
		m.rules = append(m.rules, compiled)
	}
	return m, nil
}

func listed(types []call.EventType) string { return strings.Trim(fmt.Sprint(types), "[]") }

// Word is what the target calls an event, empty where it does not get it.
func (m *Mapping) Word(t call.EventType) string { return m.config.Events[t] }

// Why an event is not for a target.
const (
	notEvent  = "not for this target: event"
	notSite   = "not for this target: site"
	notLine   = "not for this target: line"
	notSource = "not for this target: source"
)

// Reasons are all that NotFor says.
func Reasons() []string { return []string{notEvent, notSite, notLine, notSource} }

// NotFor says why an event is not for the target, or nothing. It looks at the event as it is on the bus, before the rules.
func (m *Mapping) NotFor(e call.Event) string {
	if m.Word(e.Type) == "" {
		return notEvent
	}
	return m.only.keepsOut(e)
}

// Of is an event as the rules leave it.
func (m *Mapping) Of(e call.Event) *Told {
	for _, r := range m.rules {
		e = r.apply(e)
	}
	return &Told{mapping: m, event: e}
}

// Told is one event in the target's words.
type Told struct {
	mapping *Mapping
	event   call.Event
	err     error
}

// ID names the event; it is the same however often the event is sent.
func (t *Told) ID() string { return t.event.ID }

// JSON is the whole event.
func (t *Told) JSON() []byte {
	data, err := t.mapping.config.JSON(t.event)
	if err != nil {
		t.err = err
	}
	return data
}

// Err is why a value could not be had, once all have been asked for.
func (t *Told) Err() error { return t.err }

// line is what the target knows the extension by. The table comes first. ingest reads addresses with the same parser when it
// looks whether a phone may speak for a line: with two, a phone could be one for the one and another for the other. Without
// an entry, the article's form stands for itself: its p2 is what the author of the 1C side has been comparing with for years,
// so it goes on unchanged.
func (t *Told) line() string {
	e := t.event
	for _, login := range []string{string(e.Line), user(string(e.Line)), user(e.Local.URI)} {
		if number, found := t.mapping.config.Lines[login]; found && login != "" {
			return number
		}
	}
	if e.Source == "checkphone" && e.Local.URI != "" {
		return e.Local.URI
	}
	return string(e.Line)
}

func user(address string) string { return phone.ParseAddress(address).User }

// words explains the table of events: "1 incoming, 2 answered, 3 outgoing, 4 ended, missed or rejected".
func (m *Mapping) words() string {
	by := map[string][]string{}
	for _, t := range call.CallEvents {
		if w := m.Word(t); w != "" {
			by[w] = append(by[w], string(t))
		}
	}
	var parts []string
	for _, w := range slices.SortedFunc(maps.Keys(by), shorterFirst) {
		parts = append(parts, meaning(w, by[w]))
	}
	return strings.Join(parts, ", ")
}

// shorterFirst sorts numbers as numbers.
func shorterFirst(a, b string) int {
	if len(a) != len(b) {
		return len(a) - len(b)
	}
	return strings.Compare(a, b)
}

func meaning(word string, types []string) string {
	if len(types) == 1 && types[0] == word {
		return word
	}
	last := len(types) - 1
	if last > 0 {
		types = []string{strings.Join(types[:last], ", ") + " or " + types[last]}
	}
	return word + " " + types[0]
}
