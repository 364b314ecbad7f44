package deliver

import (
	"bytes"
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// oneC is the client as the adapter hands it to deliver.
type oneC struct{ *onec.Client }

func (o oneC) Enter(ctx context.Context) (Place, error) {
	p, err := o.Client.Enter(ctx)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// push adds an event to a lane that is being worked on.
func (l *fakeLane) push(e call.Event) {
	l.mu.Lock()
	l.sent++
	l.waiting = append(l.waiting, &fakeMessage{lane: l, event: e, sequence: l.sent})
	l.mu.Unlock()
	select {
	case l.ready <- struct{}{}:
	default:
	}
}

// night is four lanes, a client and a stand-in 1C with the vendor's times, all in a bubble; its log has a clock.
type night struct {
	server    *onectest.Server
	client    *onec.Client
	deliverer *Deliverer
	lanes     []*fakeLane
	log       bytes.Buffer
	told      int
}

func newNight(t *testing.T, password func() string) *night {
	n := &night{server: onectest.New(onectest.Options{
		User: "callbus", Password: "summer", Publication: onectest.Publication{Reuse: onectest.Use},
		Login:   func() time.Duration { return 300 * time.Millisecond },
		Latency: func() time.Duration { return 30 * time.Millisecond },
	})}
	zerolog.TimestampFunc = time.Now // the bubble's
	log := zerolog.New(zerolog.ConsoleWriter{Out: &n.log, NoColor: true, TimeFormat: time.TimeOnly, TimeLocation: time.UTC}).With().Timestamp().Logger().Level(zerolog.InfoLevel)
	quiet := log.Hook(zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, message string) {
		if message == "call.delivered" {
			e.Discard() // there are 20,000 of them
		}
	}))
	client, err := onec.New(onec.Config{
		URL: "http://1c.example" + onectest.DefaultPath, User: "callbus", Password: password, Dial: n.server.Dial, Log: quiet,
	})
	if err != nil {
		t.Fatal(err)
	}
	n.client = client
	var lanes []Lane
	for i := range 4 {
		n.lanes = append(n.lanes, newFakeLane(fmt.Sprint(i)))
		lanes = append(lanes, n.lanes[i])
	}
	n.deliverer = New(Options{Target: "main", Timeout: 10 * time.Second, NotFor: notFor, Word: word, Log: quiet}, oneC{client}, lanes)
	return n
}

// hits lets phones ring for a while, on 20 lines.
func (n *night) hits(d time.Duration) {
	for end := time.Now().Add(d); time.Now().Before(end); time.Sleep(betweenHits) {
		line := n.told % 20
		n.lanes[line%4].push(call.Event{
			ID: fmt.Sprint(n.told), Type: call.Incoming, Line: call.Line(fmt.Sprint(101 + line)), Time: time.Now(),
			Remote: call.Party{URI: fmt.Sprintf("sip:7495%07d@pbx", n.told)},
		})
		n.told++
	}
}

// A night as offices have them: the base is locked for half an hour, the administrator changes the password and tells us twenty
// minutes later, and then the platform is updated. Nothing is lost, nothing dies, each line keeps its order, 1C sees a wrong password a
// few times and not once for each hit, and the log is a short story.
func TestANight(t *testing.T) {
	var log string
	synctest.Test(t, func(t *testing.T) {
		var password atomic.Value
		password.Store("summer")
		n := newNight(t, func() string { return password.Load().(string) })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- n.deliverer.Run(ctx) }()

		n.hits(2 * time.Minute)
		n.server.Lock("Обновление конфигурации до 23:35")
		n.server.KillSessions()
		n.hits(30 * time.Minute)
		n.server.SetPassword("winter")
		n.server.Unlock()
		n.hits(20 * time.Minute)
		n.server.Shut(onectest.Updating())
		password.Store("winter")
		n.deliverer.Hurry() // as the adapter does when the file has changed
		n.hits(10 * time.Minute)
		n.server.Shut(onectest.OK())
		n.hits(5 * time.Minute)
		stop()
		if err := <-ended; err != nil {
			t.Error(err)
		}
		n.client.Close()
		synctest.Wait()
		log = n.log.String()

		next, worked := map[string]string{}, 0
		for _, c := range n.server.Calls() {
			if c.Worked {
				worked++
				if c.Remote <= next[c.Line] {
					t.Errorf("line %s: %s came after %s", c.Line, c.Remote, next[c.Line])
				}
				next[c.Line] = c.Remote
			}
		}
		if worked != n.told {
			t.Errorf("%d of %d events reached 1C", worked, n.told)
		}
		if shown := len(n.server.Sessions().Denied); shown == 0 || shown > 8 {
			t.Errorf("1C saw a wrong password %d times in 20 minutes, want once in 30 s, then ever more rarely, to once in 5 minutes", shown)
		}
		if s := n.server.Sessions(); s.Logins > 30 || s.Alive != 0 {
			t.Errorf("counted %+v, want a few logins, and no session left", s)
		}
	})
	t.Log("\n" + log)
	want := []string{
		"INF target.sessions: 1C keeps sessions for us",
		"WRN target.away: events wait; the infobase is locked for maintenance",
		"ERR target.away: it does not pass by itself; 1C does not accept the user or the password",
		"WRN target.away: events wait; the 1C platform is being updated",
		"INF target.back",
	}
	got := strings.Split(strings.TrimSpace(log), "\n")
	if len(got) != len(want) {
		t.Fatalf("the story has %d lines, want %d", len(got), len(want))
	}
	for i, line := range want {
		for part := range strings.SplitSeq(line, "; ") {
			if !strings.Contains(got[i], part) {
				t.Errorf("line %d is %q, want %q in it", i+1, got[i], part)
			}
		}
	}
}

func TestAPoisonedEventDelaysItsLaneForFiveSecondsAndNoOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := newNight(t, func() string { return "summer" })
		ctx, stop := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- n.deliverer.Run(ctx) }()
		n.hits(10 * time.Second) // all lanes have their sessions
		n.server.Reset()
		n.server.Behave(onectest.ForLines(onectest.Fault("{WebСервис.TelData.Модуль(25)}: Деление на 0"), "101"))
		poisoned := time.Now()
		n.lanes[0].push(event("poison", call.Incoming))
		for i, l := range n.lanes {
			e := event(fmt.Sprint("after ", i), call.Incoming)
			e.Line = call.Line(fmt.Sprint(201 + i))
			l.push(e)
		}
		time.Sleep(10 * time.Second)
		stop()
		<-ended
		n.client.Close()
		for _, c := range n.server.Calls() {
			bound := 500 * time.Millisecond
			if c.Line == "201" {
				bound = 5 * time.Second
			}
			if late := c.Finished.Sub(poisoned); c.Line != "101" && (late > bound || !c.Worked) {
				t.Errorf("line %s was told %v after the poisoned event came, want %v at most", c.Line, late, bound)
			}
		}
		if got := len(n.server.Calls()); got != 2+4 {
			t.Errorf("%d calls, want the poisoned one twice and four others", got)
		}
		if s := n.server.Sessions(); len(s.Refused)+s.Lost > 0 || strings.Contains(n.log.String(), "target.away") {
			t.Errorf("counted %+v; the log:\n%s", s, n.log.String())
		}
	})
}

// A target that has no room for one more is not away: nothing shuts, nothing is counted, and the event comes again at once.
func TestATargetThatIsCrowdedIsNotAway(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newFakeLane("0", event("a", call.Incoming))
		all := l.waiting
		o := &fakeOneC{answer: func(n int, _ call.Event) error {
			if n <= 20 {
				return failure{why: "no licence", blame: verdict.Crowded}
			}
			return nil
		}}
		d := deliver(o, 5*time.Second, 0, l)
		if diff := cmp.Diff([]string{"delivered"}, kinds(all)); diff != "" {
			t.Errorf("endings (-want +got):\n%s\ncalls: %s", diff, o.seen())
		}
		if shut, _ := d.Shut(); shut || !strings.HasSuffix(o.seen(), "a@1s") {
			t.Errorf("shut %v, calls %s; want an open target, and the last call after a second", shut, o.seen())
		}
	})
}

// The pauses of a failure are kept, begin anew with another cause, and end when somebody says that the cause may be gone.
func TestAPauseIsWhatTheFailureWants(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := &fakeOneC{start: time.Now(), answer: func(n int, _ call.Event) error {
			if n <= 4 {
				return slow{failure{why: "password", blame: verdict.Target}}
			}
			return refused
		}}
		d := New(Options{Target: "main", Timeout: 10 * time.Second, NotFor: notFor, Word: word, Log: zerolog.Nop()},
			o, []Lane{newFakeLane("0", event("a", call.Incoming))})
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error)
		go func() { ended <- d.Run(ctx) }()
		time.Sleep(5 * time.Minute)
		d.Hurry()
		time.Sleep(20 * time.Second)
		cancel()
		<-ended
		// After 30 s, 60 s and 120 s, and at once when told to hurry.
		var times []string
		for _, c := range o.calls {
			_, at, _ := strings.Cut(c, "@")
			times = append(times, at)
		}
		want := "0s 30s 1m30s 3m30s 5m0s 5m1s 5m3s 5m7s 5m12s 5m17s"
		if got := strings.Join(times, " "); got != want {
			t.Errorf("calls at %s\nwant     %s", got, want)
		}
	})
}

// slow is a failure that wants the target to be left alone for long.
type slow struct{ failure }

func (s slow) Outage() verdict.Outage {
	return verdict.Outage{Cause: s.why, Sure: true, Alarm: true, First: 30 * time.Second, Longest: 5 * time.Minute}
}

// Two causes by turns are told once each, not with every try.
func TestTheLogTellsEachCauseOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := &fakeOneC{answer: func(n int, _ call.Event) error {
			if n%2 == 0 {
				return away
			}
			return refused
		}}
		d := New(Options{Target: "main", Timeout: 10 * time.Second, NotFor: notFor, Word: word, Log: zerolog.New(&log).Level(zerolog.InfoLevel)},
			o, []Lane{newFakeLane("0", event("a", call.Incoming))})
		ctx, cancel := context.WithTimeout(t.Context(), 9*time.Minute)
		defer cancel()
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Count(log.String(), "\n"); lines != 2 {
			t.Errorf("%d lines, want two:\n%s", lines, log.String())
		}
	})
}

// Bug: what an operator read last was not what kept 1C away, because that had been told before.
func TestTheLogTellsACauseAgainThatHasComeToStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var log bytes.Buffer
		o := &fakeOneC{answer: func(n int, _ call.Event) error {
			if n == 4 || n == 5 {
				return away
			}
			return refused
		}}
		d := New(Options{Target: "main", Timeout: 10 * time.Second, NotFor: notFor, Word: word, Log: zerolog.New(&log).Level(zerolog.InfoLevel)},
			o, []Lane{newFakeLane("0", event("a", call.Incoming))})
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if err := d.Run(ctx); err != nil {
			t.Fatal(err)
		}
		if lines := strings.Split(strings.TrimSpace(log.String()), "\n"); len(lines) != 3 || !strings.Contains(lines[2], refused.why) {
			t.Errorf("want three lines, the last one of %q:\n%s", refused.why, log.String())
		}
	})
}
