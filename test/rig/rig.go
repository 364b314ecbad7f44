// Package rig starts Callbus for tests that look at it from outside: the services inside the test or as real programs,
// always on free loopback ports and in folders of the test's own. It waits by looking, with a deadline, and never by
// sleeping and hoping. It never ships.
package rig

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/porttest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/ingest"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// Patience is how long a test waits for what should come at once.
const Patience = natstest.Patience

// room is what CALLS may hold in a test.
const room = 16 * config.MiB

// Until looks every few milliseconds until look reports true. When the patience ends it fails the test with the last
// thing that was seen.
func Until(t testing.TB, what string, look func() (seen any, ok bool)) {
	t.Helper()
	deadline := time.Now().Add(Patience)
	for {
		seen, ok := look()
		if ok {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s; last seen: %v", Patience, what, seen)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// FreeAddr is a loopback address of the test's own, for a program that cannot say which port it got.
func FreeAddr(t testing.TB) string {
	t.Helper()
	return porttest.Free(t)
}

// Listening waits until somebody accepts connections.
func Listening(t testing.TB, addr string) {
	t.Helper()
	Until(t, "somebody at "+addr, func() (any, bool) {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err, err == nil
	})
}

// Ingest is the service inside the test, with an embedded store that is open to others.
type Ingest struct {
	Phones string // host:port
	NATS   string // URL
	Creds  string // file
}

// StartIngest starts ingest and stops it with the test.
func StartIngest(t testing.TB) Ingest {
	t.Helper()
	dir, listen := t.TempDir(), FreeAddr(t)
	ready := make(chan net.Addr, 1)
	run(t, "ingest", func(ctx context.Context, log zerolog.Logger) error {
		return ingest.Run(ctx, ingest.Options{
			HTTP: "127.0.0.1:0", Region: "RU", Store: dir, StoreMax: room, NATSListen: listen, Log: log,
			Ready: func(a net.Addr) { ready <- a },
		})
	}, func(ended <-chan error) {
		select {
		case a := <-ready:
			ready <- a
		case err := <-ended:
			t.Fatalf("start ingest: %v", err)
		case <-time.After(Patience):
			t.Fatalf("start ingest: not ready within %v", Patience)
		}
	})
	return Ingest{Phones: (<-ready).String(), NATS: "nats://" + listen, Creds: filepath.Join(dir, broker.CredsFile)}
}

// StartAdapter starts an onec-adapter on in's stream inside the test and stops it with the test.
func StartAdapter(t testing.TB, in Ingest, target onecadapter.Target) {
	t.Helper()
	if target.Name == "" {
		target.Name = onecadapter.DefaultTarget
	}
	startAdapter(t, in, onecadapter.Options{Single: target})
}

// StartAdapterOf is StartAdapter for the targets of a file.
func StartAdapterOf(t testing.TB, in Ingest, targets string) {
	t.Helper()
	startAdapter(t, in, onecadapter.Options{Targets: targets})
}

func startAdapter(t testing.TB, in Ingest, o onecadapter.Options) {
	t.Helper()
	run(t, "onec-adapter", func(ctx context.Context, log zerolog.Logger) error {
		o.NATS, o.NATSCreds, o.Log = in.NATS, in.Creds, log
		return onecadapter.Run(ctx, o)
	}, func(<-chan error) {})
}

// run runs a service until the test ends, tells its log if the test has failed, and fails the test if the service
// does not stop cleanly.
func run(t testing.TB, name string, work func(context.Context, zerolog.Logger) error, wait func(ended <-chan error)) {
	t.Helper()
	log := &Text{}
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- work(ctx, zerolog.New(log).Level(zerolog.InfoLevel).With().Timestamp().Logger()) }()
	t.Cleanup(func() {
		cancel()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("%s ended with: %v", name, err)
			}
		case <-time.After(Patience):
			t.Errorf("%s does not stop", name)
		}
		if t.Failed() {
			t.Logf("log of %s:\n%s", name, log)
		}
	})
	wait(ended)
}

// Hit sends one GET to phones and returns the status. The path and query go out as they are.
func Hit(t testing.TB, phones, pathAndQuery string) int {
	t.Helper()
	answer, err := http.Get("http://" + phones + pathAndQuery)
	if err != nil {
		t.Fatalf("hit %s: %v", pathAndQuery, err)
	}
	answer.Body.Close()
	return answer.StatusCode
}

// Accepted is Hit where only 200 will do.
func Accepted(t testing.TB, phones, pathAndQuery string) {
	t.Helper()
	if got := Hit(t, phones, pathAndQuery); got != http.StatusOK {
		t.Fatalf("GET %s: got %d, want 200", pathAndQuery, got)
	}
}

// Connect connects to NATS; without a credentials file as a guest.
func Connect(t testing.TB, url, creds string) *nats.Conn {
	t.Helper()
	nc, err := stream.Connect(stream.ConnectOptions{Name: t.Name(), URL: url, Creds: creds})
	if err != nil {
		t.Fatalf("connect to %s: %v", url, err)
	}
	t.Cleanup(nc.Close)
	Until(t, "NATS at "+url, func() (any, bool) { return nc.LastError(), nc.IsConnected() })
	return nc
}

// Context ends with the patience.
func Context(t testing.TB) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), Patience)
	t.Cleanup(cancel)
	return ctx
}

// Claim fails the test unless text contains all parts.
func Claim(t testing.TB, what, text string, parts ...string) {
	t.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			t.Errorf("%s: want %q in it, got:\n%s", what, p, indent(text))
		}
	}
}

func indent(s string) string { return "\t" + strings.ReplaceAll(strings.TrimSpace(s), "\n", "\n\t") }

// CheckPhone is the query of the original script.
func CheckPhone(event int, remote, line string) string {
	return fmt.Sprintf("/checkphone.php?event=%d&p1=%s&p2=%s", event, remote, line)
}
