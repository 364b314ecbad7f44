package callbus

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"net"
	"strings"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/setup"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// saidOnce keeps out of the log why the start has failed: the operator is told that in his own words, when all has stopped.
func (o *office) saidOnce(e *zerolog.Event, level zerolog.Level, message string) {
	if level == zerolog.ErrorLevel && !o.started.Load() && strings.HasPrefix(message, "stopping after a failure") {
		e.Discard()
	}
}

// failure says in the operator's words what has ended callbus up, and which setting to change.
func (o *office) failure(err error) string {
	switch {
	case errors.Is(err, broker.ErrLocked):
		return o.tongue.Sayf("another Callbus works in the data folder %s: stop it, or name another folder with %s",
			"в папке данных %s уже работает другой Callbus: остановите его или укажите другую папку, %s", o.data, setting(*o.tongue, o.fs, "data"))
	case errors.Is(err, onecadapter.ErrNowhere):
		return o.tongue.Say("where is 1C? callbus init asks for it and writes callbus.yaml; then: callbus up --config callbus.yaml. Or --onec-url URL (--targets FILE for several), or --demo with a stand-in",
			"не сказано, где 1С. callbus init спросит об этом и запишет callbus.yaml, потом: callbus up --config callbus.yaml. Или --onec-url АДРЕС (для нескольких получателей --targets ФАЙЛ), или --demo с заглушкой 1С")
	}
	return inSettings(*o.tongue, o.fs, err)
}

// inSettings says what is wrong by the setting that it comes from: an address that cannot be listened on, a file that cannot be
// read, or whatever the error itself says.
func inSettings(l lang.Lang, flags *flag.FlagSet, err error) string {
	var (
		written *net.AddrError
		listen  *net.OpError
		file    *fs.PathError
	)
	switch {
	case errors.As(err, &written):
		return at(l, flags, is(written.Addr), l.Sayf("%s: want an address such as :8080, or 192.168.1.5:8080", "%s: нужен адрес вида :8080 или 192.168.1.5:8080", written.Addr))
	case errors.As(err, &listen) && listen.Op == "listen" && listen.Addr != nil:
		return unheard(l, flags, listen)
	case errors.As(err, &file):
		if name := settingOf(flags, is(file.Path)); name != "" {
			return setting(l, flags, name) + ": " + l.Wrong(file)
		}
	}
	return l.Wrong(err)
}

// unheard says why nobody can listen on an address of the settings.
func unheard(l lang.Lang, flags *flag.FlagSet, listen *net.OpError) string {
	addr := listen.Addr.String()
	why := setup.Taken(context.Background(), l, addr, listen.Err)
	if errors.Is(listen, fs.ErrPermission) {
		why = l.Sayf("%s: this user may not listen there; take a port above 1023, or run this as a service (callbus service install)",
			"%s: этому пользователю слушать там нельзя; возьмите порт больше 1023 или запустите службой (callbus service install)", addr)
	}
	named := func(value string) bool {
		resolved, err := net.ResolveTCPAddr("tcp", value)
		return err == nil && resolved.String() == addr
	}
	if addr == standinAddr && settingOf(flags, named) == "" {
		return l.Sayf("--demo needs %s for its stand-in 1C, and somebody listens there: stop that (a callbus fake1c, or another demo?)",
			"--demo нужен адрес %s для заглушки 1С, а там уже кто-то слушает: остановите ту программу (callbus fake1c или другой --demo?)", addr)
	}
	return at(l, flags, named, why)
}

// at puts the setting in front of what is wrong with it, where one is found.
func at(l lang.Lang, flags *flag.FlagSet, its func(value string) bool, why string) string {
	if name := settingOf(flags, its); name != "" {
		return setting(l, flags, name) + ": " + why
	}
	return why
}

func is(value string) func(string) bool { return func(other string) bool { return other == value } }

// settingOf is the flag that has such a value, or "".
func settingOf(flags *flag.FlagSet, its func(value string) bool) (name string) {
	flags.VisitAll(func(f *flag.Flag) {
		if value := f.Value.String(); name == "" && value != "" && its(value) {
			name = f.Name
		}
	})
	return name
}

// setting is a flag, and what it is called in the file of callbus up.
func setting(l lang.Lang, flags *flag.FlagSet, name string) string {
	if flags.Name() != "callbus up" {
		return "--" + name
	}
	return l.Sayf("--%s (in callbus.yaml: %s)", "--%s (в callbus.yaml: %s)", name, name)
}
