package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

const (
	behindLines = 60 // that call while 1C is away
	piledRate   = 40 // hits of theirs for each second of the scenario
	laterRate   = 4  // and when 1C is back
	clearRate   = 2  // lines for each second of the scenario that have a call only then, one after another
	clearHits   = 4  // of each of them
	// calm is how long an adapter has to find 1C, which it looks for every five seconds at most, and to work on the backlog undisturbed.
	calm = 8 * time.Second
	// longFrost is above AckWait, which is five seconds.
	longFrost = 7 * time.Second
	// workLimit is how long 1C may take for the backlog, with all that is done meanwhile: a run of a minute has 20 s of calls in each lane.
	workLimit = 3 * time.Minute
)

// steadily is a 1C whose operation does some work.
func steadily() time.Duration { return 30 * time.Millisecond }

// planBehind is what a seed makes of a length.
//
//	of all the time   0 … 30 %            hits of the lines with a backlog
//	                  5 … 30 %            1C is away
//	                  30 … 75 % and calm  hits of these and of other lines
//	                  calm, and 35 %      faults begin
//	                  the rest            what is left is delivered
func planBehind(b *bench) (p mixPlan, back time.Duration, lanes int) {
	dice := rand.New(rand.NewPCG(b.seed, 700))
	length := time.Duration(b.seconds) * time.Second
	part := func(percent int) time.Duration { return length * time.Duration(percent) / 100 }
	back, lanes = part(30), []int{3, 6}[dice.IntN(2)]
	fresh := calm + part(45)
	for i := range behindLines {
		line := fmt.Sprint(101 + i)
		p.hits = append(p.hits, planLine(dice, line, b.seconds*piledRate/behindLines, 0, back)...)
		p.hits = append(p.hits, planLine(dice, line, b.seconds*laterRate/behindLines, back, back+fresh)...)
	}
	clear := b.seconds * clearRate
	for i := range clear {
		begin := back + fresh*time.Duration(i)/time.Duration(clear)
		p.hits = append(p.hits, planLine(dice, fmt.Sprint(1001+i), clearHits, begin, begin+part(10))...)
	}
	p.faults = []fault{{part(5), "1C: refuses connections", part(25), restart1C}}
	deck := []fault{
		{what: "adapter: kill -9", back: time.Second, do: killAdapter},
		{what: "adapter: kill -9", back: 100 * time.Millisecond, do: killAdapter},
		{what: "adapter: SIGSTOP", back: longFrost, do: freezeAdapter},
		{what: "adapter: SIGTERM", back: 300 * time.Millisecond, do: stopAdapter},
		{what: "broker: kill -9", back: 300 * time.Millisecond, do: killBroker},
		{what: "1C: restarts", back: time.Second, do: restart1C},
		{what: "1C: hangs", back: 3 * time.Second, do: hang},
	}
	dice.Shuffle(len(deck), func(i, j int) { deck[i], deck[j] = deck[j], deck[i] })
	// The lanes before a change and those after it both have something to overtake.
	deck = slices.Insert(deck, 2+dice.IntN(len(deck)-3), fault{what: "callbus lanes", do: untilLanes(b, lanes)})
	for i, f := range deck {
		slot := part(35) / time.Duration(len(deck))
		f.at = back + calm + time.Duration(i)*slot + time.Duration(dice.Int64N(int64(slot/2)))
		p.faults = append(p.faults, f)
	}
	return p, back, lanes
}

// behind lets 1C be away until a backlog of many lines has piled up, and disturbs everything while it is worked off, with new calls on lines that have a
// backlog and on lines that have none.
func behind(ctx context.Context, b *bench) ([]*outcome, error) {
	r, err := b.newRoom(ctx, "behind", 2, sessions, onectest.Options{Latency: steadily})
	if err != nil {
		return nil, err
	}
	plan, back, lanes := planBehind(b)
	if err := r.play(ctx, plan); err != nil {
		return nil, err
	}
	changed := r.untilSet(ctx, startLimit, func(s stream.LaneSet) bool { return s.Lanes == lanes && s.Generation == 2 && s.Change == nil })
	o, err := r.finish(ctx, workLimit, check.Rules{Target: target, Sessions: max(sessions, lanes), NoDead: true})
	if err != nil {
		return nil, err
	}
	if !changed {
		o.deaths = append(o.deaths, fmt.Sprintf("the change to %d lanes has not come to its end", lanes))
	}
	o.tellWaits(r.begin.Add(back))
	return []*outcome{o}, nil
}

// tellWaits tells how long new rings have waited. A run in which none went before the backlog says nothing of what is done there, and is broken.
func (o *outcome) tellWaits(back time.Time) {
	w := newRings(o.history, back)
	o.note("the backlog of %d events was worked off %.1f s after 1C was back", w.piled, w.over.Sub(back).Seconds())
	o.note("new rings meanwhile, on lines without a backlog: %s", spread(w.clear))
	o.note("of these went before older events of their lanes: %s", spread(w.ahead))
	o.note("new rings meanwhile, on lines with a backlog: %s", spread(w.behind))
	if len(w.ahead) == 0 {
		o.deaths = append(o.deaths, "no new ring of a line without a backlog went before what was older")
	}
}

// rings are those that came while a backlog was worked off, and how long each of them waited until it had ended.
type rings struct {
	piled  int       // events that had not ended when 1C was back
	over   time.Time // when the last of them has ended
	clear  []time.Duration
	ahead  []time.Duration // of the clear ones: those that ended before an older event of their lane
	behind []time.Duration
}

// newRings looks at what came after 1C was back. A line is clear if everything older of it has ended when it rings.
func newRings(h check.History, back time.Time) (r rings) {
	ended, first := map[uint64]check.Ending{}, firstOfLater(h.Endings)
	for _, e := range h.Endings {
		ended[e.Event] = e
	}
	for _, e := range h.Events {
		if at := ended[e.Sequence].At; e.Accepted.Before(back) && at.After(back) {
			r.piled++
			r.over = latest(r.over, at)
		}
	}
	lines := map[string]time.Time{} // line → when all of it so far has ended
	for _, e := range h.Events {
		end := ended[e.Sequence]
		free := lines[e.Line]
		lines[e.Line] = latest(free, end.At)
		wait := end.At.Sub(e.Accepted)
		switch {
		case e.Type != "incoming" || e.Accepted.Before(back) || e.Accepted.After(r.over):
		case free.After(e.Accepted):
			r.behind = append(r.behind, wait)
		default:
			r.clear = append(r.clear, wait)
			if first[end.Stored] < e.Sequence {
				r.ahead = append(r.ahead, wait)
			}
		}
	}
	return r
}

// firstOfLater gives for each ending the lowest event that its lane has ended after it, or its own.
func firstOfLater(endings []check.Ending) map[uint64]uint64 {
	first, lowest := map[uint64]uint64{}, map[string]uint64{}
	for _, e := range slices.Backward(slices.SortedFunc(slices.Values(endings), byStored)) {
		if l, any := lowest[e.Lane]; !any || e.Event < l {
			lowest[e.Lane] = e.Event
		}
		first[e.Stored] = lowest[e.Lane]
	}
	return first
}

func latest(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

// spread says how long they were in words.
func spread(all []time.Duration) string {
	if len(all) == 0 {
		return "none"
	}
	all = slices.Sorted(slices.Values(all))
	return fmt.Sprintf("%d, median %.1f s, longest %.1f s", len(all), all[len(all)/2].Seconds(), all[len(all)-1].Seconds())
}

func stopAdapter(ctx context.Context, r *room, f fault) error {
	p := r.choose()
	if p == nil {
		r.note("%s: none runs", f.what)
		return nil
	}
	r.did(f.what, "%s: %s, back after %d ms", f.what, p.process(), f.back.Milliseconds())
	if err := p.stop(stopLimit); err != nil {
		return err
	}
	sleep(ctx, f.back)
	return p.start()
}

// untilLanes changes the number of lanes as an operator does: again, where the broker was away.
func untilLanes(b *bench, n int) func(context.Context, *room, fault) error {
	return func(ctx context.Context, r *room, _ fault) error {
		for end := time.Now().Add(startLimit); ; {
			cmd, err := r.lanesCommand(ctx, b, n)
			if err != nil {
				return err
			}
			err = cmd.Wait()
			if err == nil {
				r.note("%d lanes are in force", n)
				return nil
			}
			if time.Now().After(end) || !sleep(ctx, time.Second) {
				return errors.Join(fmt.Errorf("callbus lanes main %d: %w", n, err), ctx.Err())
			}
		}
	}
}
