package callbus

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/lifecycle"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/setup"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// first is callbus init.
type first struct {
	setup.Setup
	tongue *lang.Lang
}

func initialise(args []string) int {
	fs := flag.NewFlagSet("callbus init", flag.ContinueOnError)
	f := first{tongue: lang.Flag(fs)}
	f.flags(fs)
	switch err := config.Parse(fs, args, "CALLBUS"); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return f.fail(2, err)
	}
	if f.Data == "" {
		f.Data = filepath.Join(f.Dir, "data")
	}
	f.Given = map[string]bool{}
	fs.Visit(func(g *flag.Flag) { f.Given[g.Name] = true })
	ctx, stop := lifecycle.Signals(context.Background())
	defer stop()
	if err := f.run(ctx); err != nil {
		return f.fail(1, err)
	}
	return 0
}

func (f *first) flags(fs *flag.FlagSet) {
	fs.StringVar(&f.Dir, "dir", ".", "folder for callbus.yaml and what belongs to it")
	fs.StringVar(&f.URL, "onec-url", "", "URL of 1C's web service (http://server/base/ws/teldata.1cws)")
	fs.StringVar(&f.User, "onec-user", "", "user of the infobase")
	fs.StringVar(&f.PasswordFile, "onec-password-file", "", "file with the user's password that is there already; without it the password is asked for")
	fs.StringVar(&f.Operation, "onec-operation", onecadapter.DefaultOperation, "operation of the web service")
	fs.StringVar(&f.Region, "region", "RU", "country whose national numbers the phones use")
	fs.IntVar(&f.Sessions, "sessions", onecadapter.DefaultSessions, "calls of 1C at once")
	fs.StringVar(&f.Data, "data", "", "folder for everything that is kept; default DIR/data")
	fs.StringVar(&f.HTTP, "http", ":8080", "address that phones call")
	fs.StringVar(&f.Lines, "lines", "", "SIP logins that 1C knows by another number: login=number, several with blanks")
	fs.BoolVar(&f.Yes, "yes", false, "ask nothing: take the flags, and fail where something is wrong")
	fs.BoolVar(&f.Force, "force", false, "replace files that are there already")
}

func (f *first) fail(code int, err error) int {
	if errors.Is(err, context.Canceled) || errors.Is(err, setup.ErrStopped) {
		err = errors.New(f.tongue.Say(setup.ErrStopped.Error(), "прервано; ничего не записано"))
	}
	if errors.Is(err, setup.ErrNoAnswer) {
		err = errors.New(f.tongue.Say(setup.ErrNoAnswer.Error(), "спросить некого: укажите ответы флагами и --yes"))
	}
	fmt.Fprintf(os.Stderr, "callbus init: %s\n", f.tongue.Wrong(err))
	return code
}

func (f *first) run(ctx context.Context) (err error) {
	f.Asker = &setup.Asker{Lang: *f.tongue, Out: os.Stdout, In: bufio.NewReader(os.Stdin)}
	if in := int(os.Stdin.Fd()); term.IsTerminal(in) {
		// Ctrl-C in the middle of a password must not leave a terminal that shows nothing.
		if before, err := term.GetState(in); err == nil {
			defer term.Restore(in, before) //nolint:errcheck // there is nothing else to be done
		}
		f.Hidden = func() (string, error) { text, err := term.ReadPassword(in); return string(text), err }
	}
	f.Check = onecadapter.Check
	if f.Program, err = os.Executable(); err != nil {
		return err
	}
	f.ServiceUser = serviceUser(f.Dir)
	f.Stop = defaultStop()
	f.Reach = reach
	if err := f.Setup.Run(ctx); err != nil {
		return err
	}
	return f.next()
}

// defaultStop is what a stop takes at most while --onec-timeout is at its default.
func defaultStop() time.Duration {
	grace, _ := onecadapter.Options{Single: onecadapter.Target{Name: onecadapter.DefaultTarget, URL: "http://server"}}.Grace() // these are in order
	return grace + storeGrace
}

// reach is the URL by which phones reach an address of this machine.
func reach(http string) string {
	addr, err := net.ResolveTCPAddr("tcp", http)
	if err != nil {
		return "http://" + http
	}
	return "http://" + net.JoinHostPort(boundTo(addr, ownAddress), port(addr))
}

// next says what is left to do.
func (f *first) next() error {
	paste := func(path string) string { return pasted(path, runtime.GOOS) }
	say, file := f.tongue.Say, paste(filepath.Join(f.Dir, setup.ConfigFile))
	callbus := paste(f.Program)
	fmt.Printf("\n%s\n\n  %s up --config %s\n", say("Start it:", "Запустить:"), callbus, file)
	sudo := "sudo "
	if runtime.GOOS == "windows" {
		sudo = ""
	}
	fmt.Printf("\n%s\n\n  %s%s service install --config %s\n", say("Or for good, so that it starts with this machine:",
		"Или службой, чтобы запускался вместе с машиной:"), sudo, callbus, file)
	fmt.Printf("\n%s\n\n  %s send incoming --line 101 --remote 74951234567 --config %s\n", say("Once it runs, a call without a phone:",
		"Когда запущен, пробный звонок без телефона:"), callbus, file)
	fmt.Println(intoPhones(*f.tongue, reach(f.HTTP)))
	fmt.Printf("%s\n\n  %s trace 101 --config %s\n", say("After the first call, what became of it:", "После первого звонка — что с ним стало:"), callbus, file)
	return nil
}

// plain are paths that no command line reads otherwise.
var plain = regexp.MustCompile(`^[A-Za-z0-9_./:,+@-]+$`)

// pasted is a path as a command line takes it. In single quotes a shell leaves everything as it is; Windows has none, and
// no path of its with a double one.
func pasted(path, system string) string {
	switch {
	case plain.MatchString(path), system == "windows" && !strings.ContainsAny(path, " &()^;,='"):
		return path
	case system == "windows":
		return `"` + path + `"`
	}
	return "'" + strings.ReplaceAll(path, "'", `'\''`) + "'"
}
