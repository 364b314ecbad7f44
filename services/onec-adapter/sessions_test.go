package onecadapter_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// The vendor's figures (docs/adr/0009): a login takes 300 ms, a call in a session that is used again 30.
func vendor(licences int) onectest.Options {
	return onectest.Options{
		Publication: onectest.Publication{Reuse: onectest.Use}, Licences: licences,
		Login:   func() time.Duration { return 300 * time.Millisecond },
		Latency: func() time.Duration { return 30 * time.Millisecond },
	}
}

// inOrder reports calls that came twice, and lines whose events came in another order than they were published in.
func inOrder(t *testing.T, s *onectest.Server, lines, each int) {
	t.Helper()
	next := map[string]int{}
	for _, c := range s.Calls() {
		if !c.Worked {
			continue
		}
		if want := fmt.Sprintf("sip:7495123%04d@pbx", next[c.Line]%each); c.Remote != want {
			t.Errorf("line %s: %s came, want %s", c.Line, c.Remote, want)
		}
		next[c.Line]++
	}
	if len(next) != lines {
		t.Errorf("%d lines were told, want %d", len(next), lines)
	}
}

func TestTwoAdaptersShareTheirLoginsAndOneThatStopsCostsFourAtMost(t *testing.T) {
	t.Parallel()
	const lines, each = 20, 6
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, vendor(0))
	first := run(t, server, single(s.URL(), 4))
	second := run(t, server, single(s.URL(), 4))
	publish(t, nc, lines, each)
	eventually(t, "the first events have their endings", func() bool { return endings(t, nc) >= lines*each })
	if n := s.Sessions(); n.Logins != 4 || n.MostStarting > 2 || len(n.Refused)+n.Lost > 0 {
		t.Errorf("counted %+v, want 4 logins, one at a time for each adapter", n)
	}
	first.stop()
	if n := s.Sessions(); n.Alive+n.Finished != n.Logins {
		t.Errorf("counted %+v, want each session alive or finished", n)
	}
	publish(t, nc, lines, each)
	eventually(t, "all events have their endings", func() bool { return endings(t, nc) >= 2*lines*each })
	if n := s.Sessions(); n.Logins > 8 || n.MostAlive > 4 {
		t.Errorf("counted %+v, want 4 more at most, and never more than 4 at once", n)
	}
	second.stop()
	if n := s.Sessions(); n.Alive != 0 || n.Finished != n.Logins {
		t.Errorf("counted %+v, want all finished", n)
	}
	if strings.Contains(first.log.String()+second.log.String(), "call.dead") {
		t.Error("an event is dead")
	}
	inOrder(t, s, lines, each)
}

// With one adapter and with two: where another has the licences, it gets the lanes.
func TestTwoLicencesAreEnoughForFourLanes(t *testing.T) {
	for adapters := 1; adapters <= 2; adapters++ {
		t.Run(fmt.Sprint(adapters), func(t *testing.T) {
			t.Parallel()
			const lines, each = 20, 6
			server := natstest.Start(t)
			nc := server.Declared()
			s := standin(t, vendor(2))
			var all []adapter
			begin := time.Now()
			for range adapters {
				all = append(all, run(t, server, single(s.URL(), 4)))
			}
			publish(t, nc, lines, each)
			eventually(t, "all events have their endings", func() bool { return endings(t, nc) >= lines*each })
			n := s.Sessions()
			if n.MostAlive != 2 || len(s.MaxConcurrent()) != 2 {
				t.Errorf("counted %+v, %d calls at once, want two", n, len(s.MaxConcurrent()))
			}
			if most := 1 + int(time.Since(begin).Seconds()); len(n.Refused) > most {
				t.Errorf("%d session starts were refused in %v, want one a second at most", len(n.Refused), time.Since(begin))
			}
			for _, a := range all {
				if strings.Contains(a.log.String(), "call.dead") {
					t.Error("an event is dead")
				}
			}
			inOrder(t, s, lines, each)
		})
	}
}

func TestARightPasswordInTheFileIsTriedAtOnce(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{User: "callbus", Password: "old", Publication: onectest.Publication{Reuse: onectest.Use}})
	file := filepath.Join(t.TempDir(), "password")
	write := func(password string) {
		if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("old")
	o := single(s.URL(), 4)
	o.Single.User, o.Single.PasswordFile = "callbus", file
	a := run(t, server, o)
	publish(t, nc, 8, 2)
	eventually(t, "the first events have their endings", func() bool { return endings(t, nc) == 16 })
	s.SetPassword("a longer one")
	publish(t, nc, 8, 2)
	eventually(t, "the log tells of the password", func() bool { return strings.Contains(a.log.String(), "does not accept the user or the password") })
	write("a longer one")
	eventually(t, "all events have their endings", func() bool { return endings(t, nc) == 32 })
	if n := len(s.Sessions().Denied); n > 4 {
		t.Errorf("a wrong password was shown %d times, want once for each lane at most", n)
	}
	if log := a.log.String(); strings.Count(log, `"level":"error"`) != 1 || strings.Contains(log, "call.dead") {
		t.Errorf("want one error in the log:\n%s", log)
	}
}

func TestAWrongPasswordAtTheStartIsShownOnce(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, onectest.Options{User: "callbus", Password: "right"})
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("wrong"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := single(s.URL(), 4)
	o.Single.User, o.Single.PasswordFile = "callbus", file
	a := run(t, server, o)
	publish(t, nc, 8, 2)
	eventually(t, "the log tells of the password", func() bool { return strings.Contains(a.log.String(), `"level":"error"`) })
	if err := os.WriteFile(file, []byte("right"), 0o600); err != nil { // as long as the other: the time tells
		t.Fatal(err)
	}
	eventually(t, "all events have their endings", func() bool { return endings(t, nc) == 16 })
	if n := len(s.Sessions().Denied); n != 1 {
		t.Errorf("a wrong password was shown %d times, want once", n)
	}
}

// Bug: a call that hung, and then the ends of the sessions that hung too, took longer than the stop had, and it failed.
func TestAStopWhile1CHangsIsOrderly(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, vendor(0))
	back, _ := url.Parse(s.URL())
	back.Path = ""
	var hangs, stuck atomic.Bool
	let := make(chan struct{})
	proxy := httputil.NewSingleHostReverseProxy(back)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if hangs.Load() {
			stuck.Store(true)
			<-let
			return
		}
		proxy.ServeHTTP(w, r)
	}))
	t.Cleanup(front.Close)
	t.Cleanup(func() { close(let) })
	a := run(t, server, hanging(front.URL+onectest.DefaultPath, 4))
	publish(t, nc, 20, 2)
	eventually(t, "the first events have their endings", func() bool { return endings(t, nc) == 40 })
	hangs.Store(true)
	publish(t, nc, 1, 1)
	eventually(t, "a call hangs", func() bool { return stuck.Load() })
	a.stop()
}

// BenchmarkSessions is the yardstick of issue 5: 1,000 events, four lanes, 300 ms a login and 30 ms a call. It prints how long the
// delivery takes against the busiest lane's share of calls and the logins.
func BenchmarkSessions(b *testing.B) {
	const lines, each = 100, 10
	for b.Loop() {
		server := natstest.Start(b)
		nc := server.Declared()
		s := standin(b, vendor(0))
		publish(b, nc, lines, each)
		lanes := map[int]int{}
		for l := range lines {
			lanes[stream.LaneOf("", call.Line(fmt.Sprint(100+l)), 4)] += each
		}
		busiest := 0
		for _, n := range lanes {
			busiest = max(busiest, n)
		}
		begin := time.Now()
		a := run(b, server, single(s.URL(), 4))
		for endings(b, nc) < lines*each {
			time.Sleep(5 * time.Millisecond)
		}
		took, n := time.Since(begin), s.Sessions()
		a.stop()
		share := time.Duration(busiest) * 30 * time.Millisecond
		b.ReportMetric(float64(took-time.Duration(n.Logins)*300*time.Millisecond)/float64(share), "of-share")
		b.ReportMetric(float64(n.Logins), "logins")
		b.Logf("%v for 1,000 events; busiest lane %d calls, %v; %d logins", took, busiest, share, n.Logins)
	}
}

// Bug: where another adapter had all lanes when the target came back, nobody told this one, and it said for ever that it was away.
func TestAnAdapterWithoutLanesLearnsThatTheTargetIsBack(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	s := standin(t, vendor(0))
	one, other := run(t, server, single(s.URL(), 4)), run(t, server, single(s.URL(), 4))
	both := func(says string) func() bool {
		return func() bool {
			return strings.Contains(one.log.String(), says) && strings.Contains(other.log.String(), says)
		}
	}
	eventually(t, "both are at work", both("target.plan"))
	s.Lock("Ведутся технические работы")
	publishing := func(says string) func() bool {
		return func() bool {
			publish(t, nc, 20, 1)
			time.Sleep(500 * time.Millisecond)
			return both(says)()
		}
	}
	eventually(t, "both have met with it", publishing("target.away"))
	s.Unlock()
	eventually(t, "both know that it is back", publishing("target.back"))
}
