package callbus

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/stream"
)

// changeTimeout is well above stream.AckWait, which is what a lane that nobody gives up is waited for.
const changeTimeout = time.Minute

func changeLanes(args []string) int {
	l := newLine("lanes")
	dry := l.fs.Bool("dry-run", false, "say what would be done, and do nothing")
	n := 0
	l.most = 2
	l.check = func() (err error) {
		if len(l.words) == 2 {
			n, err = strconv.Atoi(l.words[1])
		}
		if len(l.words) != 2 || err != nil || n < 1 || n > stream.MaxLanes {
			return errors.New(l.tongue.Sayf("want the name of a target and a number, 1 to %d (callbus targets shows what there is)",
				"нужны имя получателя и число от 1 до %d (что есть сейчас, покажет callbus targets)", stream.MaxLanes))
		}
		return nil
	}
	return l.run(args, func(ctx context.Context, nc *nats.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, changeTimeout)
		defer cancel()
		return l.changeLanes(ctx, nc, l.words[0], n, *dry)
	})
}

func (l *line) changeLanes(ctx context.Context, nc *nats.Conn, target string, n int, dry bool) error {
	set, err := stream.PlannedChange(ctx, nc, target)
	if err != nil {
		return l.ofTarget(err)
	}
	if set.Change != nil {
		fmt.Println(l.tongue.Sayf("A change from %d lanes to %d is under way since %s: it is brought to its end first",
			"Уже идёт смена числа полос с %d на %d, начатая %s: сначала она доводится до конца",
			set.Lanes, set.Change.Lanes, set.Change.Since.Local().Format(time.DateTime)))
	} else if set.Lanes == n {
		fmt.Println(l.tongue.Sayf("Target %s has %d lanes (calls of 1C at once) already", "У получателя %s уже столько полос (вызовов 1С одновременно): %d", target, n))
		return nil
	}
	if dry {
		fmt.Println(l.tongue.Sayf("Target %s would go from %d lanes (calls of 1C at once) to %d: its adapters finish the calls under way, then go on with the new ones. Nothing was done",
			"У получателя %s вместо %d полос (вызовов 1С одновременно) стало бы %d: адаптеры закончат начатые вызовы и продолжат с новыми. Ничего не сделано", target, set.Lanes, n))
		return nil
	}
	if set.Change == nil {
		fmt.Println(l.tongue.Sayf("Target %s: from %d lanes (calls of 1C at once) to %d. Calls wait in the store meanwhile",
			"Получатель %s: полос (вызовов 1С одновременно) было %d, станет %d. Звонки тем временем ждут в хранилище", target, set.Lanes, n))
	}
	begin := time.Now()
	err = stream.ChangeLanes(ctx, nc, target, n, operator(), func(s stream.Step) { l.step(s, time.Since(begin)) })
	if err != nil {
		return l.unfinished(ctx, nc, target, n, l.ofTarget(err))
	}
	fmt.Println(l.tongue.Say("The adapters' own settings (sessions) may stay as they are: what this command has written counts",
		"В настройках адаптеров sessions можно не менять: действует то, что записала эта команда"))
	return nil
}

// step tells how far a change is.
func (l *line) step(s stream.Step, took time.Duration) {
	switch {
	case s.Set != nil:
		seconds := fmt.Sprintf("%.1f", took.Seconds())
		fmt.Println(l.tongue.Sayf("Done in %s s: %d calls at once", "Готово за %s с: вызовов одновременно %d",
			l.tongue.Say(seconds, strings.Replace(seconds, ".", ",", 1)), s.Set.Lanes))
	case len(s.Waits) > 0:
		fmt.Println(l.tongue.Sayf("Nobody has given up lanes %s: a call of theirs may be under way. Waiting, %.0f s at most",
			"Полосы %s никто не освободил: возможно, их вызов 1С ещё идёт. Ожидание, не больше %.0f с", strings.Join(s.Waits, " "), s.For.Seconds()))
	}
}

// unfinished says what becomes of a change that this command does not see through.
func (l *line) unfinished(ctx context.Context, nc *nats.Conn, target string, n int, err error) error {
	look, cancel := context.WithTimeout(context.WithoutCancel(ctx), answerTimeout)
	defer cancel()
	set, failed := stream.PlannedChange(look, nc, target)
	if failed == nil && set.Change == nil {
		return err // it had not begun, or somebody else has finished it
	}
	return fmt.Errorf("%w. %s", err, l.tongue.Sayf("The change is written down: the adapters of %s bring it to its end, and so does callbus lanes %[1]s %d",
		"Смена записана: её доведут до конца адаптеры получателя %s или повторный запуск callbus lanes %[1]s %d", target, n))
}
