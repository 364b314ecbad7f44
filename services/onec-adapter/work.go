package onecadapter

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/telemetry"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/deliver"
	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
)

const (
	// The pauses while NATS or 1C are not there yet go from firstLook to lookAgain; sayAgain bounds the silence of the log about it.
	firstLook = 20 * time.Millisecond
	lookAgain = 5 * time.Second
	quiet     = time.Second
	sayAgain  = 10 * time.Minute
	// lookForSecrets is how often it is looked whether a password has changed.
	lookForSecrets = time.Second
)

// work is one target of this process.
type work struct {
	*service
	target     Target
	client     *onec.Client
	probe      probe
	log        zerolog.Logger
	deliverer  atomic.Pointer[deliver.Deliverer]
	lanes      atomic.Pointer[[]*stream.Lane]
	paused     atomic.Pointer[stream.Pause]
	changing   atomic.Bool            // its lanes
	trouble    atomic.Pointer[string] // why 1C could not be described the last time
	suggested  string                 // the override that the log has seen
	generation int                    // of the lanes that were opened last
	memory     stream.Memory
	look       func()        // at the secrets, which may have changed
	hurry      chan struct{} // they have
}

func newWork(s *service, t Target) (*work, error) {
	w := &work{service: s, target: t, log: s.Log.With().Str("target", t.Name).Logger(), hurry: make(chan struct{}, 1)}
	var err error
	if w.client, w.look, err = t.watched(w.log, w.renewed); err != nil {
		return nil, err
	}
	w.probe.alive = w.client.Alive
	s.metrics.watch(t.Name, w.away, w.client.Sessions)
	s.metrics.watchPause(t.Name, func() bool { return w.paused.Load() != nil })
	return w, nil
}

// renewed is told of a secret whose file has changed: what 1C refused may be right now.
func (w *work) renewed(file string, err error) {
	if err != nil {
		w.log.Error().Err(err).Str("file", file).Msg("target.secret: cannot be read; what it said before stays in force")
		return
	}
	w.log.Info().Str("file", file).Msg("target.secret: has changed and is in force")
	if d := w.deliverer.Load(); d != nil {
		d.Hurry()
	}
	select {
	case w.hurry <- struct{}{}:
	default:
	}
}

func (w *work) away() bool {
	if w.paused.Load() != nil {
		return false // an operator's wish is no outage
	}
	d := w.deliverer.Load()
	if d == nil {
		return true
	}
	shut, _ := d.Shut()
	return shut
}

// there is an error that says why the target takes nothing, or would not: where no call has failed, 1C is asked. 1C's own
// words may hold a number.
func (w *work) there(ctx context.Context) error {
	var why string
	if p := w.paused.Load(); p != nil {
		why = p.String()
	} else if d := w.deliverer.Load(); d != nil {
		if shut, last := d.Shut(); shut {
			why = last
		} else if err := w.probe.ask(ctx); err != nil {
			why = err.Error()
		}
	} else if trouble := w.trouble.Load(); trouble != nil {
		why = *trouble
	}
	if why == "" {
		return nil
	}
	return errors.New(phone.Mask(why))
}

func (w *work) pending() string {
	if d := w.deliverer.Load(); d != nil {
		return d.Pending()
	}
	return ""
}

// runAll works on all targets and keeps room in CALLS until ctx ends.
func (s *service) runAll(ctx context.Context) {
	var wg sync.WaitGroup
	wg.Go(func() { s.sweep(ctx) })
	for _, w := range s.works {
		wg.Go(func() { w.run(ctx) })
	}
	wg.Wait()
}

// run works on the target until ctx ends. Where its lanes go away (somebody forgot the target, or removed CALLS) it is
// opened anew.
func (w *work) run(ctx context.Context) {
	defer w.client.Close()
	go each(ctx, lookForSecrets, w.look)
	for ctx.Err() == nil {
		w.session(ctx)
	}
}

func each(ctx context.Context, d time.Duration, do func()) {
	tick := time.NewTicker(d)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// session opens the target on the stream, describes 1C, and delivers. Each of them may have to wait for the other side
// to appear.
func (w *work) session(ctx context.Context) {
	ctx, end := context.WithCancel(ctx)
	defer end()
	opened := untilDone(ctx, w.log, "stream.away: looking again", nil, w.open)
	if opened == nil {
		return
	}
	defer opened.target.Close()
	if w.follow(ctx, opened.target, end) {
		return
	}
	w.lanes.Store(&opened.lanes)
	defer w.lanes.Store(nil)
	plan := untilDone(ctx, w.log, "target.away at the start: events wait in the store; looking again", w.hurry, w.describe)
	if plan == nil {
		return
	}
	for _, line := range plan.Lines() {
		w.log.Info().Msg("target.plan: " + line)
	}
	if w.Planned != nil {
		found := w.target.checked(w.client)
		found.planned(*plan)
		w.Planned(found)
	}
	var lanes []deliver.Lane
	for _, l := range opened.lanes {
		lanes = append(lanes, lane{Lane: l, gone: end})
	}
	d := deliver.New(deliver.Options{
		Target: w.target.Name, Timeout: w.target.Timeout, FreshFor: w.target.FreshFor, NotFor: w.client.NotFor, Word: w.client.Word,
		Taken: opened.target.Taken, Log: w.Log, Observe: w.metrics.observe(w.target.Name),
	}, receiver{w.client}, lanes)
	w.deliverer.Store(d)
	if err := d.Run(ctx); err != nil {
		w.log.Warn().Err(err).Msg("target.handover: another adapter takes the lanes over after five seconds")
	}
}

// describe asks 1C what the operation takes. Where that cannot be told, the log gets a targets file to paste.
func (w *work) describe(ctx context.Context) (*onec.Plan, error) {
	plan, err := w.client.Describe(ctx)
	if err != nil {
		why := err.Error()
		w.trouble.Store(&why)
	}
	var mapping *onec.MappingError
	if !errors.As(err, &mapping) {
		return &plan, err
	}
	if w.suggested != mapping.Suggestion {
		w.suggested = mapping.Suggestion
		w.log.Error().Msg("target.unmapped: the operation " + mapping.Operation + " " + mapping.Reason +
			"; say what goes where in a file for --targets: " + w.target.file(mapping.Suggestion))
	}
	return nil, errors.New("the operation " + mapping.Operation + " " + mapping.Reason)
}

// untilDone tries until it works or ctx ends, when it returns nil. It leaves a target alone for as long as its failure wants it,
// and tries again at once when told to hurry. The log hears of a trouble that lasts for a second (in one process ingest and
// adapter start side by side) or that somebody has to mend, when it changes, and again now and then.
func untilDone[T any](ctx context.Context, log zerolog.Logger, trouble string, hurry <-chan struct{}, try func(context.Context) (T, error)) (done T) {
	var said, cause string
	begin, when := time.Now(), time.Time{}
	for wait := time.Duration(0); ctx.Err() == nil; {
		done, err := try(ctx)
		if err == nil {
			return done
		}
		o := outageOf(err)
		if text := err.Error(); ctx.Err() == nil && (o.Alarm || time.Since(begin) > quiet) && (text != said || time.Since(when) > sayAgain) {
			said, when = text, time.Now()
			log.WithLevel(levelOf(o)).Str("error", phone.Mask(text)).Msg(trouble) // 1C's own words may hold a number
		}
		if o.Cause != cause {
			wait, cause = 0, o.Cause
		}
		wait = o.Pause(wait)
		select {
		case <-ctx.Done():
		case <-hurry:
			wait = 0
		case <-time.After(wait):
		}
	}
	return done
}

// outageOf is what a failure wants; one that passes soon, or is none of 1C's, is looked at again soon: at the start the other side
// may be starting too.
func outageOf(err error) verdict.Outage {
	o := verdict.Outage{}
	var f verdict.Failure
	if errors.As(err, &f) {
		o = f.Outage()
	}
	if o.First <= time.Second {
		o.First, o.Longest = firstLook, lookAgain
	}
	return o
}

func levelOf(o verdict.Outage) zerolog.Level {
	if o.Alarm {
		return zerolog.ErrorLevel
	}
	return zerolog.WarnLevel
}

// opened is a target on the stream.
type opened struct {
	target *stream.Target
	lanes  []*stream.Lane
}

// open declares the target and opens its lanes.
func (w *work) open(ctx context.Context) (*opened, error) {
	if !w.nc.IsConnected() {
		return nil, stream.ErrAway
	}
	ctx, cancel := context.WithTimeout(ctx, 10*time.Second)
	defer cancel()
	target, differences, err := stream.OpenTarget(ctx, w.nc, stream.TargetOptions{
		Name: w.target.Name, Sessions: w.target.Sessions, From: string(w.target.From), Memory: &w.memory,
	})
	if err != nil {
		return nil, err
	}
	o := &opened{target: target}
	if target.Changing() || target.Paused() != nil {
		return o, nil // nobody pulls now, see follow
	}
	for i := range target.Set().Lanes {
		l, err := target.Lane(ctx, i)
		if err != nil {
			target.Close()
			return nil, err
		}
		o.lanes = append(o.lanes, l)
	}
	for _, d := range differences {
		w.log.Warn().Msg("stream: " + d)
	}
	return o, nil
}

// lane fits a stream's lane to what deliver asks for: Go does not see that a *stream.Message is a deliver.Message. A
// lane that is gone ends the session.
type lane struct {
	*stream.Lane
	gone func()
}

// Next implements deliver.Lane.
func (l lane) Next(ctx context.Context) (deliver.Message, error) { return l.take(l.Lane.Next(ctx)) }

// Front implements deliver.Lane.
func (l lane) Front(ctx context.Context) (deliver.Message, error) { return l.take(l.Lane.Front(ctx)) }

func (l lane) take(m *stream.Message, err error) (deliver.Message, error) {
	if errors.Is(err, stream.ErrLaneGone) {
		l.gone()
	}
	if err != nil {
		return nil, err
	}
	return m, nil
}

// receiver fits a client to what deliver asks for.
type receiver struct{ *onec.Client }

// Enter implements deliver.Receiver.
func (r receiver) Enter(ctx context.Context) (deliver.Place, error) {
	p, err := r.Client.Enter(ctx)
	if err != nil {
		return nil, err
	}
	return p, nil
}

// sweep keeps room in CALLS.
func (s *service) sweep(ctx context.Context) {
	janitor, err := stream.NewJanitor(s.nc)
	if err != nil {
		s.Log.Error().Err(err).Msg("janitor")
		return
	}
	janitor.Run(ctx, telemetry.Janitor(s.Log))
}
