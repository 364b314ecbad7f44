package onec

import (
	"context"
	"net/http"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
	"github.com/callbus/callbus/services/onec-adapter/internal/transport"
)

// The words of 1C's protocol of sessions, for publications with reuseSessions="use".
const (
	sessionHeader = "Ibsession" // IBSession, as Go writes it; names of headers know no case
	sessionCookie = "ibsession"
	// maxCookie bounds what we take for a session. 1C's are UUIDs.
	maxCookie = 256
)

// Place is leave for one call of 1C, with a session to make it in, or with leave to start one.
type Place struct {
	client  *Client
	room    *room
	session *session // nil: there is none yet, or 1C keeps none for us
	starts  bool     // this call starts a session
}

// Enter waits until 1C has room for one call more. Whoever gets a place must leave it. The error is ctx's.
func (c *Client) Enter(ctx context.Context) (*Place, error) {
	p, err := c.room.enter(ctx)
	if err != nil {
		return nil, err
	}
	p.client = c
	return p, nil
}

// Leave gives the place back. A session is kept for whoever comes next.
func (p *Place) Leave() { p.room.leave(p) }

// Call waits for a place, and brings one event to 1C. The error is always a *Failure.
func (c *Client) Call(ctx context.Context, e call.Event) (verdict.Reply, error) {
	p, err := c.Enter(ctx)
	if err != nil {
		return verdict.Reply{}, c.failure(evidence{cause: unreached, err: err})
	}
	defer p.Leave()
	return p.Call(ctx, e)
}

// Call brings one event to 1C and gives back what it answered. The error is always a *Failure.
func (p *Place) Call(ctx context.Context, e call.Event) (verdict.Reply, error) {
	ctx, cancel := context.WithTimeout(ctx, p.client.config.Timeout)
	defer cancel()
	m, err := p.client.message(ctx, e)
	if err != nil {
		return verdict.Reply{}, err
	}
	m.said = said(e)
	text, failure := p.send(ctx, m)
	if failure != nil {
		return verdict.Reply{Sent: m.told}, failure
	}
	return verdict.Reply{Answer: soap.Shorten(text, maxReturn), Sent: m.told}, nil
}

// send tries once, and once more with a new session where 1C does not know the one that we came with: nothing was done then.
func (p *Place) send(ctx context.Context, m message) (text string, failure *Failure) {
	text, failure = p.try(ctx, m)
	if failure == nil || !failure.lost || p.room.restart(ctx, p) != nil {
		return text, failure
	}
	return p.try(ctx, m)
}

func (p *Place) try(ctx context.Context, m message) (text string, failure *Failure) {
	c, password := p.client, p.client.password()
	if denied := c.denial.of(password); denied != nil {
		return "", denied
	}
	m.Request.Header = p.header(m.Request.Header)
	reply, err := c.http.Do(ctx, m.Request)
	if err != nil {
		failure = c.failure(evidence{cause: causeOf(err), err: err})
		if failure.unsure {
			p.room.abandon(p)
		}
		return "", failure
	}
	answer := soap.ReadAnswer(reply.Body)
	if m.taken(reply.Status, answer) {
		p.room.given(p, cookieOf(reply), true)
		return c.redact(answer.Text), nil
	}
	failure = c.failure(evidence{cause: answered, status: reply.Status, answer: answer, said: m.said, hint: reply.Location})
	p.conceal(failure, cookieOf(reply)) // first: the room writes why into the log
	p.consider(failure, answer)
	p.room.given(p, cookieOf(reply), false)
	c.denial.note(password, failure) // last: others get the same failure from then on
	return "", failure
}

// consider says what a refused call means for sessions, room and description.
func (p *Place) consider(f *Failure, a soap.Answer) {
	switch {
	case f.full && p.room.refused(p, f.Why):
		f.blame = verdict.Crowded
	case p.session != nil:
		f.lost = f.Label == "session" || (f.status == http.StatusBadRequest || f.status == http.StatusNotFound) && !p.client.ofService(a.Kind)
	case !p.starts:
		f.lost = f.Label == "session" && p.room.doubt()
	}
	if !f.lost && outdated(f.status, a) {
		p.client.forget()
	}
}

// ofService reports that an answer is the service's own, to what it was told: where it is not, and says no word of sessions, 400 and 404
// are those of a cookie that is unknown. A web service answers by a Fault; an HTTP service in any shape but the platform's.
func (c *Client) ofService(k soap.Kind) bool {
	if c.hook != nil {
		return k != soap.Exception && k != soap.HTML
	}
	return k == soap.Fault
}

// conceal takes the cookies out of what an operator will read, ours and one that was just set: an error page may repeat the
// headers of request and answer.
func (p *Place) conceal(f *Failure, set string) {
	if p.session != nil {
		f.Why = strings.ReplaceAll(f.Why, p.session.cookie, "***")
	}
	if set != "" {
		f.Why = strings.ReplaceAll(f.Why, set, "***")
	}
}

// header adds what there is to say of sessions.
func (p *Place) header(h http.Header) http.Header {
	if h = h.Clone(); h == nil {
		h = http.Header{}
	}
	if p.session != nil {
		h.Set("Cookie", sessionCookie+"="+p.session.cookie)
	} else if p.starts {
		h.Set(sessionHeader, "start")
	}
	return h
}

func cookieOf(r transport.Reply) string {
	for _, c := range r.Cookies {
		if c.Name == sessionCookie && len(c.Value) <= maxCookie {
			return c.Value
		}
	}
	return ""
}

// finish tells 1C that a session is not needed any more, with a look at the WSDL, which does nothing else. Where it does not come
// through, 1C ends the session by itself. An HTTP service has nothing to look at: any request may be an event to it.
func (c *Client) finish(cookie string) {
	if c.hook != nil || c.denial.of(c.password()) != nil {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), aliveTimeout)
	defer cancel()
	header := http.Header{"Cookie": {sessionCookie + "=" + cookie}, sessionHeader: {"finish"}}
	_, _ = c.http.Do(ctx, transport.Request{Method: http.MethodGet, URL: c.address.wsdl, Header: header, Limit: soap.MaxWSDL})
}

// Sessions are how many sessions of 1C are held now, and how many were started.
func (c *Client) Sessions() (held, starts int) { return c.room.counts() }
