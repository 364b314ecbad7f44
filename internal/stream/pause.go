package stream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// Pause is an operator's wish that a target gets nothing until he resumes it. It stands in the registry, so it survives
// every restart.
type Pause struct {
	Since time.Time `json:"since"`
	By    string    `json:"by,omitempty"`
}

// PauseTarget pauses a target; one that is paused stays so since when it was. The adapters notice it within moments.
// Errors: no such target, NATS.
func PauseTarget(ctx context.Context, nc *nats.Conn, target, by string) (Pause, error) {
	p := &Pause{Since: time.Now().UTC().Truncate(time.Second), By: by}
	was, err := setPause(ctx, nc, target, func(is *Pause) *Pause {
		if is != nil {
			return is
		}
		return p
	})
	if was != nil {
		p = was
	}
	return *p, err
}

// ResumeTarget ends a pause, and returns it; nil: the target was not paused. Errors: no such target, NATS.
func ResumeTarget(ctx context.Context, nc *nats.Conn, target string) (*Pause, error) {
	return setPause(ctx, nc, target, func(*Pause) *Pause { return nil })
}

func setPause(ctx context.Context, nc *nats.Conn, target string, to func(*Pause) *Pause) (was *Pause, err error) {
	_, registry, err := registryOf(ctx, nc)
	if err != nil {
		return nil, err
	}
	for {
		set, revision, err := readSet(ctx, registry, target)
		if err != nil {
			return nil, err
		}
		if set.Lanes == 0 {
			return nil, noTarget(ctx, registry, target)
		}
		was := set.Paused
		if set.Paused = to(was); set.Paused == was {
			return was, nil
		}
		if _, err := writeSet(ctx, registry, target, set, revision); !overtaken(err) {
			return was, err
		}
	}
}

// AtWork reports whether an adapter pulls for a target, or may have something of it in hand. Errors: NATS.
func AtWork(ctx context.Context, nc *nats.Conn, target string) (bool, error) {
	js, registry, err := registryOf(ctx, nc)
	if err != nil {
		return false, err
	}
	set, _, err := readSet(ctx, registry, target)
	if err != nil {
		return false, err
	}
	err = unused(ctx, js, target, set)
	if errors.As(err, new(InUse)) {
		return true, nil
	}
	return false, err
}

// lookAgain is how often a target looks for what it may not have been told: the watch over the registry ends with the
// broker, and takes a while to notice.
const lookAgain = 5 * time.Second

// Moved waits until the target is no longer what was opened: its lanes change or have changed, it was paused or resumed.
// Then it has to be opened anew. It returns early only where ctx ends. That a target was forgotten its lanes say
// (ErrLaneGone): who has not come to pull from them need not declare it anew.
func (t *Target) Moved(ctx context.Context) {
	tick := time.NewTicker(lookAgain)
	defer tick.Stop()
	for {
		news, stop := t.watch(ctx)
		for open := true; open; {
			set, revision, err := readSet(ctx, t.registry, t.o.Name)
			if err == nil && revision != t.revision && (set.Lanes > 0 || t.set.Paused != nil) {
				t.changing.Store(set.Change != nil && set.Generation == t.set.Generation)
				stop()
				return
			}
			select {
			case <-ctx.Done():
				stop()
				return
			case _, open = <-news:
			case <-tick.C:
				open = news != nil // a watch that could not be had is tried again
			}
		}
		stop()
	}
}

// watch tells when the registry's entry may have changed; nil: it cannot be watched at the moment.
func (t *Target) watch(ctx context.Context) (<-chan jetstream.KeyValueEntry, func()) {
	w, err := t.registry.Watch(ctx, t.o.Name, jetstream.UpdatesOnly(), jetstream.MetaOnly())
	if err != nil {
		return nil, func() {}
	}
	return w.Updates(), func() { _ = w.Stop() }
}

// Paused is since when the target is paused, as it was opened; nil: it is not.
func (t *Target) Paused() *Pause { return t.set.Paused }

// String says who paused it and since when.
func (p Pause) String() string {
	said := "paused since " + p.Since.UTC().Format(time.RFC3339)
	if p.By != "" {
		said += " by " + p.By
	}
	return said
}

// InUse is the error of what needs a target that nobody works on.
type InUse struct{ Target string }

func (e InUse) Error() string {
	return "an adapter works on target " + e.Target + ", or did a moment ago: take it out of the adapters' configuration and stop them first"
}
