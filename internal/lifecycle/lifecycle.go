// Package lifecycle starts the parts of a process in order and stops them in reverse.
//
// The order is the point. With 40 requests in flight, stopping HTTP before the broker connection answered all 40 with 200;
// the other way round it answered none. So parts are added in the order in which they need each other, and while they stop
// the log says every five seconds what is being waited for.
package lifecycle

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/rs/zerolog"
)

// DefaultGrace is the time that all stops together get when Options leave it open.
const DefaultGrace = 10 * time.Second

const (
	// sayEvery is how often a wait is explained in the log.
	sayEvery = 5 * time.Second
	// lastWord is what a part gets after the grace period: a component that overran it returns because the work context
	// has ended, and those behind it (the store, above all) still get to close.
	lastWord = time.Second
)

var (
	errStarting = errors.New("starting")
	errStopping = errors.New("stopping")
	errOverdue  = errors.New("did not return in time; left behind")
)

// Options say how a Group behaves.
type Options struct {
	Grace time.Duration  // for all stops together; DefaultGrace if zero
	Log   zerolog.Logger // each step, and what is being waited for
}

// Group is a process as an ordered list of components. Make it with New, Add the components, Run it once.
type Group struct {
	opts       Options
	components []*Component
	work       context.Context
	endWork    context.CancelFunc

	failed chan struct{} // closed by the first Fail

	mu       sync.Mutex
	failures []error
	state    error // what Ready answers
}

// Component is one part of the group.
type Component struct {
	name        string
	start, stop func(context.Context) error
	pending     func() string
}

// New makes an empty group.
func New(opts Options) *Group {
	if opts.Grace <= 0 {
		opts.Grace = DefaultGrace
	}
	g := &Group{opts: opts, failed: make(chan struct{}), state: errStarting}
	g.work, g.endWork = context.WithCancel(context.Background())
	return g
}

// Add appends a component. start returns once the component is ready, or with an error when it will not be, in which case it
// has cleaned up after itself: stop is called only for what has started. start's context ends with the signal; what goes on
// after start returned uses Context. Either function may be nil.
func (g *Group) Add(name string, start, stop func(context.Context) error) *Component {
	c := &Component{name: name, start: orNothing(start), stop: orNothing(stop), pending: func() string { return "" }}
	g.components = append(g.components, c)
	return c
}

func orNothing(f func(context.Context) error) func(context.Context) error {
	if f == nil {
		return func(context.Context) error { return nil }
	}
	return f
}

// Pending tells the group how to ask what the component is still busy with, such as "3 requests".
// It may be called from another goroutine than stop.
func (c *Component) Pending(pending func() string) { c.pending = pending }

// Context is for work under way, such as requests being answered. It outlives the signal, because that work is to be finished,
// and ends with the grace period or when all components have stopped.
func (g *Group) Context() context.Context { return g.work }

// Fail reports that a running component has failed: the group stops, and Run returns the error with the others.
// It never blocks, may be called from anywhere and at any time, and a nil error is ignored.
func (g *Group) Fail(err error) {
	if err == nil {
		return
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.failures = append(g.failures, err); len(g.failures) == 1 {
		close(g.failed)
	}
}

// Ready says whether every component has started and none is being stopped. It has the form of a readiness check.
func (g *Group) Ready(context.Context) error {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.state
}

func (g *Group) become(state error) {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.state = state
}

// Run starts the components in order, waits for ctx to end or for a failure, and stops in reverse what has started. It returns
// nil after a clean stop, and otherwise every error joined.
func (g *Group) Run(ctx context.Context) error {
	defer g.endWork()
	running, cancel := context.WithCancel(ctx)
	defer cancel()

	started, err := g.startAll(running, cancel)
	if err == nil {
		g.become(nil)
		select {
		case <-ctx.Done():
		case <-g.failed:
		}
	}
	g.become(errStopping)
	g.sayWhy(ctx, err)
	stopErr := g.stopAll(started)

	g.mu.Lock()
	defer g.mu.Unlock()
	return errors.Join(append(g.failures[:len(g.failures):len(g.failures)], err, stopErr)...)
}

// startAll starts the components until one fails or the group is told to end, and returns those that did start.
func (g *Group) startAll(ctx context.Context, cancel context.CancelFunc) (started []*Component, err error) {
	all := make(chan struct{})
	defer close(all)
	go func() { // a component that fails must not leave the group waiting for the next one to start
		select {
		case <-g.failed:
			cancel()
		case <-all:
		}
	}()
	for _, c := range g.components {
		if ctx.Err() != nil {
			return started, nil
		}
		begin := time.Now()
		g.opts.Log.Debug().Str("component", c.name).Msg("starting " + c.name)
		err := g.await(nil, c, "still starting", func() error { return c.start(ctx) })
		if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
			return started, nil // it was told to end, and did
		}
		if err != nil {
			return started, fmt.Errorf("start %s: %w", c.name, err)
		}
		g.opts.Log.Debug().Str("component", c.name).Dur("took_ms", time.Since(begin)).Msg("started " + c.name)
		started = append(started, c)
	}
	return started, nil
}

func (g *Group) sayWhy(ctx context.Context, startErr error) {
	g.mu.Lock()
	why := errors.Join(append([]error{startErr}, g.failures...)...)
	g.mu.Unlock()
	if why != nil {
		g.opts.Log.Error().Err(why).Dur("grace_ms", g.opts.Grace).Msg("stopping after a failure")
		return
	}
	level, cause := zerolog.InfoLevel, context.Cause(ctx)
	if errors.Is(cause, context.Canceled) {
		level = zerolog.DebugLevel // told by a group around this one, which has said it
	}
	g.opts.Log.WithLevel(level).AnErr("why", cause).Dur("grace_ms", g.opts.Grace).Msg("stopping; a second signal ends at once")
}

// stopAll stops the components in reverse, all within one grace period. When that is over the work context ends, and each
// component gets a last word.
func (g *Group) stopAll(started []*Component) error {
	grace, cancel := context.WithTimeout(context.Background(), g.opts.Grace)
	defer cancel()
	defer context.AfterFunc(grace, g.endWork)()

	var errs []error
	for i := len(started) - 1; i >= 0; i-- {
		errs = append(errs, g.stopOne(grace, started[i]))
	}
	return errors.Join(errs...)
}

func (g *Group) stopOne(grace context.Context, c *Component) error {
	ctx, cancel := grace, context.CancelFunc(func() {})
	if grace.Err() != nil {
		ctx, cancel = context.WithTimeout(context.Background(), lastWord)
	}
	defer cancel()

	begin := time.Now()
	g.opts.Log.Debug().Str("component", c.name).Msg("stopping " + c.name)
	err := g.await(ctx.Done(), c, "waiting for", func() error { return c.stop(ctx) })
	log := g.opts.Log.With().Str("component", c.name).Dur("took_ms", time.Since(begin)).Logger()
	if err != nil {
		log.Warn().Err(err).Msg("stopped " + c.name + " with an error")
		return fmt.Errorf("stop %s: %w", c.name, err)
	}
	log.Debug().Msg("stopped " + c.name)
	return nil
}

// await runs f and says every five seconds that it is still waiting. Once end is over, f has a last word; if it does not return
// then either, it is left behind, and so is its goroutine.
func (g *Group) await(end <-chan struct{}, c *Component, doing string, f func() error) error {
	done := make(chan error, 1)
	go func() { done <- f() }()
	tick := time.NewTicker(sayEvery)
	defer tick.Stop()
	var overdue <-chan time.Time
	for {
		select {
		case err := <-done:
			return err
		case <-tick.C:
			g.sayWaiting(c, doing)
		case <-end:
			end, overdue = nil, time.After(lastWord)
		case <-overdue:
			return errOverdue
		}
	}
}

func (g *Group) sayWaiting(c *Component, doing string) {
	text := doing + " " + c.name
	if what := c.pending(); what != "" {
		text += ": " + what
	}
	g.opts.Log.Info().Str("component", c.name).Msg(text)
}
