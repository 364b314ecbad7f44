package doctor

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

const (
	// hurry is how long before old tokens end a note becomes a warning: a rotation is meant, and phones are gone around by and by.
	hurry = 3 * 24 * time.Hour
	// mostNamed are the phones that a finding about several names.
	mostNamed = 10
)

// tokens looks which phones will be refused, or were let in without one: one finding for each end. A phone that was put away
// needs none.
func (x exam) tokens() (all []Finding) {
	old, without := map[time.Time][]bearer{}, []bearer(nil)
	for _, p := range x.Phones {
		if x.Now.Sub(p.Last) > gone {
			continue
		}
		shown := p.Tokens()
		for _, t := range shown {
			switch b := (bearer{p, t, len(shown) > 1}); {
			case t.Old:
				old[t.Until] = append(old[t.Until], b)
			case t.Kind == stream.NoToken:
				without = append(without, b)
			}
		}
	}
	for _, until := range slices.SortedFunc(maps.Keys(old), time.Time.Compare) {
		all = append(all, x.old(until, old[until]))
	}
	if len(without) > 0 {
		all = append(all, about(without, Finding{ID: "no-token", Level: Note,
			What: x.Sayf("Phones without a token, let in because of --token-optional: %s", "Телефоны без токена, их пускают из-за --token-optional: %s", x.bearers(without)),
			Do: x.Sayf("callbus token new %s prints their tokens. Once every phone has its own, take --token-optional away: without it they would be refused",
				"Их токены покажет callbus token new %s. Когда токен будет у каждого, уберите --token-optional; раньше нельзя: этим телефонам откажут", ids(without))}))
	}
	return all
}

// bearer is a phone with one of its tokens.
type bearer struct {
	phone stream.KnownPhone
	token stream.PhoneToken
	some  bool // of its URLs have another
}

// old is about tokens whose secret was rotated.
func (x exam) old(until time.Time, all []bearer) Finding {
	f := Finding{ID: "tokens-expiring", Level: Note,
		What: x.Sayf("Old tokens, which are not accepted any more from %s on (403): %s", "Старые токены, которые с %s перестанут действовать (403): %s",
			day(until), x.bearers(all))}
	switch left := until.Sub(x.Now); {
	case until.IsZero():
		f.What = x.Sayf("Old tokens, which will not be accepted any more before long (403): %s", "Старые токены, которые скоро перестанут действовать (403): %s", x.bearers(all))
	case left <= 0:
		f.ID, f.Level = "tokens-expired", Fault
		f.What = x.Sayf("Old tokens, not accepted since %s, their hits are refused (403): %s", "Старые токены не действуют с %s, обращения получают 403: %s", day(until), x.bearers(all))
	case left <= hurry:
		f.Level = Warning
	}
	f.Do = x.Sayf("Put the new tokens into the phones: callbus token new %s prints them, callbus token list --phones phones.csv all, callbus provision writes them into the phones' files",
		"Внесите в телефоны новые токены: их покажет callbus token new %s, все сразу — callbus token list --phones phones.csv, в файлы телефонов их впишет callbus provision", ids(all))
	return about(all, f)
}

func day(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// about says which phones a finding is about.
func about(all []bearer, f Finding) Finding {
	for _, b := range all {
		f.Phones = append(f.Phones, string(cmp.Or(b.phone.Line, call.Line(b.phone.MAC))))
		f.macs = append(f.macs, b.phone.MAC)
	}
	return f
}

// bearers names them as their owner knows them.
func (x exam) bearers(all []bearer) string {
	var names []string
	for _, b := range all[:min(len(all), mostNamed)] {
		name := string(b.phone.Line)
		if b.phone.MAC != "" && b.phone.MAC != name {
			name = strings.TrimSpace(name + " (" + b.phone.MAC + ")")
		}
		if b.some {
			name += x.Say(" in the URLs of ", " в URL событий ") + x.words(b.token.Events)
		}
		names = append(names, name)
	}
	if more := len(all) - len(names); more > 0 {
		names = append(names, x.Sayf("%d more (callbus phones)", "и ещё %d (callbus phones)", more))
	}
	return strings.Join(names, ", ")
}

func (x exam) words(events []call.EventType) string {
	var words []string
	for _, e := range events {
		words = append(words, x.Event(e))
	}
	return strings.Join(words, "/")
}

// ids are what callbus token new wants.
func ids(all []bearer) string {
	var list []string
	for _, b := range all[:min(len(all), mostNamed)] {
		if id := cmp.Or(b.token.ID, b.phone.MAC, "MAC"); !slices.Contains(list, id) {
			list = append(list, id)
		}
	}
	return strings.Join(list, " ")
}
