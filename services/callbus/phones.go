package callbus

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/doctor"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

func phones(args []string) int {
	l := newLine("phones")
	tongue := l.tongue
	asJSON := l.fs.Bool("json", false, "print the phone book as JSON, for scripts")
	return l.run(args, func(ctx context.Context, nc *nats.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		all, err := doctor.KnownPhones(ctx, nc)
		switch {
		case err != nil:
			return err
		case *asJSON:
			return printJSON(os.Stdout, reported(all))
		case len(all) == 0:
			fmt.Println(tongue.Say("No phone has called yet (callbus send does not count): make a call, wait some seconds, and ask again; or see callbus doctor",
				"Ни один телефон ещё не обращался (callbus send не считается): позвоните на него и спросите снова через несколько секунд; или смотрите callbus doctor"))
			return nil
		}
		return printPhones(os.Stdout, all, *tongue, time.Now())
	})
}

// report is a phone for scripts; docs/operations.md describes it.
type report struct {
	stream.KnownPhone
	Tokens []stream.PhoneToken `json:"tokens"`
}

func reported(all []stream.KnownPhone) []report {
	list := []report{}
	for _, p := range all {
		list = append(list, report{p, append([]stream.PhoneToken{}, p.Tokens()...)})
	}
	return list
}

func printJSON(w io.Writer, what any) error {
	out := json.NewEncoder(w)
	out.SetIndent("", "  ")
	out.SetEscapeHTML(false)
	return out.Encode(what)
}

// printPhones writes a line for each phone; a dash stands for what it has not told.
func printPhones(w io.Writer, all []stream.KnownPhone, l lang.Lang, now time.Time) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, l.Say("LINE\tMAC\tPHONE\tADDRESS\tLAST\tTOKEN\tEVENTS", "ЛИНИЯ\tMAC\tТЕЛЕФОН\tАДРЕС\tПОСЛЕДНИЙ\tТОКЕН\tСОБЫТИЯ"))
	for _, p := range all {
		line := string(p.Line)
		if p.Site != "" {
			line = p.Site + "/" + line
		}
		fmt.Fprintln(table, strings.Join([]string{
			cmp.Or(line, "-"), cmp.Or(p.MAC, "-"), strings.TrimSpace(strings.Join([]string{p.Vendor, p.Model, p.Firmware}, " ")),
			cmp.Or(doctor.LatestAddr(p), "-"), l.Sayf("%s ago", "%s назад", doctor.Span(l.Say, max(0, now.Sub(p.Last)))), tokensOf(p, l, now), events(p, l),
		}, "\t"))
	}
	return table.Flush()
}

// events are those that the phone has ever sent, and how often, in the order of docs/wire.md.
func events(p stream.KnownPhone, l lang.Lang) string {
	var words []string
	for _, t := range slices.Concat(call.CallEvents, call.PhoneEvents) {
		if seen, ok := p.Events[t]; ok {
			words = append(words, fmt.Sprintf("%s %d", l.Event(t), seen.Count))
		}
	}
	return strings.Join(words, ", ")
}

// tokensOf are the tokens that stand in the phone's URLs, with their events where they are several. A dash: none are asked for.
func tokensOf(p stream.KnownPhone, l lang.Lang, now time.Time) string {
	all := p.Tokens()
	var words []string
	for _, t := range all {
		word := tokenWord(t, l, now)
		if len(all) > 1 {
			var of []string
			for _, e := range t.Events {
				of = append(of, l.Event(e))
			}
			word += " (" + strings.Join(of, ", ") + ")"
		}
		words = append(words, word)
	}
	return cmp.Or(strings.Join(words, "; "), "-")
}

func tokenWord(t stream.PhoneToken, l lang.Lang, now time.Time) string {
	switch {
	case t.Kind == stream.NoToken:
		return l.Say("none", "нет")
	case t.Kind == stream.SharedToken:
		return l.Say("shared", "общий")
	case !t.Old:
		return l.Say("own", "свой")
	case t.Until.IsZero():
		return l.Say("old", "старый")
	case now.Before(t.Until):
		return l.Sayf("old, until %s", "старый, до %s", day(t.Until))
	}
	return l.Sayf("old, refused since %s", "старый, не действует с %s", day(t.Until))
}
