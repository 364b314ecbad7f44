package callbus

import (
	"bytes"
	"context"
	"flag"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// printed is what a stand-in has printed so far.
type printed struct {
	mutex sync.Mutex
	text  bytes.Buffer
}

func (p *printed) Write(b []byte) (int, error) {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.Write(b)
}

func (p *printed) String() string {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	return p.text.String()
}

// says waits for what is printed by somebody else than the caller.
func (p *printed) says(t *testing.T, part string) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); !strings.Contains(p.String(), part); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("want %q in\n%s", part, p)
		}
	}
}

// newFake is a stand-in as the flags make it, on a port of its own, and what it prints.
func newFake(t *testing.T, flags ...string) (*fake, *printed) {
	t.Helper()
	out := &printed{}
	f := &fake{in: strings.NewReader(""), out: out}
	fs := flag.NewFlagSet("callbus fake1c", flag.ContinueOnError)
	f.flags(fs)
	if err := fs.Parse(append([]string{"--lang", "en"}, flags...)); err != nil {
		t.Fatal(err)
	}
	if err := f.prepare(); err != nil {
		t.Fatal(err)
	}
	if err := f.server.Start("127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.server.Close() })
	return f, out
}

const telData = `<S:Envelope xmlns:S="http://schemas.xmlsoap.org/soap/envelope/"><S:Body><TelData xmlns="` + onectest.DefaultNamespace +
	`"><Nomer_Sobitia>1</Nomer_Sobitia><Nomer_sip>74951234567</Nomer_sip><moi_nomer>101</moi_nomer></TelData></S:Body></S:Envelope>`

// called gives the status of a call.
func called(t *testing.T, f *fake, user, password, session string) int {
	t.Helper()
	r, err := http.NewRequest("POST", f.server.URL(), strings.NewReader(telData))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	if user != "" {
		r.SetBasicAuth(user, password)
	}
	if session != "" {
		r.Header.Set("IBSession", session)
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}

func TestEachMoodOfTheStandInIsSeenByItsCallers(t *testing.T) {
	file := filepath.Join(t.TempDir(), "password")
	if err := os.WriteFile(file, []byte("Пароль\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	f, out := newFake(t, "--user", "callbus", "--password-file", file, "--session-mode", "use", "--licences", "100")
	for _, m := range []struct {
		line   string
		status int
		says   string
	}{
		{"ok", 200, "all is well"},
		{"lock Обновление до 6:00", 403, "locked"},
		{"unlock", 200, "open"},
		{"password wrong", 401, "changed"},
		{"password right", 200, "old one"},
		{"password maybe", 200, "password wrong "},
		{"update", 409, "updated"},
		{"absent", 503, "down"},
		{"page", 200, "web page"},
		{"ok", 200, "all is well"},
		{"error Деление на 0", 500, "exception"},
		{"deadlock", 500, "deadlock"},
		{"full", 406, "406"},
		{"break", 0, "breaks"},
		{"ok", 200, "all is well"},
		{"licences 1", 500, "sessions at once"},
		{"kill", 200, "ended all"},
		{"licences many", 500, "licences and a number"},
		{"licences 0", 200, "sessions at once"},
		{"slow soon", 200, "slow 30ms"},
		{"slow 1ms", 200, "a call takes"},
		{"state", 200, "sessions"},
		{"what", 200, "One of these"},
	} {
		if said := f.become(m.line); !strings.Contains(said, m.says) {
			t.Errorf("%s: said %q, want %q in it", m.line, said, m.says)
		}
		if got := called(t, f, "callbus", "Пароль", "start"); got != m.status {
			t.Errorf("%s: a call got %d, want %d", m.line, got, m.status)
		}
	}
	for _, line := range []string{
		"1C     TelData(1, 74951234567, 101)\n", "✗ 403 Начало сеанса с информационной базой запрещено. Обновление до 6:00\n",
		"✗ 401 Unauthorized\n", "TelData(1, 74951234567, 101) ✗ 500 Неизвестная ошибка.", "✗ the connection is broken, after the work\n",
		"✗ 500 Не обнаружено свободной лицензии!\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("want %q printed in\n%s", line, out)
		}
	}
}

func TestTheStandInObeysLinesAndServesWithoutThem(t *testing.T) {
	lines, typed := io.Pipe()
	out := &printed{}
	tongue := lang.Russian
	f := &fake{in: lines, out: out, listen: "127.0.0.1:0", mode: "dontuse", tongue: &tongue}
	ctx, stop := context.WithCancel(context.Background())
	ended := make(chan error)
	go func() { ended <- f.run(ctx, zerolog.Nop()) }()
	for _, line := range []string{"", "  lock  ", "ok", "что"} { // each is read when the one before is done
		if _, err := io.WriteString(typed, line+"\n"); err != nil {
			t.Fatal(err)
		}
	}
	typed.Close()
	if got := called(t, f, "", "", ""); got != 200 {
		t.Errorf("a call got %d, want 200", got)
	}
	stop()
	if err := <-ended; err != nil {
		t.Error(err)
	}
	for _, part := range []string{"база закрыта", "снова всё в порядке (вызовов 0;", "Наберите одно из этого", "1С     TelData(1, 74951234567, 101)\n"} {
		out.says(t, part)
	}
}

func TestTheStandInRefusesFlagsThatMakeNoSense(t *testing.T) {
	tongue := lang.English
	if f, _ := newFake(t); !strings.Contains(f.become("password wrong"), "nobody is asked") {
		t.Error("a password was changed that nobody is asked for")
	}
	for want, f := range map[string]*fake{
		"none of dontuse, use and autouse": {mode: "often", tongue: &tongue},
		"needs --user":                     {mode: "use", passwordFile: "x", tongue: &tongue},
		"--password-file":                  {mode: "use", user: "u", passwordFile: filepath.Join(t.TempDir(), "none"), tongue: &tongue},
	} {
		if err := f.prepare(); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestTheStandInTellsOfAnHTTPServiceAndOfCallersThatGo(t *testing.T) {
	f, out := newFake(t, "--lang", "ru", "--slow-call", "1h")
	ctx, cancel := context.WithCancel(t.Context())
	go func() { // the caller goes when its call is under way
		for len(f.server.MaxConcurrent()) == 0 {
			time.Sleep(time.Millisecond)
		}
		cancel()
	}()
	r, err := http.NewRequestWithContext(ctx, "POST", f.server.HTTPURL()+"/ring", strings.NewReader(`{"line":"101"}`))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	if answer, err := http.DefaultClient.Do(r); err == nil {
		answer.Body.Close()
		t.Fatal("the caller has got an answer, want none")
	}
	out.says(t, "POST /base/hs/calls/ring {\"line\":\"101\"} ✗ не дождались ответа\n")
}
