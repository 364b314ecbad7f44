package e2e

import (
	"net"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// promised is what README says of the demo: on its feet, and a call played through, within this time.
const promised = 2 * time.Second

func TestTheDemoShowsACallWithinTwoSeconds(t *testing.T) {
	callbus, fastest, out := callbusProgram(t), time.Hour, ""
	for tries := 0; tries < 5 && fastest > promised; tries++ { // of a busy machine the best counts
		free(t, "127.0.0.1:8081") // the demo's 1C is nowhere else
		start := time.Now()
		demo := rig.Start(t, callbus, "up", "--demo", "--data", t.TempDir(),
			"--http", "127.0.0.1:0", "--admin", "127.0.0.1:0", "--nats-listen", "127.0.0.1:0")
		demo.Says("TelData(1, sip:74951234567@operatorsip.ru, 101)")
		fastest = min(fastest, time.Since(start))
		demo.Says("TelData(4, sip:74951234567@operatorsip.ru, 101)")
		demo.Signal(syscall.SIGTERM)
		if err := demo.Wait(); err != nil {
			t.Errorf("the demo ended with %v", err)
		}
		out = demo.Out.String()
	}
	for _, want := range []string{
		`phone  GET http://127\.0\.0\.1:\d+/checkphone\.php\?event=1&p1=sip:74951234567@operatorsip\.ru&p2=101\n`,
		`NATS   calls\.incoming  101 ← \+74951234567 *\n`,
		`1C     TelData\(1, sip:74951234567@operatorsip\.ru, 101\)\n`,
	} {
		if !regexp.MustCompile(`(?m)^\d\d:\d\d:\d\d\.\d\d\d ` + want).MatchString(out) {
			t.Errorf("the demo's output: want a line like %q in\n%s", want, out)
		}
	}
	if fastest > promised {
		t.Errorf("the call was through after %v, want %v at most", fastest, promised)
	}
	t.Logf("from the start of the program to TelData(1, …): %v", fastest.Round(time.Millisecond))
}

// free skips the test where somebody has the port.
func free(t *testing.T, addr string) {
	t.Helper()
	l, err := net.Listen("tcp", addr)
	if err != nil {
		t.Skipf("the demo needs %s, which is taken: %v", addr, err)
	}
	l.Close()
}

// office is callbus up, with a stand-in for 1C that the test tells what to do.
type office struct {
	t                  *testing.T
	data, phones, nats string
	operator           []string // flags of the operator's commands
	onec               *onectest.Server
	executable         string
}

func startOffice(t *testing.T) office {
	t.Helper()
	o := office{t: t, data: t.TempDir(), phones: rig.FreeAddr(t), nats: rig.FreeAddr(t), onec: standin(t, onectest.Options{})}
	o.executable = callbusProgram(t)
	rig.Start(t, o.executable, "up", "--data", o.data, "--http", o.phones, "--admin", "127.0.0.1:0", "--nats-listen", o.nats,
		"--onec-url", o.onec.URL()).Says("Callbus is up")
	o.operator = []string{"--data", o.data, "--nats", "nats://" + o.nats}
	return o
}

// says runs an operator's command and returns what it prints.
func (o office) says(words ...string) string {
	o.t.Helper()
	return rig.Run(o.t, o.executable, append(words, o.operator...)...)
}

func TestTheOperatorSeesADeadLetterAndSendsItAgain(t *testing.T) {
	t.Parallel()
	o := startOffice(t)
	o.onec.Behave(onectest.Always(onectest.Fault("Деление на 0")))
	rig.Claim(t, "callbus dead list at the beginning", o.says("dead", "list"), "no dead letters")

	rig.Accepted(t, o.phones, rig.CheckPhone(1, "sip:74951234567@operatorsip.ru", "101"))
	dead := rig.DeadLetter(t, rig.Connect(t, "nats://"+o.nats, filepath.Join(o.data, broker.CredsFile)))
	list := o.says("dead", "list")
	rig.Claim(t, "callbus dead list", list, "main", "incoming", "line 101", "sip:74951234567@operatorsip.ru", "tries 2", "Деление на 0")
	rig.Claim(t, "callbus dead list in Russian", o.says("dead", "--lang", "ru", "list"), "входящий", "линия 101", "попыток 2", "1С отказала: Деление на 0 (HTTP 500, ошибка SOAP)")
	number := strings.Fields(list)[0]
	rig.Claim(t, "callbus dead show", o.says("dead", "show", number), "dead letter "+number+", target main", "event:           incoming, line 101, other side +74951234567",
		"told:            TelData(Nomer_Sobitia: 1, Nomer_sip: sip:74951234567@operatorsip.ru, moi_nomer: 101)", "try 2: ", "why:             1C refused: Деление на 0 (HTTP 500, SOAP Fault)",
		"what to do:      The code of 1C says this", "callbus dead retry "+number)
	rig.Claim(t, "callbus dead show for scripts", o.says("dead", "show", number, "--json"),
		`"Why": "1C refused: Деление на 0 (HTTP 500, SOAP Fault)"`, `"ID": "`+dead.Event.ID+`"`, `"Tries": 2`, `"Number": "+74951234567"`)

	refused := o.refuses("dead", "retry", number)
	rig.Claim(t, "callbus dead retry while 1C still refuses", refused, "refused by target main again, and is number ", "Деление на 0", "refused again: 1 of 1")
	number = strings.Fields(o.says("dead", "list"))[0]
	rig.Claim(t, "callbus dead retry while 1C still refuses", refused, "and is number "+number+" now")
	rig.Claim(t, "callbus trace of what was refused twice", o.says("trace", "101"), "refused by the target; the dead letter is gone since its retry", "dead letter "+number+",")

	o.onec.Behave(nil)
	rig.Claim(t, "callbus dead retry", o.says("dead", "retry", number), ": target main took it")
	if got := called(t, o.onec, 1); got[0] != "1 sip:74951234567@operatorsip.ru 101" {
		t.Errorf("1C after the retry: got %q, want the call", got)
	}
	rig.Claim(t, "callbus dead list after the retry", o.says("dead", "list"), "no dead letters")
}

func TestTailPrintsALineForEachEvent(t *testing.T) {
	t.Parallel()
	o := startOffice(t)
	for _, as := range []struct{ who, data, lang, line string }{
		{"the operator", o.data, "en", "NATS   calls.incoming  101 ← +74951234567"},
		{"a guest", t.TempDir(), "ru", "NATS   входящий (calls.incoming)  101 ← +74951234567"},
	} {
		tail := rig.Start(t, o.executable, "tail", "--data", as.data, "--nats", "nats://"+o.nats, "--lang", as.lang)
		// It says nothing when it has begun to listen, so the phone calls until it is heard.
		rig.Until(t, "callbus tail to print a line for "+as.who, func() (any, bool) {
			rig.Accepted(t, o.phones, rig.CheckPhone(1, "sip:74951234567@operatorsip.ru", "101"))
			return tail.Log.String(), strings.Contains(tail.Out.String(), "\n")
		})
		rig.Claim(t, "callbus tail of "+as.who, tail.Out.String(), as.line)
	}
}

func TestACommandWithoutABrokerSaysSo(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, callbusProgram(t), "tail", "--data", t.TempDir(), "--nats", "nats://"+rig.FreeAddr(t))
	if err := p.Wait(); err == nil {
		t.Error("callbus tail without a broker: got exit code 0, want a failure")
	}
	rig.Claim(t, "callbus tail without a broker", p.Log.String(), "nobody answers at nats://", "does Callbus run?")
}

// In the office edition the broker stops with the adapter, so that a target can only be forgotten in the store itself.
func TestATargetIsForgottenInTheStoreOfAStoppedOffice(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	office := rig.Start(t, callbusProgram(t), "up", "--data", data, "--http", rig.FreeAddr(t), "--admin", "", "--nats-listen", "off",
		"--onec-url", "http://"+rig.FreeAddr(t)+"/none")
	office.Says("target.away at the start")
	forget := func(yes ...string) *rig.Program {
		words := []string{"targets", "forget", "main", "--data", data, "--nats", "nats://" + rig.FreeAddr(t)}
		return rig.Start(t, callbusProgram(t), append(words, yes...)...)
	}
	running := forget()
	if err := running.Wait(); err == nil {
		t.Error("forget while the office runs: got exit code 0, want a refusal")
	}
	rig.Claim(t, "forget while the office runs", running.Log.String(), "Callbus works in ", "does not answer")
	office.Signal(syscall.SIGTERM)
	if err := office.Wait(); err != nil {
		t.Fatal(err)
	}
	unasked := forget()
	if err := unasked.Wait(); err == nil {
		t.Error("forget where nobody can be asked: got exit code 0, want a refusal")
	}
	rig.Claim(t, "forget where nobody can be asked", unasked.Log.String(), "--yes")
	if err := forget("--yes").Wait(); err != nil {
		t.Errorf("forget in the stopped office: %v", err)
	}
}

// Without a key NATS refuses by silence: the command would end in a time-out that explains nothing.
func TestACommandWithoutItsKeySaysSo(t *testing.T) {
	t.Parallel()
	p := rig.Start(t, callbusProgram(t), "dead", "list", "--data", t.TempDir(), "--nats", "nats://"+rig.FreeAddr(t))
	if err := p.Wait(); err == nil {
		t.Error("callbus dead list without a key: got exit code 0, want a failure")
	}
	rig.Claim(t, "callbus dead list without a key", p.Log.String(), "there is no nats.creds", "--nats-creds")
}
