package onectest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strings"
)

// IdempotencyKey is the header in which the HTTP service wants a call's own mark, if the caller has one.
const IdempotencyKey = "Idempotency-Key"

// Posted is what the HTTP service got in place of an envelope.
type Posted struct {
	Method, Path, Query string
	Header              http.Header // without Authorization and Cookie
	Key                 string      // Idempotency-Key
	Repeat              bool        // the work for this key had been done before; it was not done again
}

// understandPosted takes JSON, a form, or an empty body. An event in JSON tells number, remote and line by itself.
func understandPosted(r *http.Request, body []byte) (c Call, err error) {
	header := r.Header.Clone()
	header.Del("Authorization")
	header.Del("Cookie")
	c = Call{Raw: body, Posted: &Posted{
		Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery, Header: header, Key: r.Header.Get(IdempotencyKey),
	}}
	if len(body) == 0 {
		return c, nil
	}
	kind, _, _ := mime.ParseMediaType(r.Header.Get("Content-Type"))
	switch kind {
	case "application/json":
		var event struct {
			Type, Line any
			Remote     any
		}
		if err := json.Unmarshal(body, &event); err != nil && !json.Valid(body) {
			return c, fmt.Errorf("the body is no JSON: %w", err)
		}
		c.Number, c.Line, c.Remote = text(event.Type), text(event.Line), text(event.Remote)
	case "application/x-www-form-urlencoded":
		if _, err := url.ParseQuery(string(body)); err != nil {
			return c, fmt.Errorf("the body is no form: %w", err)
		}
	default:
		return c, fmt.Errorf("the Content-Type is %q, want JSON or a form", r.Header.Get("Content-Type"))
	}
	return c, nil
}

// text is a field as text; of an object (the other side of an event) it is the number.
func text(field any) string {
	switch v := field.(type) {
	case string:
		return v
	case map[string]any:
		return text(v["number"])
	case nil:
		return ""
	}
	return fmt.Sprint(field)
}

// answerPosted is what authors of HTTP services write by habit.
func answerPosted(w http.ResponseWriter, a Action, p Posted) {
	switch {
	case a.Kind == KindFault:
		exceptionJSON(w, http.StatusInternalServerError, a.Text, 0)
	case a.Kind != KindOK && a.Kind != KindHang:
		a.answer(w)
	default:
		w.Header().Set("Content-Type", "application/json; charset=utf-8")
		reply := a.Text
		if a.Kind == KindHang || reply == OK().Text {
			reply = fmt.Sprintf(`{"success":true,"repeat":%t}`, p.Repeat)
		}
		io.WriteString(w, reply) //nolint:errcheck // the client may have gone
	}
}

func refusePosted(w http.ResponseWriter, err error) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(http.StatusBadRequest)
	body, _ := json.Marshal(map[string]string{"error": err.Error()}) // a string: it cannot fail
	w.Write(body)                                                    //nolint:errcheck // the client may have gone
}

// marked puts a byte order mark in front of what is written, as 1C does where an author or a setting wants it.
type marked struct {
	http.ResponseWriter
	begun bool
}

// Write puts the mark before the first bytes, unless they have one.
func (m *marked) Write(b []byte) (int, error) {
	if !m.begun && !bytes.HasPrefix(b, []byte(mark)) {
		io.WriteString(m.ResponseWriter, mark) //nolint:errcheck // the next write fails too
	}
	m.begun = true
	return m.ResponseWriter.Write(b)
}

// Unwrap lets a connection be broken through it.
func (m *marked) Unwrap() http.ResponseWriter { return m.ResponseWriter }

const mark = "\uFEFF"

// under reports whether a path is the HTTP service's: its root or anything below.
func under(root, path string) bool {
	return path == root || strings.HasPrefix(path, strings.TrimSuffix(root, "/")+"/")
}
