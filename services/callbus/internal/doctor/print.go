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
	if Healthy(all) && len(s.Phones) == 0 {
		fmt.Fprintln(w, l.Say("All is well. The phone book has no entry yet: a phone that calls is in it within some seconds",
			"Всё в порядке. В книге телефонов пока пусто: позвонивший телефон появится в ней через несколько секунд"))
	} else if Healthy(all) {
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

// PrintLine writes what a line (or MAC) has told last, and what 1C said, for an operator's eyes: numbers are whole.
func PrintLine(w io.Writer, line call.Line, told []Told, l lang.Lang) {
	what := l.Sayf("Line %s", "Линия %s", line)
	if call.ParseMAC(string(line)) != "" {
		what = l.Sayf("Phone %s", "Телефон %s", line)
	}
	if len(told) == 0 {
		fmt.Fprintln(w, what+l.Say(": no calls in the store", ": звонков в хранилище нет"))
		return
	}
	fmt.Fprintln(w, what+l.Say(", the last events:", ", последние события:"))
	for _, t := range told {
		remote := string(t.Remote.Number)
		if remote == "" {
			remote = t.Remote.URI
		}
		if t.Phone.Trial() {
			remote += " (callbus send)"
		}
		fmt.Fprintf(w, "  %s  %-11s %-16s %s\n", t.Time.Local().Format(time.DateTime), l.Event(t.Type), remote, t.answer(l))
	}
}

// answer is how the event ended at each target; of one that was sent again how it ended last, and when.
func (t Told) answer(l lang.Lang) string {
	if len(t.Endings) == 0 {
		return l.Say("not delivered yet", "ещё не передано")
	}
	var words []string
	at := map[string]int{} // target → its word
	for _, e := range t.Endings {
		what := e.Answer
		if e.Kind != verdict.Delivered {
			what = reason.Of(l, e.Why, reason.Webhook(e.Sent))
		}
		said := strings.TrimSpace(kind(e.Kind, l) + " " + what)
		i, again := at[e.Target]
		switch {
		case !again:
			at[e.Target] = len(words)
			words = append(words, e.Target+": "+said)
		case strings.HasSuffix(words[i], ": "+said):
			words[i] += l.Say(", again ", ", повторно ") + e.Time.Local().Format("15:04")
		default:
			words[i] += l.Sayf(", at %s %s", ", в %s %s", e.Time.Local().Format("15:04"), said)
		}
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

// and puts one sentence behind another.
func and(first, second string) string {
	if strings.HasSuffix(first, "?") {
		return first + " " + second
	}
	return first + ". " + second
}
