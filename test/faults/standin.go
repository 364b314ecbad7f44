package main

import (
	"hash/fnv"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

// standIn is a 1C that knows which run of which adapter each call came from: every run has an address of its own, and
// the name in it is put behind the envelope, where the record keeps it.
type standIn struct {
	onec *onectest.Server
	addr string
	http *http.Server
	deaf atomic.Bool // ?wsdl is not answered either

	usual func(*onectest.Call) onectest.Action // what it does when nothing is wrong with all of it

	mu   sync.Mutex
	last map[string]time.Time // of the last call of each adapter
}

func newStandIn(o onectest.Options) *standIn {
	return &standIn{onec: onectest.New(o), usual: o.Behaviour, last: map[string]time.Time{}}
}

// open listens; on the old address if there was one.
func (s *standIn) open() error {
	if s.addr == "" {
		ports, err := freePorts(1)
		if err != nil {
			return err
		}
		s.addr = ports[0]
	}
	l, err := net.Listen("tcp", s.addr)
	if err != nil {
		return err
	}
	s.http = &http.Server{Handler: s, ReadHeaderTimeout: 10 * time.Second}
	go s.http.Serve(l) //nolint:errcheck // it ends with ErrServerClosed
	return nil
}

// close breaks all connections and refuses new ones.
func (s *standIn) close() { _ = s.http.Close() }

// url is what an adapter is told; {run} becomes its name.
func (s *standIn) url() string { return s.called("{run}") }

// called is the address for somebody with a name.
func (s *standIn) called(name string) string {
	return "http://" + s.addr + "/" + name + onectest.DefaultPath
}

var mark = regexp.MustCompile(`<!--caller (\S+)-->$`)

// ServeHTTP takes the caller's name out of the path and hands the call on.
func (s *standIn) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	caller, path, _ := strings.Cut(strings.TrimPrefix(r.URL.Path, "/"), "/")
	r.URL.Path = "/" + path
	if r.Method == http.MethodPost {
		adapter, _, _ := strings.Cut(caller, ".")
		s.mu.Lock()
		s.last[adapter] = time.Now()
		s.mu.Unlock()
	} else if s.deaf.Load() {
		_, _ = io.Copy(io.Discard, r.Body)
		<-r.Context().Done()
		return
	}
	r.Body = struct {
		io.Reader
		io.Closer
	}{io.MultiReader(r.Body, strings.NewReader("<!--caller "+caller+"-->")), r.Body}
	s.onec.ServeHTTP(w, r)
}

// busiest names the adapter that called last, of some.
func (s *standIn) busiest(of []*program) *program {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.MaxFunc(of, func(a, b *program) int { return s.last[a.name].Compare(s.last[b.name]) })
}

func (s *standIn) calls() (calls []check.Call) {
	for _, c := range s.onec.Calls() {
		call := check.Call{Marker: c.Remote, Line: c.Line, Begin: c.Time, End: c.Finished, Deed: deed(c)}
		if m := mark.FindSubmatch(c.Raw); m != nil {
			call.Process = string(m[1])
		}
		if call.End.IsZero() {
			call.End = time.Now()
		}
		calls = append(calls, call)
	}
	return calls
}

func deed(c onectest.Call) check.Deed {
	switch c.Action.Kind {
	case onectest.KindFault:
		return check.Refused
	case onectest.KindAbsent, onectest.KindLocked, onectest.KindPage:
		return check.Unavailable
	case onectest.KindResetAfter, onectest.KindResetWithin:
		return check.Reset
	case onectest.KindResetBefore, onectest.KindGarbage, onectest.KindStatus, onectest.KindHeavy:
		return check.Garbled
	case onectest.KindHang:
		return check.Hung
	}
	if !c.Worked {
		return check.Cut
	}
	return check.Answered
}

// misdeeds decides what 1C does with a call by seed, event and number of the try, so that the same plan has the same
// misdeeds however the machine orders the calls.
type misdeeds struct {
	seed   uint64
	faulty []string
	shares []onectest.Share

	mu    sync.Mutex
	tries map[string]uint64
}

func newMisdeeds(seed uint64, faulty []string, shares ...onectest.Share) *misdeeds {
	return &misdeeds{seed: seed, faulty: faulty, shares: shares, tries: map[string]uint64{}}
}

func (m *misdeeds) decide(c *onectest.Call) onectest.Action {
	if c.Seq == 0 {
		return onectest.OK() // it asks for the WSDL
	}
	if slices.Contains(m.faulty, c.Line) {
		return onectest.Fault("Деление на 0")
	}
	m.mu.Lock()
	m.tries[c.Remote]++
	try := m.tries[c.Remote]
	m.mu.Unlock()
	drawn := rand.New(rand.NewPCG(m.seed, hash(c.Remote)+try)).Float64()
	for _, s := range m.shares {
		if drawn < s.Part {
			return s.Action
		}
		drawn -= s.Part
	}
	return onectest.OK()
}

func hash(s string) uint64 {
	h := fnv.New64a()
	io.WriteString(h, s) //nolint:errcheck // a hash does not fail
	return h.Sum64()
}

// latency is that of a 1C with a fast operation.
func latency() time.Duration { return 2*time.Millisecond + rand.N(18*time.Millisecond) }
