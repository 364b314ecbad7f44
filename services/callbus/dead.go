package callbus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/callbus/internal/letters"
	"github.com/callbus/callbus/services/callbus/internal/reason"
)

// deadLetters is one callbus dead.
type deadLetters struct {
	*line
	verb             string
	numbers          []uint64
	which            stream.Which
	since, until     config.Moment
	all, dryRun, yes bool
	json             bool
}

func dead(args []string) int {
	d := &deadLetters{line: newLine("dead")}
	d.most, d.check = 1000, d.read
	whichFlags(d.line, &d.which, &d.since, &d.until)
	d.fs.StringVar(&d.which.Target, "target", "", "those of this target only")
	d.fs.StringVar(&d.which.Why, "why", "", "those in whose reason or answer this stands")
	d.fs.BoolVar(&d.all, "all", false, "retry, drop: all dead letters")
	d.fs.BoolVar(&d.dryRun, "dry-run", false, "only say what would be done, and with how many")
	d.fs.BoolVar(&d.yes, "yes", false, "do not ask first")
	d.fs.BoolVar(&d.json, "json", false, "list, show: print JSON, for scripts")
	return d.run(args, func(ctx context.Context, nc *nats.Conn) error {
		verbs := map[string]func(context.Context, *nats.Conn) error{"list": d.list, "show": d.show, "retry": d.retry, "drop": d.drop}
		return verbs[d.verb](ctx, nc)
	})
}

// whichFlags are those that say which events are meant.
func whichFlags(l *line, w *stream.Which, since, until *config.Moment) {
	l.fs.StringVar((*string)(&w.Line), "line", "", "those of this line only")
	l.fs.StringVar((*string)(&w.Event), "event", "", "those of this event only: incoming, ended…")
	l.fs.StringVar(&w.Remote, "remote", "", "those with this number on the other side only, in any spelling")
	l.fs.Var(since, "since", "those that ended then or later: 3h or 7d (ago), 03:00 (today), 2026-11-22 03:00")
	l.fs.Var(until, "until", "those that ended before that")
}

// read takes the verb, and the numbers or filters.
func (d *deadLetters) read() error {
	d.which.Since, d.which.Until = d.since.Time, d.until.Time
	verb, rest := shift(d.words)
	if d.verb = verb; !slices.Contains([]string{"list", "show", "retry", "drop"}, verb) {
		return errors.New(d.tongue.Say("want list, show N, retry N or drop N", "нужно: list, show N, retry N или drop N"))
	}
	if d.verb == "list" && len(rest) > 0 {
		return errors.New(d.tongue.Wrong(fmt.Errorf("unexpected argument: %s", strings.Join(rest, " "))))
	}
	for _, word := range rest {
		number, err := strconv.ParseUint(word, 10, 64)
		if err != nil {
			return errors.New(d.tongue.Sayf("%s: want the number of a dead letter (callbus dead list shows them)",
				"%s: нужен номер отвергнутого события (номера покажет callbus dead list)", word))
		}
		d.numbers = append(d.numbers, number)
	}
	if err := d.knownEvent(d.which.Event); err != nil {
		return err
	}
	return d.meant()
}

// meant refuses a command that does not say clearly which letters it means.
func (d *deadLetters) meant() error {
	filters := !d.which.Any() || d.all
	switch {
	case d.verb == "show" && len(d.numbers) == 0:
		return errors.New(d.tongue.Say("want the number of a dead letter (callbus dead list shows them)",
			"нужен номер отвергнутого события (номера покажет callbus dead list)"))
	case len(d.numbers) > 0 && filters:
		return errors.New(d.tongue.Say("want numbers or filters, not both", "нужны или номера, или условия, не вместе"))
	case (d.verb == "retry" || d.verb == "drop") && len(d.numbers) == 0 && !filters:
		return errors.New(d.tongue.Say("which? Name numbers or filters, or --all for all of them (callbus dead list shows them)",
			"какие? Назовите номера или условия, или все сразу: --all (список: callbus dead list)"))
	}
	return nil
}

// knownEvent refuses an event that there is not; empty is none.
func (l *line) knownEvent(e call.EventType) error {
	if e != "" && !slices.Contains(call.CallEvents, e) {
		return errors.New(l.tongue.Sayf("--event %s: want one of %v", "--event %s: нужно одно из %v", e, call.CallEvents))
	}
	return nil
}

// chosen reads the letters that are meant.
func (d *deadLetters) chosen(ctx context.Context, nc *nats.Conn) (all []stream.DeadLetter, err error) {
	for _, number := range d.numbers {
		letter, err := stream.FindDeadLetter(ctx, nc, number)
		if err != nil {
			return nil, fmt.Errorf("%d: %w", number, d.inWords(err))
		}
		all = append(all, letter)
	}
	if len(d.numbers) > 0 {
		return all, nil
	}
	err = stream.DeadLetters(ctx, nc, func(l stream.DeadLetter) {
		if d.which.Means(l.Ended) {
			all = append(all, l)
		}
	})
	return all, err
}

func (d *deadLetters) list(ctx context.Context, nc *nats.Conn) error {
	all, err := d.chosen(ctx, nc)
	nothingYet := errors.Is(err, stream.ErrNoEndings)
	switch {
	case err != nil && !nothingYet:
		return err
	case d.json:
		return d.print(all)
	case nothingYet:
		fmt.Println(d.tongue.Say("no dead letters: nothing has gone to 1C yet", "отвергнутых событий нет: в 1С ещё ничего не передавалось"))
	case len(all) == 0:
		fmt.Println(d.tongue.Say("no dead letters", "отвергнутых событий нет"))
	}
	d.lines(all)
	return nil
}

func (d *deadLetters) lines(all []stream.DeadLetter) {
	for _, l := range all {
		fmt.Println(letters.Line(l, *d.tongue))
	}
}

func (d *deadLetters) print(all []stream.DeadLetter) error {
	reports := []letters.Report{}
	for _, l := range all {
		reports = append(reports, letters.ReportOf(l))
	}
	return printJSON(os.Stdout, reports)
}

func (d *deadLetters) show(ctx context.Context, nc *nats.Conn) error {
	all, err := d.chosen(ctx, nc)
	if err != nil {
		return err
	}
	if d.json {
		return d.print(all)
	}
	for _, l := range all {
		fmt.Print(letters.Story(l, *d.tongue))
	}
	return nil
}

// retry sends letters again. What is named one by one goes at once; of many a few at a time, so that calls of now pass.
func (d *deadLetters) retry(ctx context.Context, nc *nats.Conn) error {
	if len(d.numbers) > 0 && !d.dryRun {
		return d.retryEach(ctx, nc)
	}
	all, err := d.chosen(ctx, nc)
	if err != nil {
		return err
	}
	repeats, err := stream.Retries(ctx, nc, all)
	if err != nil {
		return d.ofTarget(err)
	}
	if len(repeats) == 0 {
		fmt.Println(d.tongue.Say("no dead letters to send again", "отправлять снова нечего"))
	}
	for _, r := range repeats {
		d.tellPlan(r)
	}
	if d.dryRun {
		d.lines(all)
		return nil
	}
	var failed error
	for _, r := range repeats {
		if failed = errors.Join(failed, d.sendAgain(ctx, r)); ctx.Err() != nil {
			break
		}
	}
	return failed
}

// outcomeWithin is how long a retry waits for what becomes of the letters: a 1C that is there answers within seconds.
const outcomeWithin = 5 * time.Second

func (d *deadLetters) retryEach(ctx context.Context, nc *nats.Conn) error {
	var sent []stream.DeadLetter
	for _, number := range d.numbers {
		letter, err := stream.FindDeadLetter(ctx, nc, number)
		if err == nil {
			err = stream.Retry(ctx, nc, number)
		}
		if err != nil {
			return fmt.Errorf("%d: %w", number, d.ofTarget(d.inWords(err)))
		}
		sent = append(sent, letter)
	}
	ends, err := d.outcomes(ctx, nc, sent)
	if err != nil {
		return err
	}
	refused := 0
	for _, letter := range sent {
		end, known := ends[letter.Number]
		if known && end.Kind == verdict.Dead {
			refused++
		}
		fmt.Println(d.outcome(letter, end, known))
	}
	if refused > 0 {
		return errors.New(d.tongue.Sayf("refused again: %d of %d; the list: callbus dead list", "снова отвергнуто: %d из %d; список: callbus dead list", refused, len(sent)))
	}
	return nil
}

// outcomes waits for a while for the new endings of letters, by the numbers that these had. Where Callbus is stopped there are none.
func (d *deadLetters) outcomes(ctx context.Context, nc *nats.Conn, sent []stream.DeadLetter) (map[uint64]stream.Ended, error) {
	ends := map[uint64]stream.Ended{}
	if d.stopped {
		return ends, nil
	}
	of := map[[2]string]uint64{} // target and event → number
	for _, letter := range sent {
		of[[2]string{letter.Target, letter.Event.ID}] = letter.Number
	}
	since, until := time.Now().Add(-time.Minute), time.Now().Add(outcomeWithin) // a minute for what the server's clock is behind
	for {
		err := stream.EndingsSince(ctx, nc, since, func(e stream.Ended) {
			if number := of[[2]string{e.Target, e.Event.ID}]; number > 0 && e.Number > number {
				ends[number] = e
			}
		})
		if err != nil || len(ends) == len(sent) || time.Now().After(until) {
			return ends, err
		}
		select {
		case <-ctx.Done():
			return ends, ctx.Err()
		case <-time.After(200 * time.Millisecond):
		}
	}
}

// outcome says what became of a letter that was sent again.
func (d *deadLetters) outcome(letter stream.DeadLetter, end stream.Ended, known bool) string {
	t := *d.tongue
	switch {
	case !known && d.stopped:
		return t.Sayf("dead letter %d is stored, and goes to target %s when Callbus is started; what becomes of it: callbus trace %s",
			"событие №%d записано и уйдёт получателю %s, когда Callbus запустят; чем кончится: callbus trace %s", letter.Number, letter.Target, letter.Event.ID)
	case !known:
		return t.Sayf("dead letter %d waits for target %s; what becomes of it: callbus trace %s",
			"событие №%d ждёт получателя %s; чем кончится: callbus trace %s", letter.Number, letter.Target, letter.Event.ID)
	case end.Kind == verdict.Dead:
		return t.Sayf("dead letter %d was refused by target %s again, and is number %d now: %s",
			"событие №%d получатель %s снова отверг, теперь это №%d: %s", letter.Number, letter.Target, end.Number, reason.Of(t, end.Why, reason.Webhook(end.Sent)))
	}
	return t.Sayf("dead letter %d: target %s took it", "событие №%d получатель %s принял", letter.Number, letter.Target)
}

// drop removes letters for good, and leaves a line of each behind.
func (d *deadLetters) drop(ctx context.Context, nc *nats.Conn) error {
	all, err := d.chosen(ctx, nc)
	if err != nil {
		return err
	}
	if len(all) == 0 || d.dryRun {
		fmt.Println(d.tongue.Sayf("would be dropped: %d", "будет удалено: %d", len(all)))
		d.lines(all)
		return nil
	}
	question := d.tongue.Sayf("%d dead letters will be gone for good, and 1C will never hear of them. Go on?",
		"Отвергнутых событий: %d. Они будут удалены навсегда, 1С о них не узнает. Продолжить?", len(all))
	if err := d.sure(ctx, d.yes, question); err != nil {
		return err
	}
	for _, l := range all {
		if err := stream.Drop(ctx, nc, l.Number); err != nil {
			return fmt.Errorf("%d: %w", l.Number, d.inWords(err))
		}
		fmt.Println(d.tongue.Say("dropped ", "удалено ") + letters.Line(l, *d.tongue))
	}
	return nil
}
