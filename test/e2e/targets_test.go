package e2e

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/callbus/callbus/test/rig"
)

// Lanes, pauses and what is seen of them, in an office that works all the while.
func TestTheOperatorChangesLanesAndPausesATarget(t *testing.T) {
	t.Parallel()
	o := startOffice(t)
	rig.Accepted(t, o.phones, rig.CheckPhone(1, "sip:74951234567@operatorsip.ru", "101"))
	called(t, o.onec, 1)
	rig.Claim(t, "callbus targets", o.says("targets"), "main: works", "calls at once: 2\n", "adapter ")

	rig.Claim(t, "callbus lanes --dry-run", o.says("lanes", "main", "4", "--dry-run"), "from 2 lanes", "to 4", "Nothing was done")
	rig.Claim(t, "callbus lanes", o.says("lanes", "main", "4", "--lang", "ru"), "было 2, станет 4", "Готово за ", "вызовов одновременно 4")
	rig.Claim(t, "callbus lanes once more", o.says("lanes", "main", "4"), "has 4 lanes", "already")
	for i := range 8 {
		rig.Accepted(t, o.phones, rig.CheckPhone(1, fmt.Sprintf("sip:7495123%04d@operatorsip.ru", i), lineNumber(i)))
	}
	called(t, o.onec, 9)
	rig.Until(t, "callbus targets to name the owner of the new lanes", func() (any, bool) {
		said := o.says("targets", "main", "--details", "--lang", "ru")
		return said, strings.Contains(said, "полосы 2-0") && strings.Contains(said, "в его настройках sessions: 2")
	})

	rig.Claim(t, "callbus pause", o.says("pause", "main"), "paused since", "nothing is lost", "callbus resume main", "No adapter pulls any more")
	rig.Accepted(t, o.phones, rig.CheckPhone(4, "sip:74951234567@operatorsip.ru", "101"))
	rig.Claim(t, "callbus targets of a paused one", o.says("targets"), "main: paused by ", "events: 1 wait")
	var report struct {
		Targets []struct {
			State   string
			Waiting int
			Paused  struct{ By string }
		}
	}
	if err := json.Unmarshal([]byte(o.says("targets", "--json")), &report); err != nil || len(report.Targets) != 1 {
		t.Fatalf("callbus targets --json: %+v (%v)", report, err)
	}
	if is := report.Targets[0]; is.State != "paused" || is.Waiting != 1 || is.Paused.By == "" {
		t.Errorf("callbus targets --json: %+v, want it paused by somebody, with one waiting", is)
	}
	rig.Claim(t, "callbus trace of what waits", o.says("trace", "101"), "the target is paused since", "callbus resume main")
	if n := len(worked(o.onec)); n != 9 {
		t.Errorf("%d calls of 1C while it is paused, want the 9 from before", n)
	}
	rig.Claim(t, "callbus resume", o.says("resume", "main", "--lang", "ru"), "снова работает")
	called(t, o.onec, 10)
	rig.Claim(t, "callbus resume once more", o.says("resume", "main"), "was not paused")
}

func TestWhatCannotBeChangedIsSaidInTheOperatorsLanguage(t *testing.T) {
	t.Parallel()
	o := startOffice(t)
	rig.Until(t, "the target to be there", func() (any, bool) {
		said := o.says("targets")
		return said, strings.Contains(said, "main: ")
	})
	for _, c := range []struct{ words, want string }{
		{"lanes mian 3 --lang ru", "получателя mian нет (есть: main)"},
		{"lanes main 65 --lang ru", "число от 1 до 64"},
		{"lanes main --lang ru", "число от 1 до 64"},
		{"pause --lang ru", "нужно имя получателя"},
		{"pause mian", "there is no target mian (there are: main)"},
		{"targets mian --lang ru", "получателя mian нет (есть: main)"},
		{"targets forget main --lang ru", "с получателем main работает адаптер"},
	} {
		p := rig.Start(t, o.executable, append(strings.Fields(c.words), o.operator...)...)
		if err := p.Wait(); err == nil {
			t.Errorf("callbus %s: exit code 0, want a refusal", c.words)
		}
		rig.Claim(t, "callbus "+c.words, p.Log.String(), c.want)
	}
}
