// Package letters tells an operator of dead letters: a line for each, or all that is known of one, with 1C's own words. Numbers
// are whole.
package letters

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/reason"
	"github.com/callbus/callbus/services/callbus/internal/remedy"
)

// Line is a dead letter's line in a list.
func Line(d stream.DeadLetter, l lang.Lang) string {
	unsure := ""
	if d.Unsure {
		unsure = l.Say(" (may have been taken)", " (возможно, принято)")
	}
	return l.Sayf("%6d  %s  %s  %-9s  line %s  %s  tries %d%s  %s", "%6d  %s  %s  %-9s  линия %s  %s  попыток %d%s  %s",
		d.Number, d.Time.Local().Format(time.DateTime), d.Target, l.Event(d.Event.Type), d.Event.Line, d.Event.Remote.URI,
		d.Attempts, unsure, cut(reason.Of(l, d.Why, reason.Webhook(d.Sent))))
}

// inLine bounds a reason in a list: 1C's exceptions may be a page long, and callbus dead show has them whole.
const inLine = 200

func cut(text string) string {
	if runes := []rune(text); len(runes) > inLine {
		return string(runes[:inLine-1]) + "…"
	}
	return text
}

// Story is all that is known of a dead letter, and what to do.
func Story(d stream.DeadLetter, l lang.Lang) string {
	t := teller{Lang: l}
	t.say(l.Sayf("dead letter %d, target %s, %s", "отвергнутое событие №%d, получатель %s, %s", d.Number, d.Target, d.Time.Local().Format(time.DateTime)))
	e := d.Event
	remote := strings.TrimSpace(cmp.Or(string(e.Remote.Number), e.Remote.URI) + " " + e.Remote.Name)
	t.row(l.Say("event", "событие"), l.Sayf("%s, line %s, other side %s", "%s, линия %s, собеседник %s", l.Event(e.Type), e.Line, remote))
	t.row(l.Say("accepted", "принято"), e.Time.Local().Format("2006-01-02 15:04:05.000")+", id "+e.ID)
	t.row(l.Say("call", "звонок"), e.CallID)
	t.row(l.Say("the phone said", "телефон сказал"), e.Raw)
	t.row(l.Say("told", "передано"), reason.Sent(l, d.Sent))
	t.tries(d)
	t.row(l.Say("why", "почему"), reason.Of(l, d.Why, reason.Webhook(d.Sent)))
	t.row(l.Say("answer", "ответ"), d.Answer)
	if d.Unsure {
		t.row(l.Say("beware", "учтите"), l.Say("one of the tries may have been taken: sent again, the call may show twice",
			"возможно, одна из попыток принята: после повторной отправки звонок может появиться дважды"))
	}
	t.row(l.Say("what to do", "что делать"), remedy.Of(l, d.Why, reason.Webhook(d.Sent)))
	t.row("", l.Sayf("then: callbus dead retry %d (or let it go: callbus dead drop %[1]d)", "потом: callbus dead retry %d (или отказаться: callbus dead drop %[1]d)", d.Number))
	return t.Builder.String()
}

// teller writes rows with a name before them.
type teller struct {
	strings.Builder
	lang.Lang
}

func (t *teller) say(text string) { fmt.Fprintln(&t.Builder, text) }

// row writes what there is something to say of.
func (t *teller) row(name, text string) {
	if text == "" {
		return
	}
	if name != "" {
		name += ":"
	}
	t.say("  " + name + strings.Repeat(" ", max(1, width-len([]rune(name)))) + text)
}

// width of the names.
const width = 17

func (t *teller) tries(d stream.DeadLetter) {
	for i, try := range d.Tries {
		n := d.Attempts - len(d.Tries) + i + 1
		t.row(t.Sayf("try %d", "попытка %d", n), t.Sayf("%s, %d ms: %s", "%s, %d мс: %s",
			try.Time.Local().Format("15:04:05.000"), try.Took.Milliseconds(), reason.Of(t.Lang, try.Why, reason.Webhook(d.Sent))))
	}
}

// Report is what a script reads; its names do not change.
type Report struct {
	Number           uint64
	Died             time.Time
	Target           string
	Lane             string
	Why              string
	Sent             string
	Answer           string
	Tries            int
	MayHaveBeenTaken bool
	ID               string
	Event            string
	Line             string
	Source           string
	CallID           string
	Accepted         time.Time
	Remote, Local    Party
	Raw              string
}

// Party is one side of a call.
type Party struct{ URI, Number, Name string }

// ReportOf writes a dead letter for a script.
func ReportOf(d stream.DeadLetter) Report {
	e := d.Event
	return Report{
		Number: d.Number, Died: d.Time.Local(), Target: d.Target, Lane: d.Lane, Why: d.Why, Sent: d.Sent, Answer: d.Answer,
		Tries: d.Attempts, MayHaveBeenTaken: d.Unsure,
		ID: e.ID, Event: string(e.Type), Line: string(e.Line), Source: e.Source, CallID: e.CallID, Accepted: e.Time.Local(),
		Remote: Party{e.Remote.URI, string(e.Remote.Number), e.Remote.Name},
		Local:  Party{e.Local.URI, string(e.Local.Number), e.Local.Name}, Raw: e.Raw,
	}
}
