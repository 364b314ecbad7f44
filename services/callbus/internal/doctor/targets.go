package doctor

import (
	"maps"
	"slices"
	"time"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/reason"
	"github.com/callbus/callbus/services/callbus/internal/remedy"
)

// waitsLong is how long an event may wait while 1C is there: five tries of ten seconds take one.
const waitsLong = 5 * time.Minute

// targets looks who takes the events, and whether it does.
func (x exam) targets() (all []Finding) {
	away := map[string]string{}
	for _, a := range x.Admins {
		maps.Copy(away, a.Away)
	}
	why, hubAway := away[theHub]
	delete(away, theHub)
	all = append(all, x.hub(why, hubAway)...)
	for _, p := range x.Store.Targets {
		if p.Paused != nil {
			all = append(all, x.paused(p))
			delete(away, p.Target) // the adapters say no more than that
		}
		if p.Change != nil && x.Now.Sub(p.Change.Since) > changesLong {
			all = append(all, x.unchanged(p))
		}
	}
	for _, target := range slices.Sorted(maps.Keys(away)) {
		all = append(all, x.away(target, away[target]))
	}
	if len(x.Store.Targets) == 0 && len(away) == 0 && x.Hub == nil && x.Store.Last > 0 {
		all = append(all, Finding{ID: "no-target", Level: Fault,
			What: x.Sayf("Nobody takes the events to 1C: %d are stored, and no target is known", "Никто не передаёт события в 1С: сохранено %d, а получателя нет", x.Store.Last),
			Do:   x.Say("Start onec-adapter (or callbus up) with --onec-url", "Запустите onec-adapter (или callbus up) с --onec-url")})
	}
	for _, p := range x.Store.Targets {
		if p.Paused != nil || p.Oldest.IsZero() || x.Now.Sub(p.Oldest) < waitsLong || away[p.Target] != "" {
			continue // 1C away says it already
		}
		f := Finding{ID: "waiting", Level: Fault, Target: p.Target,
			What: x.Sayf("Events wait for target %s: the oldest for %s, %d behind it", "События ждут получателя %s: самое старое — %s, за ним ещё %d",
				p.Target, x.span(x.Now.Sub(p.Oldest)), p.Waiting-1),
			Do: x.Say("See call.later and lane.stopped in the log of the adapter: they say what it tries, and why it fails",
				"Смотрите в журнале адаптера строки call.later и lane.stopped: в них сказано, что он пробует и почему не выходит")}
		if !p.Worked {
			f.ID = "target-idle"
			f.What = x.Sayf("No adapter works on target %s: the oldest event waits for %s, %d behind it",
				"С получателем %s никто не работает: самое старое событие ждёт %s, за ним ещё %d", p.Target, x.span(x.Now.Sub(p.Oldest)), p.Waiting-1)
			f.Do = x.Sayf("Start its adapter. If the target is gone for good: callbus targets forget %s, or the store fills up",
				"Запустите его адаптер. Если получатель больше не нужен: callbus targets forget %s, иначе хранилище заполнится", p.Target)
		}
		all = append(all, f)
	}
	return all
}

// changesLong is longer than a change of lanes takes while anybody carries it out: the longest call, and a bit.
const changesLong = 6 * time.Minute

func (x exam) paused(p stream.Progress) Finding {
	return Finding{ID: "target-paused", Level: Warning, Target: p.Target,
		What: x.Sayf("Target %s is paused since %s, %s ago. Its events wait in the store: %d", "Получатель %s приостановлен с %s, уже %s. Его события ждут в хранилище: %d",
			p.Target, day(p.Paused.Since), x.span(x.Now.Sub(p.Paused.Since)), p.Waiting),
		Do: x.Sayf("To go on: callbus resume %s", "Продолжить: callbus resume %s", p.Target)}
}

func (x exam) unchanged(p stream.Progress) Finding {
	return Finding{ID: "lanes-changing", Level: Fault, Target: p.Target,
		What: x.Sayf("The lanes of target %s have been in change for %s, and nobody brings it to its end: it gets no events", "У получателя %s уже %s меняется число полос, и никто это не заканчивает: события он не получает",
			p.Target, x.span(x.Now.Sub(p.Change.Since))),
		Do: x.Sayf("Start its adapter, or run callbus lanes %s %d", "Запустите его адаптер или выполните callbus lanes %s %d", p.Target, p.Change.Lanes)}
}

// away tells of a target that takes nothing. What becomes of its calls is said only where the store could be looked at.
func (x exam) away(target, why string) Finding {
	f := Finding{ID: "onec-away", Level: Fault, Target: target,
		What: x.Sayf("Calls do not get through to target %s: %s", "Звонки не доходят до получателя %s: %s", target, reason.Of(x.Lang, why, x.Webhooks[target])),
		Do:   and(remedy.Of(x.Lang, why, x.Webhooks[target]), x.Say("A change of the settings wants a restart of Callbus", "После правки настроек перезапустите Callbus"))}
	if x.NATSAway || x.NoCalls {
		return f
	}
	i := slices.IndexFunc(x.Store.Targets, func(p stream.Progress) bool { return p.Target == target })
	if i < 0 {
		f.ID, f.Level = "target-forgotten", Warning
		f.What += x.Say(". The target has been forgotten: no calls are kept for it", ". Получатель забыт: звонки для него не сохраняются")
		f.Do = x.Say("If it is gone for good, take it out of the adapter's settings. Else restart the adapter: the target then gets the calls from that moment on",
			"Если он больше не нужен, уберите его из настроек адаптера. Если нужен, перезапустите адаптер: получатель будет получать звонки с этого момента")
		return f
	}
	f.What += x.Sayf(". They wait in the store: %d", ". Ждут в хранилище: %d", x.Store.Targets[i].Waiting)
	f.Do = x.Say("Nothing is lost, they are delivered once this is mended. ", "Ничего не потеряно: звонки уйдут, когда это исправят. ") + f.Do
	return f
}

// dead looks for what 1C would not take: one finding for each target. Of old ones alone it is a note: somebody has
// decided to leave them.
func (x exam) dead() (all []Finding) {
	last, count := map[string]stream.DeadLetter{}, map[string]int{}
	for _, d := range x.Dead {
		last[d.Target] = d
		count[d.Target]++
	}
	for _, target := range slices.Sorted(maps.Keys(count)) {
		f := Finding{ID: "dead-letters", Level: Fault, Target: target,
			What: x.Sayf("Target %s refused %d events, the last %s ago: %s", "Получатель %s отверг событий: %d, последнее %s назад: %s",
				target, count[target], x.span(x.Now.Sub(last[target].Time)), reason.Of(x.Lang, last[target].Why, reason.Webhook(last[target].Sent))),
			Do: x.Say("callbus dead list shows them. Mend the cause, then callbus dead retry N sends one again",
				"Список: callbus dead list. Устраните причину, затем отправьте заново: callbus dead retry N")}
		if last[target].Time.Before(x.Since) {
			f.Level = Note
		}
		all = append(all, f)
	}
	return all
}
