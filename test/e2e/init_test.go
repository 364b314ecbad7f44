package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// initialise runs callbus init in a folder, with lines typed into it, and returns what it said.
func initialise(t *testing.T, dir, typed string, flags ...string) (said string, err error) {
	t.Helper()
	cmd := exec.CommandContext(rig.Context(t), callbusProgram(t), append([]string{"init", "--dir", dir, "--lang", "en"}, flags...)...)
	cmd.Stdin = strings.NewReader(typed)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func list(t *testing.T, dir string) (names []string) {
	t.Helper()
	files, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		names = append(names, f.Name())
	}
	return names
}

func TestInitMakesAnOfficeThatDelivers(t *testing.T) {
	t.Parallel()
	onec := standin(t, onectest.Options{User: "callbus", Password: "Пароль 1"})
	dir, phones, nats := filepath.Join(t.TempDir(), "of fice"), rig.FreeAddr(t), rig.FreeAddr(t)
	data := filepath.Join(dir, "calls")
	said, err := initialise(t, dir, onec.URL()+"\ncallbus\nПароль 2\ncallbus\nПароль 1\n\n\n\n\n", "--http", phones, "--data", data)
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	rig.Claim(t, "callbus init", said, "1C does not accept the user or the password", "Nomer_sip     ← the other side, as the phone sent it",
		"written: "+filepath.Join(dir, "callbus.yaml"), "http://"+phones+"/yealink/incoming?mac=$mac", "callbus service install --config", "callbus provision list",
		"callbus send incoming --line 101 --remote 74951234567 --config ")
	if strings.Contains(said, "Пароль 1") || strings.Contains(said, "Пароль 2") {
		t.Errorf("a password was shown:\n%s", said)
	}
	config := filepath.Join(dir, "callbus.yaml")
	rig.Start(t, callbusProgram(t), "up", "--config", config, "--admin", "127.0.0.1:0", "--nats-listen", nats).Says("Callbus is up")
	rig.Accepted(t, phones, rig.CheckPhone(1, "sip:74951234567@operatorsip.ru", "101"))
	if got := called(t, onec, 1); got[0] != "1 sip:74951234567@operatorsip.ru 101" {
		t.Errorf("1C got %q, want the call", got)
	}
	o := office{t: t, executable: callbusProgram(t), operator: []string{"--data", data, "--nats", "nats://" + nats}}
	o.tells("ru", "доставлено")

	if runtime.GOOS == "linux" {
		unit, err := os.ReadFile(filepath.Join(dir, "callbus.service"))
		if err != nil {
			t.Fatal(err)
		}
		rig.Claim(t, "callbus.service", string(unit), `up --config "`+config+`"`, "Restart=always", `ReadWritePaths="`+data+`"`)
		if shown := rig.Run(t, callbusProgram(t), "service", "install", "--print", "--config", config); shown != string(unit) {
			t.Errorf("service install --print: got\n%s\nwant what init has written:\n%s", shown, unit)
		}
	}
}

func TestInitWithFlagsSaysWhatIsWrongAndWritesNothing(t *testing.T) {
	t.Parallel()
	onec := standin(t, onectest.Options{User: "callbus", Password: "Пароль 1"})
	files := t.TempDir()
	right, wrong := filepath.Join(files, "right.txt"), filepath.Join(files, "wrong.txt")
	for file, text := range map[string]string{right: "Пароль 1\n", wrong: "Пароль 2\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, c := range []struct {
		what, url, password, operation, want string
	}{
		{"right", onec.URL(), right, "TelData", ""},
		{"a wrong password", onec.URL(), wrong, "TelData", "1C does not accept the user or the password"},
		{"a wrong server", "http://" + rig.FreeAddr(t) + "/base/ws/teldata.1cws", right, "TelData", "nobody listens at this address"},
		{"not published", onec.URL() + "2", right, "TelData", "no web service is published at this URL"},
		{"a wrong operation", onec.URL(), right, "Zvonok", `the service has no operation "Zvonok"; it has TelData`},
	} {
		dir := t.TempDir()
		said, err := initialise(t, dir, "", "--yes", "--onec-url", c.url, "--onec-user", "callbus", "--onec-password-file", c.password,
			"--onec-operation", c.operation, "--http", rig.FreeAddr(t))
		if (err == nil) != (c.want == "") || !strings.Contains(said, c.want) {
			t.Errorf("%s: got %v, want %q in\n%s", c.what, err, c.want, said)
		}
		if names := list(t, dir); (len(names) == 0) == (c.want == "") {
			t.Errorf("%s: there are %v", c.what, names)
		} else if c.want == "" {
			config, _ := os.ReadFile(filepath.Join(dir, "callbus.yaml"))
			rig.Claim(t, "callbus.yaml without --data", string(config), fmt.Sprintf("data: %q\n", filepath.Join(dir, "data")))
		}
	}
}

func TestInitThatIsBrokenOffLeavesNothing(t *testing.T) {
	t.Parallel()
	onec := standin(t, onectest.Options{User: "callbus", Password: "Пароль 1"})
	dir, out := t.TempDir(), &rig.Text{}
	cmd := exec.Command(callbusProgram(t), "init", "--dir", dir, "--lang", "en")
	cmd.Stdout, cmd.Stderr = out, out
	typed, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := typed.Write([]byte(onec.URL() + "\ncallbus\nПароль 1\n")); err != nil {
		t.Fatal(err)
	}
	rig.Until(t, "the next question", func() (any, bool) { return out, strings.Contains(out.String(), "Country of the phone numbers") })
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err == nil {
		t.Error("callbus init that was broken off: got exit code 0")
	}
	rig.Claim(t, "callbus init", out.String(), "nothing was written")
	if names := list(t, dir); len(names) != 0 {
		t.Errorf("left behind: %v", names)
	}
}
