// Package setup is the first run: it asks an operator where 1C is and how this office is, tries each answer out, and writes
// the files that callbus up needs. It writes all of them or none, and nothing before the last answer.
package setup

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/reason"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// Answers are what the files say.
type Answers struct {
	Dir          string // where the files go
	URL, User    string
	PasswordFile string // there already; empty: the password is asked for, and gets a file of its own
	Operation    string
	Region       string
	Sessions     int
	Data, HTTP   string
	Lines        string // login=number, separated by blanks: what 1C knows by another number
}

// Setup is one run.
type Setup struct {
	Answers
	*Asker
	Given map[string]bool // names of the flags that were given: these are not asked
	Yes   bool            // nothing is asked
	Force bool            // files that are there are replaced
	// Reach is the URL by which phones reach what listens on an address; nil: it is not said.
	Reach func(addr string) string
	Check func(context.Context, onecadapter.Options) ([]onecadapter.Checked, error)
	// What the unit says beside the answers.
	Program, ServiceUser string
	Stop                 time.Duration

	password config.Secret
	typed    bool // the password was asked for
	lines    map[string]string
}

// ErrStopped says that the operator wanted no more.
var ErrStopped = errors.New("stopped; nothing was written")

// Run asks, checks and writes. Errors: an answer is wrong and nobody can be asked, ctx's, the files cannot be written.
func (s *Setup) Run(ctx context.Context) error {
	if err := s.absolute(); err != nil {
		return err
	}
	for _, step := range []func(context.Context) error{s.onec, s.region, s.sessions, s.http, s.data, s.logins, s.write} {
		if err := step(ctx); err != nil {
			return err
		}
	}
	return nil
}

// absolute makes paths that hold wherever Callbus is started.
func (s *Setup) absolute() (err error) {
	for _, path := range []*string{&s.Dir, &s.Data, &s.PasswordFile} {
		if *path != "" {
			if *path, err = filepath.Abs(*path); err != nil {
				return err
			}
		}
	}
	return s.unit().Check()
}

// fill asks for one answer unless it was given, and checks it either way.
func (s *Setup) fill(ctx context.Context, flag, question string, answer *string, check func(string) error) error {
	if s.Yes || s.Given[flag] {
		if err := check(*answer); err != nil {
			return fmt.Errorf("--%s: %w", flag, err)
		}
		return nil
	}
	got, err := s.ask(ctx, question, *answer, check)
	if err == nil {
		*answer = got
	}
	return err
}

func anything(string) error { return nil }

// onec asks for the address and the login until 1C shows its service. What 1C finds wrong is asked again, also where a flag gave it.
func (s *Setup) onec(ctx context.Context) error {
	if err := s.address(ctx); err != nil {
		return err
	}
	if err := s.login(ctx); err != nil {
		return err
	}
	for {
		fmt.Fprintln(s.Out, s.Say("Asking 1C…", "Спрашиваю 1С…"))
		checked, err := s.Check(ctx, s.options())
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			return err
		}
		trouble := checked[0].Trouble
		if trouble == nil {
			s.plan(checked[0])
			return nil
		}
		if settled, err := s.mend(ctx, trouble); settled || err != nil {
			return err
		}
	}
}

func (s *Setup) address(ctx context.Context) error {
	return s.fill(ctx, "onec-url", s.Say("Address of 1C's web service (http://server/base/ws/teldata.1cws)",
		"Адрес веб-сервиса 1С (http://server/base/ws/teldata.1cws)"), &s.URL, s.looksLikeURL)
}

func (s *Setup) looksLikeURL(url string) error {
	url = strings.ToLower(url)
	if !strings.HasPrefix(url, "http://") && !strings.HasPrefix(url, "https://") {
		return errors.New(s.Say("want http://… or https://…, as it opens in a browser", "нужен адрес http://… или https://…, какой открывается в браузере"))
	}
	if rest := url[strings.Index(url, "//")+2:]; strings.Contains(strings.SplitN(rest, "/", 2)[0], "@") {
		return errors.New(s.Say("leave user and password out of the address: it goes into the log", "уберите пользователя и пароль из адреса: он попадает в журнал"))
	}
	return nil
}

func (s *Setup) login(ctx context.Context) error {
	err := s.fill(ctx, "onec-user", s.Say("1C user (empty: the publication has its own)", "Пользователь 1С (пусто, если он указан в публикации)"), &s.User,
		func(user string) error {
			if strings.Contains(user, ":") {
				return errors.New(s.Say("a user with a colon cannot log in by HTTP", "пользователь с двоеточием в имени по HTTP не войдёт"))
			}
			return nil
		})
	if err != nil || s.User == "" {
		return err
	}
	return s.askPassword(ctx)
}

func (s *Setup) askPassword(ctx context.Context) error {
	if s.Given["onec-password-file"] || s.Yes {
		return s.passwordFile()
	}
	password, err := s.secret(ctx, s.Sayf("Password of %s (not shown)", "Пароль пользователя %s (не показывается)", s.User))
	if err != nil {
		return err
	}
	s.password, s.typed, s.PasswordFile = password, password != "", ""
	if s.typed {
		s.PasswordFile = s.path(PasswordFile)
	}
	return nil
}

// passwordFile tries the file that is there already; a user may also have none.
func (s *Setup) passwordFile() error {
	if s.PasswordFile == "" {
		return nil
	}
	_, err := config.ReadSecretFile(s.PasswordFile)
	if errors.Is(err, config.ErrNotUTF8) {
		return errors.New(s.Sayf("--onec-password-file: %s is not UTF-8: save it as UTF-8 (Notepad: Save as, Encoding)",
			"--onec-password-file: файл %s сохранён не в UTF-8: сохраните его в UTF-8 (Блокнот: «Сохранить как», «Кодировка»)", s.PasswordFile))
	}
	if err != nil {
		return fmt.Errorf("--onec-password-file: %w", err)
	}
	return nil
}

func (s *Setup) options() onecadapter.Options {
	return onecadapter.Options{Single: onecadapter.Target{
		Name: onecadapter.DefaultTarget, URL: s.URL, User: s.User, Password: s.password, PasswordFile: s.PasswordFile,
		Operation: s.Operation,
	}}
}

// mend tells what is wrong and asks again for what it comes from.
func (s *Setup) mend(ctx context.Context, t *onecadapter.Trouble) (settled bool, err error) {
	why := reason.In(s.Lang, t.Why)
	if t.Cause == onecadapter.Parameters {
		return false, errors.New(s.Sayf("%s. Correct this and start with callbus up --targets FILE:\n\n%s",
			"%s. Поправьте этот файл и запускайте с ним: callbus up --targets ФАЙЛ:\n\n%s", why, t.Targets))
	}
	if s.Yes {
		return false, errors.New(s.Say("1C: ", "1С: ") + why)
	}
	fmt.Fprintf(s.Out, s.Say("  1C: %s\n", "  1С: %s\n"), why)
	switch t.Cause {
	case onecadapter.Address:
		delete(s.Given, "onec-url")
		return false, s.address(ctx)
	case onecadapter.Login:
		delete(s.Given, "onec-user")
		delete(s.Given, "onec-password-file")
		return false, s.login(ctx)
	case onecadapter.Operation:
		delete(s.Given, "onec-operation")
		return false, s.fill(ctx, "onec-operation", s.Say("Operation", "Операция"), &s.Operation, anything)
	}
	return s.anyway(ctx)
}

// anyway asks what to do about a 1C that cannot answer at the moment.
func (s *Setup) anyway(ctx context.Context) (settled bool, err error) {
	again, err := s.Sure(ctx, s.Say("Ask 1C again?", "Спросить 1С ещё раз?"))
	if again || err != nil {
		return false, err
	}
	if settled, err = s.Sure(ctx, s.Say("Go on without having asked it?", "Продолжить без проверки?")); err == nil && !settled {
		err = ErrStopped
	}
	return settled, err
}

// plan shows what goes where.
func (s *Setup) plan(c onecadapter.Checked) { Plan(s.Out, s.Lang, s.Say("1C", "1С"), c, true) }

// Plan shows what goes where in a target, by its name: it is the contract with this 1C. Usual are the events and the numbers that
// no targets file has changed.
func Plan(w io.Writer, l lang.Lang, name string, c onecadapter.Checked, usual bool) {
	fmt.Fprintf(w, l.Say("%s is there: service %s, operation %s, %s. What goes where:\n", "%s ответила: сервис %s, операция %s, %s. Что куда попадёт:\n"),
		name, c.Service, c.Operation, c.Version)
	table := tabwriter.NewWriter(w, 0, 0, 1, ' ', 0)
	for _, p := range c.Parameters {
		fmt.Fprintf(table, "  %s\t← %s\n", p.Name, source(l, p.From, usual))
	}
	table.Flush()
}

func source(l lang.Lang, from string, usual bool) string {
	switch {
	case from == "event" && usual:
		return l.Say("the event: 1 incoming, 2 answered, 3 outgoing, 4 ended, missed or rejected",
			"событие: 1 входящий, 2 ответ, 3 исходящий, 4 завершён, пропущен или отклонён")
	case from == "remote" && usual:
		return l.Say("the other side, as the phone sent it", "номер собеседника, как его прислал телефон")
	case from == "event":
		return l.Say("the event", "событие")
	case from == "remote":
		return l.Say("the other side", "номер собеседника")
	case from == "line":
		return l.Say("the line", "линия")
	case from == "":
		return l.Say("nothing", "ничего")
	}
	return from
}

func (s *Setup) region(ctx context.Context) error {
	text := s.Region
	return s.fill(ctx, "region", s.Say("Country of the phone numbers (two letters)", "Страна телефонных номеров (две буквы)"), &text, func(text string) error {
		region, err := phone.ParseRegion(text)
		if err != nil {
			return errors.New(s.Sayf("%s: want two letters, such as RU, KZ, BY", "%s: нужны две латинские буквы: RU, KZ, BY", text))
		}
		s.Region = string(region)
		return nil
	})
}

func (s *Setup) sessions(ctx context.Context) error {
	text := strconv.Itoa(s.Sessions)
	return s.fill(ctx, "sessions", s.Say("Calls in 1C at once (each needs a session)", "Сколько вызовов 1С одновременно (каждому нужен сеанс)"), &text, func(text string) error {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 || n > 64 {
			return errors.New(s.Sayf("%s: want 1 to 64", "%s: нужно число от 1 до 64", text))
		}
		s.Sessions = n
		return nil
	})
}

func (s *Setup) data(ctx context.Context) error {
	text := s.Data
	return s.fill(ctx, "data", s.Say("Folder for stored calls", "Папка для записанных звонков"), &text, func(text string) error {
		path, err := filepath.Abs(text)
		if err == nil {
			err = UnitOptions{Data: path}.Check()
		}
		if err == nil {
			err = writable(path)
		}
		if err != nil {
			return errors.New(s.Sayf("%s: cannot be written: %v", "%s: запись невозможна: %v", text, err))
		}
		s.Data = path
		return nil
	})
}

// writable tries the folder, or the nearest one above it that is there: nothing is made before the last answer.
func writable(path string) error {
	for {
		info, err := os.Stat(path)
		switch {
		case errors.Is(err, os.ErrNotExist) && filepath.Dir(path) != path:
			path = filepath.Dir(path)
			continue
		case err != nil:
			return err
		case !info.IsDir():
			return fmt.Errorf("%s is no folder", path)
		}
		probe, err := os.CreateTemp(path, ".callbus-*")
		if err != nil {
			return err
		}
		return errors.Join(probe.Close(), os.Remove(probe.Name()))
	}
}

func (s *Setup) logins(ctx context.Context) error {
	return s.fill(ctx, "lines", s.Say("SIP logins that 1C knows by another number, as login=number (empty: none)",
		"SIP-логины, которые 1С знает под другим номером, в виде логин=номер (пусто, если таких нет)"), &s.Lines, func(text string) error {
		s.lines = map[string]string{}
		for _, pair := range strings.Fields(text) {
			login, number, ok := strings.Cut(pair, "=")
			if !ok || login == "" || number == "" {
				return errors.New(s.Sayf("%s: want login=number, such as office-reception=101", "%s: нужно логин=номер, например office-reception=101", pair))
			}
			s.lines[login] = number
		}
		return nil
	})
}

func (s *Setup) unit() UnitOptions {
	return UnitOptions{Program: s.Program, Config: s.path(ConfigFile), User: s.ServiceUser, Data: s.Data, Stop: s.Stop}
}

// write is the last step, and the only one that leaves anything behind.
func (s *Setup) write(ctx context.Context) error {
	files := s.files()
	if old := there(files); len(old) > 0 && !s.Force {
		list := strings.Join(old, ", ")
		if s.Yes {
			return errors.New(s.Sayf("%s: there already; --force replaces it", "%s: уже есть; заменить: --force", list))
		}
		replace, err := s.Sure(ctx, s.Sayf("%s: there already. Replace?", "%s: уже есть. Заменить?", list))
		if err != nil {
			return err
		}
		if !replace {
			return ErrStopped
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := write(files); err != nil {
		return err
	}
	for _, f := range files {
		fmt.Fprintln(s.Out, s.Say("written: ", "записано: ")+f.Path)
	}
	return nil
}
