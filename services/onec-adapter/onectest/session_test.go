package onectest_test

import (
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// caller sends good calls without a network, so that a bubble's clock counts.
type caller struct {
	t      *testing.T
	server *onectest.Server
	cookie string
}

// says is an answer in short.
type says struct {
	status int
	body   string
}

func (c *caller) ask(method, header string) says {
	r := httptest.NewRequest(method, onectest.DefaultPath+map[string]string{"GET": "?wsdl", "POST": ""}[method], strings.NewReader(envelope(good)))
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	if header != "" {
		r.Header.Set("IBSession", header)
	}
	if c.cookie != "" {
		r.AddCookie(&http.Cookie{Name: "ibsession", Value: c.cookie})
	}
	w := httptest.NewRecorder()
	c.server.ServeHTTP(w, r)
	for _, cookie := range w.Result().Cookies() {
		if cookie.Name == "ibsession" {
			c.cookie = cookie.Value
		}
	}
	return says{w.Code, w.Body.String()}
}

func (c *caller) call(header string) says { return c.ask("POST", header) }

func (c *caller) want(what string, got says, status int, text string) {
	c.t.Helper()
	if got.status != status || !strings.Contains(got.body, text) {
		c.t.Errorf("%s: got %d %s; want %d with %q", what, got.status, got.body, status, text)
	}
}

func slow() time.Duration { return 300 * time.Millisecond }
func fast() time.Duration { return 30 * time.Millisecond }

// bubble has a stand-in whose logins take 300 ms and whose calls take 30.
func bubble(t *testing.T, o onectest.Options, claim func(*testing.T, *onectest.Server)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Login, o.Latency = slow, fast
		claim(t, onectest.New(o))
	})
}

func TestASessionIsStartedKeptAndFinishedByItsClient(t *testing.T) {
	bubble(t, onectest.Options{Publication: onectest.Publication{Reuse: onectest.Use}}, func(t *testing.T, server *onectest.Server) {
		c, begin := &caller{t: t, server: server}, time.Now()
		c.want("without a session", c.call(""), 400, onectest.TextNoSession)
		c.want("finish without a session", c.call("finish"), 400, onectest.TextNoSession)
		c.want("start", c.call("start"), 200, "OK")
		for range 10 {
			c.want("with the cookie", c.call(""), 200, "OK")
		}
		c.want("start with the cookie", c.call("start"), 200, "OK")
		c.want("the WSDL", c.ask("GET", ""), 200, "definitions")
		if took := time.Since(begin); took != 300*time.Millisecond+12*30*time.Millisecond {
			t.Errorf("one login and 12 calls took %v", took)
		}
		c.want("finish", c.call("finish"), 200, "OK")
		c.want("after the end", c.call(""), 404, onectest.TextNoSession)
		if s := server.Sessions(); s.Logins != 1 || s.Finished != 1 || s.Alive != 0 || s.MostAlive != 1 || s.Lost != 3 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestAnIdleSessionGrowsTooOld(t *testing.T) {
	bubble(t, onectest.Options{Publication: onectest.Publication{Reuse: onectest.Use}}, func(t *testing.T, server *onectest.Server) {
		c := &caller{t: t, server: server}
		c.call("start")
		for range 3 {
			time.Sleep(onectest.DefaultMaxAge - time.Second)
			c.want("in time", c.call(""), 200, "OK")
		}
		time.Sleep(onectest.DefaultMaxAge)
		c.want("too late", c.call(""), 404, onectest.TextNoSession)
		c.want("anew", c.call("start"), 200, "OK")
		if s := server.Sessions(); s.Logins != 2 || s.Alive != 1 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestWithoutReuseEachCallIsALogin(t *testing.T) {
	bubble(t, onectest.Options{}, func(t *testing.T, server *onectest.Server) {
		c, begin := &caller{t: t, server: server}, time.Now()
		for range 3 {
			c.want("a call", c.call("start"), 200, "OK")
		}
		if s := server.Sessions(); c.cookie != "" || s.Logins != 3 || s.Alive != 0 || time.Since(begin) != 990*time.Millisecond {
			t.Errorf("3 calls took %v, cookie %q, %+v; want 990ms, none, 3 logins", time.Since(begin), c.cookie, s)
		}
	})
}

func TestALicenceIsTakenWhileASessionLives(t *testing.T) {
	bubble(t, onectest.Options{Licences: 2, Publication: onectest.Publication{Reuse: onectest.Use}}, func(t *testing.T, server *onectest.Server) {
		a, b, c := &caller{t: t, server: server}, &caller{t: t, server: server}, &caller{t: t, server: server}
		a.want("first", a.call("start"), 200, "OK")
		b.want("second", b.call("start"), 200, "OK")
		c.want("third", c.call("start"), 500, onectest.TextNoLicence)
		a.want("finish by a look", a.ask("GET", "finish"), 200, "definitions")
		c.want("third, again", c.call("start"), 200, "OK")
		server.SetLicences(1)
		b.want("a session that lives", b.call(""), 200, "OK")
		if s := server.Sessions(); s.Logins != 3 || len(s.Refused) != 1 || s.MostAlive != 2 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestAPoolHasRoomForSoMany(t *testing.T) {
	pool := onectest.Publication{Reuse: onectest.AutoUse, PoolSize: 2, PoolTimeout: time.Second}
	bubble(t, onectest.Options{Publication: pool}, func(t *testing.T, server *onectest.Server) {
		atOnce := func(n int) map[int]int {
			var mutex sync.Mutex
			var all sync.WaitGroup
			got := make(map[int]int)
			for range n {
				all.Go(func() {
					c := &caller{t: t, server: server}
					said := c.call("")
					mutex.Lock()
					defer mutex.Unlock()
					got[said.status]++
				})
			}
			all.Wait()
			return got
		}
		if got := atOnce(10); got[200] != 10 {
			t.Errorf("10 calls at once: %v, want 10 times 200", got)
		}
		if s := server.Sessions(); s.Logins != 2 || s.MostAlive != 2 || s.MostStarting != 2 || len(s.Refused) != 0 {
			t.Errorf("counted %+v", s)
		}
		server.SetLatency(func() time.Duration { return 3 * time.Second })
		if got := atOnce(3); got[200] != 2 || got[406] != 1 {
			t.Errorf("3 slow calls at once: %v, want one 406", got)
		}
		if s := server.Sessions(); len(s.Refused) != 1 {
			t.Errorf("counted %+v", s)
		}
	})
}

func TestALockedBaseStartsNoSessions(t *testing.T) {
	bubble(t, onectest.Options{Publication: onectest.Publication{Reuse: onectest.Use}}, func(t *testing.T, server *onectest.Server) {
		old, late := &caller{t: t, server: server}, &caller{t: t, server: server}
		old.call("start")
		server.Lock("Обновление до 6:00")
		old.want("a session that lives", old.call(""), 200, "OK")
		late.want("a new one", late.call("start"), 403, `Начало сеанса с информационной базой запрещено.\nОбновление до 6:00`)
		late.want("the WSDL", late.ask("GET", ""), 403, onectest.TextLocked)
		server.KillSessions()
		old.want("a killed one", old.call(""), 500, onectest.TextKilled)
		server.Unlock()
		late.want("after it", late.call("start"), 200, "OK")
	})
}

func TestACallInAKilledSessionDoesNotWork(t *testing.T) {
	bubble(t, onectest.Options{}, func(t *testing.T, server *onectest.Server) {
		server.SetLatency(func() time.Duration { return time.Minute })
		c := &caller{t: t, server: server}
		go func() { time.Sleep(time.Second); server.KillSessions() }()
		c.want("a call", c.call(""), 500, onectest.TextKilledNow)
		if calls := server.Calls(); len(calls) != 1 || calls[0].Worked {
			t.Errorf("recorded %+v, want a call that did not work", calls)
		}
	})
}

func TestA1CThatIsShutAsksNobodyForAPassword(t *testing.T) {
	var told []string
	o := onectest.Options{User: "u", Password: "p", OnRefusal: func(why string) { told = append(told, why) }}
	bubble(t, o, func(t *testing.T, server *onectest.Server) {
		c := &caller{t: t, server: server}
		c.want("healthy", c.call(""), 401, "")
		server.Shut(onectest.Updating())
		c.want("updating", c.call(""), 409, "Различаются версии клиента и сервера")
		c.want("the WSDL", c.ask("GET", ""), 409, "Различаются версии клиента и сервера")
		if diff := cmp.Diff([]string{"401 Unauthorized", "409 Различаются версии клиента и сервера (8.3.27.1719 - 8.3.27.2130)"}, slices.Compact(told)); diff != "" {
			t.Errorf("told (-want +got):\n%s", diff)
		}
		server.Shut(onectest.OK())
		c.want("healthy again", c.call(""), 401, "")
		if s := server.Sessions(); len(s.Denied) != 2 || s.Logins != 0 || len(server.Calls()) != 0 {
			t.Errorf("counted %+v", s)
		}
	})
}
