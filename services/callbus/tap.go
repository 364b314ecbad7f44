package callbus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/stream"
)

// taps is one callbus tap.
type taps struct {
	*line
	verb string
	tap  broker.Tap
	out  string
	json bool
}

func tap(args []string) int {
	t := &taps{line: newLine("tap")}
	t.most, t.check = 2, t.read
	t.fs.StringVar(&t.tap.Subject, "subject", "calls.*", "add: what the tap reads: calls.* or one event, such as calls.incoming")
	t.fs.StringVar(&t.out, "out", "", "add: file for the tap's key; default ./NAME.creds")
	t.fs.BoolVar(&t.json, "json", false, "list: print JSON, for scripts")
	return t.run(args, func(ctx context.Context, nc *nats.Conn) error {
		return map[string]func(context.Context, *nats.Conn) error{"add": t.add, "list": t.list, "remove": t.remove}[t.verb](ctx, nc)
	})
}

// read takes the verb and the name.
func (t *taps) read() (err error) {
	t.verb, t.tap.Name, err = t.addListRemove()
	if err != nil || t.verb == "list" {
		return err
	}
	if t.out == "" {
		t.out = t.tap.Name + ".creds"
	}
	if stream.CheckTap(t.tap.Name, t.tap.Subject) != nil {
		return errors.New(t.tongue.Sayf("want a name of 1 to 32 letters A-Z a-z, digits, _ and -, and as --subject calls.* or calls.<event> (given: %s, %s)",
			"имя: от 1 до 32 латинских букв, цифр, _ и -; в --subject: calls.* или calls.<событие> (указано: %s, %s)", t.tap.Name, t.tap.Subject))
	}
	return nil
}

func (t *taps) add(ctx context.Context, nc *nats.Conn) error {
	ours, err := t.ours(nc)
	if err == nil && !ours {
		err = t.exported(ctx, nc)
	}
	if err != nil {
		return err
	}
	err = stream.AddTap(ctx, nc, t.tap.Name, t.tap.Subject)
	if errors.Is(err, stream.ErrTapThere) {
		return errors.New(t.tongue.Sayf("there is a tap %s; take another name, or remove it first: callbus tap remove %[1]s",
			"подписчик %s уже есть; возьмите другое имя или сначала удалите его: callbus tap remove %[1]s", t.tap.Name))
	}
	if err != nil {
		return err
	}
	err = newKey(t.out, func(public string) error {
		t.tap.Key = public
		if !ours {
			return nil
		}
		return broker.AdmitTap(t.folder, t.tap)
	})
	if err != nil {
		return errors.Join(err, stream.RemoveTap(ctx, nc, t.tap.Name))
	}
	fmt.Println(t.tongue.Sayf("Tap %s reads %s. Its key, a secret, is in %s; its consumer on CALLS is tap-%[1]s and begins now",
		"Подписчик %s читает %s. Его ключ (это секрет) в файле %s; его consumer на CALLS называется tap-%[1]s и начинает с этого момента", t.tap.Name, t.tap.Subject, t.out))
	fmt.Println(t.tongue.Sayf("Live without history: %s. What a tap has not read when the store lets it go, it misses",
		"Вживую, без истории: %s. Что подписчик не успел прочитать до очистки хранилища, он пропустит", strings.Join(t.tap.Live(), ", ")))
	if !ours {
		fmt.Println(t.tongue.Sayf("Its client names %s as the prefix of the JetStream API (apiPrefix)", "В клиенте укажите префикс JetStream API (apiPrefix): %s", broker.API))
		t.ownConfig(broker.Account("TAP_"+t.tap.Name, t.tap))
	}
	return nil
}

func (t *taps) list(ctx context.Context, nc *nats.Conn) error {
	all, err := stream.Taps(ctx, nc)
	switch {
	case err != nil:
		return err
	case t.json:
		return printJSON(os.Stdout, all)
	case len(all) == 0:
		fmt.Println(t.tongue.Say("There is no tap: callbus tap add NAME makes one", "Подписчиков нет; добавить: callbus tap add ИМЯ"))
		return nil
	}
	table := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, t.tongue.Say("NAME\tSUBJECT\tWAITING\tNOT ACKNOWLEDGED\tLAST READ", "ИМЯ\tЧТО ЧИТАЕТ\tЖДЁТ\tНЕ ПОДТВЕРЖДЕНО\tЧИТАЛ"))
	for _, s := range all {
		last := t.tongue.Say("never", "ещё нет")
		if !s.Last.IsZero() {
			last = s.Last.Local().Format(time.DateTime)
		}
		fmt.Fprintf(table, "%s\t%s\t%d\t%d\t%s\n", s.Name, s.Subject, s.Waiting, s.InHand, last)
	}
	return table.Flush()
}

// remove takes the key's rights away first: a consumer that is gone can be made anew, a key that is out stays out.
func (t *taps) remove(ctx context.Context, nc *nats.Conn) error {
	ours, err := t.ours(nc)
	if err != nil {
		return err
	}
	if ours {
		if err := broker.DismissTap(t.folder, t.tap.Name); err != nil {
			return err
		}
	}
	switch err := stream.RemoveTap(ctx, nc, t.tap.Name); {
	case errors.Is(err, stream.ErrNoTap):
		return errors.New(t.tongue.Sayf("there is no tap %s (callbus tap list shows them)", "подписчика %s нет (список: callbus tap list)", t.tap.Name))
	case err != nil:
		return err
	}
	fmt.Println(t.tongue.Sayf("Tap %s is removed, and its key opens nothing any more", "Подписчик %s удалён, его ключ больше ничего не открывает", t.tap.Name))
	if !ours {
		fmt.Println(t.tongue.Sayf("Take its account TAP_%s out of the servers' configuration too, and reload it", "Уберите и его account TAP_%s из конфигурации серверов и перечитайте её", t.tap.Name))
	}
	return nil
}
