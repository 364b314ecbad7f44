package callbus

import (
	"bufio"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/program"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

const (
	standinAddr = "127.0.0.1:8081"
	standinURL  = "http://" + standinAddr + onectest.DefaultPath
)

// newStandin makes a 1C that prints what it gets, as the article's TelData would be called, and what it refuses.
func newStandin(w io.Writer, l lang.Lang, o onectest.Options) *onectest.Server {
	say := func(text string) {
		fmt.Fprintf(w, "%s %s     %s\n", time.Now().Format(clock), l.Say("1C", "1С"), strings.ReplaceAll(text, "\n", " "))
	}
	o.OnCall = func(c onectest.Call) { say(l.Of(inALine(c))) }
	o.OnRefusal = func(why string) { say("✗ " + why) }
	return onectest.New(o)
}

// inALine is a call in a line: TelData(1, 74951234567, 101).
func inALine(c onectest.Call) (t lang.Text) {
	said := fmt.Sprintf("TelData(%s, %s, %s)", c.Number, c.Remote, c.Line)
	if c.Posted != nil {
		said = strings.TrimSpace(fmt.Sprintf("%s %s %s", c.Posted.Method, c.Posted.Path, c.Raw))
	}
	switch {
	case c.Posted != nil && c.Posted.Repeat:
		return lang.Text{En: said + ": a repeat, nothing done", Ru: said + ": повтор, ничего не сделано"}
	case c.Worked && c.Action.Kind == onectest.KindOK:
		return lang.Text{En: said, Ru: said}
	case c.Worked:
		return lang.Text{En: fmt.Sprintf("%s ✗ %s, after the work", said, c.Action), Ru: fmt.Sprintf("%s ✗ %s, уже после выполнения", said, c.Action)}
	}
	why := cmp.Or(c.Action.String(), "-")
	if c.Action.Kind == onectest.KindOK || c.Action.Kind == onectest.KindHang {
		return lang.Text{En: said + " ✗ the caller has gone", Ru: said + " ✗ не дождались ответа"}
	}
	return lang.Text{En: said + " ✗ " + why, Ru: said + " ✗ " + why}
}

// fake is callbus fake1c: the stand-in as a command of its own.
type fake struct {
	fs           *flag.FlagSet
	tongue       *lang.Lang
	in           io.Reader
	out          io.Writer
	listen       string
	user         string
	passwordFile string
	password     string
	mode         string
	licences     int
	login, call  time.Duration

	server *onectest.Server
}

func fake1c(args []string) int {
	f := &fake{in: os.Stdin, out: os.Stdout}
	return program.Program{
		Name: "callbus fake1c", Version: Version, Env: "CALLBUS", Flags: f.flags, Run: f.run,
		Wrong:  func(err error) string { return f.tongue.Wrong(err) },
		Failed: func(err error) string { return inSettings(*f.tongue, f.fs, err) },
	}.Main(args)
}

func (f *fake) flags(fs *flag.FlagSet) {
	f.fs, f.tongue = fs, lang.Flag(fs)
	fs.StringVar(&f.listen, "listen", standinAddr, "address of the stand-in")
	fs.StringVar(&f.user, "user", "", "user that is asked for; empty: nobody")
	fs.StringVar(&f.passwordFile, "password-file", "", "file with the user's password")
	fs.StringVar(&f.mode, "session-mode", string(onectest.DontUse), "reuse of sessions as a publication has it: dontuse, use or autouse")
	fs.IntVar(&f.licences, "licences", 0, "sessions that there may be at once; 0: no limit")
	fs.DurationVar(&f.login, "slow-login", 0, "how long the start of a session takes; 1C itself takes about 300ms")
	fs.DurationVar(&f.call, "slow-call", 0, "how long the work of a call takes; 1C itself takes about 30ms")
}

// run serves until the end of the context. The goroutine that reads commands ends with the process.
func (f *fake) run(ctx context.Context, log zerolog.Logger) error {
	if err := f.prepare(); err != nil {
		return err
	}
	if err := f.server.Start(f.listen); err != nil {
		return err
	}
	log.Info().Str("url", f.server.URL()).Str("http", f.server.HTTPURL()).Msg("standin.ready")
	fmt.Fprintln(f.out, f.tongue.Sayf("A stand-in 1C at %s: help and Enter lists what it can be told.", "Заглушка 1С: %s. Что ей можно велеть, покажет help и Enter.", f.server.URL()))
	readInBackground()
	go f.obey()
	<-ctx.Done()
	return f.server.Close()
}

func (f *fake) prepare() error {
	mode := onectest.Reuse(f.mode)
	if !slices.Contains([]onectest.Reuse{onectest.DontUse, onectest.Use, onectest.AutoUse}, mode) {
		return fmt.Errorf(f.tongue.Say("--session-mode: %q is none of dontuse, use and autouse", "--session-mode: %q; нужно dontuse, use или autouse"), f.mode)
	}
	if f.passwordFile != "" {
		if f.user == "" {
			return errors.New(f.tongue.Say("--password-file needs --user", "с --password-file нужен и --user"))
		}
		secret, err := config.ReadSecretFile(f.passwordFile)
		if err != nil {
			return fmt.Errorf("--password-file: %w", err)
		}
		f.password = secret.Reveal()
	}
	f.server = newStandin(f.out, *f.tongue, onectest.Options{
		User: f.user, Password: f.password, Licences: f.licences, Publication: onectest.Publication{Reuse: mode},
		Login: always(f.login), Latency: always(f.call),
	})
	return nil
}

// always is a time that is always the same, or none.
func always(d time.Duration) func() time.Duration {
	if d == 0 {
		return nil
	}
	return func() time.Duration { return d }
}

// obey reads moods, one a line, until there are no more.
func (f *fake) obey() {
	for lines := bufio.NewScanner(f.in); lines.Scan(); {
		if line := strings.TrimSpace(lines.Text()); line != "" {
			fmt.Fprintln(f.out, f.become(line))
		}
	}
}

// become changes the mood, and says what came of it.
func (f *fake) become(line string) string {
	for _, m := range moods {
		rest, ok := strings.CutPrefix(line+" ", m.words+" ")
		if !ok {
			continue
		}
		if err := m.do(f, strings.TrimSpace(rest)); err != nil {
			return err.Error()
		}
		return f.tongue.Of(m.means) + f.state()
	}
	return f.help()
}

func (f *fake) help() string {
	lines := []string{f.tongue.Say("One of these, and Enter:", "Наберите одно из этого и Enter:")}
	for _, m := range moods {
		lines = append(lines, fmt.Sprintf("  %-16s %s", strings.TrimSpace(m.words+" "+f.tongue.Of(m.args)), f.tongue.Of(m.means)))
	}
	return strings.Join(lines, "\n")
}

// state is what the session table holds.
func (f *fake) state() string {
	s := f.server.Sessions()
	return f.tongue.Sayf(" (calls %d; sessions %d, logins %d, refused %d; wrong passwords %d)",
		" (вызовов %d; сеансов %d, запусков %d, отказов %d; неверных паролей %d)",
		len(f.server.Calls()), s.Alive, s.Logins, len(s.Refused), len(s.Denied))
}

// mood is one line of the control.
type mood struct {
	words       string
	args, means lang.Text
	do          func(f *fake, rest string) error
}

// behave is a mood in which each call is dealt with in the same way.
func behave(a onectest.Action) func(*fake, string) error {
	return func(f *fake, _ string) error { f.server.Behave(onectest.Always(a)); return nil }
}

// shut is a mood of all of 1C.
func shut(a onectest.Action) func(*fake, string) error {
	return func(f *fake, _ string) error { f.server.Shut(a); return nil }
}

// What may stand behind the words of a mood.
var (
	nothing = lang.Text{}
	anyText = lang.Text{En: "[TEXT]", Ru: "[ТЕКСТ]"}
	howMany = lang.Text{En: "N", Ru: "N"}
	howLong = lang.Text{En: "TIME", Ru: "ВРЕМЯ"}
)

var moods = []mood{
	{"ok", nothing, lang.Text{En: "all is well again", Ru: "снова всё в порядке"}, (*fake).heal},
	{"lock", anyText, lang.Text{En: "the base is locked, its sessions are ended", Ru: "база закрыта на обслуживание, сеансы завершены"}, (*fake).lock},
	{"unlock", nothing, lang.Text{En: "the base is open", Ru: "база открыта"}, func(f *fake, _ string) error { f.server.Unlock(); return nil }},
	{"password wrong", nothing, lang.Text{En: "the user's password has been changed", Ru: "пароль пользователя сменили"}, knowing("!")},
	{"password right", nothing, lang.Text{En: "the user's password is the old one again", Ru: "пароль пользователя снова прежний"}, knowing("")},
	{"update", nothing, lang.Text{En: "the platform is being updated", Ru: "идёт обновление платформы"}, shut(onectest.Updating())},
	{"absent", nothing, lang.Text{En: "1C is down, the web server is not", Ru: "1С остановлена, веб-сервер работает"}, shut(onectest.Absent())},
	{"page", nothing, lang.Text{En: "a web page in place of 1C, with status 200", Ru: "вместо 1С веб-страница с кодом 200"}, shut(onectest.Page())},
	{"error", anyText, lang.Text{En: "each call is an exception in 1C's code", Ru: "на каждый вызов исключение в коде 1С"}, func(f *fake, text string) error {
		return behave(onectest.Exception(cmp.Or(text, "Деление на 0")))(f, "")
	}},
	{"deadlock", nothing, lang.Text{En: "each call is the victim of a deadlock", Ru: "на каждый вызов взаимоблокировка"}, behave(onectest.Deadlock())},
	{"full", nothing, lang.Text{En: "no session is free in time (406)", Ru: "свободных сеансов нет (406)"}, behave(onectest.Full())},
	{"hang", nothing, lang.Text{En: "no call is answered", Ru: "вызовы остаются без ответа"}, behave(onectest.Hang())},
	{"break", nothing, lang.Text{En: "the connection breaks after the work", Ru: "связь рвётся после выполнения"}, behave(onectest.ResetAfter())},
	{"kill", nothing, lang.Text{En: "an administrator has ended all sessions", Ru: "администратор завершил все сеансы"}, func(f *fake, _ string) error { f.server.KillSessions(); return nil }},
	{"licences", howMany, lang.Text{En: "so many sessions at once; 0: no limit", Ru: "столько сеансов сразу; 0 — сколько угодно"}, (*fake).license},
	{"slow", howLong, lang.Text{En: "so long a call takes", Ru: "столько длится вызов"}, (*fake).slow},
	{"state", nothing, lang.Text{En: "so it stands", Ru: "так обстоят дела"}, func(*fake, string) error { return nil }},
}

func (f *fake) heal(string) error {
	f.server.Behave(nil)
	f.server.Shut(onectest.OK())
	f.server.Unlock()
	f.server.SetPassword(f.password)
	f.server.SetLicences(f.licences)
	f.server.SetLatency(always(f.call))
	f.server.Release()
	return nil
}

func (f *fake) lock(text string) error {
	f.server.Lock(cmp.Or(text, "Ведутся технические работы"))
	f.server.KillSessions()
	return nil
}

// knowing is a mood in which 1C knows the user by his password and something more.
func knowing(more string) func(*fake, string) error {
	return func(f *fake, _ string) error {
		if f.user == "" {
			return errors.New(f.tongue.Say("nobody is asked for a password: start with --user and --password-file",
				"пароль ни у кого не спрашивается: запустите с --user и --password-file"))
		}
		f.server.SetPassword(f.password + more)
		return nil
	}
}

func (f *fake) license(n string) error {
	licences, err := strconv.Atoi(n)
	if err != nil || licences < 0 {
		return errors.New(f.tongue.Say("licences and a number", "licences и число"))
	}
	f.server.SetLicences(licences)
	return nil
}

func (f *fake) slow(span string) error {
	d, err := time.ParseDuration(span)
	if err != nil || d < 0 {
		return errors.New(f.tongue.Say("slow and a time: slow 30ms, slow 5s", "slow и время: slow 30ms, slow 5s"))
	}
	f.server.SetLatency(always(d))
	return nil
}
