package callbus

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/setup"
	"github.com/callbus/callbus/services/ingest"
)

const (
	secretsFile = "phones.secret"

	// defaultGrace is time enough for an office to go around all its phones.
	defaultGrace = 14 * 24 * time.Hour
)

// tokens is one command on the phones' tokens. What a script may want goes to out, what only a person wants to notes.
type tokens struct {
	fs           *flag.FlagSet
	out, notes   io.Writer
	data, secret string
	phones       string        // of list
	shared       string        // of new
	grace        time.Duration // of rotate, as is all below
	yes          bool
	lang         *lang.Lang
	asker        *setup.Asker // nil: nobody is there to be asked
}

func token(args []string) int {
	verb, args := shift(args)
	t := &tokens{fs: flag.NewFlagSet("callbus token "+verb, flag.ContinueOnError), out: os.Stdout, notes: os.Stderr}
	t.lang = lang.Flag(t.fs)
	t.fs.StringVar(&t.data, "data", "./data", "folder of callbus up on this machine")
	t.fs.StringVar(&t.secret, "token-secret", "", "file with the secrets of the phones' tokens; default DATA/"+secretsFile)
	var work func(ids []string) error
	switch verb {
	case "new":
		t.fs.StringVar(&t.shared, "shared", "", "make `FILE` with one token for all phones (--shared-token-file) instead")
		work = t.new
	case "list":
		t.fs.StringVar(&t.phones, "phones", "", "CSV file of the phones; their ids are listed where none are given")
		work = t.list
	case "rotate":
		t.rotateFlags()
		work = t.rotate
	default:
		fmt.Fprintln(os.Stderr, "callbus token:", t.lang.Say("want new ID…, list or rotate", "нужно: new ИМЯ…, list или rotate"))
		return 2
	}
	return t.run(args, work)
}

func (t *tokens) rotateFlags() {
	t.fs.DurationVar(&t.grace, "grace", defaultGrace, "how long tokens made so far are still taken")
	t.fs.BoolVar(&t.yes, "yes", false, "do not ask first")
	if term.IsTerminal(int(os.Stdin.Fd())) {
		t.asker = &setup.Asker{Out: os.Stderr, In: bufio.NewReader(os.Stdin)}
	}
}

// run parses ids and flags, works, and returns the exit code.
func (t *tokens) run(args []string, work func(ids []string) error) int {
	ids, err := config.ParseWords(t.fs, args, "CALLBUS", new(office).fileFlags())
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return t.fail(2, errors.New(t.lang.Wrong(err)))
	}
	if t.secret == "" {
		t.secret = filepath.Join(t.data, secretsFile)
	}
	if err := work(ids); err != nil {
		return t.fail(1, errors.New(t.lang.Wrong(err)))
	}
	return 0
}

func (t *tokens) fail(code int, err error) int {
	fmt.Fprintf(t.notes, "%s: %v\n", t.fs.Name(), err)
	return code
}

// new prints what is to stand in front of the path of each phone's URLs.
func (t *tokens) new(ids []string) error {
	if t.shared != "" {
		return t.newShared(ids)
	}
	if len(ids) == 0 {
		return errors.New(t.lang.Say("whose? Name a phone by its MAC, or by a name of your choice",
			"чей токен? Назовите телефон: его MAC или имя на ваш выбор"))
	}
	secrets, err := ingest.ReadTokenSecrets(t.secret)
	fresh := errors.Is(err, os.ErrNotExist)
	if fresh {
		secrets, err = ingest.NewTokenSecrets(), nil
	}
	if err != nil {
		return err
	}
	paths, err := t.pathsOf(secrets, ids)
	if err != nil {
		return err
	}
	if fresh {
		if err := ingest.CreateTokenSecrets(t.secret, secrets); err != nil {
			return err
		}
		fmt.Fprintln(t.notes, t.lang.Sayf("made %s, from which all tokens are made: a secret. Tokens are asked for once it is named with --token-secret",
			"создан %s: из него делаются все токены, держите его в секрете. Токены понадобятся, когда он будет указан в --token-secret", t.secret))
	}
	for _, path := range paths {
		fmt.Fprintln(t.out, path)
	}
	return nil
}

func (t *tokens) newShared(ids []string) error {
	if len(ids) > 0 {
		return errors.New(t.lang.Say("a shared token is nobody's own: leave the ids out", "общий токен ничей: имена телефонов не нужны"))
	}
	token, err := ingest.NewSharedToken(t.shared)
	if errors.Is(err, os.ErrExist) {
		return errors.New(t.lang.Sayf("%s is there already; a new token would lock out the phones that have this one",
			"%s уже есть; с новым токеном телефоны, у которых этот, перестанут пускать", t.shared))
	}
	if err == nil {
		fmt.Fprintln(t.out, "/p/"+token)
	}
	return err
}

// secrets must be there: a list of tokens that nobody takes is of no use.
func (t *tokens) secrets() (ingest.TokenSecrets, error) {
	secrets, err := ingest.ReadTokenSecrets(t.secret)
	if errors.Is(err, os.ErrNotExist) {
		return nil, errors.New(t.lang.Sayf("there is no %s yet: callbus token new makes it, or name another with --token-secret",
			"файла %s ещё нет: его создаёт callbus token new; другой укажите в --token-secret", t.secret))
	}
	return secrets, err
}

// pathsOf makes all or none.
func (t *tokens) pathsOf(secrets ingest.TokenSecrets, ids []string) (paths []string, err error) {
	for _, id := range ids {
		token, err := secrets.Token(id)
		if err != nil { // it can only be the id
			return nil, errors.New(t.lang.Say(err.Error(), fmt.Sprintf("%.60q не годится в имена телефона: нужен MAC или от 1 до 41 знака из A-Z a-z 0-9 _ -, кроме слова shared", id)))
		}
		paths = append(paths, "/p/"+token)
	}
	return paths, nil
}

// list prints a line for each id; a dash stands for nothing, so that every line has as many words.
func (t *tokens) list(ids []string) error {
	secrets, err := t.secrets()
	if err != nil {
		return err
	}
	phones := ingest.Phones{}
	if t.phones != "" {
		if phones, err = ingest.ReadPhones(t.phones); err != nil {
			return err
		}
	}
	if len(ids) == 0 {
		ids = slices.Sorted(maps.Keys(phones))
	}
	if len(ids) == 0 {
		fmt.Fprintln(t.notes, t.lang.Say("Tokens are written down nowhere, they are made of the phone's name: name the phones, or --phones phones.csv",
			"Токены нигде не записаны, они вычисляются по имени телефона: назовите телефоны или укажите --phones phones.csv"))
		return nil
	}
	paths, err := t.pathsOf(secrets, ids)
	if err != nil {
		return err
	}
	return t.table(secrets, paths, phones)
}

// table prints the list; its head is a note, which no script reads.
func (t *tokens) table(secrets ingest.TokenSecrets, paths []string, phones ingest.Phones) error {
	var text bytes.Buffer
	table := tabwriter.NewWriter(&text, 0, 0, 2, ' ', 0)
	fmt.Fprintln(table, t.lang.Say("PHONE\tTOKEN\tLINES\tADDRESSES", "ТЕЛЕФОН\tТОКЕН\tЛИНИИ\tАДРЕСА"))
	for _, path := range paths {
		id, _, _ := strings.Cut(strings.TrimPrefix(path, "/p/"), ".")
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", id, path, orDash(phones[id].Lines), orDash(phones[id].Allow))
	}
	table.Flush()
	head, rows, _ := strings.Cut(text.String(), "\n")
	t.tellAges(secrets)
	fmt.Fprintln(t.notes, head)
	_, err := io.WriteString(t.out, rows)
	return err
}

// orDash joins with commas.
func orDash[T any](list []T) string {
	if len(list) == 0 {
		return "-"
	}
	words := make([]string, len(list))
	for i, x := range list {
		words[i] = fmt.Sprint(x)
	}
	return strings.Join(words, ",")
}

// tellAges says how old the secrets are, and until when the old ones hold.
func (t *tokens) tellAges(secrets ingest.TokenSecrets) {
	for i, s := range secrets {
		made := t.lang.Say("made at an unknown time", "неизвестной давности")
		if !s.Made.IsZero() {
			made = t.lang.Sayf("made %s", "от %s", day(s.Made))
		}
		line := t.lang.Sayf("these tokens are of the secret %s", "эти токены сделаны по секрету %s", made)
		switch {
		case i == 0:
		case time.Now().Before(s.Until):
			line = t.lang.Sayf("tokens of the secret %s are taken until %s", "токены по секрету %s принимаются до %s", made, day(s.Until))
		default:
			line = t.lang.Sayf("tokens of the secret %s are not taken since %s", "токены по секрету %s не принимаются с %s", made, day(s.Until))
		}
		fmt.Fprintln(t.notes, line)
	}
}

func day(t time.Time) string { return t.Local().Format("2006-01-02 15:04") }

// rotate makes a new secret. A running callbus takes it up by itself.
func (t *tokens) rotate(ids []string) error {
	if len(ids) > 0 {
		return errors.New(t.lang.Sayf("a new secret is for all tokens: what is %s?", "новый секрет делается сразу для всех токенов: что значит %s?", ids[0]))
	}
	if t.grace < 0 {
		return errors.New(t.lang.Say("--grace: want a time such as 336h, or 0 to refuse all tokens made so far at once",
			"--grace: нужно время, например 336h, или 0, чтобы прежние токены перестали приниматься сразу"))
	}
	secrets, err := t.secrets()
	if err != nil {
		return err
	}
	if err := t.sure(); err != nil {
		return err
	}
	if secrets, err = secrets.Rotate(t.grace); err != nil {
		return err
	}
	if err := ingest.WriteTokenSecrets(t.secret, secrets); err != nil {
		return err
	}
	t.tellRotated(secrets)
	return nil
}

func (t *tokens) tellRotated(secrets ingest.TokenSecrets) {
	fmt.Fprintln(t.out, t.lang.Sayf("%s has a new secret; a running Callbus takes it up by itself within a second.",
		"В %s новый секрет; работающий Callbus подхватит его сам в течение секунды.", t.secret))
	if len(secrets) == 1 {
		fmt.Fprintln(t.out, t.lang.Say("Tokens made so far are refused from now on. callbus token new MAC prints a phone's new one, callbus token list --phones phones.csv all: put them into the phones.",
			"Прежние токены с этой минуты не принимаются. Новый токен телефона покажет callbus token new MAC, все сразу callbus token list --phones phones.csv: внесите их в телефоны."))
		return
	}
	fmt.Fprintln(t.out, t.lang.Sayf("callbus token new MAC prints a phone's new token, callbus token list --phones phones.csv all: put them into the phones before %s.\n"+
		"Until then the old ones are taken too; callbus phones shows which phones still have one.",
		"Новый токен телефона покажет callbus token new MAC, все сразу callbus token list --phones phones.csv: внесите их в телефоны до %s.\n"+
			"До тех пор принимаются и прежние; у каких телефонов они ещё стоят, покажет callbus phones.", day(secrets[1].Until)))
}

// sure asks before every phone of the office has to be touched: the command sounds as if it only looked.
func (t *tokens) sure() error {
	if t.yes {
		return nil
	}
	if t.asker == nil {
		return errors.New(t.lang.Say("all phones will need new tokens, and nobody is here to be asked: --yes",
			"всем телефонам понадобятся новые токены, а спросить некого: укажите --yes"))
	}
	t.asker.Lang = *t.lang
	question := t.lang.Say("all phones need new tokens now, the old ones are refused at once. Go on?",
		"всем телефонам нужны новые токены сейчас, прежние перестанут действовать сразу. Продолжить?")
	if t.grace > 0 {
		question = t.lang.Sayf("all phones need new tokens by %s. Go on?", "всем телефонам нужны новые токены до %s. Продолжить?", day(time.Now().Add(t.grace)))
	}
	yes, err := t.asker.Sure(context.Background(), question)
	if err == nil && !yes {
		err = errors.New(t.lang.Say("nothing is changed", "ничего не изменено"))
	}
	return err
}
