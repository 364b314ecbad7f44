package setup

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/porttest"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

const secret = "Пароль 1"

func onec(t *testing.T) *onectest.Server {
	t.Helper()
	s := onectest.New(onectest.Options{User: "callbus", Password: secret})
	if err := s.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// newSetup is an operator who types these lines; the flags are at their defaults.
func newSetup(t *testing.T, l lang.Lang, typed ...string) (*Setup, *bytes.Buffer) {
	t.Helper()
	dir, out := t.TempDir(), &bytes.Buffer{}
	return &Setup{
		Answers: Answers{Dir: dir, Operation: "TelData", Region: "RU", Sessions: 2, Data: filepath.Join(dir, "data"), HTTP: porttest.Free(t)},
		Asker:   &Asker{Lang: l, Out: out, In: bufio.NewReader(strings.NewReader(strings.Join(typed, "\n") + "\n"))},
		Given:   map[string]bool{}, Check: onecadapter.Check, Program: "/usr/local/bin/callbus", ServiceUser: "callbus", Stop: 18 * time.Second,
	}, out
}

func written(t *testing.T, s *Setup) map[string]string {
	t.Helper()
	files := map[string]string{}
	list, err := os.ReadDir(s.Dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range list {
		text, err := os.ReadFile(filepath.Join(s.Dir, f.Name()))
		if err != nil {
			t.Fatal(err)
		}
		files[f.Name()] = strings.NewReplacer(s.Dir, "DIR", s.HTTP, "HTTP").Replace(string(text))
	}
	return files
}

func TestWrongAnswersAreAskedAgainWithTheReason(t *testing.T) {
	s := onec(t)
	setup, out := newSetup(t, lang.Russian,
		"server/base",            // no URL
		"http://u:p@server/base", // a login in it
		s.URL()+"x",              // not published
		"callbus", "wrong",
		s.URL(),           // now the password is the trouble
		"", "still wrong", // the same user
		"callbus", secret,
		"Rossiya", "kz", // region
		"0", "3", // sessions
		"", // port
		"", // data
		"reception", "reception=101 office-2=102",
	)
	if err := setup.Run(t.Context()); err != nil {
		t.Fatalf("%v, after\n%s", err, out)
	}
	for _, want := range []string{
		"нужен адрес http://…", "уберите пользователя и пароль из адреса", "по этому адресу веб-сервис не опубликован: 404 Not Found",
		"1С не принимает пользователя или пароль", "нужны две латинские буквы", "нужно число от 1 до 64", "нужно логин=номер",
		"Nomer_sip     ← номер собеседника, как его прислал телефон",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
	if strings.Contains(out.String(), "wrong") || strings.Contains(out.String(), secret) {
		t.Errorf("a password was shown:\n%s", out)
	}
	files := written(t, setup)
	if files[PasswordFile] != secret+"\n" || !strings.Contains(files[ConfigFile], `region: "KZ"`) {
		t.Errorf("got %q", files)
	}
	var targets struct{ Targets []onecadapter.Target }
	if err := config.Strict([]byte(strings.ReplaceAll(files[TargetsFile], "DIR", setup.Dir)), &targets); err != nil {
		t.Fatal(err)
	}
	want := onecadapter.Target{
		Name: "main", URL: s.URL(), User: "callbus", PasswordFile: filepath.Join(setup.Dir, PasswordFile), Operation: "TelData", Sessions: 3,
		Lines: map[string]string{"reception": "101", "office-2": "102"},
	}
	if diff := cmp.Diff([]onecadapter.Target{want}, targets.Targets); diff != "" {
		t.Errorf("targets (-want +got):\n%s", diff)
	}
}

func TestTheFilesOfAPlainOffice(t *testing.T) {
	s := onec(t)
	setup, out := newSetup(t, lang.English, s.URL(), "callbus", secret, "", "", "", "", "")
	if err := setup.Run(t.Context()); err != nil {
		t.Fatalf("%v, after\n%s", err, out)
	}
	files := written(t, setup)
	want := "# callbus up --config DIR/callbus.yaml\n" +
		"data: \"DIR/data\"\nhttp: \"HTTP\"\nregion: \"RU\"\nonec-url: \"" + s.URL() + "\"\nonec-user: \"callbus\"\n" +
		"onec-password-file: \"DIR/password.txt\"\nonec-operation: \"TelData\"\nsessions: 2\n"
	if diff := cmp.Diff(want, files[ConfigFile]); diff != "" && runtime.GOOS != "windows" {
		t.Errorf("callbus.yaml (-want +got):\n%s", diff)
	}
	if info, err := os.Stat(filepath.Join(setup.Dir, PasswordFile)); err != nil || info.Mode().Perm() != 0o600 && runtime.GOOS != "windows" {
		t.Errorf("password file: %v, %v; want 0600", info.Mode(), err)
	}
	if _, err := os.Stat(setup.Data); err == nil {
		t.Error("the data folder was made: callbus up makes it, as the user that it runs as")
	}
}

func TestFlagsAndYesAskNothing(t *testing.T) {
	s := onec(t)
	password := filepath.Join(t.TempDir(), "given.txt")
	if err := os.WriteFile(password, []byte(secret), 0o600); err != nil {
		t.Fatal(err)
	}
	notepad := filepath.Join(t.TempDir(), "notepad.txt")
	if err := os.WriteFile(notepad, []byte("\xcf\xe0\xf0\xee\xeb\xfc 1\r\n"), 0o600); err != nil { // secret in windows-1251
		t.Fatal(err)
	}
	for _, c := range []struct {
		what   string
		change func(*Setup)
		want   string
	}{
		{"all right", func(*Setup) {}, ""},
		{"a wrong user", func(s *Setup) { s.User = "other" }, "1C does not accept the user or the password"},
		{"no password", func(s *Setup) { s.PasswordFile = "" }, "1C does not accept the user or the password"},
		{"a password file that is not there", func(s *Setup) { s.PasswordFile += "x" }, "password"},
		{"no URL", func(s *Setup) { s.URL = "" }, "--onec-url: want http://"},
		{"not published", func(s *Setup) { s.URL += "x" }, "no web service is published at this URL"},
		{"nobody there", func(s *Setup) { s.URL = "http://127.0.0.1:1/ws" }, "nobody listens at this address"},
		{"a wrong operation", func(s *Setup) { s.Operation = "Zvonok" }, `no operation "Zvonok"; it has TelData`},
		{"a wrong region", func(s *Setup) { s.Region = "XX" }, "--region: "},
		{"wrong sessions", func(s *Setup) { s.Sessions = 99 }, "--sessions: "},
		{"no folder", func(s *Setup) { s.Data = password }, "is no folder"},
		{"wrong lines", func(s *Setup) { s.Lines = "101" }, "--lines: "},
		{"a wrong port", func(s *Setup) { s.HTTP = "8080" }, "--http: 8080: want"},
		{"a password file of Notepad", func(s *Setup) { s.PasswordFile = notepad }, notepad + " is not UTF-8"},
	} {
		setup, out := newSetup(t, lang.English)
		setup.In = bufio.NewReader(strings.NewReader("")) // nobody is there
		setup.Yes, setup.URL, setup.User, setup.PasswordFile = true, s.URL(), "callbus", password
		c.change(setup)
		err := setup.Run(t.Context())
		if c.want == "" {
			if files := written(t, setup); err != nil || files[PasswordFile] != "" || files[ConfigFile] == "" {
				t.Errorf("%s: %v, files %v, after\n%s", c.what, err, files, out)
			}
			continue
		}
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: got %v, want %q", c.what, err, c.want)
		}
		if files := written(t, setup); len(files) != 0 {
			t.Errorf("%s: written all the same: %v", c.what, files)
		}
	}
}

// Bug: a line end in the folder's name made lines of their own in the unit, such as User=root.
func TestNoNameMakesALineOfItsOwn(t *testing.T) {
	s := onec(t)
	for what, change := range map[string]func(*Setup){
		"folder": func(s *Setup) { s.Dir += "/x\nUser=root" },
		"data":   func(s *Setup) { s.Data += "\rExecStartPre=/bin/x" },
		"user":   func(s *Setup) { s.ServiceUser += "\nUser=root" },
	} {
		setup, _ := newSetup(t, lang.English)
		setup.Yes, setup.URL = true, s.URL()
		dir := setup.Dir
		change(setup)
		if err := setup.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "control character") {
			t.Errorf("%s: got %v", what, err)
		}
		setup.Dir = dir
		if files := written(t, setup); len(files) != 0 {
			t.Errorf("%s: written: %v", what, files)
		}
	}
	setup, out := newSetup(t, lang.English, s.URL(), "callbus", secret, "", "", "", "/tmp/x\tUser=root", "", "")
	if err := setup.Run(t.Context()); err != nil || !strings.Contains(out.String(), "control character") {
		t.Errorf("an answer: %v, after\n%s", err, out)
	}
}

func TestNothingIsReplacedWithoutAWord(t *testing.T) {
	s := onec(t)
	old := "# mine\n"
	run := func(change func(*Setup), typed ...string) (string, error) {
		setup, _ := newSetup(t, lang.Russian, append([]string{s.URL(), "callbus", secret, "", "", "", "", ""}, typed...)...)
		if err := os.WriteFile(filepath.Join(setup.Dir, ConfigFile), []byte(old), 0o644); err != nil {
			t.Fatal(err)
		}
		change(setup)
		err := setup.Run(t.Context())
		files := written(t, setup)
		if len(files) > 1 && files[ConfigFile] == old {
			t.Errorf("half of the files were written: %v", files)
		}
		return files[ConfigFile], err
	}
	if got, err := run(func(*Setup) {}, "н"); got != old || !errors.Is(err, ErrStopped) {
		t.Errorf("no: got %q, %v", got, err)
	}
	if got, err := run(func(*Setup) {}, ""); got != old || !errors.Is(err, ErrStopped) {
		t.Errorf("an empty answer: got %q, %v", got, err)
	}
	if got, err := run(func(*Setup) {}); got != old || err == nil {
		t.Errorf("no answer: got %q, %v", got, err)
	}
	if got, err := run(func(*Setup) {}, "да"); got == old || err != nil {
		t.Errorf("yes: got %q, %v", got, err)
	}
	if got, err := run(func(s *Setup) { s.Force = true }); got == old || err != nil {
		t.Errorf("--force: got %q, %v", got, err)
	}
}

// A phone's URL with the port of the web server of 1C is the commonest way to hear nothing.
func TestThePhonesPortIsAskedUntilItIsFree(t *testing.T) {
	s := onec(t)
	web := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Server", "Apache/2.4.58 (Win64)") }))
	defer web.Close()
	silent, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer silent.Close()
	callbus := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { http.Error(w, notOurs+"?event=1", 404) }))
	defer callbus.Close()
	addr := func(s *httptest.Server) string { return strings.TrimPrefix(s.URL, "http://") }
	for _, c := range []struct {
		l     lang.Lang
		typed string
		want  string
	}{
		{lang.Russian, addr(web), "занят: там отвечает Apache/2.4.58 (Win64)"},
		{lang.English, addr(web), "is taken: Apache/2.4.58 (Win64) answers there"},
		{lang.Russian, "99999", ":99999: нужен порт"},
		{lang.English, "nowhere", "want a port such as 8080"},
		{lang.English, "192.0.2.1:8080", "nobody can listen there"},
	} {
		setup, out := newSetup(t, c.l, s.URL(), "callbus", secret, "", "", c.typed, "", "", "")
		setup.Reach = func(addr string) string { return "http://192.168.10.5 " + addr }
		if err := setup.Run(t.Context()); err != nil || !strings.Contains(out.String(), c.want) || !strings.Contains(out.String(), "http://192.168.10.5 "+setup.HTTP+"\n") {
			t.Errorf("%s: %v, want %q in\n%s", c.typed, err, c.want, out)
		}
	}
	setup, out := newSetup(t, lang.English, s.URL(), "callbus", secret, "", "", addr(callbus), "", "")
	if err := setup.Run(t.Context()); err != nil || setup.HTTP != addr(callbus) || !strings.Contains(out.String(), "a Callbus listens there already") {
		t.Errorf("a Callbus that runs: %v, %s, after\n%s", err, setup.HTTP, out)
	}
	setup, _ = newSetup(t, lang.English)
	setup.Yes, setup.URL, setup.User, setup.PasswordFile = true, s.URL(), "", ""
	setup.Check = func(context.Context, onecadapter.Options) ([]onecadapter.Checked, error) {
		return make([]onecadapter.Checked, 1), nil
	}
	setup.HTTP = silent.Addr().String()
	if err := setup.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "--http: port") || !strings.Contains(err.Error(), looking(strings.Split(setup.HTTP, ":")[1])) {
		t.Errorf("taken by what does not speak HTTP: got %v", err)
	}
}

func TestCtrlCLeavesNothingBehind(t *testing.T) {
	s := onec(t)
	setup, _ := newSetup(t, lang.English)
	read, type_ := io.Pipe()
	setup.In = bufio.NewReader(read)
	ctx, interrupt := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() { ended <- setup.Run(ctx) }()
	if _, err := io.WriteString(type_, s.URL()+"\ncallbus\n"+secret+"\nRU\n"); err != nil {
		t.Fatal(err)
	}
	interrupt()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want the interrupt", err)
	}
	if files := written(t, setup); len(files) != 0 {
		t.Errorf("left behind: %v", files)
	}
}

func TestA1CThatCannotAnswerNowIsAskedAgainOrLeft(t *testing.T) {
	s := onec(t)
	s.Behave(onectest.Always(onectest.Absent()))
	setup, out := newSetup(t, lang.English, s.URL(), "callbus", secret, "y", "n", "y", "", "", "", "", "")
	if err := setup.Run(t.Context()); err != nil || strings.Count(out.String(), "1C is not available") != 2 {
		t.Errorf("%v, after\n%s", err, out)
	}
	setup, _ = newSetup(t, lang.English, s.URL(), "callbus", secret, "n", "n")
	if err := setup.Run(t.Context()); !errors.Is(err, ErrStopped) || len(written(t, setup)) != 0 {
		t.Errorf("got %v, %v", err, written(t, setup))
	}
}

func TestAFileThatCannotBeWrittenLeavesTheOthersAsTheyWere(t *testing.T) {
	dir := t.TempDir()
	first := filepath.Join(dir, "first")
	if err := os.WriteFile(first, []byte("old"), 0o600); err != nil {
		t.Fatal(err)
	}
	err := write([]config.File{{Path: first, Text: "new", Mode: 0o600}, {Path: filepath.Join(first, "below"), Text: "x", Mode: 0o600}})
	if err == nil {
		t.Fatal("a file below a file was written")
	}
	got, _ := os.ReadFile(first)
	if list, _ := os.ReadDir(dir); string(got) != "old" || len(list) != 1 {
		t.Errorf("got %q and %v, want everything as it was", got, list)
	}
}
