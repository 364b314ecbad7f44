package callbus

import (
	"bytes"
	"context"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/program"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// upFails runs callbus up with flags that cannot work, and returns everything that is printed but the log's notes.
func upFails(t *testing.T, args ...string) string {
	t.Helper()
	var (
		o   office
		out bytes.Buffer
	)
	p := program.Program{Name: "callbus up", Env: "CALLBUS_TEST", Flags: o.flags, Run: o.run, Log: &out, Failed: o.failure}
	p.Wrong = func(err error) string { return o.tongue.Wrong(err) }
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	p.Context = ctx
	quiet := []string{"--lang", "ru", "--data", filepath.Join(t.TempDir(), "data"), "--nats-listen", "off", "--admin", "", "--http", "127.0.0.1:0", "--log-level", "warn"}
	if code := p.Main(append(quiet, args...)); code == 0 {
		t.Errorf("callbus up %v worked", args)
	}
	return out.String()
}

func TestWhyTheStartFailedIsSaidOnceInTheOperatorsWordsWithTheSetting(t *testing.T) {
	busy, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer busy.Close()
	taken, dir := busy.Addr().String(), t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	none := filepath.Join(dir, "none")
	onec := []string{"--onec-url", "http://127.0.0.1:1" + onectest.DefaultPath}
	with := func(more ...string) []string { return append(onec[:len(onec):len(onec)], more...) }
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"no 1C":               {nil, "callbus up --config callbus.yaml"},
		"port of phones":      {with("--http", taken), "--http (в callbus.yaml: http): порт "},
		"port of admin":       {with("--admin", taken), "--admin (в callbus.yaml: admin): порт "},
		"port of NATS":        {with("--nats-listen", taken), "--nats-listen (в callbus.yaml: nats-listen): порт "},
		"no port":             {with("--http", "8080"), "--http (в callbus.yaml: http): 8080: нужен адрес вида :8080"},
		"somebody's address":  {with("--http", "192.0.2.1:8080"), "--http (в callbus.yaml: http): 192.0.2.1:8080: у этой машины нет такого адреса"},
		"no targets file":     {[]string{"--targets", none}, "--targets (в callbus.yaml: targets): нет файла " + none},
		"no file":             {[]string{"--config", none}, "нет файла " + none},
		"no password":         {with("--onec-password-file", none), "--onec-password-file (в callbus.yaml: onec-password-file): нет файла " + none},
		"another encoding":    {with("--onec-password-file", file("u16", "h\x00i\x00")), "сохранён не в UTF-8"},
		"no secret":           {with("--token-secret", none), "--token-secret (в callbus.yaml: token-secret): нет файла " + none},
		"sessions":            {with("--sessions", "100"), "получатель main: sessions 100: нужно от 1 до 64"},
		"no URL":              {[]string{"--onec-url", "ftp://x"}, "адрес 1С (url, --onec-url) должен начинаться с http://"},
		"two places":          {with("--targets", none), "нужно что-то одно: --targets или --onec-url"},
		"a typo in a target":  {[]string{"--targets", file("t1", "targets:\n  - name: a\n    urll: x\n")}, `строка 3: неизвестный ключ "urll"`},
		"an event that isn't": {[]string{"--targets", file("t2", "targets: [{name: a, url: 'http://a/b', events: {ringing: 1}}]")}, `нет события "ringing"`},
	} {
		t.Run(name, func(t *testing.T) {
			got := upFails(t, c.args...)
			if !strings.Contains(got, c.want) || !strings.HasPrefix(got, "callbus up: ") || strings.Count(got, "\n") != 1 {
				t.Errorf("it says %q, want one line with %q", got, c.want)
			}
		})
	}
}

func TestAnotherCallbusInTheFolderIsNamed(t *testing.T) {
	dir := t.TempDir()
	b, err := broker.Start(broker.Options{Dir: dir, Room: 1 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop() //nolint:errcheck // the test is over
	got := upFails(t, "--data", dir, "--onec-url", "http://127.0.0.1:1"+onectest.DefaultPath)
	if want := "в папке данных " + dir + " уже работает другой Callbus"; !strings.Contains(got, want) || strings.Count(got, "\n") != 1 {
		t.Errorf("it says %q, want one line with %q", got, want)
	}
}
