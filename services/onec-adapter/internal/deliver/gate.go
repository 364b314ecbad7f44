package deliver

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/verdict"
)

const (
	// tripAfter target failures in a row the gate shuts; a refused connect shuts it at once.
	tripAfter = 5
	// A shut gate lets one lane try after firstWait, then after twice as long, up to longestWait; the failure may want it
	// otherwise (verdict.Outage).
	firstWait   = 1 * time.Second
	longestWait = 5 * time.Second
	// sayAgain is when a cause is news again though it may be gone at once: a 1C that fails by turns in two ways must not fill the log.
	sayAgain = 10 * time.Minute
	// probePull is how long a probing lane waits for its head; a lane that has nothing passes its turn on.
	probePull = 1 * time.Second
)

// gate is the circuit breaker of one target, shared by its lanes. It is our own because of what a lane needs of it:
// while it is shut nothing is pulled, and the heads of the lanes try in turn, so that one head which the target cannot
// bear does not keep it shut for the others.
type gate struct {
	log zerolog.Logger

	mu         sync.Mutex
	failures   int // of the target, in a row
	lastAnswer time.Time
	mute       mute
	shut       bool
	why        string
	since      time.Time
	cause      string
	told       string               // the cause that the log told last
	said       map[string]time.Time // causes that the log knows, of this outage
	tries      int                  // of this outage
	wait       time.Duration
	hurried    bool            // the next wait is short
	taken      uint64          // what the target had taken of whomever, when that was looked at first in this outage; 0: it was not
	waiting    []*turn         // lanes that want to try, longest waiting first
	headTurn   bool            // the last turn went to a lane with a head
	probing    bool            // a lane is trying, or the wait is not over
	timer      *time.Timer     // ends the wait
	open       context.Context // ends when the gate shuts
	shutNow    context.CancelFunc
}

func newGate(log zerolog.Logger) *gate {
	g := &gate{log: log}
	g.open, g.shutNow = context.WithCancel(context.Background())
	return g
}

// turn is a lane's wish to try while the gate is shut.
type turn struct {
	given chan struct{}
	head  bool // the lane has an event to try with; others may have none, and find out for probePull
}

// pass is one lane's leave to pull.
type pass struct {
	probe bool
	ctx   context.Context // of the pull: ends when the gate shuts, or with the lane's turn to probe
	done  context.CancelFunc
}

// enter returns at once while the target is open, and waits for the lane's turn to probe while it is shut. Head says that
// the lane has an event to try with.
func (g *gate) enter(ctx context.Context, head bool) (pass, error) {
	g.mu.Lock()
	if !g.shut {
		open := g.open
		g.mu.Unlock()
		pull, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(open, cancel)
		return pass{ctx: pull, done: func() { stop(); cancel() }}, nil
	}
	t := &turn{given: make(chan struct{}), head: head}
	g.waiting = append(g.waiting, t)
	g.next()
	g.mu.Unlock()
	select {
	case <-t.given:
		return g.admitted(ctx, head)
	case <-ctx.Done():
		g.withdraw(t)
		return pass{}, ctx.Err()
	}
}

// admitted is called with a turn: either the gate has opened, or this lane probes.
func (g *gate) admitted(ctx context.Context, head bool) (pass, error) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if !shut {
		return g.enter(ctx, head)
	}
	pull, cancel := context.WithTimeout(ctx, probePull)
	return pass{probe: true, ctx: pull, done: cancel}, nil
}

// withdraw takes back a wish to try. A turn that was given in the same moment goes to the next lane.
func (g *gate) withdraw(t *turn) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if i := slices.Index(g.waiting, t); i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
		return
	}
	g.probing = false
	g.next()
}

// next gives the turn to a lane, unless somebody has it: to one with a head and to one without by turns, of each kind to
// the one that has waited longest. Lanes without a head cost up to probePull each, so many of them must not come first
// when the target is back; and one of them may have got its first event, which must not starve behind bad heads.
func (g *gate) next() {
	if !g.shut || g.probing || len(g.waiting) == 0 {
		return
	}
	i := max(0, slices.IndexFunc(g.waiting, func(t *turn) bool { return t.head != g.headTurn }))
	t := g.waiting[i]
	g.waiting = slices.Delete(g.waiting, i, i+1)
	g.probing, g.headTurn = true, t.head
	close(t.given)
}

// nothing says that the lane had no event to try with.
func (g *gate) nothing(p pass) {
	if !p.probe {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probing = false
	g.next()
}

// answered says that the target is there: it took an event, or refused it for what it is.
func (g *gate) answered() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures, g.lastAnswer = 0, time.Now()
	g.mute.answered()
	if g.shut {
		g.reopen()
	}
}

// elsewhere is told how much the target has taken, of whichever adapter. Where another one has all lanes, nobody here would ever
// find out that the target is back.
func (g *gate) elsewhere(taken uint64) {
	g.mu.Lock()
	defer g.mu.Unlock()
	switch {
	case !g.shut:
	case g.taken == 0:
		g.taken = taken
	case taken > g.taken:
		g.failures = 0
		g.reopen()
	}
}

func (g *gate) reopen() {
	g.timer.Stop()
	g.shut, g.probing = false, false
	g.open, g.shutNow = context.WithCancel(context.Background())
	for _, t := range g.waiting {
		close(t.given)
	}
	g.waiting = nil
	g.log.Info().Dur("away_ms", time.Since(g.since)).Int("tries", g.tries).Msg("target.back")
}

// failed says that the target was not able to take anything, and returns when the lane may come again.
func (g *gate) failed(p pass, o verdict.Outage, why string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures++
	changed := !g.shut || g.cause != o.Cause
	switch {
	case g.shut && p.probe:
		g.tries++
		g.lengthen(o)
		g.rest()
	case !g.shut && (o.Sure || g.failures >= tripAfter):
		g.shut, g.since, g.wait, g.said, g.tries = true, time.Now(), 0, map[string]time.Time{}, g.failures
		g.taken = 0
		g.lengthen(o)
		g.shutNow()
		g.rest()
	case !g.shut:
		return firstWait
	default: // it was under way when the gate shut
		return min(g.wait, longestWait)
	}
	g.cause, g.why = o.Cause, why
	g.tell(o, changed)
	return min(g.wait, longestWait)
}

// lengthen makes the wait what the failure wants. Another cause begins anew.
func (g *gate) lengthen(o verdict.Outage) {
	if o.First == 0 {
		o.First, o.Longest = firstWait, longestWait
	}
	if g.cause != o.Cause || g.hurried {
		g.wait = 0
	}
	g.wait, g.hurried = o.Pause(g.wait), false
}

// tell makes the log a short story: why it shut, each new reason, and the end. One that was said not long ago is said again when
// it has come to stay.
func (g *gate) tell(o verdict.Outage, changed bool) {
	last, known := g.said[o.Cause]
	if known && (o.Cause == g.told || changed && time.Since(last) < sayAgain) {
		return
	}
	g.told, g.said[o.Cause] = o.Cause, time.Now()
	level, what := zerolog.WarnLevel, "target.away: events wait in the store, nothing is lost"
	if o.Alarm {
		level, what = zerolog.ErrorLevel, "target.away: it does not pass by itself; events wait in the store, nothing is lost"
	}
	g.log.WithLevel(level).Str("why", phone.Mask(g.why)).Dur("next_ms", g.wait).Msg(what)
}

// rest keeps everybody out until the wait is over.
func (g *gate) rest() {
	g.probing = true
	g.timer = time.AfterFunc(g.wait, g.rested)
}

func (g *gate) rested() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probing = false
	g.next()
}

// hurry ends the wait, and the next one will be a first one: a lane that is trying at the moment may do so with what was.
func (g *gate) hurry() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if !g.shut {
		return
	}
	g.hurried = true
	if g.timer.Stop() {
		g.probing = false
		g.next()
	}
}

func (g *gate) state() (shut bool, why string) {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.shut, g.why
}

// answeredSince reports whether the target answered any lane since a point in time.
func (g *gate) answeredSince(t time.Time) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lastAnswer.After(t)
}

// away notes that the target could not be had, and not for its silence alone.
func (g *gate) away() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.mute.away()
}

// silent notes that a message got no answer from a target that lives, and reports whether that is the target's.
func (g *gate) silent(a asker) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.mute.silent(a, time.Now())
}
