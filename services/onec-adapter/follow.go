package onecadapter

import (
	"context"

	"github.com/callbus/callbus/internal/stream"
)

// follow looks what an operator wants of the target. It returns true where the target has to be opened anew: a change of
// its lanes has been carried out, or a pause is over. Else it goes on looking, and ends the session when it has moved.
func (w *work) follow(ctx context.Context, t *stream.Target, end func()) (again bool) {
	switch {
	case t.Changing():
		w.changeLanes(ctx, t)
		return true
	case t.Paused() != nil:
		w.sitOut(ctx, t)
		return true
	}
	set := t.Set()
	if w.generation != 0 && w.generation != set.Generation {
		w.log.Info().Int("lanes", set.Lanes).Int("generation", set.Generation).Msg("lanes.changed")
	}
	w.generation = set.Generation
	go func() { t.Moved(ctx); end() }()
	return false
}

// changeLanes carries a change out, as whoever sees it does (docs/adr/0010): the command that began it may be gone.
func (w *work) changeLanes(ctx context.Context, t *stream.Target) {
	w.changing.Store(true)
	defer w.changing.Store(false)
	set := t.Set()
	w.log.Info().Int("from", set.Lanes).Int("to", set.Change.Lanes).Str("by", set.Change.By).Msg("lanes.changing: nothing is pulled until the last calls are over")
	untilDone(ctx, w.log, "lanes.changing: looking again", nil, func(ctx context.Context) (*struct{}, error) {
		return &struct{}{}, t.FinishChange(ctx)
	})
}

// sitOut waits for the end of a pause.
func (w *work) sitOut(ctx context.Context, t *stream.Target) {
	p := t.Paused()
	w.paused.Store(p)
	defer w.paused.Store(nil)
	w.log.Warn().Time("since", p.Since).Str("by", p.By).Msg("target.paused: events wait in the store until callbus resume " + w.target.Name)
	t.Moved(ctx)
}
