package main

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"iter"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// turn is a scenario with its seed and length.
type turn struct {
	scenario scenario
	seed     uint64
	seconds  int
}

// again is the command that makes the same plan.
func (t turn) again() string {
	return fmt.Sprintf("go run ./faults -scenario %s -seconds %d -seed %d", t.scenario.name, t.seconds, t.seed)
}

// turns are the scenarios one after another, each with a seed of its own: once, or until the time is over. Seconds are
// shared out by the usual lengths.
func turns(o options, of []scenario) iter.Seq[turn] {
	usual := 0
	for _, s := range of {
		usual += s.seconds
	}
	end, seconds := time.Now().Add(o.long), cmp.Or(o.seconds, usual)
	return func(yield func(turn) bool) {
		for seed := o.seed; ; {
			for _, s := range of {
				if o.long > 0 && time.Now().After(end) || !yield(turn{s, seed, max(s.least, s.seconds*seconds/usual)}) {
					return
				}
				seed++
			}
			if o.long == 0 {
				return
			}
		}
	}
}

// series takes turn after turn, tells each in a line, and stops at the first one that breaks a promise. What all of them came
// to is the table of docs/reliability.md.
func (w *workshop) series(ctx context.Context, o options, of []scenario) int {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		all   []figures
		worst = held
		next  = make(chan turn)
	)
	for range o.together {
		wg.Go(func() {
			for t := range next {
				f, code := w.once(ctx, t, false)
				mu.Lock()
				all = append(all, f...)
				if worst == held && code != held {
					worst = code
					stop()
				}
				mu.Unlock()
			}
		})
	}
	for t := range turns(o, of) {
		select {
		case next <- t:
		case <-ctx.Done():
		}
		if ctx.Err() != nil {
			break
		}
	}
	close(next)
	wg.Wait()
	printTable(os.Stdout, all)
	return worst
}

// once plays one turn and says what came of it: all of it, or in a line where everything held.
func (w *workshop) once(ctx context.Context, t turn, whole bool) (f []figures, code int) {
	b, err := w.bench(t)
	if err != nil {
		fmt.Fprintf(os.Stderr, "faults: %v\n", err)
		return nil, failed
	}
	code = failed
	defer func() { b.close(code) }()
	var said bytes.Buffer
	f, err = b.play(ctx, &said)
	if err != nil {
		if ctx.Err() == nil {
			fmt.Fprintf(os.Stderr, "faults: %s: %v\n", t.again(), err)
		}
		return nil, failed
	}
	code = held
	for _, each := range f {
		if each.Broken > 0 {
			code = broken
		}
	}
	if whole || code != held {
		_, _ = io.Copy(os.Stdout, &said)
	} else {
		for _, each := range f {
			fmt.Printf("%s  %s\n", time.Now().UTC().Format(time.TimeOnly), each)
		}
	}
	if code != held && !b.child {
		fmt.Printf("BROKEN: %s; logs and stores are in %s\n", t.again(), b.dir)
	}
	return f, code
}

// figuresFile is how a process with a network of its own hands over what it has counted.
const figuresFile = "figures.json"

// play gives the figures of the rooms, and writes all that is known of them.
func (b *bench) play(ctx context.Context, say io.Writer) (all []figures, err error) {
	outcomes, err := b.scenario.play(ctx, b)
	var there elsewhere
	if errors.As(err, &there) {
		_, _ = say.Write(there.said)
		read, err := os.ReadFile(filepath.Join(b.dir, figuresFile))
		if err != nil {
			return nil, fmt.Errorf("%w\n%s", there, there.said)
		}
		return all, json.Unmarshal(read, &all)
	}
	if err != nil {
		return nil, err
	}
	for _, o := range outcomes {
		o.print(say, b)
		all = append(all, o.figures(b))
	}
	if !b.child {
		return all, nil
	}
	write, err := json.Marshal(all)
	if err != nil {
		return nil, err
	}
	return all, os.WriteFile(filepath.Join(b.dir, figuresFile), write, 0o600)
}
