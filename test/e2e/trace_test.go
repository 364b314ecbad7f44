package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// loginOffice is an office whose 1C wants a login.
func loginOffice(t *testing.T) (office, *rig.Program) {
	t.Helper()
	o := office{
		t: t, data: t.TempDir(), phones: rig.FreeAddr(t), nats: rig.FreeAddr(t), executable: callbusProgram(t),
		onec: standin(t, onectest.Options{User: "callbus", Password: "Пароль 1"}),
	}
	password := filepath.Join(t.TempDir(), "password.txt")
	if err := os.WriteFile(password, []byte("Пароль 1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	admin := rig.FreeAddr(t)
	up := rig.Start(t, o.executable, "up", "--data", o.data, "--http", o.phones, "--admin", admin, "--nats-listen", o.nats,
		"--onec-url", o.onec.URL(), "--onec-user", "callbus", "--onec-password-file", password)
	up.Says("Callbus is up")
	o.operator = []string{"--data", o.data, "--nats", "nats://" + o.nats, "--admin", admin}
	return o, up
}

// tells waits until the story of line 101 has a part, and claims the others.
func (o office) tells(language, part string, others ...string) {
	o.t.Helper()
	story := ""
	rig.Until(o.t, "callbus trace to tell "+part, func() (any, bool) {
		story = o.says("trace", "101", "--lang", language)
		return story, strings.Contains(story, part)
	})
	rig.Claim(o.t, "callbus trace 101", story, others...)
}

func TestTraceTellsADeliveryADeadLetterAndAWait(t *testing.T) {
	t.Parallel()
	o, up := loginOffice(t)
	rig.Accepted(t, o.phones, rig.CheckPhone(1, "sip:74951234567@operatorsip.ru", "101"))
	o.tells("en", "delivered, tries: 1", "incoming, line 101 ← +74951234567", "127.0.0.1, dialect checkphone", "event=1&p1=sip:74951234567@operatorsip.ru&p2=101",
		"stored: number 1 of CALLS, calls.incoming", "target main:", "told: TelData(Nomer_Sobitia: 1, ", "taken", "its answer: OK")
	if story := o.says("trace", "101", "--lang", "en"); !regexp.MustCompile(`try 1, \d+ ms: taken`).MatchString(story) {
		t.Errorf("want the milliseconds of the try in\n%s", story)
	}

	o.onec.Behave(onectest.Always(onectest.Fault("Деление на 0")))
	rig.Accepted(t, o.phones, rig.CheckPhone(2, "sip:74951234567@operatorsip.ru", "101"))
	o.tells("ru", "отвергнуто (№", "доставлено, попыток: 1", "ответ, линия 101", "попытка 2, ", "1С отказала: Деление на 0 (HTTP 500, ошибка SOAP)", "callbus dead retry ")

	if err := o.onec.Close(); err != nil {
		t.Fatal(err)
	}
	rig.Accepted(t, o.phones, rig.CheckPhone(4, "sip:74951234567@operatorsip.ru", "101"))
	rig.Accepted(t, o.phones, rig.CheckPhone(1, "sip:74957654321@operatorsip.ru", "101"))
	o.tells("en", "the target cannot take it: nobody listens at this address (", "waits, and is next", "it was tried last at ", "waits, events before it: 1",
		"this target took an event last at ")
	rig.Claim(t, "callbus trace of a number", o.says("trace", "--lang", "ru", "-n", "1", "8 (495)", "765-43-21"),
		"входящий, линия 101 ← +74957654321", "передать не удаётся: по этому адресу никто не отвечает (")
	number := rig.DeadLetter(t, rig.Connect(t, "nats://"+o.nats, filepath.Join(o.data, broker.CredsFile))).Event.ID
	rig.Claim(t, "callbus trace of an event", o.says("trace", number, "--lang", "ru", "--since", "0s"), "событие "+number, "отвергнуто")

	up.Signal(syscall.SIGTERM)
	if err := up.Wait(); err != nil {
		t.Fatal(err)
	}
	rig.Claim(t, "callbus trace in a stopped office", o.says("trace", "101", "-n", "1", "--lang", "ru"),
		"ждёт, впереди событий: 1", "Callbus остановлен: продолжит, когда его запустят")
}

func TestTraceOfNothingSaysSo(t *testing.T) {
	t.Parallel()
	o := startOffice(t)
	p := rig.Start(t, o.executable, append([]string{"trace", "909", "--lang", "ru"}, o.operator...)...)
	if err := p.Wait(); err == nil {
		t.Error("callbus trace of a line that never called: got exit code 0, want a failure")
	}
	rig.Claim(t, "callbus trace 909", p.Log.String(), "909: за последний час ничего нет", "--since 7d")
}
