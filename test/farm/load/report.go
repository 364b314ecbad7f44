package main

import (
	"fmt"
	"slices"
	"time"
)

// report is the table at the end.
func report(desks []*desk, k kept, t *tally, h history, took time.Duration) {
	told, may := 0, 0
	for _, d := range desks {
		told += len(d.told)
		for _, each := range d.told {
			if each.repeats != nil {
				may++
			}
		}
	}
	stored := len(k.calls) + len(k.phones)
	fmt.Printf("\nhits sent         %d in %.1f s, %.1f a second\n", t.sent, took.Seconds(), float64(t.sent)/took.Seconds())
	fmt.Printf("answered 200      %d, of which %d are events\n", t.statuses[200], told)
	fmt.Printf("stored            %d: %d calls, %d of phones\n", stored, len(k.calls), len(k.phones))
	fmt.Printf("taken for repeats %d, of %d that told something twice\n", told-stored, may)
	fmt.Printf("answer            %s\n", spread(slices.Clone(t.took)))
	if n := len(h.samples); n >= 6 {
		from, to := h.growth()
		fmt.Printf("anonymous memory  %.1f MiB after a third of the run, %.1f at its end\n", mib(from), mib(to))
		most := slices.MaxFunc(h.samples, func(a, b sample) int { return a.files - b.files })
		fmt.Printf("open files        %d at most, %d at the end\n\n", most.files, h.samples[n-1].files)
	}
}
