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
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/ingest/internal/dialect"
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
	body     string // of a POST, where it is no form
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
	return h.parse()
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
	identity, ok := "", token == "" || tokenForm.MatchString(token)
	if ok {
		identity, ok = o.Tokens(token)
	}
	if ok {
		h.identity = identity
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
	body := strings.TrimSpace(string(data))
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
		Dialect: h.spoken, Event: h.event, Query: h.query, Body: h.body, Addr: text(h.addr), UserAgent: h.r.UserAgent(),
	}, h.front.opts.Region)
	if slices.Contains(knownDialects, h.spoken) {
		h.dialect = h.spoken
	}
	var why *dialect.Unusable
	switch {
	case err == nil:
		return said, nil
	case errors.Is(err, dialect.ErrNothingNew):
		said.Event = call.Event{}
		return said, nil
	case errors.As(err, &why):
		return said, unusable(why.Reason)
	case errors.Is(err, dialect.ErrNoMeaning):
		return said, &refused{status: http.StatusNotFound, outcome: OutcomeUnknown, keep: true,
			text: "this phone's event means nothing here: events are " + knownEvents}
	}
	return said, &refused{status: http.StatusNotFound, outcome: OutcomeUnknown, keep: true,
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
