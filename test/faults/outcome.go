package main

import (
	"cmp"
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/callbus/callbus/test/faults/check"
)

// outcome is what a room has come to.
type outcome struct {
	*room
	rules    check.Rules
	history  check.History
	report   check.Report
	missing  int           // events without an ending when the waiting was over
	ended    time.Duration // from the begin to the last ending
	together groups        // those of the store that phones hit
	deaths   []string      // programs that ended by themselves, or not when told to
}

func (o *outcome) brokenPromises() int { return len(o.report.Broken) + len(o.deaths) }

func (o *outcome) print(w io.Writer, b *bench) {
	fmt.Fprintf(w, "\n%s  seed %d\n", o.name, b.seed)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	for _, row := range o.rows() {
		fmt.Fprintf(t, "  %s\t%s\n", row[0], row[1])
	}
	t.Flush()
	fmt.Fprintln(w, "  done to it")
	slices.SortFunc(o.done, func(a, b applied) int { return cmp.Compare(a.at, b.at) })
	for _, f := range o.done {
		fmt.Fprintf(w, "    %5.1f s  %s\n", f.at.Seconds(), f.what)
	}
	printFindings(w, "allowed by the promises", o.report.Allowed)
	printFindings(w, "BROKEN PROMISES", o.report.Broken)
	for _, d := range o.deaths {
		fmt.Fprintf(w, "  BROKEN: %s\n", d)
	}
	if o.brokenPromises() == 0 {
		fmt.Fprintln(w, "  every promise held")
	}
}

func (o *outcome) rows() [][2]string {
	h, r := o.history, o.report
	return [][2]string{
		{"hits", fmt.Sprintf("%d: %s", len(h.Hits), count(h.Hits, status))},
		{"slowest 200", fmt.Sprintf("%d ms; slowest other answer %d ms", o.slowest(promised).Milliseconds(), o.slowest(not(promised)).Milliseconds())},
		{"longest without a 200", o.silence()},
		{"events stored", fmt.Sprintf("%d, %d of them of hits without a 200", len(h.Events), o.unpromised())},
		{"stored together", o.together.String()},
		{"endings", fmt.Sprintf("%d: %s; %d marked unsure; %d missing", len(h.Endings), count(h.Endings, func(e check.Ending) string { return e.Kind }), o.unsure(), o.missing)},
		{"calls of 1C", fmt.Sprintf("%d: %s", len(h.Calls), count(h.Calls, func(c check.Call) string { return string(c.Deed) }))},
		{"calls by", count(h.Calls, func(c check.Call) string { return c.Process })},
		{"lost", fmt.Sprint(o.broken("lost", "no ending"))},
		{"repeats", fmt.Sprintf("%d, of which %d events not marked", r.Repeats, o.broken("repeat"))},
		{"out of order", fmt.Sprintf("%d, of which %d not allowed", r.OutOfOrder, o.broken("order", "door", "ending order"))},
		{"most at once", fmt.Sprintf("%d; %d with calls of killed and frozen processes", r.MostAtOnce1, r.MostAtOnce)},
		{"in the logs", o.said()},
		{"last ending after", fmt.Sprintf("%.1f s", o.ended.Seconds())},
	}
}

func promised(h check.Hit) bool { return h.Status == 200 }

func not(f func(check.Hit) bool) func(check.Hit) bool {
	return func(h check.Hit) bool { return !f(h) }
}

func (o *outcome) slowest(of func(check.Hit) bool) (slowest time.Duration) {
	for _, h := range o.history.Hits {
		if of(h) {
			slowest = max(slowest, h.Answered.Sub(h.Sent))
		}
	}
	return slowest
}

// silence is the longest time between two hits that got their 200, by when they were sent.
func (o *outcome) silence() string {
	last, at, longest := o.begin, o.begin, time.Duration(0)
	hits := slices.SortedFunc(slices.Values(o.history.Hits), func(a, b check.Hit) int { return a.Sent.Compare(b.Sent) })
	for _, h := range hits {
		if !promised(h) {
			continue
		}
		if d := h.Sent.Sub(last); d > longest {
			longest, at = d, last
		}
		last = h.Sent
	}
	return fmt.Sprintf("%.1f s, at %.1f s", longest.Seconds(), at.Sub(o.begin).Seconds())
}

// unpromised counts events that are stored although their phone was not told so.
func (o *outcome) unpromised() int {
	n := len(o.history.Events)
	for _, h := range o.history.Hits {
		if h.Status == 200 {
			n--
		}
	}
	return n + o.broken("lost")
}

// enoughToGroup events have 10 groups and more among them, as seen.
const enoughToGroup = 200

// groups are events that were stored together.
type groups struct{ events, groups, largest int }

func grouped(events []check.Event) (g groups) {
	sizes := map[string]int{}
	for _, e := range events {
		if e.Batch != "" {
			g.events++
			sizes[e.Batch]++
			g.largest = max(g.largest, sizes[e.Batch])
		}
	}
	g.groups = len(sizes)
	return g
}

// mustGroup breaks a run in which nothing was stored together, if that is no chance: else nobody knew whether it bears what is done.
func (o *outcome) mustGroup() {
	if o.together.groups == 0 && len(o.history.Events) >= enoughToGroup {
		o.deaths = append(o.deaths, "nothing was stored together")
	}
}

func (g groups) String() string {
	return fmt.Sprintf("%d events in %d groups, of %d at most", g.events, g.groups, g.largest)
}

func (o *outcome) unsure() (n int) {
	for _, e := range o.history.Endings {
		if e.Unsure {
			n++
		}
	}
	return n
}

func (o *outcome) broken(rules ...string) (n int) {
	for _, f := range o.report.Broken {
		if slices.Contains(rules, f.Rule) {
			n++
		}
	}
	return n
}

// said counts what the adapters' logs tell of the ways that are seldom taken.
func (o *outcome) said() string {
	var texts []string
	for _, sign := range []string{"lane.fenced", "call.ended_elsewhere", "call.unended", "lane.recall", "target.away"} {
		n := 0
		for _, p := range o.adapters {
			n += p.logged(sign)
		}
		texts = append(texts, fmt.Sprintf("%s %d", sign, n))
	}
	return strings.Join(texts, ", ")
}

func status(h check.Hit) string {
	if h.Status == 0 {
		return "no answer"
	}
	return fmt.Sprint(h.Status)
}

// count says how many there are of each kind: "200 1897, 503 12".
func count[T any](all []T, kind func(T) string) string {
	n := map[string]int{}
	for _, one := range all {
		n[kind(one)]++
	}
	var texts []string
	for _, k := range slices.Sorted(maps.Keys(n)) {
		texts = append(texts, fmt.Sprintf("%s %d", k, n[k]))
	}
	return strings.Join(texts, ", ")
}

// listed bounds the findings that are printed of one rule.
const listed = 12

func printFindings(w io.Writer, title string, findings []check.Finding) {
	if len(findings) == 0 {
		return
	}
	fmt.Fprintf(w, "  %s: %s\n", title, count(findings, func(f check.Finding) string { return f.Rule }))
	printed := map[string]int{}
	for _, f := range findings {
		if printed[f.Rule]++; printed[f.Rule] <= listed {
			fmt.Fprintf(w, "    %s\n", f)
		}
	}
}
