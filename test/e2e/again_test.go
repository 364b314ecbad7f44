package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// startPair is an office with two targets: main, of which o.onec is the 1C, and crm.
func startPair(t *testing.T) (o office, crm *onectest.Server, up *rig.Program) {
	t.Helper()
	o = office{t: t, data: t.TempDir(), phones: rig.FreeAddr(t), nats: rig.FreeAddr(t), executable: callbusProgram(t), onec: standin(t, onectest.Options{})}
	crm = standin(t, onectest.Options{})
	targets := filepath.Join(t.TempDir(), "targets.yaml")
	text := fmt.Sprintf("targets:\n- {name: main, url: %q, from: beginning}\n- {name: crm, url: %q, from: beginning}\n", o.onec.URL(), crm.URL())
	if err := os.WriteFile(targets, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	up = rig.Start(t, o.executable, "up", "--data", o.data, "--http", o.phones, "--admin", "127.0.0.1:0", "--nats-listen", o.nats, "--targets", targets)
	up.Says("Callbus is up")
	o.operator = []string{"--data", o.data, "--nats", "nats://" + o.nats, "--lang", "en"}
	return o, crm, up
}

// ring is a phone that tells of a ring.
func (o office) ring(line, remote string) {
	o.t.Helper()
	rig.Accepted(o.t, o.phones, rig.CheckPhone(1, "sip:"+remote+"@operatorsip.ru", line))
}

// refuses runs a command that must fail, and returns what it says.
func (o office) refuses(words ...string) string {
	o.t.Helper()
	p := rig.Start(o.t, o.executable, append(words, o.operator...)...)
	if p.Wait() == nil {
		o.t.Errorf("callbus %s: exit code 0, want a failure", strings.Join(words, " "))
	}
	return p.Out.String() + p.Log.String()
}

// ended waits until so many events have ended, for both targets.
func (o office) ended(n int) {
	o.t.Helper()
	rig.Ended(o.t, rig.Connect(o.t, "nats://"+o.nats, filepath.Join(o.data, broker.CredsFile)), n)
}

// A poisoned event: its lane goes on, the others never notice, its letter says what 1C said, and after the mend it goes to the
// target that refused it and to no other.
func TestAPoisonedEventGoesToItsTargetOnlyAfterTheMend(t *testing.T) {
	t.Parallel()
	o, crm, _ := startPair(t)
	o.onec.Behave(onectest.ForLines(onectest.Exception("Деление на 0"), "101"))
	for _, line := range []string{"101", "102", "103"} {
		o.ring(line, "74951234567")
	}
	begin := time.Now()
	o.ring("101", "74957654321") // waits behind the poisoned one
	o.ended(8)
	if took := time.Since(begin); took > rig.Patience/2 {
		t.Errorf("the lane went on after %v", took)
	}
	list := o.says("dead", "list", "--target", "main", "--remote", "8 (495) 123-45-67")
	if strings.Count(list, "\n") != 1 {
		t.Fatalf("callbus dead list: want one letter, got\n%s", list)
	}
	number := strings.Fields(list)[0]
	rig.Claim(t, "callbus dead show", o.says("dead", "show", number), "dead letter "+number+", target main", "{WebСервис.TelData.Модуль(25)}: Деление на 0", "try 2:", "HTTP 500")

	rig.Claim(t, "callbus dead retry --dry-run", o.says("dead", "retry", "--why", "деление", "--dry-run"), "target main: 2 to be sent again")
	o.onec.Behave(nil)
	before := len(crm.Calls())
	rig.Claim(t, "callbus dead retry", o.says("dead", "retry", "--why", "деление"), "target main: 2 to be sent again", "sent 2 of 2, taken 2, refused 0")
	worked := worked(o.onec)
	if got := strings.Join(worked[len(worked)-2:], "; "); got != "1 sip:74951234567@operatorsip.ru 101; 1 sip:74957654321@operatorsip.ru 101" {
		t.Errorf("1C was told last: %s; want the two of line 101 in their order", got)
	}
	if got := len(crm.Calls()); got != before {
		t.Errorf("the other target was called %d times more", got-before)
	}
	rig.Claim(t, "callbus dead list", o.says("dead", "list"), "no dead letters")
}

func TestLettersAreRetriedUntil1CRefusesAgainAndDropped(t *testing.T) {
	t.Parallel()
	o, _, up := startPair(t)
	o.onec.Behave(onectest.Always(onectest.Exception("Деление на 0")))
	for n := range 9 {
		o.ring(fmt.Sprint(101+n), "74951234567")
	}
	o.ended(18)
	rig.Claim(t, "dead retry of all", o.refuses("dead", "retry", "--all"), "the target refuses one after another", "Деление на 0", "the rest is not sent")
	rig.Claim(t, "dead retry of nothing named", o.refuses("dead", "retry"), "--all")
	rig.Claim(t, "dead retry of numbers and filters", o.refuses("dead", "retry", "1", "--line", "101"), "not both")
	rig.Claim(t, "dead drop without a terminal", o.refuses("dead", "drop", "--line", "101"), "--yes")
	rig.Claim(t, "dead drop --dry-run", o.says("dead", "drop", "--line", "101", "--dry-run"), "would be dropped: 1", "line 101")
	rig.Claim(t, "dead drop", o.says("dead", "drop", "--line", "101", "--yes"), "dropped ", "line 101", "Деление на 0")
	rig.Until(t, "the letters of all lines but 101", func() (any, bool) { // some of the retried may still die once more
		list := o.says("dead", "list")
		return list, strings.Count(list, "\n") == 8 && !strings.Contains(list, "line 101")
	})
	rig.Claim(t, "trace of what was dropped", o.says("trace", "101"), "skipped: dropped by an operator")

	up.Signal(syscall.SIGTERM)
	if err := up.Wait(); err != nil {
		t.Fatal(err)
	}
	rig.Claim(t, "dead retry in a stopped office", o.refuses("dead", "retry", "--all"), "Callbus is stopped: start it first")
}

func TestAHoleIn1CIsFilled(t *testing.T) {
	t.Parallel()
	o, crm, _ := startPair(t)
	for n := range 12 {
		o.ring(fmt.Sprint(101+n%3), "7495123456"+fmt.Sprint(n%10))
	}
	o.ended(24)
	time.Sleep(1100 * time.Millisecond) // the hole ends with a whole second
	until := time.Now().Format("2006-01-02 15:04:05")
	told := worked(o.onec)
	crmBefore := len(crm.Calls())
	hole := []string{"resend", "--target", "main", "--since", "1h", "--until", until}
	rig.Claim(t, "resend --dry-run", o.says(append(hole, "--dry-run")...), "target main: 12 to be sent again")
	rig.Claim(t, "resend without a terminal", o.refuses(hole...), "--yes")
	o.says("pause", "main")
	rig.Claim(t, "resend to a paused target", o.refuses(append(hole, "--yes")...), "target main is paused; first: callbus resume main")
	o.says("resume", "main")
	rig.Claim(t, "resend without an end", o.refuses("resend", "--since", "1h"), "--since and --until")
	rig.Claim(t, "resend of one line", o.says(append(hole, "--line", "102", "--yes")...), "target main: 4 to be sent again", "sent 4 of 4, taken 4, refused 0")
	rig.Claim(t, "resend of the rest", o.says(append(hole, "--yes")...), "target main: 8 to be sent again", "told of them again since: 4", "taken 8")
	rig.Claim(t, "resend once more", o.says(append(hole, "--yes")...), "target main: 0 to be sent again", "told of them again since: 12")
	again := worked(o.onec)[len(told):]
	for _, line := range []string{"101", "102", "103"} {
		if got, want := of(line, again), of(line, told); got != want {
			t.Errorf("line %s was told again: %s; want %s", line, got, want)
		}
	}
	if got := len(crm.Calls()); got != crmBefore {
		t.Errorf("the other target was called %d times more", got-crmBefore)
	}
}

// of are the calls of one line, in their order.
func of(line string, calls []string) string {
	var own []string
	for _, c := range calls {
		if strings.HasSuffix(c, " "+line) {
			own = append(own, c)
		}
	}
	return strings.Join(own, "; ")
}

// A run that is broken off says how to go on, and the next one doubles nothing.
func TestAHoleIsFilledInTwoGoes(t *testing.T) {
	t.Parallel()
	o, _, _ := startPair(t)
	for n := range 12 {
		o.ring(fmt.Sprint(101+n%3), "7495123456"+fmt.Sprint(n%10))
	}
	o.ended(24)
	time.Sleep(1100 * time.Millisecond) // the hole ends with a whole second
	hole := append([]string{"resend", "--since", "1h", "--until", time.Now().Format("2006-01-02T15:04:05"), "--yes"}, o.operator...)
	told := worked(o.onec)

	o.onec.Behave(onectest.Always(onectest.Hang()))
	first := rig.Start(t, o.executable, hole...)
	rig.Until(t, "1C to be called again", func() (any, bool) { return len(o.onec.Calls()), len(o.onec.Calls()) > len(told) })
	first.Signal(syscall.SIGINT)
	if first.Wait() == nil {
		t.Error("a run that is broken off: exit code 0")
	}
	rig.Claim(t, "resend, broken off", first.Log.String(), "broken off", "callbus resend --target main --since ")

	o.onec.Behave(nil)
	o.onec.Release()
	rig.Claim(t, "resend, gone on", rig.Run(t, o.executable, hole...), "refused 0")
	rig.Until(t, "all to be told again", func() (any, bool) { return len(worked(o.onec)), len(worked(o.onec)) >= 2*len(told) })
	again := worked(o.onec)[len(told):]
	for _, line := range []string{"101", "102", "103"} {
		if got, want := of(line, again), of(line, told); got != want {
			t.Errorf("line %s was told again: %s; want %s", line, got, want)
		}
	}
}
