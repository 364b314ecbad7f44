package e2e

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// An admin rotates the secret, and goes around by what the phone book and the doctor say; what he tries out with callbus send
// is in neither, though 1C hears of it.
func TestThePhoneBookSaysWhichTokenEachPhoneHas(t *testing.T) {
	t.Parallel()
	o := office{t: t, data: t.TempDir(), phones: rig.FreeAddr(t), nats: rig.FreeAddr(t), executable: callbusProgram(t), onec: standin(t, onectest.Options{})}
	admin, file := rig.FreeAddr(t), filepath.Join(t.TempDir(), "callbus.yaml")
	settings := "data: " + o.data + "\nhttp: " + o.phones + "\nadmin: " + admin + "\nnats-listen: " + o.nats + "\nonec-url: " + o.onec.URL() +
		"\ntoken-secret: " + filepath.Join(o.data, "phones.secret") + "\ntoken-optional: true\n"
	if err := os.WriteFile(file, []byte(settings), 0o600); err != nil {
		t.Fatal(err)
	}
	o.operator = []string{"--config", file, "--lang", "ru"}
	token := func(id string) string { return strings.TrimSpace(o.says("token", "new", id)) }
	_ = token("001565aabb01") // it makes the secret
	rig.Start(t, o.executable, "up", "--config", file).Says("Callbus is up")

	ring := func(token, mac, line string) {
		rig.Accepted(t, o.phones, token+"/yealink/incoming?mac="+mac+"&line="+line+"&remote=%2B74951230001")
	}
	first, second := token("001565aabb01"), token("001565aabb02")
	ring(first, "001565aabb01", "101")
	ring(second, "001565aabb02", "102")
	ring("", "001565aabb03", "103")
	rig.Claim(t, "callbus send", o.says("send", "incoming", "--vendor", "yealink", "--line", "104", "--mac", "001565aabb04", "--remote", "+74951230004"), "/p/***/yealink", "200 OK")
	if got := called(t, o.onec, 4); !strings.Contains(strings.Join(got, "\n"), "+74951230004") {
		t.Errorf("1C got %q, and nothing of callbus send", got)
	}
	rig.Claim(t, "callbus trace", o.says("trace", "104"), "callbus send")
	o.book("свой", "свой", "нет")

	rotated := o.says("token", "rotate", "--yes", "--grace", "200h")
	rig.Claim(t, "callbus token rotate", rotated, "новый секрет", "callbus phones")
	until := regexp.MustCompile(`\d{4}-\d\d-\d\d \d\d:\d\d`).FindString(rotated)
	fresh := token("001565aabb01") + "/yealink/incoming?mac=001565aabb01&line=101&remote=%2B74951230002"
	rig.Until(t, "the new token to be taken", func() (any, bool) { got := rig.Hit(t, o.phones, fresh); return got, got == 200 })
	o.book("свой", "старый", "нет") // the second has not called since: the first tells it
	ring(second, "001565aabb02", "102")
	o.book("свой", "старый, до "+until, "нет")
	rig.Claim(t, "callbus doctor", o.says("doctor"), "с "+until, "перестанут действовать (403): 102 (001565aabb02)", "callbus token new 001565aabb02", "[tokens-expiring]",
		"--token-optional: 103 (001565aabb03)", "[no-token]")
}

// book waits until callbus phones has a line for each phone with this word on its token.
func (o office) book(tokens ...string) {
	o.t.Helper()
	rig.Until(o.t, "the phone book to have "+strings.Join(tokens, ", "), func() (any, bool) {
		said := o.says("phones")
		lines := strings.Split(strings.TrimSpace(said), "\n")[1:]
		if len(lines) != len(tokens) {
			return said, false
		}
		for i, line := range lines {
			if !strings.Contains(line, "  "+tokens[i]) {
				return said, false
			}
		}
		return said, true
	})
}
