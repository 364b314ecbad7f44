package callbus

import (
	"io"
	"os"
	"regexp"
	"strings"
	"testing"
)

// typed runs a command as main does, and returns its exit code and what it prints.
func typed(t *testing.T, args ...string) (code int, text string) {
	t.Helper()
	in, out, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	stdout, stderr := os.Stdout, os.Stderr
	os.Stdout, os.Stderr = out, out
	said := make(chan string)
	go func() {
		all, _ := io.ReadAll(in)
		said <- string(all)
	}()
	code = Main(args)
	os.Stdout, os.Stderr = stdout, stderr
	out.Close()
	return code, <-said
}

var russianWord = regexp.MustCompile(`[а-яё]{2,}`)

func TestEveryCommandAndEveryFlagIsExplainedInRussian(t *testing.T) {
	t.Setenv("CALLBUS_LANG", "ru")
	_, list := typed(t)
	for _, c := range commands() {
		if !strings.Contains(list, "\n  "+c.call("ru")) {
			t.Errorf("callbus does not name %q:\n%s", c.call("ru"), list)
		}
		for _, args := range calls(c) {
			if c.name == "version" || c.name == "token" && args[1] != "rotate" { // no --lang
				continue
			}
			code, text := typed(t, append(args, "-h")...)
			if code != 0 || !strings.HasPrefix(text, "Как вызывать: callbus "+c.call("ru")) {
				t.Errorf("callbus %s -h: code %d, said\n%s", args, code, text)
			}
			for line := range strings.Lines(text) {
				if help, ok := strings.CutPrefix(line, "    \t"); ok && !russianWord.MatchString(help) {
					t.Errorf("callbus %s -h: %q has no Russian; internal/lang/flags.go has them", args, strings.TrimSpace(help))
				}
			}
		}
	}
}

// calls are the ways to call a command that have flags.
func calls(c command) (all [][]string) {
	if !c.verbs {
		return [][]string{{c.name}}
	}
	for verb := range strings.SplitSeq(c.args.En, "|") {
		all = append(all, []string{c.name, strings.Fields(verb)[0]})
	}
	return all
}

func TestMainSpeaksTheLanguageThatIsAskedFor(t *testing.T) {
	t.Setenv("CALLBUS_LANG", "en")
	for _, c := range []struct {
		args string
		code int
		want string
	}{
		{"", 0, "Callbus carries phone calls into 1C."},
		{"--lang ru", 0, "Callbus передаёт телефонные звонки в 1С."},
		{"help --lang=ru", 0, "Callbus передаёт телефонные звонки в 1С."},
		{"-h", 0, "Usage: callbus COMMAND"},
		{"help trace", 0, "Usage: callbus trace WORD"},
		{"token -h", 0, "Each has flags of its own: callbus token new -h"},
		{"trace --lang ru -h", 0, "Как вызывать: callbus trace ЧТО [флаги]"},
		{"--version", 0, "callbus dev"},
		{"fake1c -h", 0, "Its web service: http://127.0.0.1:8081/base/ws/teldata.1cws"},
		{"trace -h", 0, "  --nats-ca FILE\n"},
		{"trace --lang ru -h", 0, "  --data ПАПКА\n"},
		{"bogus", 2, "callbus: there is no command \"bogus\"\n\nCallbus carries"},
		{"bogus --lang ru", 2, "callbus: нет команды \"bogus\"\n\nCallbus передаёт"},
		{"docter", 2, "Did you mean callbus doctor?"},
		{"phone --lang ru", 2, "Может быть, callbus phones?"},
		{"Trace", 2, "Did you mean callbus trace?"},
		{"trace", 2, "Name a line, a number, a call id or an event id"},
		{"trace --lang ru --bogus 101", 2, "callbus trace: нет такого флага: --bogus"},
		{"trace 101 --lang ru --since week", 2, `значение "week" флага --since не подходит: нужно время, например 90m, 24h или 7d`},
		{"trace --lang ru 101 -n", 2, "после флага -n нужно значение"},
		{"dead", 2, "want list, show N, retry N or drop N"},
		{"dead shwo 1 --lang ru", 2, "нужно: list, show N, retry N или drop N"},
		{"dead --lang ru show x", 2, "нужен номер отвергнутого события"},
		{"dead list 1 2 --lang ru", 2, "лишнее слово: 1 2"},
		{"targets forget --lang ru", 2, "нужно: ничего, ИМЯ или forget ИМЯ"},
		{"up --lang ru --bogus", 2, "callbus up: нет такого флага: --bogus"},
		{"service --lang ru install --bogus", 2, "callbus service install: нет такого флага: --bogus"},
		{"service --lang ru", 2, "нужно: install, remove или status"},
		{"service install --lang ru --bogus", 2, "callbus service install: нет такого флага: --bogus"},
		{"service reinstall", 2, "want install, remove or status"},
	} {
		code, text := typed(t, strings.Fields(c.args)...)
		if code != c.code || !strings.Contains(text, c.want) {
			t.Errorf("callbus %s: code %d, want %d with %q, said\n%s", c.args, code, c.code, c.want, text)
		}
		if strings.Count(text, "bogus") > 2 {
			t.Errorf("callbus %s says it twice:\n%s", c.args, text)
		}
	}
}

func TestTheNearestCommandIsNotGuessedFromAfar(t *testing.T) {
	for word, want := range map[string]string{
		"trac": "trace", "tarce": "trace", "tokens": "token", "provison": "provision", "u": "up", "upp": "up", "x": "", "start": "", "log": "", "": "",
	} {
		if got := nearest(word); got != want {
			t.Errorf("nearest to %q: %q, want %q", word, got, want)
		}
	}
}
