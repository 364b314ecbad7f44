// Package targets tells an operator how each target does: what was seen → words, or JSON for scripts.
package targets

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/doctor"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/reason"
)

// State is what a target does, in one word; docs/operations.md lists them.
type State string

// The states.
const (
	Working  State = "working"
	Away     State = "away"     // 1C takes nothing
	Paused   State = "paused"   // by an operator
	Changing State = "changing" // its lanes
	Idle     State = "idle"     // nobody works on it
)

// of is the state of a target. Where its adapters are not of one mind, one that works counts.
func of(s stream.Standing) State {
	switch {
	case s.Set.Paused != nil:
		return Paused
	case s.Set.Change != nil:
		return Changing
	case len(s.Adapters) == 0 && !s.AtWork:
		return Idle
	case len(s.Adapters) > 0 && !slices.ContainsFunc(s.Adapters, func(a stream.Status) bool { return !away(a) }):
		return Away
	}
	return Working
}

// nearlyFull is from where on the store's fill is told, per cent. The janitor begins at 80.
const nearlyFull = 70

// Around is what a printed table needs besides the targets.
type Around struct {
	Now      time.Time
	Store    stream.Fullness
	Stopped  bool // Callbus is stopped: this is its store alone
	Deserted bool // no adapter of any target runs
	Details  bool // lanes and generations too
}

// Deserted reports whether no adapter of any target runs: then none of them is gone for good because of that.
func Deserted(all []stream.Standing) bool {
	return !slices.ContainsFunc(all, func(s stream.Standing) bool { return len(s.Adapters) > 0 || s.AtWork })
}

// Print tells of all targets, and of the store where it fills.
func Print(w io.Writer, l lang.Lang, all []stream.Standing, a Around) {
	p := printer{w, l, a}
	for i, s := range all {
		if i > 0 {
			fmt.Fprintln(w)
		}
		p.target(s)
	}
	p.store(all)
}

type printer struct {
	w io.Writer
	l lang.Lang
	Around
}

func (p printer) say(en, ru string, args ...any) { fmt.Fprintln(p.w, p.l.Sayf(en, ru, args...)) }

func (p printer) ago(t time.Time) string { return doctor.Span(p.l.Say, max(0, p.Now.Sub(t))) }

func (p printer) when(t time.Time) string { return t.Local().Format(time.DateTime) }

func (p printer) target(s stream.Standing) {
	fmt.Fprintf(p.w, "%s: %s\n", s.Target, p.state(s))
	p.queue(s)
	p.lanes(s)
	for _, a := range s.Adapters {
		p.adapter(a, s)
	}
	if len(s.Adapters) == 0 && of(s) == Working {
		p.say("  adapter: works, and does not answer; is it of an older version?", "  адаптер: работает, но не отвечает; может быть, он прежней версии?")
	}
	if s.Dead > 0 {
		p.say("  dead letters: %d, the last %s ago: %s (callbus dead list)", "  отвергнуто событий: %d, последнее %s назад: %s (список: callbus dead list)",
			s.Dead, p.ago(s.LastDead.Time), reason.Of(p.l, s.LastDead.Why, reason.Webhook(s.LastDead.Sent)))
	}
	p.rules(s)
}

// state says what the target does, and where it does not work since when, why, and what helps.
func (p printer) state(s stream.Standing) string {
	switch of(s) {
	case Paused:
		said := p.l.Sayf("paused%s since %s, %s ago. To go on: callbus resume %s", "приостановлен%s с %s, уже %s. Продолжить: callbus resume %s",
			p.by(s.Set.Paused.By), p.when(s.Set.Paused.Since), p.ago(s.Set.Paused.Since), s.Target)
		if len(s.Adapters) == 0 && !s.AtWork {
			said += p.l.Say(". Besides, ", ". Кроме того, ") + p.nobody()
		}
		return said
	case Changing:
		said := p.l.Sayf("its lanes are being changed from %d to %d since %s", "меняется число полос: с %d на %d, началось %s",
			s.Set.Lanes, s.Set.Change.Lanes, p.when(s.Set.Change.Since))
		if len(s.Adapters) == 0 {
			said += p.l.Sayf(". Nobody brings that to its end: start the adapter, or run callbus lanes %s %d once more",
				". Довести это до конца некому: запустите адаптер или повторите callbus lanes %s %d", s.Target, s.Set.Change.Lanes)
		}
		return said
	case Idle:
		said := p.nobody()
		if !p.Deserted {
			said += p.l.Sayf(". If the target is gone for good: callbus targets forget %s", ". Если получателя больше нет: callbus targets forget %s", s.Target)
		}
		return said
	case Away:
		a := s.Adapters[0]
		said := p.l.Say("takes nothing", "недоступен")
		if !a.Since.IsZero() {
			said += p.l.Sayf(" since %s (%s)", " с %s (%s)", p.when(a.Since), p.ago(a.Since))
		}
		return said + ": " + reason.Of(p.l, a.Why, a.Webhook)
	}
	return p.l.Say("works", "работает")
}

// nobody says that no adapter works on a target, and what starts one.
func (p printer) nobody() string {
	switch {
	case p.Stopped:
		return p.l.Say("Callbus is stopped; this starts it: callbus up --config callbus.yaml", "Callbus остановлен; запустить: callbus up --config callbus.yaml")
	case p.Deserted:
		return p.l.Say("no adapter runs: start onec-adapter (or callbus up)", "ни один адаптер не запущен: запустите onec-adapter (или callbus up)")
	}
	return p.l.Say("no adapter of this target runs", "ни один адаптер этого получателя не запущен")
}

func (p printer) by(who string) string {
	if who == "" {
		return ""
	}
	return p.l.Sayf(" by %s", " (%s)", who)
}

func (p printer) queue(s stream.Standing) {
	waits := p.l.Say("nothing waits", "очередь пуста")
	if s.Queue > 0 {
		waits = p.l.Sayf("%d wait, the oldest for %s", "в очереди: %d, самое старое ждёт %s", s.Queue, p.ago(s.Oldest))
	}
	rate := p.l.Sayf("ended in the last minute %d, in the last hour %d", "завершено за минуту: %d, за час: %d", s.Minute, s.Hour)
	if !s.Ended.IsZero() {
		rate += p.l.Sayf(", the last %s ago", ", последнее %s назад", p.ago(s.Ended))
	}
	p.say("  events: %s; %s", "  события: %s; %s", waits, rate)
}

func (p printer) lanes(s stream.Standing) {
	said := p.l.Sayf("  calls at once: %d", "  вызовов одновременно: %d", s.Set.Lanes)
	if p.Details {
		said += p.l.Sayf(" (lanes of generation %d)", " (полосы поколения %d)", s.Set.Generation)
	}
	fmt.Fprintln(p.w, said)
}

func (p printer) adapter(a stream.Status, s stream.Standing) {
	does := []string{p.does(a, s)}
	if a.Held > 0 {
		does = append(does, p.l.Sayf("sessions of 1C: %d", "сеансов 1С: %d", a.Held))
	}
	if a.Sessions != s.Set.Lanes {
		does = append(does, p.l.Sayf("its settings say sessions: %d", "в его настройках sessions: %d", a.Sessions))
	}
	if owned := owned(a, s); p.Details && len(owned) > 0 {
		does = append(does, p.l.Say("lanes ", "полосы ")+strings.Join(owned, " "))
	}
	p.say("  adapter %s: %s", "  адаптер %s: %s", a.Adapter, strings.Join(does, "; "))
}

// does is what an adapter does. It owns a lane once it has got an event of it: right after a start, or a pause, nobody owns any.
// A reason that the target's own line has told is not told again.
func (p printer) does(a stream.Status, s stream.Standing) string {
	switch {
	case away(a) && of(s) == Away && a.Why == s.Adapters[0].Why:
		return p.l.Say("tries again by itself", "повторяет попытки сам")
	case away(a):
		return p.l.Say("the target takes nothing: ", "получатель недоступен: ") + reason.Of(p.l, a.Why, a.Webhook)
	case s.Set.Paused != nil:
		return p.l.Say("waits for the end of the pause", "ждёт конца паузы")
	case len(owned(a, s)) > 0:
		return p.l.Say("works", "работает")
	case len(s.Owners) > 0:
		return p.l.Say("stands by", "в резерве")
	}
	return p.l.Say("ready", "готов")
}

func away(a stream.Status) bool {
	return a.State == stream.Away || a.State == stream.Starting && a.Why != ""
}

// owned are the lanes that an adapter owns.
func owned(a stream.Status, s stream.Standing) (lanes []string) {
	for lane, owner := range s.Owners {
		if owner == a.Adapter {
			lanes = append(lanes, lane)
		}
	}
	slices.Sort(lanes)
	return lanes
}

// rules tells which events the target gets. Adapters of one target should agree; where they do not, each is told.
func (p printer) rules(s stream.Standing) {
	var told []string
	for _, a := range s.Adapters {
		var rules []string
		for _, r := range a.Rules {
			rules = append(rules, r.Setting+": "+r.Value)
		}
		if said := strings.Join(rules, "; "); said != "" && !slices.Contains(told, said) {
			told = append(told, said)
			p.say("  gets: %s", "  получает: %s", said)
		}
	}
	if len(told) > 1 {
		p.say("  Its adapters have different rules: give them the same targets file", "  Правила у его адаптеров разные: дайте им один файл targets")
	}
}

// store warns of a store that fills, and names who holds it.
func (p printer) store(all []stream.Standing) {
	store := p.Store
	if store.Room <= 0 || store.Used < store.Room/100*nearlyFull {
		return
	}
	var holds []string
	for _, s := range all {
		if s.Queue > 0 {
			holds = append(holds, s.Target)
		}
	}
	p.say("\nThe store is %d %% full; at 100 %% phones get 503 and calls are lost.", "\nХранилище заполнено на %d %%; при 100 %% телефоны получат 503, и звонки пропадут.", store.Used*100/store.Room)
	if len(holds) > 0 {
		p.say("What waits for %s holds it.", "Его держит то, что ждёт доставки: %s.", strings.Join(holds, ", "))
	}
}
