package peers

import (
	"os"
	"os/exec"
	"testing"

	"github.com/callbus/callbus/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// peers are the programs by name, each with a command that proves that it is there and able to work.
var peers = map[string]struct {
	what  string
	proof []string
}{
	"php":     {"PHP with its SOAP extension (Debian: php-cli php-soap)", []string{"php", "-r", "exit(class_exists('SoapServer') ? 0 : 1);"}},
	"curl":    {"curl (Debian: curl)", []string{"curl", "--version"}},
	"xmllint": {"xmllint (Debian: libxml2-utils)", []string{"xmllint", "--version"}},
	"systemd": {"systemd (Debian: systemd)", []string{"systemd-analyze", "--version"}},
	// Some containers have strace and not the right to trace.
	"strace": {"strace and the right to use it (Debian: strace)", []string{"strace", "-f", "-o", os.DevNull, "true"}},
	"nats.js": {"Node with the NATS client (npm ci in test/peers/js)",
		[]string{"node", "--input-type=module", "--eval", `await import("./js/node_modules/@nats-io/transport-node/lib/mod.js")`}},
}

// peer skips the test where a peer is missing, or fails it where peers are required.
func peer(t *testing.T, names ...string) {
	t.Helper()
	wanted := os.Getenv("CALLBUS_PEERS")
	if wanted == "skip" {
		t.Skip("peers are not asked: CALLBUS_PEERS=skip")
	}
	for _, name := range names {
		p, known := peers[name]
		if !known {
			t.Fatalf("no peer is called %q", name)
		}
		out, err := exec.Command(p.proof[0], p.proof[1:]...).CombinedOutput()
		switch {
		case err == nil:
		case wanted == "require":
			t.Fatalf("peer missing: %s: %v, and CALLBUS_PEERS=require\n%s", p.what, err, out)
		default:
			t.Skipf("peer missing: %s: %v", p.what, err)
		}
	}
}
