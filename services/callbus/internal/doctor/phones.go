package doctor

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

const (
	// enoughCalls is how many calls a phone must have told of before a missing end is no coincidence. It is more than a
	// few: a Snom tells nothing of a call that was rejected.
	enoughCalls = 5
	// enoughSince is how many calls in a row without an end, after others that had one, are no coincidence.
	enoughSince = 10
	// enoughDialled calls of which not one was answered are no coincidence; in a row, after others that were, it takes more: whoever
	// sells something calls many in vain.
	enoughDialled      = 10
	enoughDialledSince = 30
	// enoughTalks in a row without an answered, after others that had one, are no coincidence: while one call rings, another may be
	// put on hold.
	enoughTalks = 3
	// longestRing is what rings longer than any PBX lets it.
	longestRing = 5 * time.Minute
	// wasUsed is how many events a phone has sent before its silence is worth a word, and workingDay how many hours with
	// calls of others must have passed: a weekend is none. After gone it is taken for a phone that was put away.
	wasUsed    = 20
	workingDay = 8
	gone       = 14 * 24 * time.Hour
)

// phones looks at each phone of the book.
func (x exam) phones() (all []Finding) {
	for _, p := range x.Phones {
		if x.Now.Sub(p.Last) > gone {
			continue
		}
		for _, look := range []func(stream.KnownPhone) (Finding, bool){x.noEnd, x.noAnswer, x.unfilled, x.noLine, x.silent} {
			if f, found := look(p); found {
				f.Line, f.MAC = p.Line, p.MAC
				all = append(all, f)
			}
		}
	}
	return all
}

// name is a phone as its owner knows it.
func (x exam) name(p stream.KnownPhone) string {
	about := []string{p.MAC, strings.TrimSpace(p.Vendor + " " + p.Model)}
	about = slices.DeleteFunc(about, func(s string) bool { return s == "" || s == string(p.Line) })
	return x.Sayf("Phone %s (%s)", "Телефон %s (%s)", p.Line, strings.Join(about, ", "))
}

func sum(p stream.KnownPhone, types ...call.EventType) (n int) {
	for _, t := range types {
		n += p.Events[t].Count
	}
	return n
}

func calls(p stream.KnownPhone) int { return sum(p, call.Incoming, call.Outgoing) }
func ends(p stream.KnownPhone) int  { return sum(p, call.Ended, call.Missed, call.Rejected) }

// latest is when the phone told one of these last.
func latest(p stream.KnownPhone, types ...call.EventType) (t time.Time) {
	for _, is := range types {
		if at := p.Events[is].Last; at.After(t) {
			t = at
		}
	}
	return t
}

// endings are after what no call of a phone stays open in 1C, or only at another desk.
var endings = []call.EventType{call.Ended, call.Missed, call.Rejected, call.Transferred}

// noEnd: it tells of calls, and never, or no more, of an end.
func (x exam) noEnd(p stream.KnownPhone) (Finding, bool) {
	f := Finding{ID: "no-end", Level: Warning,
		What: x.Sayf("%s has told of %d calls, and never of an end (ended, missed or rejected): in 1C the calls stay open",
			"%s сообщил о звонках (%d), но ни разу об окончании (ended, missed, rejected): в 1С звонки не закрываются", x.name(p), calls(p)),
		Do: x.Say("Set the URLs for terminated, missed and rejected calls too. If they are set: is the firmware old?",
			"Задайте в телефоне URL и для завершённых, пропущенных и отклонённых звонков. Если заданы: не старая ли прошивка?"),
	}
	if ends(p) == 0 {
		return f, calls(p) >= enoughCalls
	}
	end := latest(p, endings...)
	for _, e := range x.of(p) { // the book is written every two seconds, and lags behind the calls
		if slices.Contains(endings, e.Type) && e.Time.After(end) {
			end = e.Time
		}
	}
	f.What = x.Sayf("%s tells of calls, but for %s of no end any more (ended, missed or rejected): in 1C the calls stay open",
		"%s сообщает о звонках, но уже %s — ни разу об окончании (ended, missed, rejected): в 1С звонки не закрываются", x.name(p), x.span(x.Now.Sub(end)))
	return f, callsSince(p, end) >= enoughSince
}

// callsSince is how many calls the phone has told of since the last of its ends; none where the book does not know of that one yet.
func callsSince(p stream.KnownPhone, end time.Time) int {
	for _, is := range endings {
		if seen := p.Events[is]; seen.Last.Equal(end) {
			return seen.CallsSince
		}
	}
	return 0
}

// noAnswer: it has never, or no more, told that a call was answered, although some were. A phone of a ring group that always
// loses the race is healthy, so that rings alone prove nothing.
func (x exam) noAnswer(p stream.KnownPhone) (Finding, bool) {
	f := Finding{ID: "no-answer", Level: Warning,
		What: x.Sayf("%s has told of %d calls, and never that one was answered", "%s сообщил о звонках (%d), но ни разу об ответе (answered)", x.name(p), calls(p)),
		Do:   x.Say("Set the URL for established (answered, connected) calls too", "Задайте в телефоне URL и для события «ответ» (established, answered, connected)"),
	}
	answer := latest(p, call.Answered)
	for _, e := range x.of(p) { // the book lags behind
		if e.Type == call.Answered && e.Time.After(answer) {
			answer = e.Time
		}
	}
	talks, dialled := x.since(p, answer)
	if answer.IsZero() {
		talked := talks > 0 || sum(p, call.Held, call.Resumed, call.Transferred) > 0 || sum(p, call.Outgoing) >= enoughDialled
		return f, calls(p) > 0 && ends(p) > 0 && talked
	}
	f.What = x.Sayf("%s tells of calls, but for %s of no answer any more, although some were answered",
		"%s сообщает о звонках, но уже %s — ни разу об ответе (answered), хотя на нём разговаривали", x.name(p), x.span(x.Now.Sub(answer)))
	return f, talks >= enoughTalks || dialled >= enoughDialledSince
}

// since counts what the phone has told after its last answered: calls that were answered all the same, because one was held or
// transferred or took longer than anything rings; and calls that it dialled.
func (x exam) since(p stream.KnownPhone, answer time.Time) (talks, dialled int) {
	var began time.Time // of a call that is not known to have been answered; zero: there is none
	for _, e := range x.of(p) {
		if !e.Time.After(answer) {
			continue
		}
		talked := false
		switch e.Type {
		case call.Outgoing:
			dialled++
			began = e.Time
		case call.Incoming:
			began = e.Time
		case call.Held, call.Resumed, call.Transferred:
			talked = !began.IsZero()
		case call.Ended:
			talked = !began.IsZero() && e.Time.Sub(began) > longestRing
		}
		if talked {
			talks++
		}
		if talked || e.Type == call.Ended {
			began = time.Time{}
		}
	}
	return talks, dialled
}

// of are the latest calls of a phone.
func (x exam) of(p stream.KnownPhone) (events []call.Event) {
	for _, e := range x.Calls {
		if (stream.KnownPhone{MAC: e.Phone.MAC, Site: e.Site, Line: e.Line}).Key() == p.Key() {
			events = append(events, e)
		}
	}
	return events
}

// needed are the parameters without which 1C cannot know who calls. Others come unfilled from healthy phones: a model may lack a
// variable, or know it for some events only.
var needed = []string{"remote", "p1", "remotenumber", "number", "callernumber"}

// unfilled: the phone does not know a variable that its URL has.
func (x exam) unfilled(p stream.KnownPhone) (Finding, bool) {
	var where []string
	for _, t := range []call.EventType{call.Incoming, call.Outgoing} {
		for _, param := range p.Events[t].Unfilled {
			if slices.Contains(needed, param) {
				where = append(where, fmt.Sprintf("%s (%s)", param, t))
			}
		}
	}
	return Finding{ID: "unfilled", Level: Warning,
		What: x.Sayf("%s does not fill in who calls: %s came with the placeholder itself", "%s не подставляет номер: вместо значения пришла сама переменная: %s",
			x.name(p), strings.Join(where, ", ")),
		Do: x.Sayf("This vendor calls the variable by another name: callbus provision %s --print shows the right URLs",
			"У этого производителя переменная называется иначе: верные URL показывает callbus provision %s --print", cmp.Or(p.Vendor, x.Say("VENDOR", "ПРОИЗВОДИТЕЛЬ"))),
	}, len(where) > 0
}

// noLine: its calls name no line, so that 1C gets the MAC.
func (x exam) noLine(p stream.KnownPhone) (Finding, bool) {
	all := x.of(p)
	nameless := len(all) > 0 && p.MAC != "" && string(all[len(all)-1].Line) == p.MAC
	return Finding{ID: "no-line", Level: Warning,
		What: x.Sayf("%s does not say which line it is: 1C gets its MAC instead", "%s не сообщает свою линию: 1С вместо неё получает MAC", x.name(p)),
		Do:   x.Say("Write line=101 (its own number) into its URLs", "Впишите в его URL line=101 (его собственный номер)"),
	}, nameless
}

// silent: it was used, and says nothing any more while others do. That somebody has a day off looks the same.
func (x exam) silent(p stream.KnownPhone) (Finding, bool) {
	silence := x.Now.Sub(p.Last)
	events := 0
	for _, seen := range p.Events {
		events += seen.Count
	}
	return Finding{ID: "silent", Level: Note,
		What: x.Sayf("%s has not been heard of for %s, while others are", "%s молчит уже %s, хотя другие телефоны работают", x.name(p), x.span(silence)),
		Do: x.Say("Is it switched on and registered? Has its address for Callbus changed, or its network (voice VLAN)? If its owner has the day off, all is well",
			"Включён ли он и зарегистрирован? Не изменились ли в нём адрес Callbus или сеть (voice VLAN)? Если сотрудника нет на месте, всё в порядке"),
	}, silence > 24*time.Hour && silence < gone && events >= wasUsed && x.hoursSince(p.Last) >= workingDay
}

// hoursSince is in how many hours of the clock there were calls.
func (x exam) hoursSince(t time.Time) int {
	hours := map[int64]bool{}
	for _, e := range x.Calls {
		if e.Time.After(t) {
			hours[e.Time.Unix()/3600] = true
		}
	}
	return len(hours)
}
