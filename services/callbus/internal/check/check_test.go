package check

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// wrong is a check that ends at the login, and well one that passes with a test call.
func wrong() onecadapter.Checked {
	return onecadapter.Checked{
		Target: "main", URL: "http://server/base/ws/teldata.1cws",
		Trouble: &onecadapter.Trouble{Step: onecadapter.Session, Cause: onecadapter.Login, Why: "1C does not accept the user or the password (HTTP 401, empty answer)"},
		Steps: []onecadapter.Tried{
			{Step: onecadapter.DNS, State: onecadapter.Passed, Took: 1200 * time.Microsecond, Found: "192.168.10.5"},
			{Step: onecadapter.HTTP, State: onecadapter.Passed, Took: 31 * time.Millisecond},
			{Step: onecadapter.Session, State: onecadapter.Failed},
			{Step: onecadapter.WSDL, State: onecadapter.NotTried},
		},
	}
}

func well() onecadapter.Checked {
	c := wrong()
	c.Trouble, c.Reply = nil, verdict.Reply{Sent: "TelData(Nomer_Sobitia: 4)", Answer: "OK"}
	c.Parameters = []onecadapter.Parameter{{Name: "Nomer_Sobitia", From: "event"}, {Name: "Kommentariy"}}
	c.Steps = []onecadapter.Tried{{Step: onecadapter.Trial, State: onecadapter.Passed, Took: 40 * time.Millisecond, Found: "OK"}}
	return c
}

func told(c onecadapter.Checked, l lang.Lang, plain bool) string {
	var b strings.Builder
	t := Teller{Writer: &b, Lang: l, Plain: plain}
	for _, s := range c.Steps {
		t.Step(c, s)
	}
	t.Result(c)
	return b.String()
}

func TestAnOperatorReadsTheSteps(t *testing.T) {
	for _, c := range []struct {
		got, want string
	}{
		{told(wrong(), lang.English, true), `Target main  http://server/base/ws/teldata.1cws
  ok   DNS            1 ms 192.168.10.5
  ok   HTTP           31 ms
  FAIL login
    1C does not accept the user or the password (HTTP 401, empty answer)
  -    WSDL           not tried
What to do: Correct the user, or the password in its file (UTF-8, one line): a running Callbus tries a changed password at once. May the user log in with a password of 1C's own?
`},
		{told(wrong(), lang.Russian, false), `Получатель main  http://server/base/ws/teldata.1cws
  ✓ DNS            1 мс 192.168.10.5
  ✓ HTTP           31 мс
  ✗ вход
    1С не принимает пользователя или пароль (HTTP 401, пустой ответ)
  · WSDL           не проверялось
Что делать: Исправьте пользователя или пароль в его файле (UTF-8, одна строка): работающий Callbus сам попробует новый пароль сразу. Включён ли у пользователя вход по паролю 1С?
`},
		{told(well(), lang.Russian, false), `Получатель main  http://server/base/ws/teldata.1cws
  ✓ пробный вызов  40 мс OK
Передано: TelData(Nomer_Sobitia: 4)
Что куда передаётся: Nomer_Sobitia ← событие, Kommentariy ← ничего
`},
	} {
		if diff := cmp.Diff(c.want, c.got); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	}
}

func TestEveryStepHasANameAndEveryStateASign(t *testing.T) {
	for _, s := range []onecadapter.Step{
		onecadapter.DNS, onecadapter.TCP, onecadapter.TLS, onecadapter.HTTP, onecadapter.Session, onecadapter.WSDL, onecadapter.Service, onecadapter.Mapping, onecadapter.Trial,
	} {
		if n := names[s]; n.En == "" || n.Ru == "" || len([]rune(n.Ru)) > width {
			t.Errorf("step %s is called %+v", s, n)
		}
	}
}

func TestAScriptReadsTheSameInEveryLanguage(t *testing.T) {
	r := ReportOf(wrong(), lang.Russian)
	if r.Healthy || r.Failed != onecadapter.Session || r.Steps[2].State != onecadapter.Failed || !strings.HasPrefix(r.Why, "1С не принимает") || r.Do == "" {
		t.Errorf("got %+v", r)
	}
	if r = ReportOf(well(), lang.English); !r.Healthy || r.Sent == "" || r.Answer != "OK" || r.Parameters["Nomer_Sobitia"] != "event" {
		t.Errorf("got %+v", r)
	}
}

func TestSignsAreForTerminalsThatShowThem(t *testing.T) {
	for _, c := range []struct {
		env    map[string]string
		system string
		plain  bool
	}{
		{map[string]string{"LANG": "ru_RU.UTF-8"}, "linux", false},
		{map[string]string{"LANG": "ru_RU.utf8", "LC_ALL": "C"}, "linux", true},
		{map[string]string{"LANG": "ru_RU.KOI8-R"}, "linux", true},
		{nil, "linux", true},
		{nil, "windows", false},
	} {
		if got := Plain(func(name string) string { return c.env[name] }, c.system); got != c.plain {
			t.Errorf("%v on %s: plain %v, want %v", c.env, c.system, got, c.plain)
		}
	}
}
