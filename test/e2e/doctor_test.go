package e2e

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	service "github.com/callbus/callbus/services/ingest"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// clinic is callbus up with a stand-in for 1C, and the doctor beside it.
type clinic struct {
	t                   *testing.T
	data, files, creds  string
	phones, nats, admin string
	secrets             service.TokenSecrets
	onec                *onectest.Server
	up                  *rig.Program
	phone               int // counts the hits, so that none is a repeat
}

// openClinic takes further flags of callbus up; FILES in them is a folder with secret and shared.
func openClinic(t *testing.T, flags ...string) *clinic {
	t.Helper()
	c := &clinic{t: t, data: t.TempDir(), files: t.TempDir(), phones: rig.FreeAddr(t), nats: rig.FreeAddr(t), admin: rig.FreeAddr(t), onec: standin(t, onectest.Options{})}
	c.secrets = service.NewTokenSecrets()
	if err := service.WriteTokenSecrets(filepath.Join(c.files, "secret"), c.secrets); err != nil {
		t.Fatal(err)
	}
	if _, err := service.NewSharedToken(filepath.Join(c.files, "shared")); err != nil {
		t.Fatal(err)
	}
	args := []string{"up", "--data", c.data, "--http", c.phones, "--admin", c.admin, "--nats-listen", c.nats, "--store-max", "16MiB", "--onec-url", c.onec.URL()}
	for _, f := range flags {
		args = append(args, strings.ReplaceAll(f, "FILES", c.files))
	}
	c.up = rig.Start(t, callbusProgram(t), args...)
	c.up.Says("Callbus is up")
	return c
}

// hits sends hits of line 101's Yealink to the door; each may change or add parameters.
func (c *clinic) hits(events ...string) {
	c.t.Helper()
	for _, e := range events {
		c.hit("yealink", e, "")
	}
}

// hit sends one hit and returns the status. more is a query that comes before what is usual.
func (c *clinic) hit(prefix, event, more string) int {
	c.t.Helper()
	c.phone++
	usual := fmt.Sprintf("&mac=001565aabb01&acc=101&ip=192.168.10.10&cid=%d&remote=sip:+749512300%02d@pbx", c.phone, c.phone%100)
	return rig.Hit(c.t, c.phones, "/"+prefix+"/"+event+"?"+strings.TrimPrefix(more+usual, "&"))
}

// connect is for what a test cannot wait for: yesterday.
func (c *clinic) connect() *nats.Conn {
	return rig.Connect(c.t, "nats://"+c.nats, filepath.Join(c.data, broker.CredsFile))
}

// happened puts an event of the past, or of the future, onto the stream.
func (c *clinic) happened(line string, at time.Time) {
	c.t.Helper()
	data, err := json.Marshal(map[string]any{"id": "planted-" + at.String(), "type": "missed", "time": at.UTC(), "line": line,
		"phone": map[string]string{"mac": "001565aabb" + line[1:], "ip": "192.168.10.99"}, "source": "yealink"})
	if err != nil {
		c.t.Fatal(err)
	}
	js, err := jetstream.New(c.connect())
	if err != nil {
		c.t.Fatal(err)
	}
	m := &nats.Msg{Subject: "calls.missed", Data: data, Header: nats.Header{stream.HeaderLine: {line}}}
	if _, err := js.PublishMsg(rig.Context(c.t), m); err != nil {
		c.t.Fatal(err)
	}
}

// diagnosis is what one callbus doctor said.
type diagnosis struct {
	code     int
	ids      []string // without repeats
	findings []struct{ ID, Level, What, Do string }
}

// ask runs the doctor.
func (c *clinic) ask(words ...string) (text string, code int) {
	c.t.Helper()
	args := append([]string{"doctor"}, words...)
	args = append(args, "--data", c.data, "--nats", "nats://"+c.nats, "--admin", c.admin)
	if c.creds != "" {
		args = append(args, "--nats-creds", c.creds)
	}
	out, err := exec.CommandContext(rig.Context(c.t), callbusProgram(c.t), args...).CombinedOutput()
	var failed *exec.ExitError
	if err != nil && !errors.As(err, &failed) {
		c.t.Fatal(err)
	}
	if failed != nil {
		code = failed.ExitCode()
	}
	return string(out), code
}

func (c *clinic) diagnose(words ...string) (d diagnosis) {
	c.t.Helper()
	text, code := c.ask(append(words, "--json")...)
	var report struct {
		Healthy  bool
		Findings []struct{ ID, Level, What, Do string }
	}
	if err := json.Unmarshal([]byte(text), &report); err != nil {
		c.t.Fatalf("callbus doctor --json: %v in\n%s", err, text)
	}
	d.code, d.findings = code, report.Findings
	for _, f := range d.findings {
		d.ids = append(d.ids, f.ID)
	}
	slices.Sort(d.ids)
	d.ids = slices.Compact(d.ids)
	if report.Healthy != (code == 0) {
		c.t.Errorf("healthy %v, and exit code %d", report.Healthy, code)
	}
	return d
}

// fault is one thing that can be wrong: how it comes about, and what the doctor should say of it.
type fault struct {
	name   string
	flags  []string
	plant  func(c *clinic)
	ids    string // with a blank between
	code   int
	en, ru string // what people read
	word   string // after "doctor"
}

var faults = []fault{
	{name: "a phone that never tells an end", ids: "no-end", code: 1,
		plant: func(c *clinic) { c.hits("incoming", "answered", "incoming", "incoming", "outgoing", "incoming") },
		en:    "Phone 101 (001565aabb01, yealink) has told of 5 calls, and never of an end", ru: "ни разу об окончании"},
	{name: "a phone that tells no end any more", ids: "no-end", code: 1,
		plant: func(c *clinic) {
			c.hits("incoming", "answered", "ended")
			for range 10 {
				c.hits("incoming")
			}
		},
		en: "of no end any more", ru: "ни разу об окончании"},
	{name: "a phone that never tells an answer", ids: "no-answer", code: 1,
		plant: func(c *clinic) { c.hits("incoming", "held", "resumed", "ended") },
		en:    "never that one was answered", ru: "ни разу об ответе"},
	{name: "a placeholder that comes unfilled", ids: "unfilled", code: 1,
		plant: func(c *clinic) { c.hit("yealink", "incoming", "remote=$remote") },
		en:    "remote (incoming) came with the placeholder itself", ru: "пришла сама переменная: remote (incoming)"},
	{name: "calls without a line", ids: "no-line", code: 1,
		plant: func(c *clinic) {
			rig.Accepted(c.t, c.phones, "/yealink/incoming?mac=001565aabb01&remote=102")
		},
		en: "does not say which line it is", ru: "не сообщает свою линию"},
	{name: "two phones on one line", ids: "line-twice", code: 1,
		plant: func(c *clinic) {
			for range 2 {
				c.hit("yealink", "incoming", "")
				c.hit("yealink", "incoming", "mac=001565aabb02&ip=192.168.10.12")
			}
		},
		en: "Two phones say that they are line 101, and ring for different calls: 001565aabb01 (192.168.10.10), 001565aabb02 (192.168.10.12)",
		ru: "Два телефона называют себя линией 101"},
	{name: "two phones that share a line", ids: "line-shared", code: 0,
		plant: func(c *clinic) {
			for i := range 2 {
				for _, mac := range []string{"mac=001565aabb01", "mac=001565aabb02&ip=192.168.10.12"} {
					c.hit("yealink", "incoming", fmt.Sprintf("%s&remote=+7495123000%d", mac, i))
				}
			}
		},
		en: "NOTE  Two phones share line 101", ru: "К СВЕДЕНИЮ  Два телефона на одной линии 101"},
	{name: "one MAC from two addresses", ids: "mac-twice", code: 1,
		plant: func(c *clinic) {
			for range 2 {
				c.hit("yealink", "incoming", "")
				c.hit("yealink", "incoming", "ip=192.168.10.12")
			}
		},
		en: "One MAC (001565aabb01) calls from several addresses by turns: 192.168.10.10, 192.168.10.12", ru: "Один и тот же MAC"},
	{name: "a wrong token", flags: []string{"--shared-token-file", "FILES/shared"}, ids: "token-wrong", code: 1,
		plant: func(c *clinic) { c.hit("p/0123456789abcdef0123/yealink", "incoming", "") },
		en:    "sends a wrong token, and is refused (403): hits 1", ru: "шлёт неверный токен и получает 403"},
	{name: "a wrong token that was mended", flags: []string{"--shared-token-file", "FILES/shared"}, ids: "token-wrong", code: 0,
		plant: func(c *clinic) {
			token, err := os.ReadFile(filepath.Join(c.files, "shared"))
			if err != nil {
				c.t.Fatal(err)
			}
			c.hit("p/0123456789abcdef0123/yealink", "incoming", "")
			c.hit("p/"+strings.TrimSpace(string(token))+"/yealink", "incoming", "")
		},
		en: "NOTE  Mended, accepted since", ru: "К СВЕДЕНИЮ  Уже исправлено, принимается с"},
	{name: "no token", flags: []string{"--shared-token-file", "FILES/shared"}, ids: "token-missing", code: 1,
		plant: func(c *clinic) { c.hits("incoming", "ended") },
		en:    "The phone at 127.0.0.1 (001565aabb01, Go-http-client/1.1) sends hits without a token, and is refused (401): hits 2", ru: "обращается без токена и получает 401: обращений 2"},
	{name: "no token, behind the address of another phone", flags: []string{"--shared-token-file", "FILES/shared", "--token-optional"}, ids: "token-wrong", code: 1,
		plant: func(c *clinic) {
			c.hit("yealink", "incoming", "ip=127.0.0.1")
			c.hit("p/0123456789abcdef0123/yealink", "incoming", "mac=00:15:65:aa:bb:02")
		},
		en: "The phone at 127.0.0.1 (001565aabb02, Go-http-client/1.1) sends a wrong token", ru: "Телефон с адреса 127.0.0.1 (001565aabb02, Go-http-client/1.1) шлёт неверный токен"},
	{name: "another's token", flags: []string{"--token-secret", "FILES/secret"}, ids: "token-foreign", code: 1,
		plant: func(c *clinic) { c.hit("p/"+c.token("001565aabb02")+"/yealink", "incoming", "") },
		en:    "has a token that is not for it (this token is another phone's)", ru: "чужой токен (токен другого телефона: в URL другой MAC)"},
	{name: "an address that is not allowed", flags: []string{"--allow", "192.168.10.0/24"}, ids: "address-refused", code: 1,
		plant: func(c *clinic) { c.hits("incoming") },
		en:    "calls from an address that --allow does not name", ru: "которого нет в --allow"},
	{name: "more hits than the limit", flags: []string{"--rate-limit", "1"}, ids: "too-many-hits", code: 1,
		plant: func(c *clinic) {
			for range 30 {
				c.hits("registered")
			}
		},
		en: "sends more hits than --rate-limit allows", ru: "чаще, чем разрешает --rate-limit"},
	{name: "a URL with no such event", ids: "hits-unusable", code: 1,
		plant: func(c *clinic) { c.hits("sneezed") },
		en:    "…/yealink/sneezed?mac=001565aabb01&acc=101", ru: "шлёт непонятные обращения (404: нет такого диалекта или события): обращений 1"},
	{name: "a URL without a line", ids: "hits-unusable", code: 1,
		plant: func(c *clinic) { rig.Hit(c.t, c.phones, "/phone/incoming?remote=102") },
		en:    "(400: no line)", ru: "(400: не указана линия"},
	{name: "a phone that is silent", ids: "silent", code: 0,
		plant: func(c *clinic) {
			book, err := stream.DeclarePhoneBook(rig.Context(c.t), c.connect(), 1)
			if err != nil {
				c.t.Fatal(err)
			}
			last := time.Now().Add(-30 * time.Hour)
			_, err = book.Add(rig.Context(c.t), stream.KnownPhone{MAC: "001565aabb77", Line: "177", Vendor: "snom", First: last.AddDate(0, -1, 0), Last: last,
				Events: map[call.EventType]stream.SeenEvent{call.Incoming: {Count: 40, Last: last}, call.Answered: {Count: 30, Last: last}, call.Ended: {Count: 40, Last: last}}})
			if err != nil {
				c.t.Fatal(err)
			}
			for i := range 12 {
				c.happened("102", time.Now().Add(time.Duration(i-12)*time.Hour))
			}
		},
		en: "Phone 177 (001565aabb77, snom) has not been heard of for 30 h, while others are", ru: "молчит уже 30 ч"},
	{name: "a store that is nearly full", flags: []string{"--store-max", "1MiB"}, ids: "store-full", code: 1,
		plant: func(c *clinic) {
			for full := false; !full; {
				full = c.hit("yealink", "missed", "x="+strings.Repeat("x", 1900)) == http.StatusServiceUnavailable
			}
		},
		en: "The store is 9", ru: "Хранилище заполнено на 9"},
	{name: "1C is switched off", ids: "onec-away", code: 1,
		plant: func(c *clinic) { c.onec.Close(); c.hits("registered", "missed") },
		en:    "Calls do not get through to target main", ru: "Звонки не доходят до получателя main"},
	{name: "1C is switched off, and no call has tried it", ids: "onec-away", code: 1,
		plant: func(c *clinic) { c.onec.Close() },
		en:    "nobody listens at this address", ru: "по этому адресу никто не отвечает"},
	{name: "1C refuses a call", ids: "dead-letters", code: 1,
		plant: func(c *clinic) {
			c.onec.Behave(onectest.Always(onectest.Fault("Деление на 0")))
			c.hits("missed")
		},
		en: "ago: 1C refused: Деление на 0", ru: "отверг событий: 1"},
	{name: "an event that waits long, while 1C answers others", ids: "waiting", code: 1,
		plant: func(c *clinic) {
			c.onec.Behave(onectest.Always(onectest.Hang()))
			c.happened("102", time.Now().Add(-10*time.Minute))
		},
		en: "Events wait for target main: the oldest for 10 min", ru: "самое старое — 10 мин"},
	{name: "an event of tomorrow", ids: "clock", code: 1,
		plant: func(c *clinic) { c.happened("102", time.Now().Add(24*time.Hour)) },
		en:    "The last call (line 102) is 23 h in the future", ru: "из будущего"},
	{name: "a line that was never heard", ids: "unheard", code: 1, word: "777",
		plant: func(c *clinic) { c.hits("incoming") },
		en:    "No phone has ever called for line 777", ru: "ещё не сообщал о линии 777"},
	{name: "a line without faults", ids: "", code: 0, word: "101",
		plant: func(c *clinic) { c.hits("incoming", "answered", "ended") },
		en:    "main: delivered OK", ru: "main: передано OK"},
	{name: "the first line of a phone that has two", ids: "", code: 0, word: "101",
		plant: func(c *clinic) {
			c.hits("incoming", "ended")
			c.hit("yealink", "incoming", "acc=102")
			c.hit("yealink", "ended", "acc=102")
		},
		en: "All is well. Phones known: 1", ru: "Всё в порядке. Известно телефонов: 1"},
	{name: "a phone that is asked for by its MAC", ids: "", code: 0, word: "00:15:65:AA:BB:01",
		plant: func(c *clinic) { c.hits("incoming", "answered", "ended") },
		en:    "main: delivered OK", ru: "Телефон 001565aabb01, последние события:"},
	{name: "a MAC that was never heard", ids: "unheard", code: 1, word: "00:15:65:AA:BB:09",
		plant: func(c *clinic) { c.hits("incoming") },
		en:    "No phone with the MAC 001565aabb09 has ever called", ru: "Телефон с MAC 001565aabb09 ещё ни разу не обращался"},
	{name: "a Callbus that was killed", ids: "nats-away", code: 1,
		plant: func(c *clinic) { c.up.Signal(syscall.SIGKILL); _ = c.up.Wait() },
		en:    "Callbus is not running", ru: "Callbus не запущен"},
	{name: "an admin port that is somewhere else", ids: "admin-silent", code: 0,
		plant: func(c *clinic) { c.admin = rig.FreeAddr(c.t) },
		en:    "No admin port answers", ru: "Служебный порт не отвечает"},
}

// token makes a phone's token with the clinic's secret.
func (c *clinic) token(id string) string {
	c.t.Helper()
	token, err := c.secrets.Token(id)
	if err != nil {
		c.t.Fatal(err)
	}
	return token
}

func TestTheDoctorNamesEachFaultAndNothingElse(t *testing.T) {
	t.Parallel()
	for _, f := range faults {
		t.Run(f.name, func(t *testing.T) {
			t.Parallel()
			c := openClinic(t, f.flags...)
			f.plant(c)
			words := strings.Fields(f.word)
			claim(c, f, words)
			d := c.diagnose(words...)
			if got := strings.Join(d.ids, " "); got != f.ids || d.code != f.code {
				t.Errorf("callbus doctor --json: got %q and exit code %d, want %q and %d: %+v", got, d.code, f.ids, f.code, d.findings)
			}
		})
	}
}

// claim waits for what the doctor says in English: phones are in the book within seconds, 1C's answer in the store. Then it
// says the same in Russian.
func claim(c *clinic, f fault, words []string) {
	c.t.Helper()
	rig.Until(c.t, "the doctor to say "+f.en, func() (any, bool) {
		text, code := c.ask(append(words, "--lang", "en")...)
		return text, code == f.code && strings.Contains(text, f.en)
	})
	text, code := c.ask(append(words, "--lang", "ru")...)
	if code != f.code {
		c.t.Errorf("in Russian: exit code %d, want %d", code, f.code)
	}
	rig.Claim(c.t, "callbus doctor --lang ru", text, f.ru)
}
