package peers

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callbus/callbus/test/rig"
)

// systemd itself reads the unit; a path with blanks, per cents and dollars is where it reads otherwise than it looks.
func TestSystemdUnderstandsTheUnit(t *testing.T) {
	peer(t, "systemd")
	callbus := rig.Build(t, "./services/callbus/cmd/callbus")
	for _, name := range []string{"callbus", `of fice 100% $HOME "x"`} {
		dir := filepath.Join(t.TempDir(), name)
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
		config := filepath.Join(dir, "callbus.yaml")
		if err := os.WriteFile(config, []byte("data: ./calls\nonec-url: http://server/base/ws/teldata.1cws\n"), 0o644); err != nil {
			t.Fatal(err)
		}
		unit := filepath.Join(t.TempDir(), "callbus.service")
		text := rig.Run(t, callbus, "service", "install", "--print", "--user", "root", "--config", config)
		if err := os.WriteFile(unit, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput(); err != nil || strings.Contains(string(out), unit) {
			t.Errorf("%s: %v\n%s\nin the unit\n%s", name, err, out, text)
		}
	}
}

// What it does not understand it must say, or the test above says nothing.
func TestSystemdRefusesAnotherUnit(t *testing.T) {
	peer(t, "systemd")
	unit := filepath.Join(t.TempDir(), "callbus.service")
	if err := os.WriteFile(unit, []byte("[Service]\nExecStart=of fice/callbus up\nRestart=sometimes\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", "--man=no", unit).CombinedOutput(); err == nil {
		t.Errorf("a broken unit was taken: %s", out)
	}
}
