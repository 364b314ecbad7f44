package callbus

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/stream"
)

// lastCalls is how long a pause waits for the calls that are under way, before it says that it waits no longer.
const lastCalls = 5 * time.Second

func pauseTarget(args []string) int {
	return ofOneTarget("pause", args, func(ctx context.Context, l *line, nc *nats.Conn, target string) error {
		p, err := stream.PauseTarget(ctx, nc, target, operator())
		if err != nil {
			return l.ofTarget(err)
		}
		fmt.Println(l.tongue.Sayf("Target %s is paused since %s: calls wait in the store, nothing is lost. To go on: callbus resume %[1]s",
			"Получатель %s приостановлен с %s: звонки ждут в хранилище, ничего не теряется. Продолжить: callbus resume %[1]s",
			target, p.Since.Local().Format(time.DateTime)))
		wait, cancel := context.WithTimeout(ctx, lastCalls)
		defer cancel()
		for {
			busy, err := stream.AtWork(ctx, nc, target)
			if err != nil {
				return err
			}
			if !busy {
				fmt.Println(l.tongue.Say("No adapter pulls any more, and no call is under way", "Ни один адаптер больше ничего не берёт, вызовов в 1С нет"))
				return nil
			}
			select {
			case <-wait.Done():
				fmt.Println(l.tongue.Say("A call may still be under way: it is brought to its end, and no other begins. See callbus targets",
					"Возможно, один из вызовов 1С ещё идёт: он завершится, новых не будет. Смотрите callbus targets"))
				return nil
			case <-time.After(100 * time.Millisecond):
			}
		}
	})
}

func resumeTarget(args []string) int {
	return ofOneTarget("resume", args, func(ctx context.Context, l *line, nc *nats.Conn, target string) error {
		p, err := stream.ResumeTarget(ctx, nc, target)
		switch {
		case err != nil:
			return l.ofTarget(err)
		case p == nil:
			fmt.Println(l.tongue.Sayf("Target %s was not paused", "Получатель %s не был приостановлен", target))
		default:
			fmt.Println(l.tongue.Sayf("Target %s goes on after a pause since %s: what has waited is delivered now",
				"Получатель %s снова работает, пауза была с %s: сейчас доставляется то, что ждало", target, p.Since.Local().Format(time.DateTime)))
		}
		return nil
	})
}

// ofOneTarget runs a command on the target that its one word names.
func ofOneTarget(name string, args []string, work func(context.Context, *line, *nats.Conn, string) error) int {
	l := newLine(name)
	l.most = 1
	l.check = func() error {
		if len(l.words) == 0 {
			return errors.New(l.tongue.Say("want the name of a target (callbus targets shows them)", "нужно имя получателя (их покажет callbus targets)"))
		}
		return nil
	}
	return l.run(args, func(ctx context.Context, nc *nats.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, answerTimeout)
		defer cancel()
		return work(ctx, l, nc, l.words[0])
	})
}
