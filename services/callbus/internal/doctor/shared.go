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
	// together is how long after each other the phones of one line ring for one call.
	together = 10 * time.Second
	// byTurns is how often two must have taken turns to be alive both: a phone that was replaced, or got another address,
	// makes two.
	byTurns = 4
)

// shared looks for what should be one and is two.
func (x exam) shared() []Finding { return append(x.lineTwice(), x.macTwice()...) }

// lineTwice: two phones ring on one line. Where they ring for the same call it is meant (a desk phone and a softphone).
func (x exam) lineTwice() (all []Finding) {
	type place struct{ site, line string }
	rings := map[place][]call.Event{}
	for _, e := range x.Calls {
		if e.Type == call.Incoming && e.Phone.MAC != "" && string(e.Line) != e.Phone.MAC && e.Time.After(x.Since) {
			k := place{e.Site, string(e.Line)}
			rings[k] = append(rings[k], e)
		}
	}
	for _, k := range slices.SortedFunc(maps.Keys(rings), func(a, b place) int { return cmp.Or(cmp.Compare(a.site, b.site), cmp.Compare(a.line, b.line)) }) {
		who, turns := taking(rings[k], func(e call.Event) string { return e.Phone.MAC })
		if turns < byTurns {
			continue
		}
		f := Finding{ID: "line-twice", Level: Warning, Line: call.Line(k.line),
			What: x.Sayf("Two phones say that they are line %s, and ring for different calls: %s", "Два телефона называют себя линией %s, а звонят порознь: %s",
				k.line, strings.Join(x.macs(who), ", ")),
			Do: x.Say("One of them has the other's number in its URLs (line=…) or account: in 1C its calls pop up at the wrong desk",
				"У одного из них в URL (line=…) или в учётной записи чужой номер: его звонки всплывают в 1С не у того сотрудника")}
		if ringTogether(rings[k]) {
			f.ID, f.Level = "line-shared", Note
			f.What = x.Sayf("Two phones share line %s: %s", "Два телефона на одной линии %s: %s", k.line, strings.Join(x.macs(who), ", "))
			f.Do = x.Say("Fine if it is meant: both ring for the same calls", "Если так задумано, всё в порядке: они звонят вместе")
		}
		all = append(all, f)
	}
	return all
}

// taking tells who takes turns, and how often they do.
func taking(events []call.Event, who func(call.Event) string) (all []string, turns int) {
	last := ""
	for _, e := range events {
		is := who(e)
		if is != last {
			turns++
			last = is
		}
		if !slices.Contains(all, is) {
			all = append(all, is)
		}
	}
	slices.Sort(all)
	return all, turns
}

func ringTogether(rings []call.Event) bool {
	for i, a := range rings[1:] {
		b := rings[i]
		if a.Phone.MAC != b.Phone.MAC && a.Remote.Number == b.Remote.Number && a.Time.Sub(b.Time) < together {
			return true
		}
	}
	return false
}

func (x exam) macs(list []string) (names []string) {
	for _, mac := range list {
		i := slices.IndexFunc(x.Phones, func(p stream.KnownPhone) bool { return p.MAC == mac })
		if i < 0 || len(x.Phones[i].Addrs) == 0 {
			names = append(names, mac)
			continue
		}
		names = append(names, mac+" ("+LatestAddr(x.Phones[i])+")")
	}
	return names
}

// LatestAddr is the address that a phone was heard from last, empty where it has told none.
func LatestAddr(p stream.KnownPhone) (addr string) {
	for a, at := range p.Addrs {
		if addr == "" || at.After(p.Addrs[addr]) || at.Equal(p.Addrs[addr]) && a < addr {
			addr = a
		}
	}
	return addr
}

// macTwice: one MAC comes from two addresses by turns. Only one kind of event is compared at a time: another URL may have
// another ip=.
func (x exam) macTwice() (all []Finding) {
	type what struct {
		mac string
		t   call.EventType
	}
	events := map[what][]call.Event{}
	for _, e := range x.Calls {
		if e.Phone.MAC != "" && e.Phone.IP != "" && e.Time.After(x.Since) {
			k := what{e.Phone.MAC, e.Type}
			events[k] = append(events[k], e)
		}
	}
	found := map[string]bool{}
	for _, k := range slices.SortedFunc(maps.Keys(events), func(a, b what) int { return cmp.Or(cmp.Compare(a.mac, b.mac), cmp.Compare(a.t, b.t)) }) {
		addrs, turns := taking(events[k], func(e call.Event) string { return e.Phone.IP })
		if turns < byTurns || found[k.mac] {
			continue
		}
		found[k.mac] = true
		all = append(all, Finding{ID: "mac-twice", Level: Warning, MAC: k.mac, Line: events[k][0].Line,
			What: x.Sayf("One MAC (%s) calls from several addresses by turns: %s", "Один и тот же MAC (%s) обращается по очереди с разных адресов: %s",
				k.mac, strings.Join(addrs, ", ")),
			Do: x.Say("The URLs of one phone were copied to another, MAC included: write mac=$mac (or its own) there. A phone with two networks is fine",
				"URL одного телефона скопированы в другой вместе с MAC: впишите там mac=$mac (или его собственный). Телефон с двумя сетями — не ошибка")})
	}
	return all
}
