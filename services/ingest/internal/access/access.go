// Package access knows who may speak at the door for phones: by address, by token, by rate.
//
// A token is <id>.<mac>, the mac an HMAC of the id under a master secret, so that nothing has to be kept for each phone
// (docs/adr/0007). The package promises that a token opens the door only for the id that it was made for, that
// comparing takes the same time for every wrong token, and that neither a token nor a secret stands in an error of its
// own. Files are not its business: it is given what was read from them.
package access

import (
	"crypto/subtle"
	"errors"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// Why somebody may not speak. The texts are for the phone's owner.
var (
	ErrAddress      = errors.New("this address is not allowed")
	ErrNoToken      = errors.New("a token is needed: /p/TOKEN in front of the path")
	ErrToken        = errors.New("wrong token")
	ErrTokenAddress = errors.New("this token is not for this address")
	ErrTooMany      = errors.New("too many requests")
	ErrMAC          = errors.New("this token is another phone's: the URL has another mac")
	ErrLine         = errors.New("this token may not speak for this line")
)

// SharedID is the identity of all who have the shared token. No phone's token has it.
const SharedID = "shared"

// Options of a Guard. The zero value lets everybody in, with any token or none. What is read from files comes as
// functions, since it changes while the program runs; they must be safe for concurrent use.
type Options struct {
	Allow    []netip.Prefix // who is served at all; empty: everybody
	Secrets  func() Secrets // of the phones' tokens; nil: there are none
	Shared   func() string  // the shared token; nil: there is none
	Optional bool           // no token at all is good enough
	Phones   func() Phones  // what tokens are bound to; nil: nothing
	Rate     int            // hits a second from one address without a valid token; 0: no limit
}

// Guard stands at the door. It is safe for concurrent use.
type Guard struct {
	opts   Options
	limits *limits
}

// New makes a guard.
func New(o Options) *Guard { return &Guard{opts: o, limits: newLimits(o.Rate)} }

// Kind is what kind of token a caller has shown.
type Kind string

// The kinds.
const (
	NotAsked Kind = "" // any token will do, and none
	None     Kind = "none"
	Shared   Kind = "shared"
	Own      Kind = "own"
)

// Caller is whom a hit comes from.
type Caller struct {
	Token   Kind
	ID      string    // the token's id; SharedID; empty where no token was asked for
	MAC     string    // of the phone that the token was made for, 12 lower-case hex digits, or empty
	Made    time.Time // when the token's secret was made; zero: not known, or no token of a phone's own
	Expires time.Time // when the token ends because its secret was rotated; zero: not known to end
	lines   []call.Line
	phones  Phones // the others, where the token is no phone's own
}

// Admit says whose hit it is that comes from addr with a token, "" for none. With an error the Caller is what is known
// all the same, for the log. A valid token costs nothing of the rate of its address; a wrong one does, so that nobody
// can guess faster than that.
func (g *Guard) Admit(addr netip.Addr, token string) (Caller, error) {
	if !allowed(addr, g.opts.Allow) {
		return Caller{}, ErrAddress
	}
	c, from, err := g.identify(token)
	switch {
	case c.ID == "" && !g.limits.allow(addr):
		return c, ErrTooMany
	case err == nil && !allowed(addr, from):
		return c, ErrTokenAddress
	}
	return c, err
}

// identify also tells from where the token may be used.
func (g *Guard) identify(token string) (c Caller, from []netip.Prefix, err error) {
	switch {
	case g.open():
		return Caller{}, nil, nil
	case token == "" && g.opts.Optional:
		return Caller{Token: None}, nil, nil
	case token == "":
		return Caller{}, nil, ErrNoToken
	case g.opts.Shared != nil && same(token, g.opts.Shared()):
		return Caller{Token: Shared, ID: SharedID}, nil, nil
	case g.opts.Secrets == nil:
		return Caller{}, nil, ErrToken
	}
	id, secret, ok := g.opts.Secrets().verify(token, time.Now())
	if !ok {
		return Caller{}, nil, ErrToken
	}
	p := g.phone(id)
	c = Caller{Token: Own, ID: id, MAC: p.MAC, Made: secret.Made, Expires: secret.Until, lines: p.Lines}
	if c.MAC == "" && g.opts.Phones != nil {
		c.phones = g.opts.Phones()
	}
	return c, p.Allow, nil
}

// open reports whether any token will do.
func (g *Guard) open() bool { return g.opts.Secrets == nil && g.opts.Shared == nil }

// phone is what an id is bound to. One that is in no file is bound to its own MAC, if it is one.
func (g *Guard) phone(id string) Phone {
	if g.opts.Phones != nil {
		if p, known := g.opts.Phones()[id]; known {
			return p
		}
	}
	return Phone{ID: id, MAC: ownMAC(id)}
}

// Vouch reports whether the caller may say what it says: an event, of a phone whose MAC the hit itself names (or of none).
// A local address counts as a line, because 1C may be told of it instead: its user part by a target's table of lines, and
// the whole of it in the article's form.
func (c Caller) Vouch(e call.Event, mac string) error {
	local := e.Local.URI
	switch {
	case mac != "" && c.MAC != "" && mac != c.MAC, c.phones.own(mac):
		return ErrMAC
	case len(c.lines) == 0:
		return nil
	case e.Line != "" && !c.SpeaksFor(e.Line),
		local != "" && !c.SpeaksFor(call.Line(phone.ParseAddress(local).User)),
		e.Source == verbatim && strings.ContainsAny(local, "<>\" \t"):
		return ErrLine
	}
	return nil
}

// verbatim is the dialect whose local side goes to 1C as it stands, so that what a parser makes of it proves nothing.
const verbatim = "checkphone"

// own reports whether a MAC is that of a phone in the file: it has a token of its own.
func (all Phones) own(mac string) bool {
	if mac == "" {
		return false
	}
	for _, p := range all {
		if p.MAC == mac {
			return true
		}
	}
	return false
}

// SpeaksFor reports whether the caller may speak for a line.
func (c Caller) SpeaksFor(line call.Line) bool {
	return len(c.lines) == 0 || slices.Contains(c.lines, line)
}

// Line is the only line that the caller may speak for, empty where there are several or all.
func (c Caller) Line() call.Line {
	if len(c.lines) == 1 {
		return c.lines[0]
	}
	return ""
}

func allowed(addr netip.Addr, nets []netip.Prefix) bool {
	return len(nets) == 0 || slices.ContainsFunc(nets, func(n netip.Prefix) bool { return n.Contains(addr) })
}

func same(a, b string) bool { return subtle.ConstantTimeCompare([]byte(a), []byte(b)) == 1 }
