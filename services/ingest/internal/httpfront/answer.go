package httpfront

import (
	"context"
	"io"
	"net/http"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/ingest/internal/access"
	"github.com/callbus/callbus/services/ingest/internal/dialect"
)

// The outcomes: the first word that Options.Observe gets.
const (
	OutcomeAccepted  = "accepted"  // 200
	OutcomeHead      = "head"      // 200, nothing stored
	OutcomeRepeat    = "repeat"    // 200, nothing stored: it has just been told
	OutcomeNothing   = "nothing"   // 200, nothing stored: a Polycom's dial tone
	OutcomeUnusable  = "unusable"  // 400, kept
	OutcomeUnknown   = "unknown"   // 404, 405; kept where the dialect or the event is the reason
	OutcomeForbidden = "forbidden" // 401, 403; kept
	OutcomeLimited   = "limited"   // 429; kept
	OutcomeBroken    = "broken"    // 400, 411, 413, 414, 431, 503, 505: refused before there was a request
	OutcomeHandshake = "handshake" // no answer: TLS failed
	OutcomeUnstored  = "unstored"  // 503
)

// refused is an answer other than 200.
type refused struct {
	status  int
	outcome string
	text    string // one line, for the phone's owner: nothing internal, nothing secret
	keep    bool   // for Rejections
	reply   string // XML that the phone wants instead of the text
	err     error  // for the log
}

func unusable(text string) *refused {
	return &refused{status: http.StatusBadRequest, outcome: OutcomeUnusable, text: text, keep: true}
}

// denials are the answers to those who may not speak. The access room's words are for the phone's owner.
var denials = map[error]refused{
	access.ErrNoToken:      {status: http.StatusUnauthorized, outcome: OutcomeForbidden},
	access.ErrToken:        {status: http.StatusForbidden, outcome: OutcomeForbidden},
	access.ErrAddress:      {status: http.StatusForbidden, outcome: OutcomeForbidden},
	access.ErrTokenAddress: {status: http.StatusForbidden, outcome: OutcomeForbidden},
	access.ErrMAC:          {status: http.StatusForbidden, outcome: OutcomeForbidden},
	access.ErrLine:         {status: http.StatusForbidden, outcome: OutcomeForbidden},
	access.ErrTooMany:      {status: http.StatusTooManyRequests, outcome: OutcomeLimited},
}

// denied is nil where there is no error.
func denied(err error) *refused {
	if err == nil {
		return nil
	}
	no := denials[err]
	no.text, no.keep = err.Error(), true
	return &no
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

// accept says that the event is stored. Reply is the XML that the phone wants to read, or empty.
func (h *hit) accept(e call.Event, reply string) {
	h.good(reply)
	h.observe(OutcomeAccepted)
	h.common(h.front.opts.Log.Info()).
		Str("id", e.ID).Str("event", string(e.Type)).Str("line", masked(string(e.Line))).Str("remote", remote(e.Remote)).
		Str("mac", e.Phone.MAC).Msg("call.accepted")
}

// pass answers a hit that needs no storing. It is no news for the log: it says nothing, or nothing for the first time.
func (h *hit) pass(outcome, reply string) {
	h.good(reply)
	h.observe(outcome)
	h.common(h.front.opts.Log.Debug()).Str("why", outcome).Msg("call.passed")
}

func (h *hit) good(reply string) {
	kind := ""
	if reply != "" {
		kind = xmlType
	}
	h.answer(http.StatusOK, kind, reply)
}

const xmlType = "text/xml; charset=utf-8"

func (h *hit) refuse(no *refused) {
	if no.status == http.StatusServiceUnavailable || no.status == http.StatusTooManyRequests {
		h.w.Header().Set("Retry-After", "1")
	}
	if no.outcome == OutcomeBroken || no.outcome == OutcomeForbidden || no.outcome == OutcomeLimited {
		h.w.Header().Set("Connection", "close") // who may not speak keeps no place
	}
	if no.keep {
		h.keep(no)
	}
	if no.reply != "" {
		h.answer(no.status, xmlType, no.reply)
	} else {
		h.answer(no.status, "text/plain; charset=utf-8", no.text+"\n")
	}
	h.observe(no.outcome)
	h.common(h.front.quiet.line()).Str("said", h.saidEvent()).
		Int("status", no.status).Str("reason", no.text).Err(no.err).Msg("call.refused")
}

// eventForm is what vendors name their events like. Anything else in that place may be a secret.
var eventForm = regexp.MustCompile(`^(?:P\d{4}|[A-Za-z][A-Za-z_. -]{0,39})$`)

// saidEvent is the event in the path, as far as it may be said again.
func (h *hit) saidEvent() string {
	if h.dialect == "" || !eventForm.MatchString(h.event) {
		return ""
	}
	return h.conceal(h.event)
}

// common is what the line of every outcome holds.
func (h *hit) common(line *zerolog.Event) *zerolog.Event {
	if h.caller.ID != "" {
		line.Str("identity", h.caller.ID)
	}
	if !h.caller.Expires.IsZero() {
		line.Time("token_expires", h.caller.Expires)
	}
	return line.Str("dialect", h.dialect).Str("addr", text(h.addr)).Float64("ms", h.ms())
}

func (h *hit) keep(no *refused) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(h.r.Context()), storeTimeout)
	defer cancel()
	h.front.rejections.Reject(ctx, Rejection{
		Reason: no.text, Status: no.status, Addr: text(h.addr), Dialect: h.dialect, Event: h.saidEvent(),
		Raw: dialect.Raw(joinQueries(h.query, h.body)), UserAgent: short(h.agent),
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

func (h *hit) observe(outcome string) {
	h.front.opts.Observe(outcome, h.dialect, time.Since(h.started).Seconds())
}

func (h *hit) ms() float64 { return float64(time.Since(h.started).Microseconds()) / 1000 }
