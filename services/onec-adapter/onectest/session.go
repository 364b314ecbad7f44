package onectest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"time"
)

// Reuse is the attribute reuseSessions of a publication.
type Reuse string

// How sessions come to calls.
const (
	DontUse Reuse = "dontuse" // each call starts one and ends it
	Use     Reuse = "use"     // the client starts, keeps and finishes it: the header IBSession and the cookie ibsession
	AutoUse Reuse = "autouse" // the web server keeps a pool of them
)

// What an empty Publication means: the numbers that the Configurator writes.
const (
	DefaultMaxAge      = 20 * time.Second
	DefaultPoolSize    = 10
	DefaultPoolTimeout = 5 * time.Second
)

// Publication is the service's entry in default.vrd.
type Publication struct {
	Reuse       Reuse         // empty: DontUse
	MaxAge      time.Duration // an idle session ends after it
	PoolSize    int           // the most sessions of AutoUse
	PoolTimeout time.Duration // how long a call waits for a session that is busy, or for a place in the pool
	// SessionForWSDL wants a session for ?wsdl, too, where the client has to start it (Use). Whether real ones do is not known.
	SessionForWSDL bool
}

func (p Publication) withDefaults() Publication {
	if p.Reuse == "" {
		p.Reuse = DontUse
	}
	if p.MaxAge == 0 {
		p.MaxAge = DefaultMaxAge
	}
	if p.PoolSize == 0 {
		p.PoolSize = DefaultPoolSize
	}
	if p.PoolTimeout == 0 {
		p.PoolTimeout = DefaultPoolTimeout
	}
	return p
}

// What 1C says of sessions, as public projects recorded it (docs/adr/0004).
const (
	TextNoSession   = "Не указан заголовок управления сеансами или куки с идентификатором сеанса"
	TextPoolTimeout = "Истекло время ожидания сеанса"
	TextNoLicence   = "Не обнаружено свободной лицензии!"
	TextLocked      = "Начало сеанса с информационной базой запрещено."
	TextKilled      = "Сеанс отсутствует или удален"
	TextKilledNow   = "Сеанс работы завершен администратором"
)

// Sessions is what has become of sessions so far.
type Sessions struct {
	Logins       int         // session starts that began
	Refused      []time.Time // session starts that were refused: no licence, base locked, pool full
	Denied       []time.Time // requests with a wrong user or password
	Lost         int         // calls whose session there was not: no header, unknown, expired or ended cookie
	Finished     int         // ended by the client with IBSession: finish
	Alive        int         // now
	MostAlive    int
	MostStarting int // the most logins that were under way at once
}

// session is one row of the session table.
type session struct {
	id     string
	busy   bool
	idle   time.Time     // since when it has nothing to do
	killed chan struct{} // closed by an administrator
}

// infobase has the session table. A session takes a licence while it lives, also while it is being started.
type infobase struct {
	mutex       sync.Mutex
	publication Publication
	licences    int // 0: without limit
	login       func() time.Duration
	locked      string // what an administrator wrote; with lock
	lock        bool
	table       map[string]*session
	killed      map[string]bool
	starting    int
	seen        Sessions
	changed     chan struct{} // closed and made anew when a session is freed or ended
}

func newInfobase(o Options) *infobase {
	return &infobase{
		publication: o.Publication.withDefaults(), licences: o.Licences, login: o.Login,
		table: make(map[string]*session), killed: make(map[string]bool), changed: make(chan struct{}),
	}
}

// wish is what a request says of sessions.
type wish struct{ cookie, header string }

func wishOf(r *http.Request) wish {
	w := wish{header: strings.ToLower(r.Header.Get("IBSession"))}
	if c, err := r.Cookie("ibsession"); err == nil {
		w.cookie = c.Value
	}
	return w
}

// visit is a session in the hands of a request.
type visit struct {
	*session
	started  bool // by this request
	byHeader bool // the client keeps it
	ends     bool // with this request
}

// show gives a client the cookie of a session that is to be its own.
func (v visit) show(w http.ResponseWriter) {
	if v.started && v.byHeader {
		w.Header().Set("Set-Cookie", "ibsession="+v.id)
	}
}

func (v visit) isKilled() bool {
	select {
	case <-v.killed:
		return true
	default:
		return false
	}
}

// refusal is an answer without a session. Nil: there is one.
type refusal struct {
	status int
	text   string
	json   bool // else XML
}

func (r refusal) answer(w http.ResponseWriter) {
	if r.json {
		exceptionJSON(w, r.status, r.text, 0)
		return
	}
	exceptionXML(w, r.status, r.text)
}

// enter gets a session for a request.
func (b *infobase) enter(ctx context.Context, w wish) (visit, *refusal) {
	b.mutex.Lock()
	reuse := b.publication.Reuse
	b.mutex.Unlock()
	switch reuse {
	case Use:
		return b.byHeader(ctx, w)
	case AutoUse:
		return b.fromPool(ctx)
	}
	v, refused := b.start()
	v.ends = true
	return v, refused
}

// byHeader is the protocol of reuseSessions="use". A start with a cookie that is good goes on with that session; clients that
// send both on every request are known.
func (b *infobase) byHeader(ctx context.Context, w wish) (visit, *refusal) {
	b.mutex.Lock()
	b.sweep()
	known, killed := b.table[w.cookie] != nil, b.killed[w.cookie]
	if !known && w.header != "start" {
		b.seen.Lost++
	}
	b.mutex.Unlock()
	switch {
	case known:
		v, refused := b.take(ctx, func() *session { return b.table[w.cookie] })
		v.ends = w.header == "finish"
		return v, refused
	case w.header == "start":
		v, refused := b.start()
		v.byHeader = true
		return v, refused
	case killed:
		return visit{}, &refusal{status: http.StatusInternalServerError, text: TextKilled}
	case w.cookie != "":
		return visit{}, &refusal{status: http.StatusNotFound, text: TextNoSession}
	}
	return visit{}, &refusal{status: http.StatusBadRequest, text: TextNoSession}
}

// look is a look at the WSDL. It needs no session for who says nothing of sessions, unless the publication wants that, but a
// base that is locked shows it. Who does say something is held to it, so a session can be started, kept and finished with a look.
func (b *infobase) look(ctx context.Context, w wish) (visit, *refusal) {
	b.mutex.Lock()
	speaks := b.publication.Reuse == Use && (w != wish{} || b.publication.SessionForWSDL)
	var refused *refusal
	if b.lock {
		refused = b.refused()
	}
	b.mutex.Unlock()
	if speaks {
		return b.byHeader(ctx, w)
	}
	return visit{}, refused
}

// fromPool is reuseSessions="autouse".
func (b *infobase) fromPool(ctx context.Context) (visit, *refusal) {
	b.mutex.Lock()
	b.sweep()
	room := b.free() == nil && len(b.table) < b.publication.PoolSize
	b.mutex.Unlock()
	if room {
		return b.start()
	}
	return b.take(ctx, b.free)
}

// free is a session of the pool that has nothing to do.
func (b *infobase) free() *session {
	for _, s := range b.table {
		if !s.busy {
			return s
		}
	}
	return nil
}

// take waits until pick gives a session that is not busy. A session does one thing at a time.
func (b *infobase) take(ctx context.Context, pick func() *session) (visit, *refusal) {
	b.mutex.Lock()
	timeout := time.NewTimer(b.publication.PoolTimeout)
	defer timeout.Stop()
	for {
		b.sweep()
		if s := pick(); s != nil && !s.busy {
			s.busy = true
			b.mutex.Unlock()
			return visit{session: s}, nil
		}
		changed := b.changed
		b.mutex.Unlock()
		select {
		case <-changed:
		case <-ctx.Done():
			return visit{}, &refusal{status: http.StatusNotAcceptable, text: TextPoolTimeout}
		case <-timeout.C:
			b.mutex.Lock()
			b.seen.Refused = append(b.seen.Refused, time.Now())
			b.mutex.Unlock()
			return visit{}, &refusal{status: http.StatusNotAcceptable, text: TextPoolTimeout}
		}
		b.mutex.Lock()
	}
}

// start starts a session, which takes its time. It goes on when the client has gone, as 1C does: such a session lives, with
// its licence, until it is too old, and nobody knows its cookie.
func (b *infobase) start() (visit, *refusal) {
	b.mutex.Lock()
	b.sweep()
	if refused := b.refused(); refused != nil {
		b.seen.Refused = append(b.seen.Refused, time.Now())
		b.mutex.Unlock()
		return visit{}, refused
	}
	s := &session{id: newID(), busy: true, killed: make(chan struct{})}
	b.table[s.id] = s
	b.starting++
	b.seen.Logins++
	b.seen.MostAlive = max(b.seen.MostAlive, len(b.table))
	b.seen.MostStarting = max(b.seen.MostStarting, b.starting)
	login := b.login
	b.mutex.Unlock()
	if login != nil {
		time.Sleep(login())
	}
	b.mutex.Lock()
	b.starting--
	b.mutex.Unlock()
	return visit{session: s, started: true}, nil
}

// refused says why no session can be started now. The caller holds the mutex.
func (b *infobase) refused() *refusal {
	switch {
	case b.lock:
		return &refusal{status: http.StatusForbidden, text: TextLocked + "\n" + b.locked, json: true}
	case b.licences > 0 && len(b.table) >= b.licences:
		return &refusal{status: http.StatusInternalServerError, text: TextNoLicence}
	}
	return nil
}

// leave gives a session back, where there was one.
func (b *infobase) leave(v visit) {
	if v.session == nil {
		return
	}
	b.mutex.Lock()
	defer b.mutex.Unlock()
	v.busy, v.idle = false, time.Now()
	if v.ends && b.table[v.id] != nil {
		delete(b.table, v.id)
		if b.publication.Reuse == Use {
			b.seen.Finished++
		}
	}
	b.tell()
}

// sweep ends the sessions that were idle for too long. The caller holds the mutex.
func (b *infobase) sweep() {
	for id, s := range b.table {
		if !s.busy && time.Since(s.idle) >= b.publication.MaxAge {
			delete(b.table, id)
		}
	}
}

// tell wakes those who wait for a session. The caller holds the mutex.
func (b *infobase) tell() {
	close(b.changed)
	b.changed = make(chan struct{})
}

// newID is a session's id, which nobody can guess.
func newID() string {
	id := make([]byte, 16)
	rand.Read(id) //nolint:errcheck // it never fails
	return fmt.Sprintf("%x-%x-%x-%x-%x", id[:4], id[4:6], id[6:8], id[8:10], id[10:])
}

// Publish changes the publication. The web server begins anew with its sessions, as it does in life.
func (s *Server) Publish(p Publication) {
	s.KillSessions()
	s.base.set(func(b *infobase) { b.publication = p.withDefaults(); b.killed = make(map[string]bool) })
}

// SetLicences changes how many sessions there may be; 0 is without limit. Sessions that live go on.
func (s *Server) SetLicences(n int) { s.base.set(func(b *infobase) { b.licences = n }) }

// SetLogin changes how long the start of a session takes. Nil: no time.
func (s *Server) SetLogin(d func() time.Duration) { s.base.set(func(b *infobase) { b.login = d }) }

// Lock forbids new sessions, with a message of the administrator's; those that live go on, unless they are killed.
func (s *Server) Lock(message string) {
	s.base.set(func(b *infobase) { b.lock, b.locked = true, message })
}

// Unlock allows sessions again.
func (s *Server) Unlock() { s.base.set(func(b *infobase) { b.lock = false }) }

// KillSessions is an administrator ending all sessions: calls under way break off without their work, and whoever comes
// with the cookie of one is told.
func (s *Server) KillSessions() {
	s.base.set(func(b *infobase) {
		for id, victim := range b.table {
			close(victim.killed)
			delete(b.table, id)
			b.killed[id] = true
		}
	})
}

// Sessions tells what became of sessions so far.
func (s *Server) Sessions() (seen Sessions) {
	s.base.set(func(b *infobase) {
		b.sweep()
		seen = b.seen
		seen.Alive = len(b.table)
		seen.Refused = append([]time.Time(nil), seen.Refused...)
		seen.Denied = append([]time.Time(nil), seen.Denied...)
	})
	return seen
}

func (b *infobase) set(change func(*infobase)) {
	b.mutex.Lock()
	defer b.mutex.Unlock()
	change(b)
	b.tell()
}

// reset forgets what was counted; sessions live on.
func (b *infobase) reset() {
	b.set(func(b *infobase) { b.seen = Sessions{MostAlive: len(b.table)} })
}
