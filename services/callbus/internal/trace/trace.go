// Package trace tells the life of an event as a story that an operator reads: what the phone sent, where it is stored, each
// call of 1C, and how it ended, or what it waits for. It tells what is recorded and invents nothing. Numbers are whole.
package trace

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/reason"
)

// Tell writes the stories, oldest first. Where Callbus is stopped an event waits for nothing else.
func Tell(w io.Writer, l lang.Lang, lives []stream.Life, stopped bool) error {
	var b strings.Builder
	for i, life := range lives {
		if i > 0 {
			b.WriteByte('\n')
		}
		t := teller{Builder: &b, Lang: l, day: life.Event.Time.Local(), stopped: stopped}
		t.life(life)
	}
	_, err := io.WriteString(w, b.String())
	return err
}

// teller tells one story.
type teller struct {
	*strings.Builder
	lang.Lang
	day     time.Time // times of other days have their date
	stopped bool
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
	words := []string{t.event(e.Type) + ",", t.Say("line", "линия"), string(e.Line)}
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

var eventNames = map[call.EventType]string{
	call.Incoming: "входящий", call.Outgoing: "исходящий", call.Answered: "ответ", call.Ended: "завершён", call.Missed: "пропущен",
	call.Rejected: "отклонён", call.Held: "удержание", call.Resumed: "снят с удержания", call.Transferred: "переведён",
	call.Registered: "телефон зарегистрирован", call.Unregistered: "регистрация снята", call.RegisterFailed: "регистрация не удалась",
	call.DNDOn: "«не беспокоить» включено", call.DNDOff: "«не беспокоить» выключено",
	call.ForwardOn: "переадресация включена", call.ForwardOff: "переадресация выключена", call.Boot: "телефон включился",
}

func (t *teller) event(e call.EventType) string { return t.Say(string(e), eventNames[e]) }

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
		t.under(t.Say("no 1C has been connected so far: nobody waits for it", "1С ещё не подключали: событие никому не передаётся"))
	}
	last := ""
	for _, p := range life.Passages {
		if p.Target != last {
			fmt.Fprintf(t, "  1C %s:\n", p.Target)
			last = p.Target
		}
		t.passage(p)
	}
}

func (t *teller) passage(p stream.Passage) {
	if !p.Again.IsZero() {
		t.at(p.Again, t.Say("sent again by callbus dead retry: number %d", "отправлено ещё раз (callbus dead retry): №%d"), p.Sequence)
	}
	switch {
	case p.Ending != nil:
		t.ending(*p.Ending)
	case p.Wait != nil:
		t.wait(*p.Wait)
	case p.Before:
		t.under(t.Say("this 1C was connected later: the event is not for it", "эту 1С подключили позже: событие не для неё"))
	default:
		t.under(t.Say("it has ended; how is not kept any more (a dead letter goes when its event has ended anew)",
			"обработано; чем кончилось, уже не хранится (отвергнутое удаляется, когда отправлено ещё раз и обработано)"))
	}
}

func (t *teller) ending(e stream.Ended) {
	earlier := e.Attempts - len(e.Tries)
	if earlier > 0 && len(e.Tries) > 0 {
		t.under(t.Sayf("%d earlier tries are not kept one by one", "ранних попыток, не записанных по отдельности: %d", earlier))
	}
	for i, try := range e.Tries {
		t.at(try.Time, t.Say("try %d, %d ms: %s", "попытка %d, %d мс: %s"), earlier+i+1, try.Took.Milliseconds(), t.outcome(try))
	}
	t.at(e.Time, "%s", t.end(e))
	if e.Answer != "" {
		t.under(t.Say("1C's answer: ", "ответ 1С: ") + e.Answer)
	}
	if e.Kind == verdict.Dead {
		t.under(t.Sayf("mend 1C, then: callbus dead retry %d", "исправьте 1С, потом: callbus dead retry %d", e.Number))
	}
	if e.Unsure {
		t.under(t.Say("1C may have taken an earlier try: a second pop-up is possible",
			"возможно, 1С приняла и более раннюю попытку: карточка звонка могла появиться дважды"))
	}
}

// outcome is 1C's word on one try. Its status is in the reason, as a rule.
func (t *teller) outcome(try verdict.Try) string {
	if try.Why == "" {
		return t.Say("1C took it", "1С приняла")
	}
	status := fmt.Sprintf("HTTP %d", try.Status)
	if try.Status == 0 || strings.Contains(try.Why, status) {
		return reason.In(t.Lang, try.Why)
	}
	return status + ", " + reason.In(t.Lang, try.Why)
}

func (t *teller) end(e stream.Ended) string {
	why := reason.In(t.Lang, e.Why)
	switch e.Kind {
	case verdict.Delivered:
		return t.Sayf("delivered, tries: %d", "доставлено, попыток: %d", e.Attempts)
	case verdict.Skipped:
		return t.Say("skipped: ", "пропущено: ") + why
	}
	return t.Sayf("dead letter %d, tries: %d: %s", "отвергнуто (№%d в списке отвергнутых), попыток: %d: %s", e.Number, e.Attempts, why)
}

func (t *teller) wait(w stream.Wait) {
	place := t.Sayf("still waiting: first in lane %s", "ждёт: первое в очереди %s", w.Lane)
	if w.Ahead > 0 {
		place = t.Sayf("still waiting: lane %s, %d before it", "ждёт: очередь %s, впереди %d", w.Lane, w.Ahead)
	}
	t.under(place)
	t.under(t.state(w))
	if w.Took.IsZero() {
		t.under(t.Say("this 1C has taken nothing so far", "эта 1С пока ничего не приняла"))
		return
	}
	t.under(t.Sayf("this 1C took an event last at %s", "последнее событие эта 1С приняла в %s", t.clock(w.Took)))
}

func (t *teller) state(w stream.Wait) string {
	switch {
	case t.stopped:
		return t.Say("Callbus is stopped: it goes on when it is started", "Callbus остановлен: продолжит, когда его запустят")
	case !w.Owned:
		return t.Say("nobody takes events from the lane: Callbus does not run, or has not found 1C since its start (target.away in the log)",
			"из этой очереди никто не берёт: Callbus не запущен или с самого запуска не нашёл 1С (в журнале target.away)")
	case w.InHand.IsZero():
		return t.Say("it has not been tried yet", "до попытки ещё не дошло")
	}
	return t.Sayf("the first in the lane was taken up at %s and has not ended: 1C is away or slow; it is tried again by itself",
		"первое в очереди взято в работу в %s и ещё не принято: 1С недоступна или занята; повторится само",
		t.clock(w.InHand))
}
