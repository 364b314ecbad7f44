package deliver

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/verdict"
)

const (
	// tries and between are the budget of a message's own failures: two tries within 5 s. A deadlock in 1C is over by
	// then; a coding error repeats for ever.
	tries   = 2
	between = 1 * time.Second
	// betweenCrowded is the pause after the target had no room: the lane waits for its turn as soon as it has the event again.
	betweenCrowded = 50 * time.Millisecond
	// singledFor is how long an event alone may meet with what looks like a failure of the target. A lock in 1C that lasts is a
	// person at work with the record.
	singledFor = 10 * time.Minute
	// grace is how long after a stop an ending may take to be stored, beyond the call itself.
	grace = 2 * time.Second
	// recall is how far back a new owner looks for what its lines were told last. No call rings for longer.
	recall = 2 * time.Hour
	// pullAgain is the pause after a failed pull (NATS away).
	pullAgain = 500 * time.Millisecond
	// askAgain is the pause after a fence that could not be asked (NATS slow).
	askAgain = 1 * time.Second
)

// worker takes one lane's events, one after another.
type worker struct {
	*Deliverer
	lane     Lane
	rules    *rules
	stale    bool // somebody else told the target something: the rules must be learned anew
	head     head
	busyWith atomic.Pointer[string]
}

// head is the memory of the event at the front of the lane, while it is being tried.
type head struct {
	sequence uint64
	attempts int
	refusals int       // failures that were the message's own
	failed   time.Time // its last failure that was the target's
	singled  time.Time // since when the target has taken others' events between its failures; zero: it has not
	unsure   bool
	tries    []verdict.Try // the last ones
}

func (w *worker) run(ctx context.Context) error {
	// What is under way at a stop is finished: this context outlives the signal, and dies with the grace period.
	work, cancel := outlive(ctx, w.o.Timeout+grace)
	defer cancel()
	for ctx.Err() == nil {
		w.turn(ctx, work)
	}
	return w.lane.Close(work)
}

// outlive returns a context that ends a while after its parent.
func outlive(parent context.Context, by time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(parent))
	stop := context.AfterFunc(parent, func() { time.AfterFunc(by, cancel) })
	return ctx, func() { stop(); cancel() }
}

// turn works on one event, or on none.
func (w *worker) turn(ctx, work context.Context) {
	if shut, _ := w.gate.state(); shut {
		w.lane.Pause() // what it has in hand nobody holds while it waits
	}
	p, err := w.gate.enter(ctx, w.head.sequence != 0)
	if err != nil {
		return
	}
	defer p.done()
	take := w.lane.Next
	if p.probe { // nothing goes before its turn into a target that may be away
		take = w.lane.Front
	}
	m, err := take(p.ctx)
	if err != nil {
		w.noMessage(ctx, p, err)
		return
	}
	if ctx.Err() != nil {
		w.handBack(m, 0)
		return
	}
	w.work(ctx, work, p, m)
}

func (w *worker) noMessage(ctx context.Context, p pass, err error) {
	w.lane.Pause()
	if p.probe && w.o.Taken != nil {
		if taken, err := w.o.Taken(ctx); err == nil {
			w.gate.elsewhere(taken)
		}
	}
	w.gate.nothing(p)
	if p.ctx.Err() == nil {
		w.o.Log.Warn().Err(err).Str("lane", w.lane.Name()).Msg("lane.stalled: cannot pull, trying again")
		pause(ctx, pullAgain)
	}
}

func pause(ctx context.Context, d time.Duration) {
	select {
	case <-ctx.Done():
	case <-time.After(d):
	}
}

// work brings one event to its verdict and settles it. Before it is its turn in the target, a stop hands it back.
func (w *worker) work(stop, ctx context.Context, p pass, m Message) {
	line := string(m.Event().Line)
	w.busyWith.Store(&line)
	defer w.busyWith.Store(nil)
	held, drop := m.Hold(ctx)
	defer drop()
	w.remember(ctx, m)
	if why := w.kept(ctx, m); why.Kind != verdict.Undecided {
		w.gate.nothing(p)
		w.settle(ctx, m, tried{ending: w.ending(why, verdict.Reply{})})
		return
	}
	place, err := w.enter(stop, held, p)
	if err != nil {
		w.gate.nothing(p)
		w.handBack(m, 0)
		return
	}
	t, ours := w.inside(held, p, place, m)
	if !ours {
		w.gate.nothing(p)
		return
	}
	w.settle(ctx, m, t)
}

// inside calls 1C, if the message is ours. The place is left after the verdict: a lane that waits for it must see a gate that shuts.
func (w *worker) inside(held context.Context, p pass, place Place, m Message) (t tried, ours bool) {
	defer place.Leave()
	if !w.ours(held, m) {
		return t, false
	}
	return w.call(held, p, place, m), true
}

// enter waits for room in the target, but no longer than for a call: nobody else gets at the lane's events meanwhile. A gate that shuts
// ends it, and so does a message that is not ours any more.
func (w *worker) enter(stop, held context.Context, p pass) (Place, error) {
	if !p.probe {
		stop = p.ctx
	}
	ctx, cancel := context.WithTimeout(stop, w.o.Timeout)
	defer cancel()
	defer context.AfterFunc(held, cancel)()
	place, err := w.receiver.Enter(ctx)
	if err == nil && ctx.Err() != nil { // it shut in the same moment
		place.Leave()
		return nil, ctx.Err()
	}
	return place, err
}

// ours asks the fence. What is not ours any more (we were frozen for too long) is left to whom it was delivered since.
// Where the fence cannot be asked, the message is handed back: the lane would stand for AckWait else.
func (w *worker) ours(ctx context.Context, m Message) bool {
	ours, err := m.Ours(ctx)
	switch {
	case err != nil:
		w.o.Log.Warn().Err(err).Str("lane", w.lane.Name()).Str("id", m.Event().ID).Msg("lane.fenced: cannot tell whether it is still ours, trying again")
		w.handBack(m, askAgain)
	case !ours:
		w.o.Log.Warn().Str("lane", w.lane.Name()).Str("id", m.Event().ID).Msg("lane.fenced: not ours any more")
	}
	return err == nil && ours
}

// remember prepares head and rules for a message.
func (w *worker) remember(ctx context.Context, m Message) {
	if m.TakenOver() || w.stale {
		w.rules.forget()
		err := w.lane.Recall(ctx, time.Now().Add(-recall), w.rules.learn)
		if w.stale = err != nil; w.stale {
			w.o.Log.Warn().Err(err).Str("lane", w.lane.Name()).Msg("lane.recall: what the lines were told last is not known")
		}
	}
	if w.head.sequence != m.Sequence() {
		// Somebody had it before us, and what came of it was never recorded.
		w.head = head{sequence: m.Sequence(), unsure: m.Deliveries() > 1}
	}
}

// kept is the verdict of a message that never reaches 1C.
func (w *worker) kept(ctx context.Context, m Message) verdict.Verdict {
	if err := m.Broken(); err != nil {
		return verdict.Never(err.Error())
	}
	if m.Again() {
		return verdict.Verdict{}
	}
	why := w.rules.skip(m.Event(), time.Now())
	if earlier := w.rules.recalled(m.Event(), why); earlier != 0 && !w.sameCall(ctx, m, earlier) {
		w.rules.doubt(m.Event())
		why = w.rules.skip(m.Event(), time.Now())
	}
	if why != "" {
		return verdict.Skip(why)
	}
	return verdict.Verdict{}
}

// sameCall is false where it cannot be told: an end that is told twice does no harm, one that is never told leaves a card open.
func (w *worker) sameCall(ctx context.Context, m Message, earlier uint64) bool {
	same, err := m.SameCall(ctx, earlier)
	if err != nil {
		w.o.Log.Warn().Err(err).Str("lane", w.lane.Name()).Msg("lane.recall: what the lines were told last is not known")
	}
	return same && err == nil
}

// tried is the outcome of one try.
type tried struct {
	ending verdict.Ending
	took   time.Duration
}

// errBrokenOff is of a call that we ended ourselves: it says nothing of the target.
var errBrokenOff = errors.New(brokenOff)

// call asks 1C once and turns what it says into a verdict.
func (w *worker) call(held context.Context, p pass, place Place, m Message) tried {
	w.head.attempts++
	start := time.Now()
	callCtx, cancel := context.WithTimeout(held, w.o.Timeout)
	reply, err := place.Call(callCtx, m.Event())
	cancel()
	if err != nil && held.Err() != nil {
		err = errBrokenOff
	}
	t := tried{took: time.Since(start)}
	w.head.note(verdict.Try{Time: start.UTC(), Took: t.took}, err)
	if err == nil {
		w.gate.answered()
		t.ending = w.ending(verdict.Done(), reply)
		return t
	}
	t.ending = w.ending(w.judge(held, p, m, err, start), reply)
	return t
}

func (w *worker) ending(v verdict.Verdict, r verdict.Reply) verdict.Ending {
	return verdict.Ending{Verdict: v, Attempts: w.head.attempts, Reply: r, Unsure: w.head.unsure, Tries: w.head.tries}
}

// note remembers a try for the ending, where an operator will look for it.
func (h *head) note(t verdict.Try, err error) {
	if err != nil {
		t.Why = err.Error()
	}
	var f verdict.Failure
	if errors.As(err, &f) {
		t.Status = f.Status()
	}
	h.tries = append(h.tries, t)
	h.tries = h.tries[max(0, len(h.tries)-verdict.KeptTries):]
}

// judge turns a failed call into a verdict. The unsure mark of this try belongs to what follows from it: the next
// try, or the dead letter.
func (w *worker) judge(held context.Context, p pass, m Message, err error, start time.Time) verdict.Verdict {
	if errors.Is(err, errBrokenOff) {
		w.head.unsure = true
		w.gate.nothing(p)
		return verdict.Later(between, err.Error())
	}
	blame, outage := verdict.Target, verdict.Outage{Cause: err.Error()}
	var f verdict.Failure
	if errors.As(err, &f) {
		blame, outage = f.Blame(), f.Outage()
		w.head.unsure = w.head.unsure || f.Unsure()
	}
	switch blame {
	case verdict.Target:
		w.gate.away()
	case verdict.Message:
		w.gate.answered()
	case verdict.Crowded:
		w.gate.nothing(p)
		return verdict.Later(betweenCrowded, err.Error())
	case verdict.Unclear:
		if blame = w.whose(held, m.Event(), start); blame == verdict.Message {
			w.gate.nothing(p)
		}
	}
	if blame == verdict.Target {
		if !w.singledOut() {
			return verdict.Later(w.gate.failed(p, outage, err.Error()), err.Error())
		}
		w.gate.nothing(p)
		if time.Since(w.head.singled) < singledFor {
			return verdict.Later(longestWait, err.Error())
		}
		return verdict.Never(err.Error() + takesOthers)
	}
	w.head.refusals++
	if w.head.refusals < tries {
		return verdict.Later(between, err.Error())
	}
	return verdict.Never(err.Error())
}

// singledOut reports whether the target has taken others' events since this one failed last. Then the failure says nothing of the
// target, whatever it looks like: a webhook's firewall may have something against one caller's name, two records of 1C may
// lock each other for ever. The lane goes on trying by itself, the others are not kept from the target, and after singledFor it is
// the message's.
func (w *worker) singledOut() bool {
	h := &w.head
	before := h.failed
	h.failed = time.Now()
	if before.IsZero() || !w.gate.answeredSince(before) {
		h.singled = time.Time{}
		return false
	}
	if h.singled.IsZero() {
		h.singled = before
	}
	return true
}

// whose decides a time-out or a broken connection. It is the message's if the target answers others meanwhile, or at
// least shows its WSDL. But a 1C that waits for a lock of its database shows that too and answers nobody, so it is the
// target's while others meet with the same silence (mute).
func (w *worker) whose(ctx context.Context, e call.Event, start time.Time) verdict.Blame {
	switch {
	case w.gate.answeredSince(start):
		return verdict.Message
	case w.receiver.Alive(ctx) != nil:
		w.gate.away()
		return verdict.Target
	case w.gate.silent(asker{w.lane.Name(), lineKey{e.Site, e.Line}}):
		return verdict.Target
	}
	return verdict.Message
}

// settle writes the ending, or hands the message back.
func (w *worker) settle(ctx context.Context, m Message, t tried) {
	v := t.ending.Verdict
	w.o.Observe(Outcome{Verdict: v.Kind, Call: t.took, Age: time.Since(m.Event().Time)})
	if !v.Kind.Final() {
		w.log(w.laterLevel(t), m, t)
		w.handBack(m, v.After)
		return
	}
	ended, err := m.End(ctx, t.ending, w.trouble(m))
	switch {
	case err != nil:
		w.o.Log.Error().Err(err).Str("id", m.Event().ID).Msg("call.unended: it will be tried again, and marked unsure")
	case !ended:
		w.stale = true
		w.o.Log.Warn().Str("id", m.Event().ID).Str("lane", w.lane.Name()).Msg("call.ended_elsewhere: another adapter was faster")
	default:
		w.learn(m, v.Kind)
		w.log(level(v.Kind), m, t)
	}
}

// learn remembers an ending. What an operator sent again belongs to no call of today: the rules do not see it.
func (w *worker) learn(m Message, k verdict.Kind) {
	if !m.Again() {
		w.rules.learn(0, m.Event(), k)
	}
	w.head = head{}
}

// handBack returns the message to the lane. Where the gate has shut, the lane stops pulling first, so that it does
// not come back into a hand that is closed.
func (w *worker) handBack(m Message, after time.Duration) {
	if shut, _ := w.gate.state(); shut || after == 0 {
		w.lane.Pause()
	}
	if err := m.Later(after); err != nil {
		w.o.Log.Warn().Err(err).Str("id", m.Event().ID).Msg("lane.handback: it comes back by itself after AckWait")
	}
}

// trouble tells of an ending that cannot be stored, at most every ten seconds.
func (w *worker) trouble(m Message) func(error) {
	var last time.Time
	return func(err error) {
		if time.Since(last) < 10*time.Second {
			return
		}
		last = time.Now()
		w.o.Log.Error().Err(err).Str("lane", w.lane.Name()).Str("id", m.Event().ID).Msg("lane.stopped: the ending cannot be stored")
	}
}

// laterLevel: while the gate is shut, it has told why. Of a night an operator reads a few lines, not one for each try.
func (w *worker) laterLevel(t tried) zerolog.Level {
	if shut, _ := w.gate.state(); shut || t.ending.After == betweenCrowded {
		return zerolog.DebugLevel
	}
	return zerolog.WarnLevel
}

func level(k verdict.Kind) zerolog.Level {
	switch k {
	case verdict.Dead:
		return zerolog.ErrorLevel
	case verdict.Skipped:
		return zerolog.DebugLevel
	}
	return zerolog.InfoLevel
}

// log writes the one wide line of an outcome. What 1C says may name a number; the ending keeps its very words.
func (w *worker) log(l zerolog.Level, m Message, t tried) {
	e := m.Event()
	line := w.o.Log.WithLevel(l).Str("id", e.ID).Str("event", string(e.Type)).
		Str("line", phone.Mask(string(e.Line))).Stringer("remote", e.Remote.Number).
		Dur("call_ms", t.took).Dur("age_ms", time.Since(e.Time)).Str("lane", w.lane.Name()).Int("attempts", t.ending.Attempts)
	if t.ending.Unsure {
		line = line.Bool("unsure", true)
	}
	if t.ending.Why != "" {
		line = line.Str("why", phone.Mask(t.ending.Why))
	}
	if t.ending.Answer != "" {
		line = line.Str("answer", phone.Mask(t.ending.Answer))
	}
	line.Msg("call." + t.ending.Kind.String())
}
