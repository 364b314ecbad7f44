package callbus

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/term"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/reason"
	"github.com/callbus/callbus/services/callbus/internal/setup"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// hole is one callbus resend.
type hole struct {
	*line
	which        stream.Which
	since, until config.Moment
	dryRun, yes  bool
}

func resend(args []string) int {
	h := &hole{line: newLine("resend")}
	h.check = h.read
	whichFlags(h.line, &h.which, &h.since, &h.until)
	h.fs.StringVar(&h.which.Target, "target", onecadapter.DefaultTarget, "target that has lost something")
	h.fs.BoolVar(&h.dryRun, "dry-run", false, "only say what would be done, and with how many")
	h.fs.BoolVar(&h.yes, "yes", false, "do not ask first")
	return h.run(args, h.fill)
}

// read wants both ends of the hole: what 1C took after it is there, and must not go in twice.
func (h *hole) read() error {
	h.which.Since, h.which.Until = h.since.Time, h.until.Time
	switch {
	case h.since.IsZero() || h.until.IsZero():
		return errors.New(h.tongue.Say("want --since and --until: from when to when 1C has lost what it was told (from the backup's time to that of its restoration, say)",
			"нужны --since и --until: с какого по какое время 1С потеряла переданное (например, от времени резервной копии до восстановления из неё)"))
	case !h.since.Before(h.until.Time):
		return errors.New(h.tongue.Sayf("--since %v is not before --until %v", "--since %v не раньше, чем --until %v", h.since, h.until))
	case h.until.After(time.Now().Add(time.Second)):
		return errors.New(h.tongue.Say("--until is in the future", "--until в будущем"))
	}
	return h.knownEvent(h.which.Event)
}

// fill sends again what 1C was told in the hole.
func (h *hole) fill(ctx context.Context, nc *nats.Conn) error {
	r, err := stream.Hole(ctx, nc, h.which, func(e stream.Ended) bool { return onecadapter.Stale(e.Why) })
	if err != nil {
		return h.ofTarget(err)
	}
	h.tellPlan(r)
	if h.dryRun || len(r.Events) == 0 {
		return nil
	}
	if err := h.sure(ctx, h.yes, h.tongue.Sayf(
		"The target sees them as new calls, as if they rang now. Send %d events to %s again?",
		"Получатель увидит их как новые звонки, будто они идут сейчас. Отправить событий: %d, получатель %s?", len(r.Events), r.Target)); err != nil {
		return err
	}
	err = h.sendAgain(ctx, r)
	if errors.Is(err, errBrokenOff) {
		err = fmt.Errorf("%w: %s", err, h.command())
	}
	return err
}

// command is the one that goes on, with times that do not move.
func (h *hole) command() string {
	text := fmt.Sprintf("callbus resend --target %s --since %q --until %q", h.which.Target, h.since, h.until)
	for _, f := range []struct{ name, value string }{{"line", string(h.which.Line)}, {"event", string(h.which.Event)}, {"remote", h.which.Remote}} {
		if f.value != "" {
			text += fmt.Sprintf(" --%s %q", f.name, f.value)
		}
	}
	return text
}

// tellPlan says what would be sent, and what is left out.
func (l *line) tellPlan(r stream.Repeat) {
	fmt.Println(l.tongue.Sayf("target %s: %d to be sent again", "получатель %s: будет отправлено снова: %d", r.Target, len(r.Events)))
	for _, left := range []struct {
		n      int
		en, ru string
	}{
		{r.Waiting, "left out, because they wait already: %d", "не трогаем, уже ждут: %d"},
		{r.Told, "left out, because 1C was told of them again since: %d", "не трогаем, после этого уже переданы снова: %d"},
		{r.Kept, "left out, because a rule keeps them from this target: %d", "не трогаем, по правилам не для этого получателя: %d"},
	} {
		if left.n > 0 {
			fmt.Println("  " + l.tongue.Sayf(left.en, left.ru, left.n))
		}
	}
}

// sure asks before what cannot be undone; no is an error.
func (l *line) sure(ctx context.Context, yes bool, question string) error {
	if yes {
		return nil
	}
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		return errors.New(question + " " + l.tongue.Say("Nobody is here to be asked: --yes", "Спросить некого: укажите --yes"))
	}
	asker := setup.Asker{Lang: *l.tongue, Out: os.Stdout, In: bufio.NewReader(os.Stdin)}
	sure, err := asker.Sure(ctx, question)
	if err == nil && !sure {
		err = errors.New(l.tongue.Say("nothing is changed", "ничего не изменено"))
	}
	return err
}

// errBrokenOff says that a part was sent, and that the same command goes on.
var errBrokenOff = errors.New("broken off")

// sendAgain sends, and shows how far it has come. It needs a running adapter: of many a few are sent ahead only.
func (l *line) sendAgain(ctx context.Context, r stream.Repeat) error {
	if l.stopped {
		return errors.New(l.tongue.Say("Callbus is stopped: start it first, it sends them a few at a time", "Callbus остановлен: сначала запустите его, события отправляются понемногу"))
	}
	if r.Paused() {
		return errors.New(l.tongue.Sayf("target %s is paused; first: callbus resume %[1]s", "получатель %s приостановлен; сначала: callbus resume %[1]s", r.Target))
	}
	p := progress{line: l, of: len(r.Events), terminal: term.IsTerminal(int(os.Stdout.Fd()))}
	err := r.Send(ctx, p.tell)
	p.end()
	switch {
	case errors.Is(err, stream.ErrStillRefused):
		return errors.New(l.tongue.Sayf("the target refuses one after another (%s): the rest is not sent. Mend the cause, then run the same command again",
			"получатель отвергает их одно за другим (%s): остальные не отправлены. Устраните причину и повторите ту же команду", reason.In(*l.tongue, p.Why)))
	case err == nil && p.Dead > 0:
		return errors.New(l.tongue.Sayf("refused: %d, the last because: %s. The list: callbus dead list",
			"отвергнуто: %d, последнее потому: %s. Список: callbus dead list", p.Dead, reason.In(*l.tongue, p.Why)))
	case ctx.Err() != nil:
		return fmt.Errorf("%w", brokenOff{l.tongue.Say("broken off; what has been sent goes in by itself, and the same command goes on with the rest",
			"прервано; отправленное будет передано само, остальное отправит та же команда")})
	}
	return err
}

// brokenOff is errBrokenOff in the operator's language.
type brokenOff struct{ text string }

func (b brokenOff) Error() string        { return b.text }
func (b brokenOff) Is(target error) bool { return target == errBrokenOff }

// progress shows how far a repeat has come: in place on a terminal, else a line now and then.
type progress struct {
	*line
	stream.Headway
	of       int
	terminal bool
	said     time.Time
}

const (
	// sayEvery is the pause between two lines where there is no terminal.
	sayEvery = 10 * time.Second
	// quietFor so long nothing has ended, and an operator should know.
	quietFor = 15 * time.Second
)

func (p *progress) tell(h stream.Headway) {
	p.Headway = h
	switch {
	case p.terminal:
		fmt.Print("\r", p.text(), "\x1b[K")
	case time.Since(p.said) > sayEvery:
		p.said = time.Now()
		fmt.Println(p.text())
	}
}

func (p *progress) text() string {
	text := p.tongue.Sayf("sent %d of %d, taken %d, refused %d", "отправлено %d из %d, принято %d, отвергнуто %d", p.Sent, p.of, p.Delivered, p.Dead)
	if quiet := time.Since(p.Since); p.Sent > p.Ended() && quiet > quietFor {
		text += p.tongue.Sayf("; nothing for %v: is the target away? (callbus doctor)", "; тишина %v: получатель недоступен? (callbus doctor)", quiet.Round(time.Second))
	}
	return text
}

func (p *progress) end() {
	if p.terminal {
		fmt.Print("\r\x1b[K")
	}
	fmt.Println(p.text())
}
