// Package trace tells the life of an event as a story that an operator reads: what the phone sent, where it is stored, each
// call of 1C, and how it ended, or what it waits for. It tells what is recorded and invents nothing. Numbers are whole.
package trace

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/reason"
)

// Around is what a story needs besides the lives.
type Around struct {
	Word    string            // that was asked for
	Stopped bool              // Callbus is stopped: an event waits for nothing else
	Away    map[string]string // why a target takes nothing now, as far as the adapter tells
}

// Tell writes the stories, oldest first; those of the other side's number come behind the others.
func Tell(w io.Writer, l lang.Lang, lives []stream.Life, a Around) error {
	var b strings.Builder
	for i, life := range lives {
		if i > 0 {
			b.WriteByte('\n')
		}
		if i > 0 && life.Remote && !lives[i-1].Remote {
			b.WriteString(l.Sayf("Other lines' calls with %s:\n\n", "Звонки других линий с номером %s:\n\n", a.Word))
		}
		t := teller{Builder: &b, Lang: l, Around: a, day: life.Event.Time.Local()}
		t.life(life)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// Waits reports whether any of the events waits for a target.
func Waits(lives []stream.Life) bool {
	return slices.ContainsFunc(lives, func(l stream.Life) bool {
		return slices.ContainsFunc(l.Passages, func(p stream.Passage) bool { return p.Wait != nil })
	})
}

// teller tells one story.
type teller struct {
	*strings.Builder
	lang.Lang
	Around
	day time.Time // times of other days have their date
}

// at writes what happened at a time.
func (t *teller) at(when time.Time, format string, args ...any) {
	fmt.Fprintf(t, "  %s  %s\n", t.clock(when), fmt.Sprintf(format, args...))
}

func (t *teller) clock(when time.Time) string {
	local := when.Local()
	if local.Format(time.DateOnly) == t.day.Format(time.DateOnly) {
		return local.Format("15:04:05.000")
	}
	return local.Format("2006-01-02 15:04:05.000")
}

// under writes what belongs to the line before.
func (t *teller) under(text string) { fmt.Fprintf(t, "%16s%s\n", "", text) }

func (t *teller) life(life stream.Life) {
	e := life.Event
	fmt.Fprintf(t, "%s  %s\n", t.day.Format(time.DateOnly), t.heading(e))
	fmt.Fprintf(t, "  %s\n", t.names(e))
	t.at(e.Time, "%s", t.hit(e))
	if e.Raw != "" {
		t.under(e.Raw)
	}
	if life.Sequence > 0 {
		t.at(life.Stored, t.Say("stored: number %d of %s, %s", "записано: №%d в %s, %s"), life.Sequence, life.Stream, life.Subject)
	}
	t.passages(life)
}

func (t *teller) heading(e call.Event) string {
	remote := string(e.Remote.Number)
	if remote == "" {
		remote = e.Remote.URI
	}
	arrow := "←"
	if e.Type == call.Outgoing {
		arrow = "→"
	}
	words := []string{t.Event(e.Type) + ",", t.Say("line", "линия"), string(e.Line)}
	if e.Site != "" {
		words = append(words, t.Sayf("(site %s)", "(филиал %s)", e.Site))
	}
	if remote != "" {
		words = append(words, arrow, remote)
	}
	if e.Remote.Name != "" {
		words = append(words, e.Remote.Name)
	}
	return strings.Join(words, " ")
}

func (t *teller) names(e call.Event) string {
	if e.CallID == "" {
		return t.Sayf("event %s", "событие %s", e.ID)
	}
	return t.Sayf("event %s, call %s", "событие %s, звонок %s", e.ID, e.CallID)
}

// hit says what is known of the phone.
func (t *teller) hit(e call.Event) string {
	var known []string
	for _, s := range []string{mac(e.Phone.MAC), e.Phone.IP, e.Phone.Model, e.Phone.Firmware} {
		if s != "" {
			known = append(known, s)
		}
	}
	known = append(known, t.Sayf("dialect %s", "диалект %s", e.Source))
	return t.Say("the phone's hit: ", "обратился телефон: ") + strings.Join(known, ", ")
}

// mac writes 001565aabbcc as the phone's label does.
func mac(hex string) string {
	if len(hex) != 12 {
		return hex
	}
	return strings.Join([]string{hex[:2], hex[2:4], hex[4:6], hex[6:8], hex[8:10], hex[10:]}, ":")
}

func (t *teller) passages(life stream.Life) {
	if life.Stream == stream.Phones {
		t.under(t.Say("what a phone says of itself goes to no 1C", "такие события в 1С не передаются"))
		return
	}
	if len(life.Passages) == 0 {
		t.under(t.Say("no target has been connected so far: nobody waits for it", "получателей ещё не подключали: событие никому не передаётся"))
	}
	last := ""
	for i, p := range life.Passages {
		if p.Target != last {
			fmt.Fprintf(t, "  %s:\n", t.Sayf("target %s", "получатель %s", p.Target))
			last = p.Target
		}
		t.passage(p, i+1 < len(life.Passages) && life.Passages[i+1].Retry && life.Passages[i+1].Target == p.Target)
	}
}

func (t *teller) passage(p stream.Passage, retried bool) {
	if !p.Again.IsZero() {
		t.at(p.Again, t.Say("sent again by an operator: number %d", "отправлено ещё раз оператором: №%d"), p.Sequence)
	}
	switch {
	case p.Ending != nil:
		t.ending(*p.Ending)
	case p.Wait != nil:
		t.wait(p.Target, *p.Wait)
	case p.Before:
		t.under(t.Say("this target was connected later: the event is not for it", "этого получателя подключили позже: событие не для него"))
	case retried:
		t.under(t.Say("refused by the target; the dead letter is gone since its retry", "отвергнуто получателем; запись удалена после повтора"))
	default:
		t.under(t.Say("it has ended; how is not kept any more", "обработано; чем кончилось, уже не хранится"))
	}
}

func (t *teller) ending(e stream.Ended) {
	earlier := e.Attempts - len(e.Tries)
	if earlier > 0 && len(e.Tries) > 0 {
		t.under(t.Sayf("%d earlier tries are not kept one by one", "ранних попыток, не записанных по отдельности: %d", earlier))
	}
	if e.Sent != "" {
		t.under(t.Say("told: ", "передано: ") + reason.Sent(t.Lang, e.Sent))
	}
	for i, try := range e.Tries {
		t.at(try.Time, t.Say("try %d, %d ms: %s", "попытка %d, %d мс: %s"), earlier+i+1, try.Took.Milliseconds(), t.outcome(try, reason.Webhook(e.Sent)))
	}
	t.at(e.Time, "%s", t.end(e))
	if e.Answer != "" {
		t.under(t.Say("its answer: ", "ответ: ") + e.Answer)
	}
	if e.Kind == verdict.Dead {
		t.under(t.Sayf("mend the cause, then: callbus dead retry %d", "устраните причину, потом: callbus dead retry %d", e.Number))
	}
	if e.Unsure {
		t.under(t.Say("an earlier try may have been taken too: a second pop-up is possible",
			"возможно, принята и более ранняя попытка: карточка звонка могла появиться дважды"))
	}
}

// outcome is the target's word on one try. Its status is in the reason, as a rule.
func (t *teller) outcome(try verdict.Try, webhook bool) string {
	if try.Why == "" {
		return t.Say("taken", "принято")
	}
	status := fmt.Sprintf("HTTP %d", try.Status)
	if try.Status == 0 || strings.Contains(try.Why, status) {
		return reason.Of(t.Lang, try.Why, webhook)
	}
	return status + ", " + reason.Of(t.Lang, try.Why, webhook)
}

func (t *teller) end(e stream.Ended) string {
	why := reason.Of(t.Lang, e.Why, reason.Webhook(e.Sent))
	switch e.Kind {
	case verdict.Delivered:
		return t.Sayf("delivered, tries: %d", "доставлено, попыток: %d", e.Attempts)
	case verdict.Skipped:
		return t.Say("skipped: ", "пропущено: ") + why
	}
	return t.Sayf("dead letter %d, tries: %d: %s", "отвергнуто (№%d в списке отвергнутых), попыток: %d: %s", e.Number, e.Attempts, why)
}

func (t *teller) wait(target string, w stream.Wait) {
	tried := t.Say("it was tried last at %s", "последняя попытка в %s")
	if w.Ahead > 0 {
		t.under(t.Sayf("waits, events before it: %d", "ждёт, впереди событий: %d", w.Ahead))
		tried = t.Say("the first of them was tried last at %s", "последняя попытка с первым из них в %s")
	} else {
		t.under(t.Say("waits, and is next", "ждёт, в очереди первое"))
	}
	t.state(target, w, tried)
	if w.Took.IsZero() {
		t.under(t.Say("this target has taken nothing so far", "этот получатель пока ничего не принял"))
		return
	}
	t.under(t.Sayf("this target took an event last at %s", "последнее событие этот получатель принял в %s", t.clock(w.Took)))
}

// state says why an event waits, as far as anybody knows.
func (t *teller) state(target string, w stream.Wait, tried string) {
	if t.Stopped {
		t.under(t.Say("Callbus is stopped: it goes on when it is started", "Callbus остановлен: продолжит, когда его запустят"))
		return
	}
	if !w.InHand.IsZero() {
		t.under(fmt.Sprintf(tried, t.clock(w.InHand)))
	}
	why, away := t.Away[target]
	switch {
	case w.Paused != nil:
		t.under(t.Sayf("the target is paused since %s; to go on: callbus resume %s", "получатель приостановлен с %s; продолжить: callbus resume %s",
			w.Paused.Since.Local().Format(time.DateTime), target))
	case away:
		t.under(t.Sayf("the target cannot take it: %s. It is tried again by itself", "передать не удаётся: %s. Callbus повторяет попытки сам", reason.In(t.Lang, why)))
	case !w.Owned:
		t.under(t.Say("nobody passes events to this target: Callbus does not run, or has not found it since its start; callbus doctor says why",
			"этому получателю никто не передаёт события: Callbus не запущен или с запуска его не нашёл; почему — скажет callbus doctor"))
	case w.InHand.IsZero():
		t.under(t.Say("it has not been tried yet", "до попытки ещё не дошло"))
	default:
		t.under(t.Say("it has not answered yet; if it stays so, callbus doctor says why",
			"ответа ещё нет; если это надолго, почему — скажет callbus doctor"))
	}
}
