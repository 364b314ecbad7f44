// Package webhook writes events as HTTP requests, for 1C's HTTP services and for any other system that takes a webhook:
// method, URL, headers, and the whole event, a JSON document or a form as the body.
//
// It promises that nothing a phone says leaves its place: the request always goes to the configured server and to as many
// path segments as were configured, no header can be added, and JSON stays JSON.
package webhook

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
)

// DefaultIdempotencyHeader is the name that most receivers look for the event's id under (IETF draft
// httpapi-idempotency-key-header).
const DefaultIdempotencyHeader = "Idempotency-Key"

// Config is what an operator says. All texts in it but the method and the names are templates.
type Config struct {
	URL     string // of http or https; places in path and query only
	Method  string // POST if empty
	Headers map[string]string
	Query   map[string]string // added to the URL's own
	// Body is what becomes the JSON document: maps, lists, texts, numbers, booleans. Nil without a Form: the whole event.
	Body any
	Form map[string]string
	// Expect are the statuses that say that the event was taken; empty: 200 to 299.
	Expect []int
	// IdempotencyHeader carries the event's id; DefaultIdempotencyHeader if empty.
	IdempotencyHeader string
}

// Hook is a Config that makes sense. It is safe for concurrent use.
type Hook struct {
	method      string
	address     address
	headers     pairs
	form        pairs
	body        document // nil: none
	expect      []int
	idempotency string
	constants   []string
}

// Request is one event, ready to be sent.
type Request struct {
	Method, URL string
	Header      http.Header
	Body        []byte
	// Told is for people: method, server, and what the places were filled with. What the operator wrote himself is left out,
	// since many receivers want a key of theirs in the path, the query or the form.
	Told string
}

var methods = []string{http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodGet, http.MethodDelete}

// New checks what the operator said. Its errors name the key and never repeat the URL: a key may stand in it.
func New(c Config) (*Hook, error) {
	h := &Hook{method: strings.ToUpper(c.Method), expect: c.Expect, idempotency: c.IdempotencyHeader}
	if h.method == "" {
		h.method = http.MethodPost
	}
	if h.idempotency == "" {
		h.idempotency = DefaultIdempotencyHeader
	}
	var err error
	switch {
	case !slices.Contains(methods, h.method):
		return nil, fmt.Errorf("method: %q; want one of %s", c.Method, strings.Join(methods, " "))
	case c.Body != nil && c.Form != nil:
		return nil, errors.New("body and form exclude each other")
	case h.method == http.MethodGet && (c.Body != nil || c.Form != nil):
		return nil, errors.New("a GET has no body: say in query what it is to carry")
	}
	if h.address, err = readAddress(c.URL, c.Query); err != nil {
		return nil, err
	}
	if h.headers, err = readHeaders(c.Headers); err != nil {
		return nil, fmt.Errorf("headers: %w", err)
	}
	if err := checkHeaderName(h.idempotency); err != nil {
		return nil, fmt.Errorf("idempotency_header: %w", err)
	}
	for _, status := range c.Expect {
		if status < 200 || status > 599 {
			return nil, fmt.Errorf("expect: %d is no status that an answer ends with", status)
		}
	}
	if err := h.readBody(c); err != nil {
		return nil, err
	}
	h.findConstants()
	return h, nil
}

func (h *Hook) readBody(c Config) (err error) {
	switch {
	case c.Form != nil:
		if h.form, err = readPairs(c.Form); err != nil {
			return fmt.Errorf("form: %w", err)
		}
	case c.Body != nil:
		if h.body, err = readDocument(c.Body); err != nil {
			return fmt.Errorf("body: %w", err)
		}
	case h.method != http.MethodGet && h.method != http.MethodDelete:
		h.body = wholeEvent{}
	}
	return nil
}

// Server is scheme and host: all of the URL that may be shown.
func (h *Hook) Server() string { return h.address.server }

// Constants are what the operator wrote himself that may be a key of the receiver's, as he wrote it and as it stands in a URL.
func (h *Hook) Constants() []string { return h.constants }

func (h *Hook) findConstants() {
	keep := func(parts ...string) {
		for _, part := range parts {
			if len(part) >= minConstant {
				h.constants = append(h.constants, part, queryValue(part), url.QueryEscape(part))
			}
		}
	}
	add := func(name string, t mapping.Template) {
		if name != "Content-Type" {
			keep(t.Texts()...)
		}
	}
	h.headers.each(add)
	h.form.each(add)
	h.address.added.each(add)
	if h.body != nil {
		h.body.each("body", add)
	}
	for _, text := range h.address.path.Texts() {
		keep(strings.Split(text, "/")...)
	}
	for _, text := range h.address.query.Texts() {
		keep(strings.FieldsFunc(text, func(r rune) bool { return r == '&' || r == '=' })...)
	}
}

// minConstant is how long in bytes a constant is that may be a key; words of a few letters are not.
const minConstant = 8

// Method of the requests.
func (h *Hook) Method() string { return h.method }

// Took reports whether a status says that the event was taken.
func (h *Hook) Took(status int) bool {
	if len(h.expect) > 0 {
		return slices.Contains(h.expect, status)
	}
	return status >= 200 && status < 300
}

// Place is one thing that is filled with values of an event, for people.
type Place struct{ Name, From string }

// Places are all of them, in the order of the request. Constants are left out.
func (h *Hook) Places() []Place {
	var all []Place
	add := func(name string, t mapping.Template) {
		if !t.Constant() {
			all = append(all, Place{name, t.String()})
		}
	}
	all = append(all, Place{h.idempotency, "{id}"})
	h.headers.each(add)
	h.address.each(add)
	h.form.each(add)
	if h.body != nil {
		h.body.each("body", add)
	}
	return all
}

// Request writes an event. The error is the event's: a value that cannot stand where it belongs.
func (h *Hook) Request(told *mapping.Told) (Request, error) {
	r := Request{Method: h.method, Header: http.Header{}}
	var err error
	if r.URL, err = h.address.write(told); err != nil {
		return Request{}, err
	}
	h.headers.each(func(name string, t mapping.Template) { r.Header.Set(name, t.Write(told, headerValue)) })
	r.Header.Set(h.idempotency, headerValue(told.ID()))
	switch {
	case h.form != nil:
		r.Body = []byte(h.form.write(told, url.QueryEscape))
		setDefault(r.Header, "Content-Type", "application/x-www-form-urlencoded")
	case h.body != nil:
		if r.Body, err = encode(h.body.of(told)); err != nil {
			return Request{}, err
		}
		setDefault(r.Header, "Content-Type", "application/json")
	}
	r.Told = h.told(told)
	return r, told.Err()
}

func (h *Hook) told(told *mapping.Told) string {
	var words []string
	add := func(name string, t mapping.Template) {
		switch {
		case t.Is("json"):
			words = append(words, name+": the whole event")
		case !t.Constant():
			words = append(words, name+": "+t.Write(told, func(s string) string { return s }))
		}
	}
	h.address.each(add)
	h.form.each(add)
	if h.body != nil {
		h.body.each("body", add)
	}
	return h.method + " " + h.address.server + " (" + strings.Join(words, ", ") + ")"
}

func setDefault(h http.Header, name, value string) {
	if h.Get(name) == "" {
		h.Set(name, value)
	}
}

// pairs are names and their templates, in the names' order.
type pairs []pair

type pair struct {
	name  string
	value mapping.Template
}

func readPairs(texts map[string]string) (pairs, error) {
	all := pairs{}
	for _, name := range slices.Sorted(maps.Keys(texts)) {
		t, err := mapping.ParseTemplate(texts[name])
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		all = append(all, pair{name, t})
	}
	return all, nil
}

func (p pairs) each(do func(string, mapping.Template)) {
	for _, one := range p {
		do(one.name, one.value)
	}
}

// write joins the pairs as a query or a form does. What the operator wrote is escaped too: it is a value and no syntax.
func (p pairs) write(told *mapping.Told, escape func(string) string) string {
	var parts []string
	p.each(func(name string, t mapping.Template) {
		value := t.Write(told, func(s string) string { return s })
		parts = append(parts, escape(name)+"="+escape(value))
	})
	return strings.Join(parts, "&")
}

// encode writes JSON as it is usual on the wire: < and & stand for themselves.
func encode(value any) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	err := e.Encode(value)
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), err
}
