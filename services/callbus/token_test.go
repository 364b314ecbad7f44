package callbus

import (
	"bufio"
	"bytes"
	"flag"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/setup"
)

// known is a file of secrets whose tokens are known (they are from Python's hmac module).
const known = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 made 2026-11-22T11:28:39Z\n"

// newTokens is one callbus token, in a folder of its own.
func newTokens(t *testing.T, secrets string) (x *tokens, out, notes *bytes.Buffer) {
	t.Helper()
	out, notes = &bytes.Buffer{}, &bytes.Buffer{}
	english := lang.English
	x = &tokens{fs: flag.NewFlagSet("callbus token", flag.ContinueOnError), out: out, notes: notes, lang: &english, yes: true}
	x.secret = filepath.Join(t.TempDir(), "data", secretsFile)
	if secrets == "" {
		return x, out, notes
	}
	if err := os.MkdirAll(filepath.Dir(x.secret), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(x.secret, []byte(secrets), 0o600); err != nil {
		t.Fatal(err)
	}
	return x, out, notes
}

func TestNewPrintsPathsToPaste(t *testing.T) {
	x, out, notes := newTokens(t, known)
	if code := x.run([]string{"00:15:65:AA:BB:CC", "hall"}, x.new); code != 0 {
		t.Fatalf("exit code %d: %s", code, notes)
	}
	if diff := cmp.Diff("/p/001565aabbcc.XDsSDXEFh4MCAxbXiIaVNg\n/p/hall.m8sRjo4nq-6yf73mT6R4sw\n", out.String()); diff != "" || notes.Len() > 0 {
		t.Errorf("notes %q; paths (-want +got):\n%s", notes, diff)
	}
}

func TestNewMakesTheSecretsOnceAndSaysSo(t *testing.T) {
	x, out, notes := newTokens(t, "")
	if code := x.run([]string{"hall"}, x.new); code != 0 || !strings.Contains(notes.String(), "made "+x.secret) {
		t.Fatalf("exit code %d: %s", code, notes)
	}
	first := out.String()
	out.Reset()
	notes.Reset()
	if code := x.run([]string{"hall"}, x.new); code != 0 || out.String() != first || notes.Len() > 0 {
		t.Errorf("exit code %d, %q, then %q, notes %q: want the same token", code, first, out, notes)
	}
}

// An id that makes no sense must not leave a file of secrets behind, nor half of the tokens.
func TestNewMakesAllOrNothing(t *testing.T) {
	x, out, notes := newTokens(t, "")
	if code := x.run([]string{"hall", "a.b"}, x.new); code != 1 || out.Len() > 0 || !strings.Contains(notes.String(), `"a.b" is no id`) {
		t.Errorf("exit code %d, %q, %q", code, out, notes)
	}
	if _, err := os.Stat(x.secret); err == nil {
		t.Error("the secrets are there")
	}
}

func TestListHasAsManyWordsForEachPhone(t *testing.T) {
	x, out, notes := newTokens(t, known+"HxECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 until 2001-02-03T04:05:06Z\n")
	x.phones = filepath.Join(t.TempDir(), "phones.csv")
	if err := os.WriteFile(x.phones, []byte("id;line;allow;name\nhall;101 102;10.0.0.0/8 ::1;Hall\n00-15-65-AA-BB-CC\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if code := x.run(nil, x.list); code != 0 {
		t.Fatalf("exit code %d: %s", code, notes)
	}
	want := [][]string{
		{"001565aabbcc", "/p/001565aabbcc.XDsSDXEFh4MCAxbXiIaVNg", "-", "-"},
		{"hall", "/p/hall.m8sRjo4nq-6yf73mT6R4sw", "101,102", "10.0.0.0/8,::1/128"},
	}
	var got [][]string
	for line := range strings.Lines(out.String()) {
		got = append(got, strings.Fields(line))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the list (-want +got):\n%s", diff)
	}
	for _, part := range []string{"PHONE         TOKEN ", "made 20", "at an unknown time are not taken since 2001-02-03"} {
		if !strings.Contains(notes.String(), part) {
			t.Errorf("notes %q, want %q", notes, part)
		}
	}
	out.Reset()
	if x.run([]string{"hall"}, x.list); strings.Count(out.String(), "\n") != 1 || !strings.HasPrefix(out.String(), "hall") {
		t.Errorf("of one id: got %q", out)
	}
	out.Reset()
	notes.Reset()
	x.phones = ""
	if code := x.run(nil, x.list); code != 0 || out.Len() > 0 || !strings.Contains(notes.String(), "name the phones, or --phones phones.csv") {
		t.Errorf("of no id: exit code %d, got %q and %q", code, out, notes)
	}
}

func TestRotateMakesAnotherTokenAndKeepsTheOldSecret(t *testing.T) {
	x, out, notes := newTokens(t, known)
	x.grace = defaultGrace
	if code := x.run(nil, x.rotate); code != 0 || !strings.Contains(out.String(), "before") {
		t.Fatalf("exit code %d: %s %s", code, out, notes)
	}
	text, err := os.ReadFile(x.secret)
	if err != nil || !strings.Contains(string(text), strings.TrimSpace(known)+" until ") {
		t.Errorf("%v: the old secret is not kept: %s", err, text)
	}
	out.Reset()
	if x.run([]string{"hall"}, x.new); out.Len() == 0 || strings.Contains(out.String(), "m8sRjo4nq") {
		t.Errorf("after the rotation: got %q, want another token", out)
	}
	x.grace = 0
	if code := x.run(nil, x.rotate); code != 0 || !strings.Contains(out.String(), "refused from now on") {
		t.Errorf("without grace: exit code %d: %s %s", code, out, notes)
	}
}

// A curious word must not start the clock for every phone of an office.
func TestRotateAsksFirst(t *testing.T) {
	for _, c := range []struct {
		answer string
		grace  time.Duration
		lang   lang.Lang
		code   int
		asks   string
		says   string
	}{
		{"y\n", defaultGrace, lang.English, 0, "all phones need new tokens by " + day(time.Now().Add(defaultGrace))[:10], ""},
		{"да\n", 0, lang.Russian, 0, "прежние перестанут действовать сразу. Продолжить? (д/н) [н]: ", ""},
		{"\n", defaultGrace, lang.English, 1, "Go on? (y/n) [n]: ", "nothing is changed"},
		{"n\n", defaultGrace, lang.Russian, 1, "новые токены до", "ничего не изменено"},
		{"", defaultGrace, lang.English, 1, "Go on?", "--yes"},
	} {
		x, _, notes := newTokens(t, known)
		var asked bytes.Buffer
		x.yes, x.grace, x.lang = false, c.grace, &c.lang
		x.asker = &setup.Asker{Out: &asked, In: bufio.NewReader(strings.NewReader(c.answer))}
		code := x.run(nil, x.rotate)
		if code != c.code || !strings.Contains(asked.String(), c.asks) || !strings.Contains(notes.String(), c.says) {
			t.Errorf("%q: exit code %d, asked %q, then %q", c.answer, code, &asked, notes)
		}
		if text := read(t, x.secret); (text == known) != (c.code != 0) {
			t.Errorf("%q: the secrets are %q", c.answer, text)
		}
	}
}

func TestRotateIsRefusedWhereNobodyCanBeAsked(t *testing.T) {
	x, _, notes := newTokens(t, known)
	x.yes, x.grace = false, defaultGrace
	if code := x.run(nil, x.rotate); code != 1 || !strings.Contains(notes.String(), "--yes") || read(t, x.secret) != known {
		t.Errorf("exit code %d: %s", code, notes)
	}
}

func TestTokenCommandsSpeakRussian(t *testing.T) {
	russian := lang.Russian
	for want, run := range map[string]func(x *tokens) int{
		"чей токен?": func(x *tokens) int { return x.run(nil, x.new) },
		"создан ":    func(x *tokens) int { return 1 - x.run([]string{"hall"}, x.new) },
		`"a.b" не годится в имена телефона`: func(x *tokens) int { return x.run([]string{"a.b"}, x.new) },
		"файла ":                        func(x *tokens) int { return x.run(nil, x.list) },
		"что значит hall?":              func(x *tokens) int { return x.run([]string{"hall"}, x.rotate) },
		"нужно время, например 336h":    func(x *tokens) int { x.grace = -1; return x.run(nil, x.rotate) },
		"имена телефонов не нужны":      func(x *tokens) int { x.shared = "f"; return x.run([]string{"hall"}, x.new) },
		"сохранён не в UTF-8":           func(x *tokens) int { put(t, x.secret, "\xff\xfeA\x00"); return x.run(nil, x.list) },
		"эти токены сделаны по секрету": func(x *tokens) int { put(t, x.secret, known); return 1 - x.run([]string{"hall"}, x.list) },
		"у которых этот, перестанут": func(x *tokens) int {
			x.shared = put(t, filepath.Join(t.TempDir(), "shared"), "x")
			return x.run(nil, x.new)
		},
	} {
		x, _, notes := newTokens(t, "")
		if err := os.MkdirAll(filepath.Dir(x.secret), 0o700); err != nil {
			t.Fatal(err)
		}
		x.lang = &russian
		if code := run(x); code != 1 || !strings.Contains(notes.String(), want) {
			t.Errorf("%d, %q, want %q", code, notes, want)
		}
	}
}

func TestTokenCommandsSayWhatTheyMiss(t *testing.T) {
	for want, run := range map[string]func(x *tokens) int{
		"callbus token new makes it": func(x *tokens) int { return x.run(nil, x.list) },
		"or name another with":       func(x *tokens) int { return x.run(nil, x.rotate) },
		"whose?":                     func(x *tokens) int { return x.run(nil, x.new) },
		"what is hall":               func(x *tokens) int { return x.run([]string{"hall"}, x.rotate) },
		"leave the ids out":          func(x *tokens) int { x.shared = "f"; return x.run([]string{"hall"}, x.new) },
	} {
		x, out, notes := newTokens(t, "")
		if code := run(x); code != 1 || out.Len() > 0 || !strings.Contains(notes.String(), want) {
			t.Errorf("exit code %d, %q, %q, want 1 and %q", code, out, notes, want)
		}
	}
}
