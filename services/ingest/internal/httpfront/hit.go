package httpfront

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/netip"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/ingest/internal/access"
	"github.com/callbus/callbus/services/ingest/internal/dialect"
)

// hit is one request on its way through the front.
type hit struct {
	front   *Front
	w       http.ResponseWriter
	r       *http.Request
	started time.Time
	addr    netip.Addr

	token   string // as it was presented; leaves in no direction but to the guard
	caller  access.Caller
	agent   string // the User-Agent
	spoken  string // the dialect in the path: anything, even a secret in the wrong place (/SECRET/yealink/incoming)
	dialect string // the same once it is known to be one of ours; only then is it said again
	event   string
	query   string
	body    string // of a POST, where it is no form
}

func (f *Front) newHit(w http.ResponseWriter, r *http.Request) *hit {
	return &hit{front: f, w: w, r: r, started: time.Now(), addr: clientAddr(r, f.opts.TrustedProxies), agent: r.UserAgent()}
}

type hitKey struct{}

// into carries the hit past the router.
func (h *hit) into(ctx context.Context) context.Context { return context.WithValue(ctx, hitKey{}, h) }

func hitOf(r *http.Request) *hit { return r.Context().Value(hitKey{}).(*hit) }

// take is the way of a hit: who is it, what does it say, is it stored.
func (f *Front) take(h *hit) {
	said, no := h.understand()
	if no != nil {
		h.refuse(no)
		return
	}
	if said.Event.Type == "" {
		h.pass(OutcomeNothing, said.Reply)
		return
	}
	named := said.Event.Line != ""
	if no := h.findLine(&said.Event); no != nil {
		h.refuse(no)
		return
	}
	f.holds.tell(&said)
	again, err := f.repeats.once(said, func() (err error) {
		said.Event, err = h.publish(said.Event)
		return err
	})
	switch {
	case err != nil:
		h.refuse(unstored(err))
		return
	case again:
		h.pass(OutcomeRepeat, said.Reply)
		return
	}
	f.learn(h, said.Event, named)
	h.accept(said.Event, said.Reply)
}

// learn keeps what a stored event says of its phone.
func (f *Front) learn(h *hit, e call.Event, named bool) {
	if named {
		f.lines.remember(e.Phone.MAC, text(h.addr), e.Line)
	}
	f.holds.learn(e)
	f.opts.Stored(e, h.caller)
	if e.Type == call.Boot {
		f.repeats.restarted(e.Phone.MAC)
	}
}

func (h *hit) understand() (dialect.Said, *refused) {
	if no := h.admit(); no != nil {
		return dialect.Said{}, no
	}
	if no := h.readBody(); no != nil {
		return dialect.Said{}, no
	}
	said, no := h.parse()
	if no == nil && said.Event.Type != "" {
		no = h.vouch(&said)
	}
	return said, no
}

// admit asks who it is, and takes the tokens out of what is said again: of all that a phone sends they alone are secret.
func (h *hit) admit() (no *refused) {
	if slices.Contains(knownDialects, h.spoken) {
		h.dialect = h.spoken
	}
	h.query, h.agent = h.conceal(h.query), h.conceal(h.agent)
	caller, err := h.front.opts.Guard.Admit(h.addr, h.token)
	h.caller = caller
	return denied(err)
}

func (h *hit) conceal(text string) string { return h.front.opts.Guard.Conceal(text, h.token) }

// vouch asks whether the caller may say this, and gives it its line where it named none and has only one.
func (h *hit) vouch(said *dialect.Said) *refused {
	e := &said.Event
	if err := h.caller.Vouch(*e, said.MAC); err != nil {
		return denied(err)
	}
	e.Line = cmp.Or(e.Line, h.caller.Line())
	return nil
}

// readBody joins a form in the body to the query, and keeps what is no form for the dialect.
func (h *hit) readBody() *refused {
	if h.r.Method != http.MethodPost || h.r.ContentLength == 0 {
		return nil
	}
	data, err := io.ReadAll(http.MaxBytesReader(h.w, h.r.Body, maxBody))
	var tooLong *http.MaxBytesError
	switch {
	case errors.As(err, &tooLong):
		return refusedHead(refuseBody.name)
	case err != nil:
		return &refused{status: http.StatusBadRequest, outcome: OutcomeBroken, text: "the body ends early", err: err}
	}
	body := h.conceal(strings.TrimSpace(string(data)))
	if isForm(h.r.Header.Get("Content-Type"), body) {
		h.query = joinQueries(h.query, body)
	} else {
		h.body = body
	}
	return nil
}

// isForm also takes a body that does not say what it is, unless it looks like XML.
func isForm(contentType, body string) bool {
	kind, _, _ := mime.ParseMediaType(contentType)
	return (contentType == "" || kind == "application/x-www-form-urlencoded") && !strings.HasPrefix(body, "<")
}

// parse lets the dialect read the hit. The event has no type where there is nothing to store.
func (h *hit) parse() (dialect.Said, *refused) {
	said, err := dialect.Parse(dialect.Hit{
		Dialect: h.spoken, Event: h.event, Query: h.query, Body: h.body, Addr: text(h.addr), UserAgent: h.agent, MAC: h.caller.MAC,
	}, h.front.opts.Region)
	var why *dialect.Unusable
	switch {
	case err == nil:
		return said, nil
	case errors.Is(err, dialect.ErrNothingNew):
		said.Event = call.Event{}
		return said, nil
	case errors.As(err, &why):
		no := unusable(why.Reason)
		no.reply = said.Reply
		return said, no
	case errors.Is(err, dialect.ErrNoMeaning):
		return said, &refused{status: http.StatusNotFound, outcome: OutcomeUnknown, keep: true, reply: said.Reply,
			text: "this phone's event means nothing here: events are " + knownEvents}
	}
	return said, &refused{status: http.StatusNotFound, outcome: OutcomeUnknown, keep: true, reply: said.Reply, text: h.unknown()}
}

// unknown says the word in the dialect's place again where it is a slip of the hand: anything else may be a secret.
func (h *hit) unknown() string {
	if near := dialect.Near(h.spoken, h.event); h.dialect == "" && near != "" && h.conceal(h.spoken) == h.spoken {
		return "no such dialect: " + h.spoken + "; did you mean " + near + "?"
	}
	return "no such dialect or event: dialects are " + strings.Join(knownDialects, " ") + "; events are " + knownEvents
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
		if line := h.front.lines.recall(e.Phone.MAC, text(h.addr)); h.caller.SpeaksFor(line) {
			e.Line = line
		}
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
