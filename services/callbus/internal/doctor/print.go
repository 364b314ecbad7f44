package doctor

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/reason"
)

// Print writes findings for people.
func Print(w io.Writer, all []Finding, s Seen, l lang.Lang) {
	for _, f := range all {
		fmt.Fprintf(w, "%s  %s\n", mark(f.Level, l), f.What)
		fmt.Fprintf(w, "   → %s [%s]\n", f.Do, f.ID)
	}
	if Healthy(all) {
		fmt.Fprintln(w, l.Sayf("All is well. Phones known: %d, refused hits since %s: %d", "Всё в порядке. Известно телефонов: %d, отказов с %s: %d",
			len(s.Phones), s.Since.Local().Format("2006-01-02 15:04"), len(s.Rejected)))
	}
}

func mark(level Level, l lang.Lang) string {
	switch level {
	case Fault:
		return l.Say("FAULT", "СБОЙ")
	case Warning:
		return l.Say("WARNING", "ВНИМАНИЕ")
	}
	return l.Say("NOTE", "К СВЕДЕНИЮ")
}

// PrintLine writes what a line has told last, and what 1C said, for an operator's eyes: numbers are whole.
func PrintLine(w io.Writer, line call.Line, told []Told, l lang.Lang) {
	if len(told) == 0 {
		fmt.Fprintln(w, l.Sayf("Line %s: no calls in the store", "Линия %s: звонков в хранилище нет", line))
		return
	}
	fmt.Fprintln(w, l.Sayf("Line %s, the last events:", "Линия %s, последние события:", line))
	for _, t := range told {
		remote := string(t.Remote.Number)
		if remote == "" {
			remote = t.Remote.URI
		}
		fmt.Fprintf(w, "  %s  %-11s %-16s %s\n", t.Time.Local().Format(time.DateTime), t.Type, remote, t.answer(l))
	}
}

// answer is how the event ended at each target.
func (t Told) answer(l lang.Lang) string {
	var words []string
	for _, e := range t.Endings {
		what := e.Answer
		if e.Kind != verdict.Delivered {
			what = reason.In(l, e.Why)
		}
		words = append(words, strings.TrimSpace(e.Target+": "+kind(e.Kind, l)+" "+what))
	}
	if words == nil {
		return l.Say("not delivered yet", "ещё не передано")
	}
	return strings.Join(words, "; ")
}

func kind(k verdict.Kind, l lang.Lang) string {
	switch k {
	case verdict.Delivered:
		return l.Say("delivered", "передано")
	case verdict.Skipped:
		return l.Say("skipped:", "пропущено:")
	case verdict.Dead:
		return l.Say("refused:", "отвергнуто:")
	}
	return k.String()
}
