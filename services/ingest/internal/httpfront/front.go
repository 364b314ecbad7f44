// Package httpfront is the door that phones knock at: a tolerant HTTP front for their action URLs.
//
// It repairs what phones get wrong before net/http sees it (Repair), finds out who is asking, lets package dialect read
// the hit, and answers 200 only after its Publisher says that the event is stored: phones never ask twice, so the
// answer is a promise. What it cannot use it answers with one line of text and keeps, through its Rejections.
//
// It promises a bounded cost for any input (lines, headers, bodies, connections, memory of lines), and that neither a
// phone's token nor a full number appears in a log, a header or an answer.
package httpfront

import (
	"context"
	"fmt"
	"log"
	"net"
	"net/http"
	"net/netip"
	"sync"
	"time"

	"github.com/gorilla/mux"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/services/ingest/internal/access"
)

// Publisher stores events. It stamps id, time and site, returns once the event is on disk, and returns it as stored.
type Publisher interface {
	Publish(context.Context, call.Event) (call.Event, error)
}

// Rejections keeps the hits that nobody could use, for the one who set the phone up. It bounds them itself (docs/wire.md
// §2: at most 10/s) and must not wait long: the phone's answer comes after it.
type Rejections interface {
	Reject(context.Context, Rejection)
}

// Guard decides who may speak, and knows tokens when it sees them. *access.Guard is one. It must be safe for concurrent use.
type Guard interface {
	// Admit says whose hit it is. An empty token stands for none. Errors are those of package access.
	Admit(addr netip.Addr, token string) (access.Caller, error)

	// Conceal cuts tokens out of what a phone sent: the one that it presented, and others that stand in wrong places.
	Conceal(text, presented string) string
}

// Rejection is a hit that was refused: with 400 or 404 for what it says, with 401, 403 or 429 for who says it.
type Rejection struct {
	Reason    string // as the phone was told
	Status    int
	Addr      string // the client's, without a port
	Dialect   string // empty where it is none of ours
	Event     string // as the path said it, where the dialect is one of ours
	Raw       string // the query as received, printable ASCII, secrets cut out
	UserAgent string // up to 200 characters; it often holds the MAC
}

// Options is what a Front can be told. The zero value serves everybody.
type Options struct {
	// Region is where national numbers are read.
	Region phone.Region

	// TrustedProxies are the peers whose X-Forwarded-For is believed.
	TrustedProxies []netip.Prefix

	// Guard stands at the door. Nil: everybody may come in, with any token or none.
	Guard Guard

	// Log gets one line per outcome: call.accepted or call.refused.
	Log zerolog.Logger

	// Observe is told each outcome (see OutcomeAccepted), the dialect ("" where it is none of ours, so that both have few
	// values) and how long it took. It must be safe for concurrent use. Nil: nobody counts.
	Observe func(outcome, dialect string, seconds float64)

	// Stored is told each event that was stored, and whose hit it was. It must be safe for concurrent use, and fast: the phone
	// waits. Nil: nobody wants to know.
	Stored func(call.Event, access.Caller)

	// MaxConns is how many connections may be open at once, on all listeners together: 4096 where it is 0. One address may
	// hold a quarter of them, unless it is a trusted proxy.
	MaxConns int
}

// Times and sizes of the server. Everything that a client can make it wait for is bounded.
const (
	readHeaderTimeout = 5 * time.Second
	readTimeout       = 10 * time.Second // with the body: 64 KiB at the slowest
	writeTimeout      = 15 * time.Second // reading, storing, and an answer of a few hundred bytes
	idleTimeout       = 60 * time.Second
	defaultMaxConns   = 4096

	// storeTimeout is how long a phone waits for its event to be stored. It is above the 2 s that the Publisher gives
	// an event, so that it is normally the Publisher that gives up, and knows it.
	storeTimeout = 3 * time.Second

	// maxRepairedHead has room for a head at its limits, escaped throughout; Repair has refused longer ones before.
	maxRepairedHead = 64 << 10
)

// Front serves phones. Make it with New.
type Front struct {
	opts       Options
	publisher  Publisher
	rejections Rejections
	lines      lineMemory
	holds      holds
	repeats    repeats
	quiet      *quiet
	router     *mux.Router
	server     *http.Server
	arrivals   arrivals
	crowd      crowd         // the connections of all listeners
	stopping   chan struct{} // closed by stop
	stop       func()
}

// New makes a front; Serve or Handler puts it to work.
func New(o Options, p Publisher, r Rejections) *Front {
	if o.Observe == nil {
		o.Observe = func(string, string, float64) {}
	}
	if o.Stored == nil {
		o.Stored = func(call.Event, access.Caller) {}
	}
	if o.Guard == nil {
		o.Guard = access.New(access.Options{})
	}
	if o.MaxConns == 0 {
		o.MaxConns = defaultMaxConns
	}
	f := &Front{opts: o, publisher: p, rejections: r, lines: newLineMemory(rememberedPhones), holds: newHolds(), quiet: newQuiet(o.Log), stopping: make(chan struct{})}
	f.crowd.most, f.crowd.proxies = o.MaxConns, o.TrustedProxies
	f.stop = sync.OnceFunc(func() { close(f.stopping) })
	f.router = f.routes()
	f.server = &http.Server{
		Handler:                      f.Handler(),
		ReadHeaderTimeout:            readHeaderTimeout,
		ReadTimeout:                  readTimeout,
		WriteTimeout:                 writeTimeout,
		IdleTimeout:                  idleTimeout,
		MaxHeaderBytes:               maxRepairedHead,
		DisableGeneralOptionsHandler: true, // OPTIONS * gets 405 like any other
		ErrorLog:                     log.New(serverLog{o.Log}, "", 0),
		ConnState:                    f.arrivals.watch,
	}
	return f
}

// Handler is the front without its listener, for a server that needs no repair: a test's.
func (f *Front) Handler() http.Handler { return http.HandlerFunc(f.serve) }

// Serve answers the connections of l, repaired, until Shutdown; then it returns nil, while Shutdown may still be waiting
// for requests under way. It closes l. It may be called for several listeners: they share all limits, and stop together.
func (f *Front) Serve(l net.Listener) error {
	door := closeOnce{l, sync.OnceValue(l.Close)}
	served := make(chan struct{})
	defer close(served)
	go func() {
		select {
		case <-f.stopping:
			_ = door.Close() // no new phones; those that have connected are heard first
		case <-served:
		}
	}()
	err := f.server.Serve(&listener{door, &f.crowd})
	select {
	case <-f.stopping:
		return nil
	default:
		return fmt.Errorf("serve phones on %s: %w", l.Addr(), err)
	}
}

// closeOnce is a listener that both Shutdown and net/http close.
type closeOnce struct {
	net.Listener
	close func() error
}

func (c closeOnce) Close() error { return c.close() }

// Shutdown stops accepting, hears phones that have connected already, and waits until the requests under way are
// answered. Once ctx ends it cuts the rest off and says so. The Publisher must outlive it.
func (f *Front) Shutdown(ctx context.Context) error {
	f.stop()
	f.arrivals.heard(ctx)
	defer f.quiet.tell()
	err := f.server.Shutdown(ctx)
	if err == nil {
		return nil
	}
	_ = f.server.Close() // the requests that it cuts off are what the error below tells of
	return fmt.Errorf("answer the phones under way: %w", err)
}

// serverLog takes what net/http has to say (it fails to accept, say) into our log.
type serverLog struct{ log zerolog.Logger }

func (s serverLog) Write(p []byte) (int, error) {
	s.log.Warn().Str("said", string(p)).Msg("http.server")
	return len(p), nil
}
