package onec

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// idleSession is how long a session is kept that nobody uses. 1C ends it after 20 s unless the publication says
	// otherwise (sessionMaxAge): going first frees its licence, and no call finds its session gone.
	idleSession = 15 * time.Second
	// startPatience is how long the others wait for who starts a session, and for no longer than half a call's time-out: it goes with
	// a call, which may hang.
	startPatience = 3 * time.Second
	// After 1C had no room for one call more, one more is tried after firstGrowth, and after twice as long each time that
	// it has none, up to longestGrowth: a try may hold its event up for as long as 1C waits for a session (poolTimeout, 5 s).
	firstGrowth   = 30 * time.Second
	longestGrowth = 5 * time.Minute
)

// Mode says how calls come to sessions of 1C.
type Mode string

// The modes. In header mode we start sessions, keep them and finish them (IBSession and the cookie ibsession), in mode none 1C
// does what it likes. Auto finds out.
const (
	Auto     Mode = "auto"
	ByHeader Mode = "header"
	None     Mode = "none"
)

// Check refuses what is no mode. Empty is Auto.
func (m Mode) Check() error {
	if !slices.Contains([]Mode{"", Auto, ByHeader, None}, m) {
		return fmt.Errorf("session %q: want auto, header or none", m)
	}
	return nil
}

// UnmarshalText reads a flag or a scalar of YAML.
func (m *Mode) UnmarshalText(text []byte) error {
	*m = Mode(text)
	return m.Check()
}

// MarshalText is the mode itself.
func (m Mode) MarshalText() ([]byte, error) { return []byte(m), nil }

// room is what 1C has room for: calls at once, in sessions that are used again (docs/adr/0009). It belongs to a target, and
// all lanes of this process share it: a session that a lane does not need at the moment is used by the next.
//
// Who comes first goes in first. Sessions are started one at a time.
type room struct {
	log      zerolog.Logger
	finish   func(cookie string) // tells 1C that a session has ended
	patience time.Duration

	mu      sync.Mutex
	mode    Mode
	auto    bool // the mode was found out, and may be again
	closed  bool
	free    []*session // kept and not in use; the last one was used last
	held    int        // kept, in use or not
	inside  int        // calls that have entered
	starter *Place     // starts a session now, and may be refused
	waiting []*waiter

	limit  int // calls at once; 0: 1C has not refused any yet
	told   int // the limit that the log knows
	pause  time.Duration
	grow   time.Time // not before
	starts int
}

// session is one of 1C's, by its cookie. The cookie is as good as the password, so it is printed nowhere.
type session struct {
	cookie string
	idle   *time.Timer
}

// waiter is a call that wants in.
type waiter struct {
	in    chan struct{}
	place *Place
	again bool // it is inside, and has lost its session
}

func newRoom(c Config, finish func(string)) *room {
	return &room{mode: c.Session, auto: c.Session == Auto, log: c.Log, finish: finish, patience: min(startPatience, c.Timeout/2)}
}

// enter waits until there is room for one more call, and gives it a session or leave to start one.
func (r *room) enter(ctx context.Context) (*Place, error) {
	w := &waiter{in: make(chan struct{}), place: &Place{room: r}}
	return w.place, r.wait(ctx, w)
}

// restart gives a place whose session 1C does not know leave to start another one. It does not take another that is kept: an
// administrator ends all of them.
func (r *room) restart(ctx context.Context, p *Place) error {
	r.drop(p)
	return r.wait(ctx, &waiter{in: make(chan struct{}), place: p, again: true})
}

func (r *room) wait(ctx context.Context, w *waiter) error {
	r.mu.Lock()
	r.waiting = append(r.waiting, w)
	r.admit()
	r.mu.Unlock()
	select {
	case <-w.in:
		return nil
	case <-ctx.Done():
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	i := slices.Index(r.waiting, w)
	if i < 0 {
		return nil // in at the last moment
	}
	r.waiting = slices.Delete(r.waiting, i, i+1)
	return ctx.Err()
}

// admit lets in whoever there is room for. Who has lost a session waits for a start only, not for room: he is inside.
func (r *room) admit() {
	r.waiting = slices.DeleteFunc(r.waiting, func(w *waiter) bool {
		if !w.again && !r.hasRoom() {
			return false
		}
		switch last := len(r.free) - 1; {
		case !w.again && last >= 0:
			w.place.session, r.free = r.free[last], r.free[:last]
			w.place.session.idle.Stop()
		case r.mode == None:
		case r.starter != nil:
			return false
		default:
			r.start(w.place)
		}
		if !w.again {
			r.inside++
		}
		close(w.in)
		return true
	})
}

// start gives a place leave to start a session. The next start waits for it, but not for ever.
func (r *room) start(p *Place) {
	r.starter, p.starts = p, true
	time.AfterFunc(r.patience, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.starter == p {
			r.starter = nil
			r.admit()
		}
	})
}

// hasRoom reports whether one more call may go in. While 1C has refused one more, it is tried now and then.
func (r *room) hasRoom() bool {
	if r.limit > 0 && r.inside >= r.limit && !time.Now().Before(r.grow) {
		r.settle()
		r.limit, r.grow = r.limit+1, time.Now().Add(r.pause)
	}
	return r.limit == 0 || r.inside < r.limit
}

// leave ends a call. Its session is kept for the next.
func (r *room) leave(p *Place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.started(p)
	r.inside--
	if s := p.session; s != nil {
		p.session = nil
		r.keep(s)
	}
	r.admit()
}

func (r *room) keep(s *session) {
	if r.closed {
		r.end(s)
		return
	}
	r.free = append(r.free, s)
	s.idle = time.AfterFunc(idleSession, func() {
		r.mu.Lock()
		defer r.mu.Unlock()
		if i := slices.Index(r.free, s); i >= 0 {
			r.free = slices.Delete(r.free, i, i+1)
			r.end(s)
		}
	})
}

// end forgets a session and tells 1C.
func (r *room) end(s *session) {
	r.held--
	go r.finish(s.cookie)
}

// started says that a start is over, whatever came of it.
func (r *room) started(p *Place) {
	p.starts = false
	if r.starter == p {
		r.starter = nil
	}
}

// drop forgets the session of a place: 1C does not know it.
func (r *room) drop(p *Place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if p.session != nil {
		p.session = nil
		r.held--
	}
}

// abandon ends the session of a call that got no answer: 1C may be busy in it for long.
func (r *room) abandon(p *Place) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if s := p.session; s != nil {
		p.session = nil
		r.end(s)
	}
}

// given takes the cookie of a session that 1C has started for a place, or notes that there was none. Where the call was refused,
// the next start waits until the place is left: what was refused to one may be so to all.
func (r *room) given(p *Place, cookie string, taken bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case p.starts && cookie != "":
		p.session = &session{cookie: cookie}
		r.held++
		r.starts++
		r.learn(ByHeader, "1C keeps sessions for us: each is used again")
		r.started(p)
	case p.starts && taken:
		r.learn(None, "1C hands out no sessions: each call gets one from 1C or its web server")
		r.started(p)
	}
	r.settle()
	r.admit()
}

// learn is what auto is for. It goes on: a publication may be changed.
func (r *room) learn(m Mode, what string) {
	if r.auto && r.mode != m {
		r.mode = m
		r.log.Info().Msg("target.sessions: " + what)
	}
}

// refused notes that 1C had no room for a place, and reports whether it has for others.
func (r *room) refused(p *Place, why string) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	others := r.inside - 1
	if p.starts {
		others = r.held
	}
	if others == 0 {
		return false
	}
	r.pause = min(max(2*r.pause, firstGrowth), longestGrowth)
	r.limit, r.grow = others, time.Now().Add(r.pause)
	if r.told != r.limit {
		r.told = r.limit
		r.log.Warn().Int("at_once", r.limit).Str("why", why).Msg("target.crowded: fewer calls at once for a while")
	}
	return true
}

// settle believes in a limit that has grown and was not refused for as long as the next growth waits.
func (r *room) settle() {
	if r.told > 0 && r.limit > r.told && !time.Now().Before(r.grow) {
		r.told, r.pause = r.limit, firstGrowth
		r.log.Info().Int("at_once", r.told).Msg("target.roomier: more calls at once again")
	}
}

// doubt reports whether the mode has to be found out again: 1C asked a call that came plainly for the header.
func (r *room) doubt() bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.auto && r.mode == None {
		r.mode = Auto
	}
	return r.auto
}

// close ends the sessions that are kept, and each of the others when its call has ended.
func (r *room) close() {
	r.mu.Lock()
	r.closed = true
	free := r.free
	r.free, r.held = nil, r.held-len(r.free)
	r.mu.Unlock()
	var all sync.WaitGroup
	for _, s := range free {
		s.idle.Stop()
		all.Go(func() { r.finish(s.cookie) })
	}
	all.Wait()
}

// counts are sessions held now, and started so far.
func (r *room) counts() (held, starts int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.held, r.starts
}
