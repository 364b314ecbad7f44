package callbus

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/user"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/targets"
)

// listTimeout is longer than other commands': what waits for a target that was away for days is counted.
const listTimeout = time.Minute

func showTargets(args []string) int {
	l := newLine("targets")
	asJSON := l.fs.Bool("json", false, "print the targets as JSON, for scripts")
	details := l.fs.Bool("details", false, "show lanes too: their generation, and which adapter owns which")
	yes := l.fs.Bool("yes", false, "do not ask first")
	l.most = 2
	l.check = func() error {
		if verb, rest := shift(l.words); (verb == "forget") != (len(rest) == 1) {
			return errors.New(l.tongue.Say("want nothing, NAME, or forget NAME", "нужно: ничего, ИМЯ или forget ИМЯ"))
		}
		return nil
	}
	return l.run(args, func(ctx context.Context, nc *nats.Conn) error {
		ctx, cancel := context.WithTimeout(ctx, listTimeout)
		defer cancel()
		if len(l.words) == 2 {
			return l.forget(ctx, nc, l.words[1], *yes)
		}
		all, err := stream.Standings(ctx, nc)
		if err != nil {
			return err
		}
		around := targets.Around{Now: time.Now(), Stopped: l.stopped, Deserted: targets.Deserted(all), Details: *details}
		if len(l.words) == 1 {
			if all, err = only(all, l.words[0]); err != nil {
				return l.ofTarget(err)
			}
		}
		used, room, err := stream.Fill(ctx, nc)
		around.Store = stream.Fullness{Used: used, Room: room}
		switch {
		case err != nil && len(all) > 0:
			return err
		case *asJSON:
			return printJSON(os.Stdout, targets.Of(all, around.Store))
		case len(all) == 0:
			fmt.Println(l.tongue.Say("There is no target yet: no adapter has worked on this NATS", "Получателей ещё нет: ни один адаптер с этим NATS не работал"))
			return nil
		}
		targets.Print(os.Stdout, *l.tongue, all, around)
		return nil
	})
}

// only is the one target that was asked for.
func only(all []stream.Standing, name string) ([]stream.Standing, error) {
	unknown := stream.UnknownTarget{Name: name}
	for i, s := range all {
		if s.Target == name {
			return all[i : i+1], nil
		}
		unknown.There = append(unknown.There, s.Target)
	}
	return nil, unknown
}

// forget asks first: what waits is not delivered, not even when the target comes back.
func (l *line) forget(ctx context.Context, nc *nats.Conn, name string, yes bool) error {
	if name == "hub" {
		if hub, err := stream.HubBacklog(ctx, nc); !errors.Is(err, stream.ErrNoHub) {
			return l.forgetHub(ctx, nc, hub, err, yes)
		}
	}
	all, err := stream.Standings(ctx, nc)
	if err == nil && len(all) == 0 {
		err = jetstream.ErrBucketNotFound
	}
	if err != nil {
		return l.ofTarget(err)
	}
	one, err := only(all, name)
	switch {
	case err != nil:
		return l.ofTarget(err)
	case one[0].AtWork:
		return l.ofTarget(stream.InUse{Target: name})
	}
	if err := l.lost(ctx, one[0].Queue, yes, l.tongue.Sayf("Forget target %s?", "Забыть получателя %s?", name)); err != nil {
		return err
	}
	if err := stream.ForgetTarget(ctx, nc, name); err != nil {
		return l.ofTarget(err)
	}
	fmt.Println(l.tongue.Sayf("target %s is forgotten: its events are no longer kept for it (that waited: %d)",
		"получатель %s забыт: события для него больше не хранятся (ждали: %d)", name, one[0].Queue))
	return nil
}

// lost asks before events are given up.
func (l *line) lost(ctx context.Context, waiting int, yes bool, question string) error {
	return l.sure(ctx, yes, l.tongue.Sayf("Events that wait: %d. They will not be delivered, not even when it comes back. %s",
		"Ждут событий: %d. Они не будут доставлены, даже если он вернётся. %s", waiting, question))
}

func (l *line) forgetHub(ctx context.Context, nc *nats.Conn, hub stream.Backlog, err error, yes bool) error {
	if err == nil {
		err = l.lost(ctx, int(hub.Waiting), yes, l.tongue.Say("Forget the hub?", "Забыть центр?"))
	}
	if err != nil {
		return err
	}
	return l.ofHub(stream.ForgetHub(ctx, nc))
}

// ofHub says what became of forgetting the hub. Where the store has none, a target may be called so.
func (l *line) ofHub(err error) error {
	switch {
	case errors.As(err, new(stream.InUse)):
		return errors.New(l.tongue.Say("ingest forwards to the hub: start it without --hub first", "ingest пересылает звонки в центр: сначала запустите его без --hub"))
	case err != nil:
		return err
	}
	fmt.Println(l.tongue.Say("the hub is forgotten: what was not forwarded is no longer kept for it",
		"центр забыт: непереданные звонки для него больше не хранятся"))
	return nil
}

// ofTarget says in the operator's language what can be wrong with a target.
func (l *line) ofTarget(err error) error {
	var unknown stream.UnknownTarget
	var inUse stream.InUse
	switch {
	case errors.As(err, &unknown):
		return errors.New(l.tongue.Say(err.Error(), fmt.Sprintf("получателя %s нет (есть: %s)", unknown.Name, strings.Join(unknown.There, ", "))))
	case errors.As(err, &inUse):
		return errors.New(l.tongue.Say(err.Error(), fmt.Sprintf(
			"с получателем %s работает адаптер, или только что работал: уберите получателя из настроек адаптеров и сначала остановите их", inUse.Target)))
	case errors.Is(err, jetstream.ErrBucketNotFound):
		return errors.New(l.tongue.Say("there is no target yet: no adapter has worked on this NATS", "получателей ещё нет: ни один адаптер с этим NATS не работал"))
	}
	return err
}

// operator is who works at this machine: the log of the adapters and callbus targets name him.
func operator() string {
	host, _ := os.Hostname()
	who, err := user.Current()
	if err != nil {
		return host
	}
	name := who.Username
	if i := strings.LastIndexByte(name, '\\'); i >= 0 { // DOMAIN\name
		name = name[i+1:]
	}
	return name + "@" + host
}
