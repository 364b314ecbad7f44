package e2e

import (
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// TestAPhoneIsSetUpAndItsCallsReach1C: an office that asks for tokens writes a phone's file; what the phone then sends, and
// what callbus send sends in its name, arrives in 1C; what it sends otherwise is refused, in words.
func TestAPhoneIsSetUpAndItsCallsReach1C(t *testing.T) {
	t.Parallel()
	o := office{t: t, data: t.TempDir(), phones: rig.FreeAddr(t), nats: rig.FreeAddr(t), executable: callbusProgram(t),
		onec: standin(t, onectest.Options{})}
	list := filepath.Join(t.TempDir(), "phones.csv")
	if err := os.WriteFile(list, []byte("id;line;vendor\n00:15:65:AA:BB:CC;101;yealink\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	rig.Run(t, o.executable, "token", "new", "001565aabbcc", "--data", o.data)
	rig.Start(t, o.executable, "up", "--data", o.data, "--http", o.phones, "--admin", "127.0.0.1:0", "--nats-listen", o.nats,
		"--token-secret", filepath.Join(o.data, "phones.secret"), "--phones", list, "--onec-url", o.onec.URL()).Says("Callbus is up")

	dir := t.TempDir()
	rig.Claim(t, "callbus provision", rig.Run(t, o.executable, "provision", "yealink", "--url", "http://"+o.phones, "--phones", list,
		"--data", o.data, "--out", dir, "--lang", "ru"), "001565aabbcc.cfg", "токены: у каждого телефона свой", "Сервер настройки у телефона один")
	file, err := os.ReadFile(filepath.Join(dir, "001565aabbcc.cfg"))
	if err != nil {
		t.Fatal(err)
	}
	template := regexp.MustCompile(`(?m)^action_url\.incoming_call = http://[^/]+(/p/([^/]+)/\S+)$`).FindStringSubmatch(string(file))
	if template == nil {
		t.Fatalf("no URL for an incoming call in\n%s", file)
	}
	c, err := net.Dial("tcp", o.phones)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	target := strings.NewReplacer("$mac", "00:15:65:aa:bb:cc", "$remote", "sip:+74951234567@pbx", "$call_id", "32769", "$ip", "127.0.0.1",
		"$display_remote", "Иван Петров").Replace(template[1])
	if _, err := c.Write([]byte("GET " + target + " HTTP/1.1\r\nHost: " + o.phones + "\r\n\r\n")); err != nil {
		t.Fatal(err)
	}
	if got := status(c); got != 200 {
		t.Errorf("the phone's URL: got %d, want 200", got)
	}

	to := []string{"--to", "http://" + o.phones, "--lang", "ru", "--vendor", "yealink", "--remote", "+74951234567"}
	rig.Claim(t, "callbus send", rig.Run(t, o.executable, append([]string{"send", "answered", "--line", "101", "--token", template[2]}, to...)...),
		"GET http://"+o.phones+"/p/***/yealink/answered?line=101&remote=sip:+74951234567@pbx\n", "200 OK", "callbus trace 101")
	if diff := cmp.Diff([]string{"1 sip:+74951234567@pbx 101", "2 sip:+74951234567@pbx 101"}, called(t, o.onec, 2)); diff != "" {
		t.Errorf("calls of 1C (-want +got):\n%s", diff)
	}
	for _, x := range []struct {
		flags []string
		want  string
	}{
		{append([]string{"--line", "101"}, to...), "callbus token new"},
		{append([]string{"--line", "102", "--token", template[2]}, to...), "403 Forbidden"},
		{[]string{"--line", "101", "--to", "http://" + rig.FreeAddr(t), "--lang", "ru"}, "никто не слушает"},
	} {
		p := rig.Start(t, o.executable, append([]string{"send", "incoming"}, x.flags...)...)
		if p.Wait() == nil {
			t.Errorf("callbus send %q: got exit code 0", x.flags)
		}
		rig.Claim(t, "callbus send", p.Out.String(), x.want)
	}
}
