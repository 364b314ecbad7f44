// Package admin answers the machines that look after a process: probes and metrics, on an address of their own,
// so that neither phones nor strangers on the phones' network see them.
//
//	/livez    200 while the process is worth keeping
//	/readyz   200 while it can take work; otherwise 503 with the failing checks named
//	/targets  what the process needs and is no part of; apart from /readyz, because no restart brings it back
//	/metrics  what the registry gathers, in Prometheus' text form
package admin

import (
	"context"
	"errors"
	"fmt"
	stdlog "log"
	"net"
	"net/http"
	"slices"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/rs/zerolog"
	"golang.org/x/sync/singleflight"

	"github.com/callbus/callbus/internal/lifecycle"
)

// checkTimeout is below the time-out of a usual probe (Kubernetes: 1 s by default, 3 s in our manifests), with room to answer.
const checkTimeout = 2 * time.Second

// Check says what is wrong, or nil. It is called for every probe, from any goroutine, and gets two seconds.
// Its error is shown to whoever asks the admin port.
type Check func(context.Context) error

// Options are what a Server needs.
type Options struct {
	Addr    string              // listen address; port 0 picks a free one
	Metrics prometheus.Gatherer // the process's own registry, never the global one
	Log     zerolog.Logger
	Fail    func(error) // told when serving ends unasked; lifecycle's Group.Fail fits
}

// Server serves the probes and metrics. Add the checks before Start.
type Server struct {
	opts        Options
	live, ready checks
	targets     checks
	http        *http.Server
	listener    net.Listener
	served      chan struct{}
}

// New makes a server that listens once it is started.
func New(opts Options) *Server {
	if opts.Fail == nil {
		opts.Fail = func(error) {}
	}
	s := &Server{opts: opts, served: make(chan struct{})}
	s.http = &http.Server{
		Handler:           s.Handler(),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       time.Minute,
		MaxHeaderBytes:    16 << 10,
		ErrorLog:          stdlog.New(opts.Log, "", 0),
	}
	return s
}

// Join adds the checks of one service to the server of the process around it, or, where there is none and an address is
// set, to a server of the group's own. It returns that server, nil if there is none.
func Join(g *lifecycle.Group, around *Server, opts Options, ready map[string]Check) *Server {
	s := around
	if s == nil {
		if opts.Addr == "" {
			return nil
		}
		opts.Fail = g.Fail
		s = New(opts)
		g.Add("admin", s.Start, s.Stop)
	}
	for name, check := range ready {
		s.Ready(name, check)
	}
	return s
}

// Live adds a check to /livez. A failing one asks for a restart of the process: never add what a restart does not heal.
func (s *Server) Live(name string, check Check) { s.live.add(name, check) }

// Ready adds a check to /readyz.
func (s *Server) Ready(name string, check Check) { s.ready.add(name, check) }

// Target adds a check to /targets: whether something that the process needs, and is no part of, is there.
func (s *Server) Target(name string, check Check) { s.targets.add(name, check) }

// Handler is the server's mux, for tests and for whoever serves it elsewhere.
func (s *Server) Handler() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /{$}", index)
	mux.HandleFunc("GET /livez", s.live.serve)
	mux.HandleFunc("GET /readyz", s.ready.serve)
	mux.HandleFunc("GET /targets", s.targets.serve)
	if s.opts.Metrics != nil {
		mux.Handle("GET /metrics", metrics(s.opts))
	}
	return mux
}

func index(w http.ResponseWriter, _ *http.Request) {
	plain(w, http.StatusOK)
	fmt.Fprintln(w, "/livez\n/readyz\n/targets\n/metrics")
}

// metrics goes on when one collector fails: the others are wanted most when something is wrong.
func metrics(opts Options) http.Handler {
	return promhttp.HandlerFor(opts.Metrics, promhttp.HandlerOpts{
		ErrorHandling:       promhttp.ContinueOnError,
		ErrorLog:            stdlog.New(opts.Log, "", 0),
		MaxRequestsInFlight: 4,
		Timeout:             10 * time.Second,
	})
}

// Start listens and serves. It returns as soon as the port is open, and takes nothing else from ctx.
func (s *Server) Start(ctx context.Context) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", s.opts.Addr)
	if err != nil {
		return fmt.Errorf("listen for probes and metrics: %w", err)
	}
	s.listener = listener
	go s.serve()
	return nil
}

func (s *Server) serve() {
	defer close(s.served)
	if err := s.http.Serve(s.listener); !errors.Is(err, http.ErrServerClosed) {
		s.opts.Fail(fmt.Errorf("serve probes and metrics: %w", err))
	}
}

// Addr is where the server listens; nil before Start.
func (s *Server) Addr() net.Addr {
	if s.listener == nil {
		return nil
	}
	return s.listener.Addr()
}

// Stop answers what is under way and closes the port; when ctx ends first, it breaks off the rest.
func (s *Server) Stop(ctx context.Context) error {
	err := s.http.Shutdown(ctx)
	if err != nil {
		err = errors.Join(err, s.http.Close())
	}
	if s.listener != nil {
		<-s.served
	}
	return err
}

// checks are the named checks behind one probe.
type checks struct {
	mu     sync.Mutex
	byName map[string]Check
	// One run of a check serves all who ask meanwhile: a check that hangs then holds one goroutine, not one for every probe.
	flights singleflight.Group
}

func (c *checks) add(name string, check Check) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.byName == nil {
		c.byName = map[string]Check{}
	}
	if _, ok := c.byName[name]; ok {
		panic("admin: two checks are named " + name)
	}
	c.byName[name] = check
}

// serve writes "ok", or 503 and a line "name: error" for each failing check.
func (c *checks) serve(w http.ResponseWriter, r *http.Request) {
	failing := c.run(r.Context())
	if len(failing) == 0 {
		plain(w, http.StatusOK)
		fmt.Fprintln(w, "ok")
		return
	}
	plain(w, http.StatusServiceUnavailable)
	for _, line := range failing {
		fmt.Fprintln(w, line)
	}
}

func plain(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
}

// run asks all checks at once and returns the failures, sorted by name.
func (c *checks) run(ctx context.Context) (failing []string) {
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	answers := map[string]<-chan singleflight.Result{}
	c.mu.Lock()
	for name, check := range c.byName {
		answers[name] = c.flights.DoChan(name, func() (any, error) { return nil, bounded(check) })
	}
	c.mu.Unlock()
	for name, answer := range answers {
		if err := outcome(ctx, answer); err != nil {
			failing = append(failing, name+": "+err.Error())
		}
	}
	slices.Sort(failing)
	return failing
}

// bounded runs a check with a context of its own: the answer may be shared by callers who leave at different times.
func bounded(check Check) error {
	ctx, cancel := context.WithTimeout(context.Background(), checkTimeout)
	defer cancel()
	return check(ctx)
}

func outcome(ctx context.Context, answer <-chan singleflight.Result) error {
	select {
	case res := <-answer:
		return res.Err
	case <-ctx.Done():
		if errors.Is(ctx.Err(), context.Canceled) {
			return errors.New("the probe was broken off")
		}
		return fmt.Errorf("no answer in %s", checkTimeout)
	}
}
