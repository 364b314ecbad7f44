package callbus

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/term"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/lifecycle"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/ingest"
)

// clock is how a time of day is printed.
const clock = "15:04:05.000"

// answerTimeout is how long an operator's command waits for NATS.
const answerTimeout = 15 * time.Second

// line is one operator's command with its connection.
type line struct {
	fs                     *flag.FlagSet
	url, creds, ca, folder string
	most                   int          // words that the command takes
	words                  []string     // and was given
	check                  func() error // whether they make sense; nil: any do
	guest                  bool         // works without credentials too
	stopped                bool         // nobody answers: the command works on the store itself
	tongue                 *lang.Lang
}

func newLine(name string) *line {
	l := &line{fs: flag.NewFlagSet("callbus "+name, flag.ContinueOnError)}
	l.tongue = lang.Flag(l.fs)
	l.fs.StringVar(&l.url, "nats", natsHere, "URL of the NATS server")
	l.fs.StringVar(&l.creds, "nats-creds", "", "file with the credentials; default DATA/nats.creds if it is there")
	l.fs.StringVar(&l.ca, "nats-ca", "", "file with the certificate authority of a TLS server")
	l.fs.StringVar(&l.folder, "data", "./data", "folder of callbus up on this machine")
	return l
}

// adminFlag adds --admin, where a command asks a running Callbus about itself.
func (l *line) adminFlag(addrs *config.List) {
	addrs.Values = []string{"127.0.0.1:9080", "127.0.0.1:9081"}
	l.fs.Var(addrs, "admin", "addresses of the probes and metrics of callbus up, or of ingest and onec-adapter, with commas")
}

// natsHere is where callbus up opens NATS, unless told otherwise.
const natsHere = "nats://127.0.0.1:4222"

// parse reads words and flags. The file may be that of callbus up: then its folder and its address of NATS are the command's.
func (l *line) parse(args []string) error {
	var o office
	words, err := config.ParseWords(l.fs, args, "CALLBUS", o.fileFlags())
	if host, port, no := net.SplitHostPort(o.natsListen); no == nil && l.url == natsHere {
		if ip, _ := netip.ParseAddr(host); host == "" || ip.IsUnspecified() {
			host = "127.0.0.1"
		}
		l.url = "nats://" + net.JoinHostPort(host, port)
	}
	if err == nil && len(words) > l.most {
		err = fmt.Errorf("unexpected argument: %s", strings.Join(words[l.most:], " "))
	}
	l.words = words
	return err
}

// run parses the arguments, connects, works, and returns the exit code.
func (l *line) run(args []string, work func(context.Context, *nats.Conn) error) int {
	switch err := l.parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return l.fail(2, err)
	}
	if l.check != nil {
		if err := l.check(); err != nil {
			return l.fail(2, err)
		}
	}
	ctx, stop := lifecycle.Signals(context.Background())
	defer stop()
	if err := l.work(ctx, work); err != nil {
		return l.fail(1, l.inWords(err))
	}
	return 0
}

// inWords says in the operator's language what the streams say in English.
func (l *line) inWords(err error) error {
	for _, known := range []struct {
		err error
		ru  string
	}{
		{stream.ErrNoCalls, "хранилища звонков ещё нет: запускался ли Callbus (ingest) с этим NATS?"},
		{stream.ErrNoEndings, "звонки в 1С ещё не передавались: запускался ли Callbus (onec-adapter) с этим NATS?"},
		{stream.ErrNoDeadLetter, "отвергнутого события с таким номером нет; список: callbus dead list"},
		{stream.ErrOnItsWay, "оно уже отправлено снова и ждёт 1С"},
		{context.DeadlineExceeded, "NATS не ответил вовремя"},
	} {
		if errors.Is(err, known.err) {
			return errors.New(l.tongue.Say(err.Error(), known.ru))
		}
	}
	return err
}

// work connects to the running callbus, or, where none runs, to the store in its folder.
func (l *line) work(ctx context.Context, work func(context.Context, *nats.Conn) error) error {
	nc, err := l.connect(ctx)
	if err != nil && !l.guest && l.store() {
		return l.alone(ctx, work)
	}
	if err != nil {
		return err
	}
	defer nc.Close()
	return work(ctx, nc)
}

// store reports whether the folder holds a store.
func (l *line) store() bool {
	_, err := os.Stat(filepath.Join(l.folder, broker.CredsFile))
	return err == nil
}

// alone opens the store itself: some things can only be done while no adapter works, and in the office edition the
// broker stops with it.
func (l *line) alone(ctx context.Context, work func(context.Context, *nats.Conn) error) error {
	b, err := broker.Start(broker.Options{Dir: l.folder, Room: int64(ingest.DefaultStoreMax)})
	if errors.Is(err, broker.ErrLocked) {
		return errors.New(l.tongue.Sayf("Callbus works in %s, and does not answer at %s: name its address with --nats",
			"Callbus работает в папке %s, но по адресу %s не отвечает: назовите его адрес флагом --nats", l.folder, l.url))
	}
	if err != nil {
		return err
	}
	nc, err := stream.Connect(stream.ConnectOptions{Name: l.fs.Name(), Broker: b})
	if err == nil {
		l.stopped = true
		err = work(ctx, nc)
		nc.Close()
	}
	return errors.Join(err, b.Stop())
}

// ours reports whether the server is the one inside Callbus: it takes its taps and branches from the data folder.
// Another one takes them from its configuration.
func (l *line) ours(nc *nats.Conn) (bool, error) {
	if nc.ConnectedServerName() != broker.Name {
		return false, nil
	}
	if !l.store() {
		return true, errors.New(l.tongue.Sayf("the store at %s is not in %s: run this on its machine, and name its folder with --data",
			"хранилище, работающее по адресу %s, лежит не в %s: запустите команду на его машине и назовите папку данных флагом --data", l.url, l.folder))
	}
	return true, nil
}

// exported refuses where what ownConfig prints would import from an account that is not there: the streams are in another one, as in a
// configuration without accounts. A server that does not say whose this connection is, is believed.
func (l *line) exported(ctx context.Context, nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	var user struct{ Data struct{ Account string } }
	said, err := nc.RequestWithContext(ctx, "$SYS.REQ.USER.INFO", nil)
	if err != nil || json.Unmarshal(said.Data, &user) != nil || user.Data.Account == "" || user.Data.Account == broker.Exporter {
		return nil
	}
	return errors.New(l.tongue.Sayf("the configuration of this NATS has no account %s to let anybody in from (the streams are in %s): take accounts { } over from deploy/nats/hub.conf or cluster.conf first. Nothing was made",
		"в конфигурации этого NATS нет account %s, из которого можно дать доступ (потоки лежат в %s): сначала перенесите accounts { } из deploy/nats/hub.conf или cluster.conf. Ничего не создано",
		broker.Exporter, user.Data.Account))
}

// newKey writes the key of a tap or a branch and has it admitted. One that is not is not left behind.
func newKey(file string, admit func(public string) error) error {
	public, err := broker.NewKey(file)
	if err != nil {
		return err
	}
	if err := admit(public); err != nil {
		return errors.Join(err, os.Remove(file))
	}
	return nil
}

// ownConfig prints what lets somebody into a NATS that is not ours.
func (l *line) ownConfig(account string) {
	fmt.Printf("%s\n\n%s", l.tongue.Say("\nThis NATS has a configuration of its own. Put this into its accounts { }, on each server, and reload it twice (a new account works from the second time on; nats-server --signal reload):",
		"\nУ этого NATS своя конфигурация. Добавьте это в accounts { } на каждом сервере и перечитайте её дважды (новый account работает со второго раза; nats-server --signal reload):"), account)
}

func (l *line) fail(code int, err error) int {
	fmt.Fprintf(os.Stderr, "%s: %s\n", l.fs.Name(), l.tongue.Wrong(err))
	return code
}

func (l *line) connect(ctx context.Context) (*nats.Conn, error) {
	if err := l.findKey(); err != nil {
		return nil, err
	}
	if _, err := os.ReadFile(l.creds); errors.Is(err, fs.ErrPermission) {
		return nil, errors.New(l.tongue.Sayf("%s is not for this user to read: run the command as the user that Callbus runs as, or as administrator",
			"файл %s этому пользователю читать нельзя: запустите команду от имени пользователя, под которым работает Callbus, или администратора", l.creds))
	}
	nc, err := stream.Connect(stream.ConnectOptions{Name: l.fs.Name(), URL: l.url, Creds: l.creds, CA: l.ca})
	if err != nil {
		return nil, err
	}
	deadline, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	for !nc.IsConnected() {
		select {
		case <-deadline.Done():
			nc.Close()
			why := ""
			if err := nc.LastError(); err != nil { // none where nobody listens
				why = " (" + err.Error() + ")"
			}
			return nil, errors.New(l.tongue.Sayf("nobody answers at %s%s: does Callbus run?", "по адресу %s никто не отвечает%s: запущен ли Callbus?", l.url, why))
		case <-time.After(20 * time.Millisecond):
		}
	}
	return nc, nil
}

// findKey takes the key of the callbus on this machine, the demo's if there is no other. Without one NATS refuses all
// but listening, and says so only by silence.
func (l *line) findKey() error {
	for _, folder := range []string{l.folder, demoFolder(l.folder)} {
		file := filepath.Join(folder, broker.CredsFile)
		if _, err := os.Stat(file); err == nil && l.creds == "" {
			l.creds = file
		}
	}
	if l.creds == "" && !l.guest && !strings.Contains(l.url, "@") {
		return errors.New(l.tongue.Sayf("Callbus has not worked in %s: there is no nats.creds. Name its folder with --data or --config callbus.yaml, or that file with --nats-creds",
			"в папке %s Callbus ещё не работал: нет файла nats.creds. Назовите его папку данных флагом --data или --config callbus.yaml, или сам файл флагом --nats-creds", l.folder))
	}
	return nil
}

func tail(args []string) int {
	l := newLine("tail")
	l.guest = true
	return l.run(args, func(ctx context.Context, nc *nats.Conn) error {
		if err := stream.Tail(nc, func(e call.Event) { printEvent(os.Stdout, *l.tongue, e) }); err != nil {
			return err
		}
		<-ctx.Done()
		return nil
	})
}

// follow prints the events of the running office.
func (o *office) follow(w io.Writer) error {
	nc, err := stream.Connect(stream.ConnectOptions{Name: "demo", Broker: o.broker})
	if err != nil {
		return err
	}
	return stream.Tail(nc, func(e call.Event) { printEvent(w, *o.tongue, e) })
}

var arrows = map[call.EventType]string{call.Outgoing: "→"}

// printEvent writes one line, for an operator's eyes: the number is whole.
func printEvent(w io.Writer, l lang.Lang, e call.Event) {
	arrow := arrows[e.Type]
	if arrow == "" {
		arrow = "←"
	}
	what := bold(w, stream.Subject(e.Type))
	if l == lang.Russian {
		what = bold(w, l.Event(e.Type)) + " (" + stream.Subject(e.Type) + ")"
	}
	fmt.Fprintf(w, "%s NATS   %s  %s %s %s %s\n", e.Time.Local().Format(clock), what, e.Line, arrow, remoteOf(e), e.Remote.Name)
}

// remoteOf is the other side's number, or whatever it is called by.
func remoteOf(e call.Event) string { return cmp.Or(string(e.Remote.Number), e.Remote.URI) }

// bold marks a word on a terminal only.
func bold(w io.Writer, s string) string {
	f, ok := w.(*os.File)
	if !ok || os.Getenv("NO_COLOR") != "" || !term.IsTerminal(int(f.Fd())) {
		return s
	}
	return "\x1b[1m" + s + "\x1b[0m"
}

// addListRemove takes what stands behind callbus tap and callbus branch. name is empty with list.
func (l *line) addListRemove() (verb, name string, err error) {
	verb, rest := shift(l.words)
	named := verb == "add" || verb == "remove"
	if !named && verb != "list" || named != (len(rest) == 1) {
		return "", "", errors.New(l.tongue.Say("want add NAME, list or remove NAME", "нужно: add ИМЯ, list или remove ИМЯ"))
	}
	if named {
		name = rest[0]
	}
	return verb, name, nil
}

func shift(args []string) (first string, rest []string) {
	if len(args) == 0 {
		return "", nil
	}
	return args[0], args[1:]
}

// takeVerb takes the verb out of the arguments, wherever it stands: each verb has flags of its own, so that they can only be
// read when it is known.
func takeVerb(args []string, verbs ...string) (verb string, rest []string) {
	i := slices.IndexFunc(args, func(arg string) bool { return slices.Contains(verbs, arg) })
	if i < 0 {
		return "", args
	}
	return args[i], slices.Delete(slices.Clone(args), i, i+1)
}
