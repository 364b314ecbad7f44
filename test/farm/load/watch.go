package main

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"time"
)

// tally counts what phones were answered.
type tally struct {
	mu       sync.Mutex
	sent     int
	statuses map[int]int
	first    error // of the hits without an answer
	took     []time.Duration
	reported int // of took
}

func (t *tally) count(status int, err error, took time.Duration) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.sent++
	if t.statuses == nil {
		t.statuses = map[int]int{}
	}
	t.statuses[status]++
	t.took = append(t.took, took)
	if err != nil && t.first == nil {
		t.first = err
	}
}

// faults: no phone tells anything twice, so whatever was not answered 200 is lost.
func (t *tally) faults() (faults []string) {
	for status, n := range t.statuses {
		switch {
		case status == 200:
		case status == 0:
			faults = append(faults, fmt.Sprintf("%d hits got no answer; the first: %v", n, t.first))
		default:
			faults = append(faults, fmt.Sprintf("%d hits were answered %d", n, status))
		}
	}
	if t.statuses[200] == 0 {
		faults = append(faults, "no hit was answered 200")
	}
	return faults
}

// since gives the times since it was asked last.
func (t *tally) since() []time.Duration {
	t.mu.Lock()
	defer t.mu.Unlock()
	fresh := slices.Clone(t.took[t.reported:])
	t.reported = len(t.took)
	return fresh
}

// spread is how long answers took, in milliseconds.
func spread(took []time.Duration) string {
	if len(took) == 0 {
		return "no hits"
	}
	slices.Sort(took)
	ms := func(d time.Duration) float64 { return float64(d.Microseconds()) / 1000 }
	return fmt.Sprintf("p50 %.1f ms, p99 %.1f, max %.1f", ms(took[len(took)/2]), ms(took[len(took)*99/100]), ms(took[len(took)-1]))
}

// sample is how ingest did at one moment.
type sample struct {
	rss, anon, stored int64 // bytes
	files, threads    int
}

// history is one sample a second.
type history struct {
	samples []sample
	err     error
}

const (
	everySecond = time.Second
	reportEvery = 10 // seconds
)

// watch looks at ingest every second and writes a line every ten.
func watch(ctx context.Context, in *ingest, t *tally) (h history) {
	tick := time.NewTicker(everySecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return h
		case <-tick.C:
		}
		s, err := look(in)
		if err != nil {
			h.err = err
			return h
		}
		h.samples = append(h.samples, s)
		if n := len(h.samples); n%reportEvery == 0 {
			took := t.since()
			fmt.Printf("%5d s  %5.1f hits/s  %s;  %s\n", n, float64(len(took))/reportEvery, spread(took), s)
		}
	}
}

func (s sample) String() string {
	return fmt.Sprintf("RSS %.1f MiB, anonymous %.1f, %d threads, %d open files, %.1f MiB stored",
		mib(s.rss), mib(s.anon), s.threads, s.files, mib(s.stored))
}

func mib(bytes int64) float64 { return float64(bytes) / (1 << 20) }

// look reads what Linux and the program itself say.
func look(in *ingest) (s sample, err error) {
	proc := fmt.Sprintf("/proc/%d/", in.cmd.Process.Pid)
	status, err := os.ReadFile(proc + "status")
	if err != nil {
		return sample{}, err
	}
	s.rss, s.anon, s.threads = field(status, "VmRSS:")<<10, field(status, "RssAnon:")<<10, int(field(status, "Threads:"))
	files, err := os.ReadDir(proc + "fd")
	if err != nil {
		return sample{}, err
	}
	s.files = len(files)
	metrics, err := in.metrics()
	s.stored = field(metrics, "callbus_store_used_bytes ")
	return s, err
}

// field is the number behind a name at the beginning of a line, 0 where there is none.
func field(text []byte, name string) int64 {
	for line := range bytes.Lines(text) {
		if rest, ok := bytes.CutPrefix(line, []byte(name)); ok {
			var n float64               // metrics are written as 1.234e+06
			fmt.Sscan(string(rest), &n) //nolint:errcheck // it is a number, or 0
			return int64(n)
		}
	}
	return 0
}

// What anonymous memory may grow after the first third of the run: both of these is too much.
const (
	growthPart  = 0.20
	growthBytes = 16 << 20
)

// growth compares the sixth after the first third of the run with the last sixth: medians, because Go's heap goes up and down.
func (h history) growth() (from, to int64) {
	n := len(h.samples)
	return median(h.samples[n/3 : n/3+n/6]), median(h.samples[n-n/6:])
}

func median(samples []sample) int64 {
	var sizes []int64
	for _, s := range samples {
		sizes = append(sizes, s.anon)
	}
	slices.Sort(sizes)
	return sizes[len(sizes)/2]
}

// faults: a run of less than six seconds says nothing about memory.
func (h history) faults() []string {
	if h.err != nil {
		return []string{"ingest could not be watched: " + h.err.Error()}
	}
	if len(h.samples) < 6 {
		return nil
	}
	from, to := h.growth()
	if grown := to - from; float64(grown) > growthPart*float64(from) && grown > growthBytes {
		return []string{fmt.Sprintf("anonymous memory grew from %.1f to %.1f MiB after the first third of the run", mib(from), mib(to))}
	}
	return nil
}
