package setup

import (
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden unit anew")

func TestTheUnit(t *testing.T) {
	got := Unit(UnitOptions{Program: "/usr/local/bin/callbus", Config: "/etc/callbus/callbus.yaml", User: "callbus", Data: "/var/lib/callbus", Stop: 18 * time.Second})
	if *update {
		if err := os.WriteFile("testdata/callbus.service", []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile("testdata/callbus.service")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// systemd.service(5): a per cent sign begins a specifier, a dollar sign a variable, a blank ends a word.
func TestPathsThatSystemdWouldReadOtherwise(t *testing.T) {
	got := Unit(UnitOptions{Program: "/opt/a b/callbus", Config: `/srv/100% $HOME "x"/callbus.yaml`, User: "callbus", Data: "/srv/100% $x"})
	for _, want := range []string{
		`ExecStart="/opt/a b/callbus" up --config "/srv/100%% $$HOME \"x\"/callbus.yaml"` + "\n",
		`WorkingDirectory=/srv/100%% $HOME "x"` + "\n", `ReadWritePaths="/srv/100%% $x"` + "\n", "TimeoutStopSec=10\n",
	} {
		if !strings.Contains(got, want) {
			t.Errorf("want %q in\n%s", want, got)
		}
	}
}
