package e2e

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

func ingestProgram(t *testing.T) string { return rig.Build(t, "./services/ingest/cmd/ingest") }

func adapterProgram(t *testing.T) string {
	return rig.Build(t, "./services/onec-adapter/cmd/onec-adapter")
}

func callbusProgram(t *testing.T) string { return rig.Build(t, "./services/callbus/cmd/callbus") }

// standin starts a 1C that the test can tell what to do. Where it is closed nobody listens any more.
func standin(t testing.TB, o onectest.Options) *onectest.Server {
	t.Helper()
	s := onectest.New(o)
	if err := s.Start(rig.FreeAddr(t)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { s.Close() })
	return s
}

// ingest is the real program with an embedded store that is open to others.
type ingest struct {
	*rig.Program
	rig.Ingest
}

func startIngest(t *testing.T) ingest {
	t.Helper()
	dir, phones, nats := t.TempDir(), rig.FreeAddr(t), rig.FreeAddr(t)
	p := rig.Start(t, ingestProgram(t), "--store", dir, "--store-max", "16MiB", "--http", phones, "--nats-listen", nats, "--admin", "")
	p.Says("phones.welcome")
	return ingest{p, rig.Ingest{Phones: phones, NATS: "nats://" + nats, Creds: filepath.Join(dir, broker.CredsFile)}}
}

// startAdapter starts the real program on in's stream and waits until it has read 1C's description.
func startAdapter(t *testing.T, in ingest, onec *onectest.Server, flags ...string) *rig.Program {
	t.Helper()
	flags = append([]string{"--nats", in.NATS, "--nats-creds", in.Creds, "--onec-url", onec.URL(), "--admin", ""}, flags...)
	p := rig.Start(t, adapterProgram(t), flags...)
	p.Says("target.plan")
	return p
}

// worked are the calls that a user of 1C would have seen, as "1 74951234567 101".
func worked(s *onectest.Server) []string {
	var all []string
	for _, c := range s.Calls() {
		if c.Worked {
			all = append(all, strings.Join([]string{c.Number, c.Remote, c.Line}, " "))
		}
	}
	return all
}

// called waits for n calls that were worked on and returns all of them.
func called(t *testing.T, s *onectest.Server, n int) []string {
	t.Helper()
	var all []string
	rig.Until(t, "1C to be called", func() (any, bool) {
		all = worked(s)
		return all, len(all) >= n
	})
	return all
}

// lineNumber is the i-th of many lines.
func lineNumber(i int) string { return strconv.Itoa(101 + i) }
