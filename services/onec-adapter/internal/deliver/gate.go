package deliver

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

const (
	// tripAfter target failures in a row the gate shuts; a refused connect shuts it at once.
	tripAfter = 5
	// A shut gate lets one lane try after firstWait, then after twice as long, up to longestWait.
	firstWait   = 1 * time.Second
	longestWait = 5 * time.Second
	// longestMute is how long a target that lives and answers nobody is waited for before its messages are blamed again:
	// the heads of all lanes may be poisoned.
	longestMute = 10 * time.Minute
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
	mute       *mute // nil: the last call was answered
	shut       bool
	why        string
	since      time.Time
	wait       time.Duration
	waiting    []chan struct{} // lanes that want to try, longest waiting first
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

// mute is a target that lives and answers nobody.
type mute struct {
	lane     string // whose message met with it first
	sequence uint64
	since    time.Time
	others   bool // met with it too
}

// pass is one lane's leave to pull.
type pass struct {
	probe bool
	ctx   context.Context // of the pull: ends when the gate shuts, or with the lane's turn to probe
	done  context.CancelFunc
}

// enter returns at once while the target is open, and waits for the lane's turn to probe while it is shut.
func (g *gate) enter(ctx context.Context) (pass, error) {
	g.mu.Lock()
	if !g.shut {
		open := g.open
		g.mu.Unlock()
		pull, cancel := context.WithCancel(ctx)
		stop := context.AfterFunc(open, cancel)
		return pass{ctx: pull, done: func() { stop(); cancel() }}, nil
	}
	turn := make(chan struct{})
	g.waiting = append(g.waiting, turn)
	g.next()
	g.mu.Unlock()
	select {
	case <-turn:
		return g.admitted(ctx)
	case <-ctx.Done():
		g.withdraw(turn)
		return pass{}, ctx.Err()
	}
}

// admitted is called with a turn: either the gate has opened, or this lane probes.
func (g *gate) admitted(ctx context.Context) (pass, error) {
	g.mu.Lock()
	shut := g.shut
	g.mu.Unlock()
	if !shut {
		return g.enter(ctx)
	}
	pull, cancel := context.WithTimeout(ctx, probePull)
	return pass{probe: true, ctx: pull, done: cancel}, nil
}

// withdraw takes back a wish to try. A turn that was given in the same moment goes to the next lane.
func (g *gate) withdraw(turn chan struct{}) {
	g.mu.Lock()
	defer g.mu.Unlock()
	for i, t := range g.waiting {
		if t == turn {
			g.waiting = append(g.waiting[:i], g.waiting[i+1:]...)
			return
		}
	}
	g.probing = false
	g.next()
}

// next gives the turn to the lane that has waited longest, unless somebody has it.
func (g *gate) next() {
	if !g.shut || g.probing || len(g.waiting) == 0 {
		return
	}
	g.probing = true
	close(g.waiting[0])
	g.waiting = g.waiting[1:]
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
	g.failures, g.lastAnswer, g.mute = 0, time.Now(), nil
	if !g.shut {
		return
	}
	g.timer.Stop()
	g.shut, g.probing = false, false
	g.open, g.shutNow = context.WithCancel(context.Background())
	for _, turn := range g.waiting {
		close(turn)
	}
	g.waiting = nil
	g.log.Info().Dur("away_ms", time.Since(g.since)).Msg("target.back")
}

// failed says that the target was not able to take anything, and returns when it is worth another try.
func (g *gate) failed(p pass, down bool, why string) time.Duration {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.failures++
	switch {
	case g.shut && p.probe:
		g.wait = min(2*g.wait, longestWait)
		g.rest()
	case !g.shut && (down || g.failures >= tripAfter):
		g.shut, g.why, g.since, g.wait = true, why, time.Now(), firstWait
		g.shutNow()
		g.log.Warn().Str("why", why).Msg("target.away: events wait in the store, nothing is lost")
		g.rest()
	case !g.shut:
		return firstWait
	}
	g.why = why
	return g.wait
}

// rest keeps everybody out until the wait is over.
func (g *gate) rest() {
	g.probing = true
	g.timer = time.AfterFunc(g.wait, func() {
		g.mu.Lock()
		defer g.mu.Unlock()
		g.probing = false
		g.next()
	})
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

// muteFor notes that a message got no answer from a target that lives, and reports whether others got none either since
// the last answer.
func (g *gate) muteFor(lane string, sequence uint64) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.mute == nil {
		g.mute = &mute{lane: lane, sequence: sequence, since: time.Now()}
	}
	g.mute.others = g.mute.others || g.mute.lane != lane || g.mute.sequence != sequence
	return g.mute.others && time.Since(g.mute.since) < longestMute
}
