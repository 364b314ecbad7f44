package callbus

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/lifecycle"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/check"
	"github.com/callbus/callbus/services/callbus/internal/reason"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// inquiry is one callbus check.
type inquiry struct {
	*line
	onec                onecadapter.Options
	json, trial         *bool
	event, ofLine, with *string
}

func checkOneC(args []string) int {
	x := &inquiry{line: newLine("check")}
	x.most = 1
	x.onec.TargetFlags(x.fs)
	x.json = x.fs.Bool("json", false, "print the findings as JSON, for scripts")
	x.trial = x.fs.Bool("call", false, "call 1C once, as if a phone had told of an event")
	x.event = x.fs.String("event", string(call.Ended), "event of the test call")
	x.ofLine = x.fs.String("line", "000", "line of the test call")
	x.with = x.fs.String("remote", "+70000000000", "number of the other side of the test call")
	switch err := x.parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return healthy
	case err != nil:
		return x.fail(couldNotLook, err)
	}
	ctx, stop := lifecycle.Signals(context.Background())
	defer stop()
	code, err := x.work(ctx)
	if err != nil {
		return x.fail(couldNotLook, x.inWords(err))
	}
	return code
}

// work goes to each 1C, and tells what a running Callbus knows of it.
func (x *inquiry) work(ctx context.Context) (code int, err error) {
	teller := &check.Teller{Writer: os.Stdout, Lang: *x.tongue, Plain: check.Plain(os.Getenv, runtime.GOOS)}
	q := onecadapter.Inquiry{Options: x.onec}
	q.Target, _ = shift(x.words)
	if *x.trial {
		if q.Call, err = x.testCall(); err != nil {
			return 0, err
		}
	}
	if !*x.json {
		x.announce(q.Call)
		q.Tell = teller.Step
	}
	var known <-chan []stream.Standing
	if !*x.json {
		known = x.ask(ctx)
	}
	all, err := q.Examine(ctx)
	switch {
	case err != nil:
		return 0, x.clearer(err)
	case *x.json:
		return x.print(all)
	}
	return x.say(teller, all, <-known)
}

func (x *inquiry) clearer(err error) error {
	switch {
	case errors.Is(err, onecadapter.ErrNoTarget):
		return errors.New(x.tongue.Sayf("the settings have no target %s", "в настройках нет получателя %s", x.words[0]))
	case x.onec.Single.URL == "" && x.onec.Targets == "":
		return errors.New(x.tongue.Say("which 1C? Name the file of callbus up with --config callbus.yaml, or --onec-url, or --targets",
			"какую 1С? Назовите файл callbus up: --config callbus.yaml, или укажите --onec-url, или --targets"))
	}
	return err
}

// testCall is the event that 1C is called with. Nobody has line 000, and no number begins with +7000: what 1C does with such
// an end of a call disturbs nobody.
func (x *inquiry) testCall() (*call.Event, error) {
	event := call.EventType(*x.event)
	if !slices.Contains(call.CallEvents, event) {
		return nil, errors.New(x.tongue.Sayf("--event %s: want one of %v", "--event %s: нужно одно из %v", event, call.CallEvents))
	}
	id, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return &call.Event{
		ID: id.String(), Type: event, Time: time.Now().UTC(), Line: call.Line(*x.ofLine), Source: "check",
		Remote: call.Party{URI: *x.with, Number: phone.Parse(*x.with, phone.DefaultRegion)},
	}, nil
}

// announce says what will be done to 1C.
func (x *inquiry) announce(e *call.Event) {
	if e == nil {
		return
	}
	fmt.Println(x.tongue.Sayf("The target will be called once, as if a phone had told: %s, line %s, other side %s. What comes of it is up to its code.",
		"Будет один пробный вызов, как если бы телефон сообщил: %s, линия %s, собеседник %s. Что с ним станет, решает код получателя.",
		x.tongue.Event(e.Type), e.Line, *x.with))
}

// ask looks meanwhile what a running Callbus knows of its targets; nothing where there is none that this user may ask.
func (x *inquiry) ask(ctx context.Context) <-chan []stream.Standing {
	known := make(chan []stream.Standing, 1)
	go func() {
		defer close(known)
		nc, err := x.connect(ctx)
		if err != nil {
			return
		}
		defer nc.Close()
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		if all, err := stream.Standings(ctx, nc); err == nil {
			known <- all
		}
	}()
	return known
}

// codeOf is the exit code.
func codeOf(all []onecadapter.Checked) int {
	if slices.ContainsFunc(all, func(c onecadapter.Checked) bool { return c.Trouble != nil }) {
		return ill
	}
	return healthy
}

func (x *inquiry) print(all []onecadapter.Checked) (code int, err error) {
	var reports []check.Report
	for _, c := range all {
		reports = append(reports, check.ReportOf(c, *x.tongue))
	}
	return codeOf(all), printJSON(os.Stdout, struct {
		Healthy bool           `json:"healthy"`
		Targets []check.Report `json:"targets"`
	}{codeOf(all) == healthy, reports})
}

func (x *inquiry) say(teller *check.Teller, all []onecadapter.Checked, known []stream.Standing) (code int, err error) {
	for _, c := range all {
		if len(all) > 1 {
			fmt.Println("\n" + x.tongue.Say("Target ", "Получатель ") + c.Target)
		}
		teller.Result(c)
		i := slices.IndexFunc(known, func(s stream.Standing) bool { return s.Target == c.Target })
		paused := i >= 0 && known[i].Set.Paused != nil
		if i >= 0 {
			fmt.Println(x.standing(known[i], c.Trouble))
		}
		switch {
		case c.Trouble == nil && paused:
			fmt.Println(x.tongue.Sayf("The way there is open, but the target is paused: nothing is delivered. To go on: callbus resume %s",
				"Путь открыт, но получатель приостановлен: ничего не передаётся. Продолжить: callbus resume %s", c.Target))
		case c.Trouble == nil && (i < 0 || delivers(known[i])):
			fmt.Println(x.tongue.Say("All is well", "Всё в порядке"))
		}
	}
	return codeOf(all), nil
}

// delivers reports whether some adapter works on the target.
func delivers(s stream.Standing) bool {
	return slices.ContainsFunc(s.Adapters, func(a stream.Status) bool { return a.Why == "" })
}

// standing is what the running Callbus knows of a target; its adapters may be on other machines, and see it otherwise. What this
// check has just said is not said again.
func (x *inquiry) standing(s stream.Standing, said *onecadapter.Trouble) string {
	text := x.tongue.Say("In the running Callbus nothing waits for it", "В работающем Callbus для него ничего не ждёт")
	if s.Queue > 0 {
		text = x.tongue.Sayf("In the running Callbus %d events wait for it, the oldest since %s", "В работающем Callbus его ждут события: %d, самое старое с %s",
			s.Queue, s.Oldest.Local().Format(time.DateTime))
	}
	if len(s.Adapters) == 0 {
		text += x.tongue.Say(", and no adapter works on it", ", и ни один адаптер с ним не работает")
	}
	for _, a := range s.Adapters {
		if a.State != stream.Away && a.State != stream.Starting || a.Why == "" {
			continue
		}
		why := reason.Of(*x.tongue, a.Why, a.Webhook)
		if said != nil && strings.HasSuffix(why, reason.Of(*x.tongue, said.Why, a.Webhook)) {
			why = x.tongue.Say("the same", "то же самое")
		}
		text += x.tongue.Sayf("\n  adapter %s cannot deliver: %s", "\n  адаптер %s не может передать: %s", a.Adapter, why)
	}
	return text
}
