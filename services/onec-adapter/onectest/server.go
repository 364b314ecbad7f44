package onectest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"
)

// What an Options leaves empty.
const (
	DefaultNamespace = "http://callbus.example/teldata"
	DefaultService   = "TelData"
	DefaultOperation = "TelData"
	DefaultPath      = "/base/ws/teldata.1cws"
	DefaultHTTPPath  = "/base/hs/calls"
)

// DefaultParameters are those of the original service.
var DefaultParameters = []string{"Nomer_Sobitia", "Nomer_sip", "moi_nomer"}

// Options describe the 1C to stand in for. The zero Options are a healthy one without a password.
type Options struct {
	Path      string
	Namespace string
	Service   string
	Operation string
	// Parameters are the names of event number, other side and line, in this order.
	Parameters []string
	// Further are parameters that the service has after those, and Out ones.
	Further []Parameter
	// HTTPPath is the root of an HTTP service: what comes there or below is a call too, in JSON, as a form, or in its URL.
	HTTPPath string
	// User and Password are asked for if User is not empty.
	User, Password string
	// Bearer is a token that is taken in place of them, in Authorization: Bearer.
	Bearer string
	// BOM puts a byte order mark in front of every body.
	BOM bool
	// Publication says how sessions are reused. Empty: each call has one of its own.
	Publication Publication
	// Licences is how many sessions there may be at once. 0: without limit.
	Licences int
	// Login is how long the start of a session takes. Nil: no time.
	Login func() time.Duration
	// Latency is how long the work of one call takes. Nil: no time.
	Latency func() time.Duration
	// Behaviour decides for each well-formed call. Nil: all are answered "OK". It may be called concurrently.
	Behaviour func(*Call) Action
	// OnCall is told of each call after the work, before the answer. It may be called concurrently.
	OnCall func(Call)
	// OnRefusal is told why a request came to no call: the password, the session, all of 1C, an envelope that is wrong. It
	// may be called concurrently.
	OnRefusal func(why string)
}

// Call is one call of the service.
type Call struct {
	Seq      int       // 1, 2, 3… in the order of arrival
	Time     time.Time // when it had been read
	Finished time.Time // when its answer began, or it was given up; zero while it is under way
	Number   string    // of the event
	Remote   string
	Line     string
	Raw      []byte // the envelope, or the body of an HTTP service, as it came
	SOAP12   bool
	Posted   *Posted // of the HTTP service; nil: it came by SOAP
	Action   Action  // what was done with it
	Worked   bool    // the operation ran: a user would have seen the pop-up
}

// Server is the stand-in. It is an http.Handler, and can serve by itself with Start.
type Server struct {
	options Options
	base    *infobase

	mutex     sync.Mutex
	password  string
	bom       bool
	shut      Action // of all of 1C; OK: none
	behaviour func(*Call) Action
	latency   func() time.Duration
	calls     []*Call
	reads     int
	now       map[*Call]bool
	most      []Call
	keys      map[string]bool // of the HTTP service's calls that worked
	release   chan struct{}   // closed to let hanging calls go
	closed    bool            // then it stays closed: nothing hangs in a server that is going down
	http      *http.Server
	address   string
}

// New makes a stand-in that does not listen yet.
func New(o Options) *Server {
	if o.Path == "" {
		o.Path = DefaultPath
	}
	if o.Namespace == "" {
		o.Namespace = DefaultNamespace
	}
	if o.Service == "" {
		o.Service = DefaultService
	}
	if o.Operation == "" {
		o.Operation = DefaultOperation
	}
	if o.HTTPPath == "" {
		o.HTTPPath = DefaultHTTPPath
	}
	if len(o.Parameters) == 0 {
		o.Parameters = DefaultParameters
	}
	if len(o.Parameters) != len(DefaultParameters) {
		panic("onectest: Options.Parameters must name three parameters")
	}
	return &Server{
		options: o, base: newInfobase(o), password: o.Password, bom: o.BOM, behaviour: o.Behaviour, latency: o.Latency,
		now: make(map[*Call]bool), keys: make(map[string]bool), release: make(chan struct{}),
	}
}

// Start listens on an address such as "127.0.0.1:0". After Close it may be started again, also on the old address: a 1C
// that was down and comes back, with its record.
func (s *Server) Start(addr string) error {
	listener, err := net.Listen("tcp", addr)
	if err != nil {
		return fmt.Errorf("start the stand-in 1C: %w", err)
	}
	server := &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	s.mutex.Lock()
	s.http, s.address = server, listener.Addr().String()
	if s.closed {
		s.closed, s.release = false, make(chan struct{})
	}
	s.mutex.Unlock()
	go server.Serve(listener) //nolint:errcheck // it ends with ErrServerClosed
	return nil
}

// Addr is the host and port that Start has got.
func (s *Server) Addr() string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.address
}

// URL is what an operator would configure: http://127.0.0.1:port/base/ws/teldata.1cws.
func (s *Server) URL() string { return "http://" + s.Addr() + s.options.Path }

// HTTPURL is that of the HTTP service: http://127.0.0.1:port/base/hs/calls.
func (s *Server) HTTPURL() string { return "http://" + s.Addr() + s.options.HTTPPath }

// Close lets hanging calls go and stops at once: whoever still waits sees a broken connection, whoever comes later a
// refused one.
func (s *Server) Close() error {
	s.mutex.Lock()
	server := s.http
	s.http = nil
	if !s.closed {
		close(s.release)
		s.closed = true
	}
	s.mutex.Unlock()
	if server == nil {
		return nil
	}
	if err := server.Close(); err != nil && !errors.Is(err, http.ErrServerClosed) {
		return fmt.Errorf("stop the stand-in 1C: %w", err)
	}
	return nil
}

// Behave changes what is done with the calls that come from now on. Nil: all are answered "OK".
func (s *Server) Behave(b func(*Call) Action) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.behaviour = b
}

// SetLatency changes how long the work takes from now on.
func (s *Server) SetLatency(l func() time.Duration) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.latency = l
}

// Release lets the calls go that hang now: they are worked on and answered.
func (s *Server) Release() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if s.closed {
		return
	}
	close(s.release)
	s.release = make(chan struct{})
}

// Calls gives all well-formed calls so far, in the order of arrival.
func (s *Server) Calls() []Call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	all := make([]Call, len(s.calls))
	for i, c := range s.calls {
		all[i] = *c
	}
	return all
}

// ByLine gives the calls of each line in the order of arrival.
func (s *Server) ByLine() map[string][]Call {
	lines := make(map[string][]Call)
	for _, c := range s.Calls() {
		lines[c.Line] = append(lines[c.Line], c)
	}
	return lines
}

// Reads says how often the WSDL was asked for.
func (s *Server) Reads() int {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.reads
}

// MaxConcurrent gives the calls that were under way when there were the most at once.
func (s *Server) MaxConcurrent() []Call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return append([]Call(nil), s.most...)
}

// Reset forgets calls, reads, the maximum and what was counted of sessions.
func (s *Server) Reset() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.calls, s.reads, s.most = nil, 0, nil
	s.base.reset()
}

// SetPassword changes the password of Options.User. Sessions that live are of no use to who does not know it.
func (s *Server) SetPassword(p string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.password = p
}

// SetBOM puts a byte order mark in front of every body from now on, or no more.
func (s *Server) SetBOM(on bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.bom = on
}

// Shut answers everything, the WSDL too, in the same way from now on, before any session or call: the platform is being
// updated (Updating), the web server stands alone (Absent), a login page came between (Page). OK opens it again.
func (s *Server) Shut(a Action) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.shut = a
}

// ServeHTTP is the publication: GET ?wsdl and POST under Options.Path, anything under Options.HTTPPath, 404 elsewhere.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	soap, posted := r.URL.Path == s.options.Path, under(s.options.HTTPPath, r.URL.Path)
	if !soap && !posted {
		page(w, http.StatusNotFound, "404 Not Found", "The requested URL was not found on this server.")
		return
	}
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, 1<<20))
	if err != nil {
		page(w, http.StatusBadRequest, "400 Bad Request", err.Error())
		return
	}
	shut, bom := s.mood()
	if bom {
		w = &marked{ResponseWriter: w}
	}
	switch {
	case shut.Kind != KindOK:
		s.refuse(shut.String())
		shut.answer(w)
	case !s.allowed(r):
		s.refuse(wrongPassword.String())
		wrongPassword.answer(w)
	case posted:
		s.serve(w, r, body, s.servePosted)
	case r.Method == http.MethodPost:
		s.serve(w, r, body, s.serveSOAP)
	case r.Method == http.MethodGet && hasWSDL(r.URL.RawQuery):
		s.describe(w, r)
	default:
		page(w, http.StatusBadRequest, "1C:Enterprise 8 application error", "Unknown request")
	}
}

func (s *Server) refuse(why string) {
	if s.options.OnRefusal != nil {
		s.options.OnRefusal(why)
	}
}

func hasWSDL(query string) bool {
	name, _, _ := strings.Cut(query, "=")
	return strings.EqualFold(name, "wsdl")
}

func (s *Server) allowed(r *http.Request) bool {
	s.mutex.Lock()
	want := s.password
	s.mutex.Unlock()
	user, password, _ := r.BasicAuth()
	byToken := s.options.Bearer != "" && r.Header.Get("Authorization") == "Bearer "+s.options.Bearer
	byPassword := s.options.User != "" && user == s.options.User && password == want
	if byToken || byPassword || s.options.User == "" && s.options.Bearer == "" {
		return true
	}
	s.base.set(func(b *infobase) { b.seen.Denied = append(b.seen.Denied, time.Now()) })
	return false
}

func (s *Server) mood() (shut Action, bom bool) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return s.shut, s.bom
}

// describe answers ?wsdl as the behaviour wants it where 1C as a whole is away: a call with the number "wsdl" asks. Whether
// the real one starts a session for it is not known; this one starts none, but a session may be finished so.
func (s *Server) describe(w http.ResponseWriter, r *http.Request) {
	s.mutex.Lock()
	s.reads++
	behaviour := s.behaviour
	s.mutex.Unlock()
	if behaviour != nil {
		if a := behaviour(&Call{Number: "wsdl"}); a.Kind.wholeServer() {
			a.answer(w)
			return
		}
	}
	v, refused := s.base.look(r.Context(), wishOf(r))
	if refused != nil {
		s.refuse(fmt.Sprintf("%d %s", refused.status, refused.text))
		refused.answer(w)
		return
	}
	defer s.base.leave(v)
	v.show(w)
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	io.WriteString(w, s.WSDL()) //nolint:errcheck // the client may have gone
}

// serve gets the request a session.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, body []byte, next func(http.ResponseWriter, *http.Request, []byte, visit)) {
	v, refused := s.base.enter(r.Context(), wishOf(r))
	if refused != nil {
		s.refuse(fmt.Sprintf("%d %s", refused.status, refused.text))
		refused.answer(w)
		return
	}
	defer s.base.leave(v)
	v.show(w)
	next(w, r, body, v)
}

func (s *Server) serveSOAP(w http.ResponseWriter, r *http.Request, body []byte, v visit) {
	envelope, err := s.understand(r, body)
	if err != nil {
		s.refuse("500 " + err.Error())
		fault(w, envelope.soap12, "Client", err.Error())
		return
	}
	s.play(w, r, s.begin(Call{
		Number: envelope.values[0], Remote: envelope.values[1], Line: envelope.values[2], Raw: body, SOAP12: envelope.soap12,
	}), v)
}

func (s *Server) servePosted(w http.ResponseWriter, r *http.Request, body []byte, v visit) {
	c, err := understandPosted(r, body)
	if err != nil {
		s.refuse("400 " + err.Error())
		refusePosted(w, err)
		return
	}
	s.play(w, r, s.begin(c), v)
}

func (s *Server) begin(arrived Call) *Call {
	c := &arrived
	c.Time = time.Now()
	s.mutex.Lock()
	defer s.mutex.Unlock()
	c.Seq = len(s.calls) + 1
	s.calls = append(s.calls, c)
	s.now[c] = true
	if len(s.now) > len(s.most) {
		s.most = s.most[:0]
		for running := range s.now {
			s.most = append(s.most, *running)
		}
	}
	return c
}

// play does what the behaviour says, and ends the record before the answer goes out, so that whoever has the answer
// finds the call finished.
func (s *Server) play(w http.ResponseWriter, r *http.Request, c *Call, v visit) {
	s.mutex.Lock()
	behaviour, latency, release := s.behaviour, s.latency, s.release
	asked := *c
	s.mutex.Unlock()
	action := OK()
	if behaviour != nil {
		action = behaviour(&asked)
	}
	alive := true
	if action.Kind == KindHang {
		alive = wait(r.Context(), v.killed, release, nil)
	}
	if latency != nil && alive && action.Kind != KindResetBefore {
		alive = work(r.Context(), v.killed, latency())
	}
	if v.isKilled() && action.Kind.works() {
		action = Fault(TextKilledNow)
	}
	done := s.finish(c, action, action.Kind.works() && alive)
	if s.options.OnCall != nil {
		s.options.OnCall(done)
	}
	if alive {
		s.reply(w, action, done)
	}
}

func work(ctx context.Context, killed <-chan struct{}, d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	return wait(ctx, killed, nil, timer.C)
}

// wait reports whether the client is still there afterwards.
func wait(ctx context.Context, killed, release <-chan struct{}, timer <-chan time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-killed:
	case <-release:
	case <-timer:
	}
	return ctx.Err() == nil
}

func (s *Server) finish(c *Call, a Action, worked bool) Call {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	if p := c.Posted; p != nil && p.Key != "" && worked {
		told := *p // copies of the call that are out keep theirs
		told.Repeat = s.keys[p.Key]
		c.Posted, worked, s.keys[p.Key] = &told, !told.Repeat, true
	}
	c.Finished, c.Action, c.Worked = time.Now(), a, worked
	delete(s.now, c)
	return *c
}
