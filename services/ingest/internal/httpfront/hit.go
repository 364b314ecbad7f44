package httpfront

import (
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/ingest/internal/dialect"
)

// Outcome is what becomes of a request: the first word that Options.Observe gets.
type Outcome = string

// The outcomes.
const (
	OutcomeAccepted  Outcome = "accepted"  // 200
	OutcomeHead      Outcome = "head"      // 200, nothing stored
	OutcomeUnusable  Outcome = "unusable"  // 400, kept
	OutcomeUnknown   Outcome = "unknown"   // 404, 405; kept where the dialect or event is the reason
	OutcomeForbidden Outcome = "forbidden" // 401, 403
	OutcomeLimited   Outcome = "limited"   // 429
	OutcomeBroken    Outcome = "broken"    // 400, 411, 413, 414, 431, 503, 505: refused before there was a request
	OutcomeUnstored  Outcome = "unstored"  // 503
)

// hit is one request on its way through the front.
type hit struct {
	front   *Front
	w       http.ResponseWriter
	r       *http.Request
	started time.Time
	addr    netip.Addr

	token    string // never leaves admit
	identity string
	spoken   string // the dialect in the path: anything, even a secret in the wrong place (/SECRET/yealink/incoming)
	dialect  string // the same once it is known to be one of ours; only then is it said again
	event    string
	query    string
}

// refused is an answer other than 200.
type refused struct {
	status  int
	outcome Outcome
	text    string // one line, for the phone's owner: nothing internal, nothing secret
	keep    bool   // for Rejections
	err     error  // for the log
}

func unusable(text string) *refused {
	return &refused{status: http.StatusBadRequest, outcome: OutcomeUnusable, text: text, keep: true}
}

func forbidden(status int, text string) *refused {
	return &refused{status: status, outcome: OutcomeForbidden, text: text}
}

// unstored asks for a second try, though no phone is known to make one.
func unstored(err error) *refused {
	return &refused{status: http.StatusServiceUnavailable, outcome: OutcomeUnstored, text: "could not be stored", err: err}
}

// refusedHead is the answer to a head that Repair refused.
func refusedHead(path string) *refused {
	no := refusals[strings.TrimPrefix(path, "/")]
	if no == nil {
		no = refuseNoise
	}
	return &refused{status: no.status, outcome: OutcomeBroken, text: no.text}
}

func (f *Front) newHit(w http.ResponseWriter, r *http.Request) *hit {
	return &hit{front: f, w: w, r: r, started: time.Now(), addr: clientAddr(r, f.opts.TrustedProxies)}
}

type hitKey struct{}

// into carries the hit past the router.
func (h *hit) into(ctx context.Context) context.Context { return context.WithValue(ctx, hitKey{}, h) }

func hitOf(r *http.Request) *hit { return r.Context().Value(hitKey{}).(*hit) }

// take is the way of a hit: who is it, what does it say, is it stored.
func (f *Front) take(h *hit) {
	if no := h.admit(); no != nil {
		h.refuse(no)
		return
	}
	if no := h.readBody(); no != nil {
		h.refuse(no)
		return
	}
	e, no := h.parse()
	if no != nil {
		h.refuse(no)
		return
	}
	named := e.Line != ""
	if no := h.findLine(&e); no != nil {
		h.refuse(no)
		return
	}
	stored, err := h.publish(e)
	if err != nil {
		h.refuse(unstored(err))
		return
	}
	if named {
		f.lines.remember(e.Phone.MAC, text(h.addr), e.Line)
	}
	h.accept(stored)
}

// admit asks who it is. An empty token stands for none.
func (h *hit) admit() *refused {
	o := &h.front.opts
	token := h.token
	h.token = ""
	if len(o.Allowed) > 0 && !within(h.addr, o.Allowed) {
		return forbidden(http.StatusForbidden, "this address is not allowed")
	}
	if o.Tokens == nil {
		return h.limit()
	}
	var ok bool
	if token == "" || tokenForm.MatchString(token) {
		h.identity, ok = o.Tokens(token)
	}
	switch {
	case ok && token != "":
		return nil
	case ok:
		return h.limit()
	case token == "":
		return forbidden(http.StatusUnauthorized, "a token is needed: /p/TOKEN in front of the path")
	}
	return forbidden(http.StatusForbidden, "wrong token")
}

func (h *hit) limit() *refused {
	if limit := h.front.opts.Limit; limit != nil && limit(h.addr) {
		return &refused{status: http.StatusTooManyRequests, outcome: OutcomeLimited, text: "too many requests"}
	}
	return nil
}

// readBody joins a form in the body to the query.
func (h *hit) readBody() *refused {
	if h.r.Method != http.MethodPost || h.r.ContentLength == 0 {
		return nil
	}
	body, err := io.ReadAll(http.MaxBytesReader(h.w, h.r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return refusedHead(refuseBody.name)
	case err != nil:
		return &refused{status: http.StatusBadRequest, outcome: OutcomeBroken, text: "the body ends early", err: err}
	case !isForm(h.r.Header.Get("Content-Type")):
		return unusable("a body must be a form: application/x-www-form-urlencoded")
	}
	h.query = joinQueries(h.query, strings.TrimSpace(string(body)))
	return nil
}

// isForm also takes a body that does not say what it is.
func isForm(contentType string) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	return contentType == "" || kind == "application/x-www-form-urlencoded"
}

func (h *hit) parse() (call.Event, *refused) {
	e, err := dialect.Parse(dialect.Hit{
		Dialect: h.spoken, Event: h.event, Query: h.query, Addr: text(h.addr), UserAgent: h.r.UserAgent(),
	}, h.front.opts.Region)
	if slices.Contains(knownDialects, h.spoken) {
		h.dialect = h.spoken
	}
	var why *dialect.Unusable
	switch {
	case err == nil:
		return e, nil
	case errors.As(err, &why):
		return e, unusable(why.Reason)
	case errors.Is(err, dialect.ErrNoMeaning):
		return e, &refused{status: http.StatusNotFound, outcome: OutcomeUnknown, keep: true,
			text: "this phone's event means nothing here: events are " + knownEvents}
	}
	return e, &refused{status: http.StatusNotFound, outcome: OutcomeUnknown, keep: true,
		text: "no such dialect or event: dialects are " + strings.Join(knownDialects, " ") + "; events are " + knownEvents}
}

var (
	knownDialects = dialect.Dialects()
	knownEvents   = strings.Join(eventNames(), " ")
)

func eventNames() (names []string) {
	for _, list := range [][]call.EventType{call.CallEvents, call.PhoneEvents} {
		for _, e := range list {
			names = append(names, string(e))
		}
	}
	return names
}

// findLine fills in the line of an event that names none: the one that this phone named last, else its MAC.
func (h *hit) findLine(e *call.Event) *refused {
	if e.Line == "" {
		e.Line = h.front.lines.recall(e.Phone.MAC, text(h.addr))
	}
	if e.Line == "" {
		e.Line = call.Line(e.Phone.MAC)
	}
	if e.Line == "" {
		return unusable("no line: one of line, acc, local or mac is needed")
	}
	return nil
}

// publish outlives the phone: it may hang up as soon as it has sent its request, and the call happened all the same.
func (h *hit) publish(e call.Event) (call.Event, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.r.Context()), storeTimeout)
	defer cancel()
	return h.front.publisher.Publish(ctx, e)
}

// survive answers for a handler that panicked. The panic's value may hold anything, so only its type is logged.
func (h *hit) survive() {
	if p := recover(); p != nil {
		h.refuse(unstored(fmt.Errorf("panic: %T\n%s", p, debug.Stack())))
	}
}

// mitelNoOp is what a Mitel or Aastra phone does nothing on. It parses the body of every answer and shows an error for
// an empty one (6800 series admin guide R4.2, p. 5-289).
const mitelNoOp = `<?xml version="1.0" encoding="ISO-8859-1"?>` + "\n" +
	`<AastraIPPhoneExecute><ExecuteItem URI=""/></AastraIPPhoneExecute>` + "\n"

// accept says that the event is stored.
func (h *hit) accept(e call.Event) {
	if h.dialect == "mitel" {
		h.answer(http.StatusOK, "text/xml", mitelNoOp)
	} else {
		h.answer(http.StatusOK, "", "")
	}
	h.observe(OutcomeAccepted)
	h.common(h.front.opts.Log.Info()).
		Str("id", e.ID).Str("event", string(e.Type)).Str("line", masked(string(e.Line))).Str("remote", remote(e.Remote)).
		Str("mac", e.Phone.MAC).Msg("call.accepted")
}

func (h *hit) refuse(no *refused) {
	if no.status == http.StatusServiceUnavailable || no.status == http.StatusTooManyRequests {
		h.w.Header().Set("Retry-After", "1")
	}
	if no.outcome == OutcomeBroken {
		h.w.Header().Set("Connection", "close")
	}
	if no.keep {
		h.keep(no)
	}
	h.answer(no.status, "text/plain; charset=utf-8", no.text+"\n")
	h.observe(no.outcome)
	h.common(h.front.opts.Log.Warn()).
		Int("status", no.status).Str("reason", no.text).Err(no.err).Msg("call.refused")
}

// common is what the line of every outcome holds.
func (h *hit) common(line *zerolog.Event) *zerolog.Event {
	if h.identity != "" {
		line.Str("identity", h.identity)
	}
	return line.Str("dialect", h.dialect).Str("addr", text(h.addr)).Float64("ms", h.ms())
}

func (h *hit) keep(no *refused) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.r.Context()), storeTimeout)
	defer cancel()
	h.front.rejections.Reject(ctx, Rejection{
		Reason: no.text, Status: no.status, Addr: text(h.addr), Dialect: h.dialect,
		Raw: dialect.Raw(h.query), UserAgent: short(h.r.UserAgent()),
	})
}

// answer writes a whole answer. No proxy may keep it: the next hit with the same query is another call.
func (h *hit) answer(status int, kind, body string) {
	header := h.w.Header()
	header.Set("Cache-Control", "no-store")
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if kind != "" {
		header.Set("Content-Type", kind)
		header.Set("X-Content-Type-Options", "nosniff")
	}
	h.w.WriteHeader(status)
	_, _ = io.WriteString(h.w, body) // a phone that has hung up already loses nothing: the event is stored
}

func (h *hit) observe(o Outcome) { h.front.opts.Observe(o, h.dialect, time.Since(h.started).Seconds()) }

func (h *hit) ms() float64 { return float64(time.Since(h.started).Microseconds()) / 1000 }
