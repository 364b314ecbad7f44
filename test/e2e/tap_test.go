package e2e

import (
	"errors"
	"io/fs"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/test/rig"
)

func TestATapIsAddedListedAndRemovedWhileCallbusRuns(t *testing.T) {
	t.Parallel()
	in := rig.StartIngest(t)
	callbus := rig.Build(t, "./services/callbus/cmd/callbus")
	key := filepath.Join(t.TempDir(), "journal.creds")
	at := []string{"--nats", in.NATS, "--data", filepath.Dir(in.Creds)}
	run := func(args ...string) string {
		return rig.Run(t, callbus, append(append([]string{"tap"}, args...), at...)...)
	}

	rig.Claim(t, "no tap", run("list"), "There is no tap: callbus tap add NAME makes one")
	rig.Claim(t, "add", run("add", "journal", "--subject", "calls.incoming", "--out", key), "Tap journal reads calls.incoming", key, "tap-journal")
	if info, err := os.Stat(key); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("the key's file: %v, %v; want mode 0600", info, err)
	}
	rig.Accepted(t, in.Phones, rig.CheckPhone(1, "74951234567", "101"))
	rig.Accepted(t, in.Phones, rig.CheckPhone(4, "74951234567", "101"))
	rig.Claim(t, "list", run("list"), "journal", "calls.incoming", "never")
	rig.Claim(t, "по-русски", run("list", "--lang", "ru"), "ЧТО ЧИТАЕТ", "ещё нет")

	nc := rig.Connect(t, in.NATS, key)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	journal, err := js.Consumer(rig.Context(t), "CALLS", "tap-journal")
	if err != nil {
		t.Fatal(err)
	}
	m, err := journal.Next()
	if err != nil || m.Subject() != "calls.incoming" {
		t.Fatalf("the tap got %v, %v", m, err)
	}
	if err := m.DoubleAck(rig.Context(t)); err != nil {
		t.Errorf("acknowledge: %v", err)
	}
	rig.Claim(t, "list as JSON", run("list", "--json"), `"name": "journal"`, `"waiting": 0`, `"inHand": 0`)

	rig.Claim(t, "remove", run("remove", "journal"), "its key opens nothing any more")
	rig.Until(t, "the tap to be put out", func() (any, bool) { return nc.Status(), !nc.IsConnected() })
	auth, err := nats.NkeyOptionFromSeed(key)
	if err != nil {
		t.Fatal(err)
	}
	if again, err := nats.Connect(in.NATS, auth); err == nil {
		again.Close()
		t.Error("a tap that was removed connected")
	}
}

// What the commands print for a NATS of one's own imports from an account that such a file has not.
func TestWhereTheConfigurationHasNoAccountsNoKeyIsMade(t *testing.T) {
	t.Parallel()
	addr, key := rig.FreeAddr(t), filepath.Join(t.TempDir(), "b2.creds")
	host, port, _ := net.SplitHostPort(addr)
	rig.Start(t, rig.BuildHelper(t, "github.com/nats-io/nats-server/v2"), "--jetstream", "--store_dir", t.TempDir(), "--addr", host, "--port", port)
	rig.Listening(t, addr)
	rig.Start(t, ingestProgram(t), "--nats", "nats://"+addr, "--http", "127.0.0.1:0", "--admin", "").Says("phones.welcome")
	for _, add := range [][]string{{"tap", "add", "journal"}, {"branch", "add", "b2"}} {
		for lang, want := range map[string]string{
			"en": "the configuration of this NATS has no account CALLBUS to let anybody in from (the streams are in $G)",
			"ru": "в конфигурации этого NATS нет account CALLBUS, из которого можно дать доступ (потоки лежат в $G)",
		} {
			said := refused(t, append(add, "--nats", "nats://somebody@"+addr, "--out", key, "--lang", lang)...)
			rig.Claim(t, add[0]+" add", said, want, "deploy/nats/hub.conf")
		}
	}
	left(t, key, rig.Connect(t, "nats://"+addr, ""), "tap-journal")
}

// Bug: the key stayed where its holder could not be let in, and the command refused to write it again.
func TestWhoIsNotLetInGetsNoKey(t *testing.T) {
	t.Parallel()
	in := rig.StartIngest(t)
	data := filepath.Dir(in.Creds)
	for _, c := range []struct{ what, name, folder, let string }{
		{"tap", "journal", "taps", "Tap journal reads calls.*"},
		{"branch", "b2", "branches", "Branch b2 may store its calls here"},
	} {
		inTheWay := filepath.Join(data, c.folder, c.name)
		if err := os.MkdirAll(inTheWay, 0o755); err != nil {
			t.Fatal(err)
		}
		key := filepath.Join(t.TempDir(), c.name+".creds")
		add := []string{c.what, "add", c.name, "--nats", in.NATS, "--data", data, "--out", key, "--lang", "en"}
		rig.Claim(t, c.what+" add", refused(t, add...), "admit "+c.name)
		left(t, key, rig.Connect(t, in.NATS, in.Creds), "tap-"+c.name)
		if err := os.Remove(inTheWay); err != nil {
			t.Fatal(err)
		}
		rig.Claim(t, c.what+" add once more", rig.Run(t, callbusProgram(t), add...), c.let)
	}
}

// refused runs a command that must fail, and returns what it says.
func refused(t *testing.T, words ...string) string {
	t.Helper()
	said, err := exec.Command(callbusProgram(t), words...).CombinedOutput()
	if err == nil {
		t.Errorf("callbus %v: exit code 0, want a failure", words)
	}
	return string(said)
}

// left looks for what a command that failed must not leave.
func left(t *testing.T, key string, nc *nats.Conn, consumer string) {
	t.Helper()
	if _, err := os.Stat(key); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the key is there (%v)", err)
	}
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := js.Consumer(rig.Context(t), "CALLS", consumer); !errors.Is(err, jetstream.ErrConsumerNotFound) {
		t.Errorf("the consumer %s: %v, want none", consumer, err)
	}
}
