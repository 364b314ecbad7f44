// Package check tells an operator how far one gets on the way to 1C: each step as it is gone, 1C's own words, and what to do.
package check

import (
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/reason"
	"github.com/callbus/callbus/services/callbus/internal/remedy"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// Teller writes as it goes: a slow 1C takes its time.
type Teller struct {
	io.Writer
	lang.Lang
	Plain bool // the terminal is no UTF-8: no signs

	target string // whose steps are being told
}

// Plain reports whether a terminal cannot show signs beyond ASCII, as far as its environment tells. Windows writes them itself.
func Plain(getenv func(string) string, system string) bool {
	for _, name := range []string{"LC_ALL", "LC_CTYPE", "LANG"} {
		if value := strings.ToLower(getenv(name)); value != "" {
			return !strings.Contains(value, "utf-8") && !strings.Contains(value, "utf8")
		}
	}
	return system != "windows"
}

// names of the steps; the others are called the same in every language.
var names = map[onecadapter.Step]lang.Text{
	onecadapter.DNS: {En: "DNS", Ru: "DNS"}, onecadapter.TCP: {En: "TCP", Ru: "TCP"}, onecadapter.TLS: {En: "TLS", Ru: "TLS"},
	onecadapter.HTTP: {En: "HTTP", Ru: "HTTP"}, onecadapter.WSDL: {En: "WSDL", Ru: "WSDL"},
	onecadapter.Session: {En: "login", Ru: "вход"}, onecadapter.Service: {En: "operation", Ru: "операция"},
	onecadapter.Mapping: {En: "parameters", Ru: "параметры"}, onecadapter.Trial: {En: "test call", Ru: "пробный вызов"},
}

// width of the longest name.
const width = 14

var signs = map[onecadapter.State][2]string{
	onecadapter.Passed: {"✓", "ok  "}, onecadapter.Failed: {"✗", "FAIL"}, onecadapter.NotTried: {"·", "-   "},
}

// Step writes one step, and the name of its target before the first.
func (t *Teller) Step(c onecadapter.Checked, tried onecadapter.Tried) {
	if c.Target != t.target {
		t.target = c.Target
		fmt.Fprintf(t, "%s %s  %s\n", t.Say("Target", "Получатель"), c.Target, c.URL)
	}
	words := []string{t.sign(tried.State), padded(t.Of(names[tried.Step]))}
	if tried.State == onecadapter.NotTried {
		words = append(words, t.Say("not tried", "не проверялось"))
	}
	if tried.Took > 0 {
		words = append(words, t.Sayf("%d ms", "%d мс", max(1, tried.Took.Round(time.Millisecond).Milliseconds())))
	}
	if tried.Found != "" {
		words = append(words, tried.Found)
	}
	fmt.Fprintf(t, "  %s\n", strings.TrimRight(strings.Join(words, " "), " "))
	if tried.State == onecadapter.Failed {
		fmt.Fprintf(t, "    %s\n", reason.Of(t.Lang, c.Trouble.Why, c.Webhook))
	}
}

func (t *Teller) sign(s onecadapter.State) string {
	if t.Plain {
		return signs[s][1]
	}
	return signs[s][0]
}

func padded(name string) string {
	return name + strings.Repeat(" ", max(0, width-utf8.RuneCountInString(name)))
}

// Result writes what follows from the steps: what to do, or what goes where.
func (t *Teller) Result(c onecadapter.Checked) {
	if c.Reply.Sent != "" {
		fmt.Fprintln(t, t.Say("Told: ", "Передано: ")+reason.Sent(t.Lang, c.Reply.Sent))
	}
	if c.Trouble != nil {
		fmt.Fprintln(t, t.Say("What to do: ", "Что делать: ")+remedy.Of(t.Lang, c.Trouble.Why, c.Webhook))
		if c.Trouble.Targets != "" {
			fmt.Fprintln(t, "  "+c.Trouble.Targets)
		}
		return
	}
	var rows []string
	for _, p := range c.Parameters {
		rows = append(rows, p.Name+" ← "+t.source(p.From))
	}
	if len(rows) > 0 {
		fmt.Fprintln(t, t.Say("What goes where: ", "Что куда передаётся: ")+strings.Join(rows, ", "))
	}
}

// source is what goes into a parameter, as callbus init says it too.
func (t *Teller) source(from string) string {
	switch from {
	case "event":
		return t.Say("the event", "событие")
	case "remote":
		return t.Say("the other side", "номер собеседника")
	case "line":
		return t.Say("the line", "линия")
	case "":
		return t.Say("nothing", "ничего")
	}
	return from
}

// Report is what a script reads; its names do not change.
type Report struct {
	Target     string            `json:"target"`
	URL        string            `json:"url"`
	Healthy    bool              `json:"healthy"`
	Steps      []Step            `json:"steps"`
	Failed     onecadapter.Step  `json:"failed,omitempty"`
	Why        string            `json:"why,omitempty"`
	Do         string            `json:"do,omitempty"`
	Operations []string          `json:"operations,omitempty"` // that the service has
	Targets    string            `json:"targets,omitempty"`    // a targets file to correct
	Parameters map[string]string `json:"parameters,omitempty"`
	Sent       string            `json:"sent,omitempty"`
	Answer     string            `json:"answer,omitempty"`
}

// Step is one of them.
type Step struct {
	Step  onecadapter.Step  `json:"step"`
	State onecadapter.State `json:"state"`
	MS    int64             `json:"ms"`
	Found string            `json:"found,omitempty"`
}

// ReportOf writes a check for a script.
func ReportOf(c onecadapter.Checked, l lang.Lang) Report {
	r := Report{Target: c.Target, URL: c.URL, Healthy: c.Trouble == nil, Parameters: map[string]string{}, Sent: c.Reply.Sent, Answer: c.Reply.Answer}
	for _, s := range c.Steps {
		r.Steps = append(r.Steps, Step{s.Step, s.State, s.Took.Milliseconds(), s.Found})
	}
	for _, p := range c.Parameters {
		r.Parameters[p.Name] = p.From
	}
	if c.Trouble != nil {
		r.Failed, r.Why, r.Do = c.Trouble.Step, reason.Of(l, c.Trouble.Why, c.Webhook), remedy.Of(l, c.Trouble.Why, c.Webhook)
		r.Operations, r.Targets = c.Trouble.Operations, c.Trouble.Targets
	}
	return r
}
