package callbus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/reason"
)

// letters is one callbus dead.
type letters struct {
	*line
	verb   string
	number uint64
}

func dead(args []string) int {
	d := letters{line: newLine("dead")}
	d.most, d.check = 2, d.read
	return d.run(args, func(ctx context.Context, nc *nats.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		switch d.verb {
		case "show":
			return d.show(ctx, nc)
		case "retry":
			return d.retry(ctx, nc)
		}
		return d.list(ctx, nc)
	})
}

// read takes the verb and the number.
func (d *letters) read() (err error) {
	verb, rest := shift(d.words)
	number, _ := shift(rest)
	if !slices.Contains([]string{"list", "show", "retry"}, verb) || verb == "list" && number != "" {
		return errors.New(d.tongue.Say("want list, show N or retry N", "нужно: list, show N или retry N"))
	}
	d.verb = verb
	if d.number, err = strconv.ParseUint(number, 10, 64); err != nil && verb != "list" {
		return errors.New(d.tongue.Say("want the number of a dead letter (callbus dead list shows them)",
			"нужен номер отвергнутого события (номера покажет callbus dead list)"))
	}
	return nil
}

func (d *letters) list(ctx context.Context, nc *nats.Conn) error {
	n := 0
	err := stream.DeadLetters(ctx, nc, func(l stream.DeadLetter) {
		n++
		fmt.Println(letterLine(l, *d.tongue))
	})
	if errors.Is(err, stream.ErrNoEndings) {
		fmt.Println(d.tongue.Say("no dead letters: nothing has gone to 1C yet", "отвергнутых событий нет: в 1С ещё ничего не передавалось"))
		return nil
	}
	if err == nil && n == 0 {
		fmt.Println(d.tongue.Say("no dead letters", "отвергнутых событий нет"))
	}
	return err
}

// letterLine is a dead letter's line in the list.
func letterLine(d stream.DeadLetter, l lang.Lang) string {
	unsure := ""
	if d.Unsure {
		unsure = l.Say(" (1C may have taken it)", " (возможно, 1С его приняла)")
	}
	return l.Sayf("%6d  %s  %s  %-9s  line %s  %s  tries %d%s  %s", "%6d  %s  %s  %-9s  линия %s  %s  попыток %d%s  %s",
		d.Number, d.Time.Local().Format(time.DateTime), d.Target, l.Event(d.Event.Type), d.Event.Line, d.Event.Remote.URI,
		d.Attempts, unsure, reason.In(l, d.Why))
}

// show prints all that is known, for scripts too: its names are the same in every language.
func (d *letters) show(ctx context.Context, nc *nats.Conn) error {
	l, err := stream.FindDeadLetter(ctx, nc, d.number)
	if err != nil {
		return err
	}
	type party struct{ URI, Number, Name string }
	return printJSON(os.Stdout, struct {
		Number                          uint64
		Died                            time.Time
		Target, Lane, Why, Answer       string
		Tries                           int
		MayHaveBeenTaken                bool
		ID, Event, Line, Source, CallID string
		Accepted                        time.Time
		Remote, Local                   party
		Raw                             string
	}{
		l.Number, l.Time.Local(), l.Target, l.Lane, l.Why, l.Answer, l.Attempts, l.Unsure,
		l.Event.ID, string(l.Event.Type), string(l.Event.Line), l.Event.Source, l.Event.CallID, l.Event.Time.Local(),
		party{l.Event.Remote.URI, string(l.Event.Remote.Number), l.Event.Remote.Name},
		party{l.Event.Local.URI, string(l.Event.Local.Number), l.Event.Local.Name}, l.Event.Raw,
	})
}

func (d *letters) retry(ctx context.Context, nc *nats.Conn) error {
	if err := stream.Retry(ctx, nc, d.number); err != nil {
		return err
	}
	fmt.Println(d.tongue.Sayf("dead letter %d is on its way to 1C again", "событие №%d снова отправлено в 1С", d.number))
	return nil
}
