package onec_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
	"github.com/callbus/callbus/services/onec-adapter/internal/webhook"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// office is a client and a stand-in with the vendor's times, in a bubble: 300 ms a login, 30 ms a call.
type office struct {
	t      *testing.T
	server *onectest.Server
	client *onec.Client
	log    *bytes.Buffer
}

func inBubble(t *testing.T, o onectest.Options, c onec.Config, claim func(*testing.T, office)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		o.Login = func() time.Duration { return 300 * time.Millisecond }
		o.Latency = func() time.Duration { return 30 * time.Millisecond }
		of := office{t: t, server: onectest.New(o), log: &bytes.Buffer{}}
		c.URL, c.Dial, c.Log = "http://1c.example"+onectest.DefaultPath, of.server.Dial, zerolog.New(of.log)
		var err error
		if of.client, err = onec.New(c); err != nil {
			t.Fatal(err)
		}
		if c.Password == nil {
			if _, err := of.client.Describe(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		of.server.Reset()
		claim(t, of)
		of.client.Close()
		synctest.Wait()
		if alive := of.server.Sessions().Alive; alive != 0 && o.Publication.Reuse == onectest.Use {
			t.Errorf("%d sessions live after the client is closed", alive)
		}
	})
}

func (o office) call() error {
	_, err := o.client.Call(o.t.Context(), call.Event{Type: call.Incoming, Line: "101"})
	return err
}

// calls makes n good calls from so many lanes at once, and tells how long it took.
func (o office) calls(lanes, n int) time.Duration {
	begin := time.Now()
	var left atomic.Int64
	var all sync.WaitGroup
	left.Store(int64(n))
	for range lanes {
		all.Go(func() {
			for left.Add(-1) >= 0 {
				for err := o.call(); err != nil; err = o.call() {
					var f *onec.Failure
					if !errors.As(err, &f) || f.Blame() != verdict.Crowded {
						o.t.Error(err)
						return
					}
				}
			}
		})
	}
	all.Wait()
	return time.Since(begin)
}

var use = onectest.Options{Publication: onectest.Publication{Reuse: onectest.Use}}

func TestASessionIsStartedOnceUsedAgainAndFinished(t *testing.T) {
	for _, mode := range []onec.Mode{"", onec.Auto, onec.ByHeader} {
		inBubble(t, use, onec.Config{Session: mode}, func(t *testing.T, o office) {
			o.calls(1, 10)
			if s := o.server.Sessions(); s.Logins != 1 || s.Lost != 0 || s.Alive != 1 {
				t.Errorf("mode %q: counted %+v, want one login and one session", mode, s)
			}
			if held, starts := o.client.Sessions(); held != 1 || starts != 1 {
				t.Errorf("mode %q: %d held, %d started, want one each", mode, held, starts)
			}
			o.client.Close()
			if s := o.server.Sessions(); s.Finished != 1 || s.Alive != 0 {
				t.Errorf("mode %q: counted %+v after the end, want it finished", mode, s)
			}
		})
	}
}

// The vendor's figures: 300 ms a login, 30 ms a call. Logins go one at a time, and nobody waits for one who could be called.
func TestAThousandCallsOfFourLanesCostFourLogins(t *testing.T) {
	inBubble(t, use, onec.Config{}, func(t *testing.T, o office) {
		took := o.calls(4, 1000)
		if s := o.server.Sessions(); s.Logins != 4 || s.MostStarting != 1 || s.MostAlive != 4 {
			t.Errorf("counted %+v, want 4 logins, one at a time", s)
		}
		if bound := 1000/4*30*time.Millisecond + 4*300*time.Millisecond; took > bound {
			t.Errorf("took %v, want %v at most", took, bound)
		}
	})
}

// dontuse and autouse hand out no cookie: whoever insisted on one would log in one call at a time.
func TestAPublicationWithoutSessionsIsCalledPlainly(t *testing.T) {
	for _, reuse := range []onectest.Reuse{onectest.DontUse, onectest.AutoUse} {
		inBubble(t, onectest.Options{Publication: onectest.Publication{Reuse: reuse}}, onec.Config{}, func(t *testing.T, o office) {
			o.call()
			took := o.calls(4, 40)
			if s := o.server.Sessions(); s.MostAlive != 4 || s.Lost != 0 {
				t.Errorf("%s: counted %+v, want four at once", reuse, s)
			}
			if held, starts := o.client.Sessions(); held != 0 || starts != 0 || took > 40/4*330*time.Millisecond {
				t.Errorf("%s: %d held, %d started, took %v", reuse, held, starts, took)
			}
			if !strings.Contains(o.log.String(), "target.sessions: 1C hands out no sessions") {
				t.Errorf("%s: the log says %q", reuse, o.log)
			}
		})
	}
}

func TestAPublicationThatChangesIsFoundOutAgain(t *testing.T) {
	inBubble(t, onectest.Options{}, onec.Config{}, func(t *testing.T, o office) {
		for _, reuse := range []onectest.Reuse{onectest.DontUse, onectest.Use, onectest.AutoUse, onectest.Use, onectest.DontUse} {
			o.server.Publish(onectest.Publication{Reuse: reuse})
			o.server.Reset()
			o.calls(4, 40)
			time.Sleep(time.Minute) // what sessions there were are over
			if took := o.calls(4, 40); reuse != onectest.Use && took > 41*330*time.Millisecond/4+330*time.Millisecond {
				t.Errorf("%s: 40 calls of four lanes took %v", reuse, took)
			}
			if s := o.server.Sessions(); reuse == onectest.Use && s.Logins > 8 || len(s.Refused) > 0 {
				t.Errorf("%s: counted %+v", reuse, s)
			}
		}
	})
}

func TestWithoutSessionsNothingIsSaidOfThem(t *testing.T) {
	inBubble(t, use, onec.Config{Session: onec.None}, func(t *testing.T, o office) {
		var f *onec.Failure
		if err := o.call(); !errors.As(err, &f) || f.Label != "session" || f.Blame() != verdict.Target {
			t.Errorf("got %v, want a target that wants sessions", err)
		}
		if s := o.server.Sessions(); s.Logins != 0 || s.Lost != 1 {
			t.Errorf("counted %+v, want one call without a word of sessions", s)
		}
	})
}

func TestASessionThatIsLostIsStartedAnewAtOnce(t *testing.T) {
	inBubble(t, use, onec.Config{}, func(t *testing.T, o office) {
		o.calls(4, 40)
		for name, lose := range map[string]func(){
			"killed":    o.server.KillSessions,
			"forgotten": func() { o.server.Publish(onectest.Publication{Reuse: onectest.Use}) },
		} {
			o.server.Reset()
			lose()
			if took := o.calls(4, 40); took > 2*time.Second {
				t.Errorf("%s: 40 calls took %v", name, took)
			}
			if s := o.server.Sessions(); s.Logins != 4 || s.Lost != 4 {
				t.Errorf("%s: counted %+v, want each lost once and started once", name, s)
			}
		}
	})
}

func TestACallWhoseSessionIsKilledUnderItIsMadeAgain(t *testing.T) {
	inBubble(t, use, onec.Config{}, func(t *testing.T, o office) {
		o.calls(1, 1)
		o.server.SetLatency(func() time.Duration { return time.Second })
		go func() { time.Sleep(500 * time.Millisecond); o.server.KillSessions() }()
		if err := o.call(); err != nil {
			t.Error(err)
		}
		if calls := o.server.Calls(); len(calls) != 3 || calls[1].Worked || !calls[2].Worked {
			t.Errorf("calls %+v, want a second one that did not work and a third that did", calls)
		}
	})
}

// A server that knows no session ever, but hands out cookies, must not be asked for ever.
func TestALostSessionIsRestartedOnce(t *testing.T) {
	var asked atomic.Int32
	wsdl := onectest.New(onectest.Options{}).WSDL()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			fmt.Fprint(w, wsdl)
			return
		}
		asked.Add(1)
		w.Header().Set("Set-Cookie", fmt.Sprint("ibsession=", asked.Load()))
		w.WriteHeader(http.StatusNotFound)
		fmt.Fprint(w, onectest.TextNoSession)
	}))
	defer server.Close()
	client, err := onec.New(onec.Config{URL: server.URL})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for want := int32(1); want < 8; want += 2 { // the first call comes with none, each later one loses one
		var f *onec.Failure
		if _, err := client.Call(t.Context(), call.Event{Type: call.Incoming}); !errors.As(err, &f) || f.Blame() != verdict.Target {
			t.Errorf("got %v, want the target's failure", err)
		}
		if asked.Load() != want {
			t.Errorf("asked %d times, want %d", asked.Load(), want)
		}
	}
}

// Bug: a poisoned call that had to start its session kept the others from starting theirs for as long as it hung.
func TestAStartThatHangsDelaysOthersForThreeSeconds(t *testing.T) {
	inBubble(t, use, onec.Config{Timeout: time.Minute}, func(t *testing.T, o office) {
		o.server.Behave(onectest.First(1, onectest.Hang()))
		hung := make(chan error)
		go func() { hung <- o.call() }()
		time.Sleep(time.Second)
		if took := o.calls(3, 30); took > 6*time.Second {
			t.Errorf("30 calls took %v beside one that hangs", took)
		}
		o.server.Release()
		if err := <-hung; err != nil {
			t.Error(err)
		}
	})
}

func TestASessionThatNobodyUsesIsFinishedBefore1CDoes(t *testing.T) {
	inBubble(t, use, onec.Config{}, func(t *testing.T, o office) {
		o.calls(4, 40)
		for range 10 { // one lane is enough now, and one session
			time.Sleep(2 * time.Second)
			o.calls(1, 1)
		}
		if s := o.server.Sessions(); s.Alive != 1 || s.Finished != 3 {
			t.Errorf("counted %+v, want one of four to live, the others finished", s)
		}
		time.Sleep(19 * time.Second)
		if s := o.server.Sessions(); s.Alive != 0 || s.Finished != 4 || s.Lost != 0 {
			t.Errorf("counted %+v, want all finished", s)
		}
		if held, _ := o.client.Sessions(); held != 0 {
			t.Errorf("%d held", held)
		}
	})
}

func TestTwoLicencesLetTwoCallsInAndNobodyIsLeftOut(t *testing.T) {
	limited := use
	limited.Licences = 2
	inBubble(t, limited, onec.Config{}, func(t *testing.T, o office) {
		o.server.SetLatency(func() time.Duration { return 300 * time.Millisecond })
		took := o.calls(4, 600)
		s := o.server.Sessions()
		if s.MostAlive != 2 || s.Logins != 2 {
			t.Errorf("counted %+v, want two sessions", s)
		}
		if most := 1 + int(took/(30*time.Second)); len(s.Refused) == 0 || len(s.Refused) > most {
			t.Errorf("%d starts refused in %v, want some, but %d at most", len(s.Refused), took, most)
		}
		if log := o.log.String(); strings.Count(log, "target.crowded") != 1 || !strings.Contains(log, `"at_once":2`) {
			t.Errorf("the log says %s", log)
		}
		o.server.SetLicences(0)
		o.calls(4, 1000)
		if s := o.server.Sessions(); s.MostAlive != 4 {
			t.Errorf("counted %+v, want four again once there are licences", s)
		}
		if log := o.log.String(); !strings.Contains(log, `"at_once":4,"message":"target.roomier`) {
			t.Errorf("the log says %s", log)
		}
	})
}

// Without cookies the calls under way tell how many there may be.
func TestAPoolThatIsFullMakesFewerCallsAtOnce(t *testing.T) {
	pool := onectest.Publication{Reuse: onectest.AutoUse, PoolSize: 2, PoolTimeout: 100 * time.Millisecond}
	inBubble(t, onectest.Options{Publication: pool}, onec.Config{}, func(t *testing.T, o office) {
		o.server.SetLatency(func() time.Duration { return 400 * time.Millisecond })
		o.call()
		took := o.calls(4, 200)
		if s := o.server.Sessions(); len(s.Refused) > 2+int(took/firstGrowth) {
			t.Errorf("%d refusals in %v", len(s.Refused), took)
		}
	})
}

const firstGrowth = 30 * time.Second

func TestWithoutAnyLicenceTheTargetIsAway(t *testing.T) {
	inBubble(t, use, onec.Config{}, func(t *testing.T, o office) {
		o.server.SetLicences(1)
		o.calls(1, 1)
		o.server.KillSessions()
		o.server.Lock("Обновление до 6:00")
		var f *onec.Failure
		if err := o.call(); !errors.As(err, &f) || f.Label != "locked" || f.Blame() != verdict.Target {
			t.Errorf("got %v, want a locked base", err)
		}
	})
}

// 1C may lock a user out after a few wrong passwords.
func TestAWrongPasswordIsTriedOnceByAllTogether(t *testing.T) {
	var password atomic.Value
	password.Store("old")
	secured := use
	secured.User, secured.Password = "callbus", "old"
	config := onec.Config{User: "callbus", Password: func() string { return password.Load().(string) }}
	inBubble(t, secured, config, func(t *testing.T, o office) {
		if _, err := o.client.Describe(t.Context()); err != nil {
			t.Fatal(err)
		}
		o.server.SetPassword("new")
		ask := func() {
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() {
					var f *onec.Failure
					if err := o.call(); !errors.As(err, &f) || f.Label != "unauthorized" {
						t.Errorf("got %v, want that the password is wrong", err)
					}
				})
			}
			all.Go(func() { _ = o.client.Alive(t.Context()) })
			all.Wait()
		}
		o.call()
		for range 5 {
			ask()
		}
		if n := len(o.server.Sessions().Denied); n != 1 {
			t.Errorf("shown %d times, want once", n)
		}
		time.Sleep(30 * time.Second)
		o.call()
		ask()
		if n := len(o.server.Sessions().Denied); n != 2 {
			t.Errorf("shown %d times half a minute later, want twice", n)
		}
		password.Store("new")
		if err := o.call(); err != nil {
			t.Errorf("the right password, at once: %v", err)
		}
	})
}

// A cookie is as good as the password while it lives.
func TestACookieIsNeverPrinted(t *testing.T) {
	const secret = "5c0ffee5-1111-2222-3333-444455556666"
	wsdl := onectest.New(onectest.Options{}).WSDL()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Set-Cookie", "ibsession="+secret)
		if r.Method == http.MethodGet {
			fmt.Fprint(w, wsdl)
			return
		}
		w.WriteHeader(http.StatusBadGateway)
		fmt.Fprintf(w, "<html><h1>Bad gateway</h1>%s</html>", r.Header)
	}))
	defer server.Close()
	var log bytes.Buffer
	client, err := onec.New(onec.Config{URL: server.URL, Log: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	for range 3 {
		_, err := client.Call(t.Context(), call.Event{Type: call.Incoming})
		if text := fmt.Sprint(err) + log.String(); strings.Contains(text, secret) {
			t.Errorf("the cookie is in %q", text)
		}
	}
}

// Bug: a refusal for want of room was written into the log before the cookie was taken out of it.
func TestACookieIsNotInTheLogOfACrowdedTarget(t *testing.T) {
	const kept, added = "5c0ffee5-1111-2222-3333-444455556666", "7ea7ea77-1111-2222-3333-444455556666"
	wsdl := onectest.New(onectest.Options{}).WSDL()
	full := false
	second, first := make(chan struct{}), make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch {
		case r.Method == http.MethodGet:
			fmt.Fprint(w, wsdl)
		case !full:
			w.Header().Set("Set-Cookie", "ibsession="+kept)
			fmt.Fprint(w, "<s:Envelope xmlns:s='http://schemas.xmlsoap.org/soap/envelope/'><s:Body><r><return>OK</return></r></s:Body></s:Envelope>")
		case r.Header.Get("Cookie") != "":
			close(first)
			<-second // so that somebody is inside
			w.WriteHeader(http.StatusNotAcceptable)
			fmt.Fprintf(w, "Не обнаружено свободной лицензии! %s", r.Header)
		default:
			w.Header().Set("Set-Cookie", "ibsession="+added)
			w.WriteHeader(http.StatusNotAcceptable)
			fmt.Fprintf(w, "Не обнаружено свободной лицензии! %s", added)
		}
	}))
	defer server.Close()
	var log bytes.Buffer
	client, err := onec.New(onec.Config{URL: server.URL, Log: zerolog.New(&log)})
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	if _, err := client.Call(t.Context(), call.Event{Type: call.Incoming}); err != nil {
		t.Fatal(err)
	}
	full = true
	var inside sync.WaitGroup
	inside.Go(func() { _, _ = client.Call(t.Context(), call.Event{Type: call.Incoming}) })
	<-first
	_, err = client.Call(t.Context(), call.Event{Type: call.Incoming}) // it starts a session while the other is in one
	close(second)
	inside.Wait()
	text := fmt.Sprint(err) + log.String()
	if !strings.Contains(text, "target.crowded") || !strings.Contains(text, "***") {
		t.Errorf("the log says nothing of a crowded target, or not why: %s", text)
	}
	for _, secret := range []string{kept, added} {
		if strings.Contains(text, secret) {
			t.Errorf("the cookie %s is in %s", secret, text)
		}
	}
}

// Whatever 1C does, and whoever gives up, places and sessions are counted right, and the room never jams.
func TestRoomIsNeverLost(t *testing.T) {
	for seed := range uint64(5) {
		inBubble(t, use, onec.Config{Timeout: 2 * time.Second}, func(t *testing.T, o office) {
			dice := rand.New(rand.NewPCG(seed, 7))
			var mutex sync.Mutex
			roll := func(n int) int { mutex.Lock(); defer mutex.Unlock(); return dice.IntN(n) }
			var all sync.WaitGroup
			for range 5 {
				all.Go(func() {
					for range 60 {
						ctx, cancel := context.WithTimeout(t.Context(), time.Duration(roll(3000))*time.Millisecond)
						_, _ = o.client.Call(ctx, call.Event{Type: call.Incoming, Line: "101"})
						cancel()
						time.Sleep(time.Duration(roll(500)) * time.Millisecond)
					}
				})
			}
			all.Go(func() {
				for range 40 {
					time.Sleep(time.Second)
					switch roll(6) {
					case 0:
						o.server.KillSessions()
					case 1:
						o.server.SetLicences(1 + roll(4))
					case 2:
						o.server.Publish(onectest.Publication{Reuse: []onectest.Reuse{onectest.Use, onectest.DontUse}[roll(2)]})
					case 3:
						o.server.Behave(onectest.Mix(seed, onectest.Share{Part: .2, Action: onectest.ResetAfter()}, onectest.Share{Part: .2, Action: onectest.Hang()}))
					default:
						o.server.Behave(nil)
					}
				}
			})
			all.Wait()
			o.server.Behave(nil)
			o.server.SetLicences(0)
			o.server.Publish(onectest.Publication{Reuse: onectest.Use})
			time.Sleep(time.Minute)
			if held, _ := o.client.Sessions(); held != 0 {
				t.Errorf("seed %d: %d sessions held after a minute of rest", seed, held)
			}
			o.calls(4, 400)
			if held, _ := o.client.Sessions(); held < 1 || held > 4 {
				t.Errorf("seed %d: %d sessions held by four lanes", seed, held)
			}
		})
	}
}

// A service's own 400 and 404 are answers to the event. Were they taken for a lost session, each would leave one behind that
// takes a licence until 1C ends it.
func TestAnAnswerOfAnHTTPServiceLosesNoSession(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound} {
		var starts, calls atomic.Int64
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			calls.Add(1)
			if r.Header.Get("IBSession") == "start" {
				http.SetCookie(w, &http.Cookie{Name: "ibsession", Value: fmt.Sprint("s", starts.Add(1))})
			}
			w.WriteHeader(status)
			fmt.Fprint(w, `{"ошибка":"нет такого номера"}`)
		}))
		t.Cleanup(server.Close)
		client, err := onec.New(onec.Config{URL: server.URL + "/base/hs/callbus", HTTP: &webhook.Config{Body: map[string]any{"line": "{line}"}}})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(client.Close)
		for range 5 {
			if _, err := client.Call(t.Context(), call.Event{Type: call.Incoming, Line: "101"}); err == nil {
				t.Error("taken")
			}
		}
		if starts.Load() != 1 || calls.Load() != 5 {
			t.Errorf("HTTP %d: %d sessions started in %d requests, want 1 in 5", status, starts.Load(), calls.Load())
		}
	}
}
