package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
)

// figures are what every scenario comes to, in one shape, so that they can be added up.
type figures struct {
	Scenario string
	Seed     uint64
	Runs     int
	Hits     int
	OK       int // answered 200
	Together int // stored together with others
	Lost     int // answered 200 and not in CALLS, or without an ending
	Disorder int // out of order where promise 2 does not allow it
	Frosty   int // out of order where it does
	NotOnce  int // events without exactly one ending
	Marked   int // repeats
	Unmarked int
	Dead     int
	Broken   int            // promises
	Done     map[string]int // how often what was done to whom
}

func (o *outcome) figures(b *bench) figures {
	disorder := o.broken("order", "door", "ending order")
	unmarked := o.broken("repeat")
	f := figures{
		Scenario: b.scenario.name, Seed: b.seed, Runs: 1, Hits: len(o.history.Hits), Together: o.together.events, Lost: o.broken("lost"),
		Disorder: disorder, Frosty: o.report.OutOfOrder - o.broken("order"), NotOnce: o.broken("no ending", "two endings"),
		Marked: max(0, o.report.Repeats-unmarked), Unmarked: unmarked, Broken: o.brokenPromises(), Done: map[string]int{},
	}
	for _, h := range o.history.Hits {
		if promised(h) {
			f.OK++
		}
	}
	for _, e := range o.history.Endings {
		if e.Kind == "dead" {
			f.Dead++
		}
	}
	for _, d := range o.done {
		if d.kind != "" {
			f.Done[d.kind]++
		}
	}
	return f
}

func (f figures) String() string {
	verdict := "every promise held"
	if f.Broken > 0 {
		verdict = fmt.Sprintf("%d PROMISES BROKEN", f.Broken)
	}
	return fmt.Sprintf("%s, seed %d: %d hits, %d got 200, %d stored together, %d lost, %d out of order, %d without exactly one ending, repeats %d marked, %d not; %s",
		f.Scenario, f.Seed, f.Hits, f.OK, f.Together, f.Lost, f.Disorder, f.NotOnce, f.Marked, f.Unmarked, verdict)
}

func (f *figures) add(other figures) {
	f.Runs += other.Runs
	f.Hits += other.Hits
	f.OK += other.OK
	f.Together += other.Together
	f.Lost += other.Lost
	f.Disorder += other.Disorder
	f.Frosty += other.Frosty
	f.NotOnce += other.NotOnce
	f.Marked += other.Marked
	f.Unmarked += other.Unmarked
	f.Dead += other.Dead
	f.Broken += other.Broken
	for what, n := range other.Done {
		f.Done[what] += n
	}
}

// printTable writes the table of docs/reliability.md: a row for each scenario, and one for all.
func printTable(w io.Writer, all []figures) {
	rows, total := map[string]*figures{}, figures{Scenario: "together", Done: map[string]int{}}
	var order []string
	for _, f := range all {
		if rows[f.Scenario] == nil {
			rows[f.Scenario] = &figures{Scenario: f.Scenario, Done: map[string]int{}}
			order = append(order, f.Scenario)
		}
		rows[f.Scenario].add(f)
		f.Done = nil
		total.add(f)
	}
	fmt.Fprint(w, "\n| scenario | runs | hits | got 200 | lost | out of order | the same, allowed by promise 2 | without exactly one ending | repeats, marked | repeats, not marked | dead | done to it |\n"+
		"|---|---|---|---|---|---|---|---|---|---|---|---|\n")
	for _, name := range order {
		rows[name].row(w)
	}
	if len(order) > 1 {
		total.row(w)
	}
}

func (f *figures) row(w io.Writer) {
	fmt.Fprintf(w, "| %s |", f.Scenario)
	for _, n := range []int{f.Runs, f.Hits, f.OK, f.Lost, f.Disorder, f.Frosty, f.NotOnce, f.Marked, f.Unmarked, f.Dead} {
		fmt.Fprintf(w, " %s |", thousands(n))
	}
	fmt.Fprintf(w, " %s |\n", f.deeds())
}

// deeds are told the most frequent first.
func (f *figures) deeds() string {
	var texts []string
	for _, what := range slices.SortedFunc(maps.Keys(f.Done), func(a, b string) int {
		return cmp.Or(f.Done[b]-f.Done[a], strings.Compare(a, b))
	}) {
		texts = append(texts, fmt.Sprintf("%s × %s", what, thousands(f.Done[what])))
	}
	return strings.Join(texts, ", ")
}

func thousands(n int) string {
	if n < 1000 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%s,%03d", thousands(n/1000), n%1000)
}
