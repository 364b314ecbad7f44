package e2e

import (
	"os"
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
