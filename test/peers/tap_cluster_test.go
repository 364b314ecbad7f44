package peers

import (
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/test/rig"
)

// configured is a NATS server with the configuration that we ship for clusters, short of the cluster, and with more accounts.
func configured(t *testing.T, store, port, accounts string) *server.Server {
	t.Helper()
	for name, value := range map[string]string{
		"NATS_NAME": "nats1", "NATS_STORE": store, "NATS_ROUTE_PASSWORD": "trunk", "NATS_SERVICE_PASSWORD": "trunk", "NATS_OPERATOR_PASSWORD": "trunk",
	} {
		t.Setenv(name, value)
	}
	conf, err := os.ReadFile(filepath.Join(rig.Root(), "deploy", "nats", "cluster.conf"))
	if err != nil {
		t.Fatal(err)
	}
	alone := regexp.MustCompile(`(?s)\ncluster \{.*?\n\}\n`).ReplaceAllString(string(conf), "\n")
	alone = strings.Replace(alone, "accounts {\n", "accounts {\n"+accounts, 1)
	alone = regexp.MustCompile(`(?m)^(listen|http):.*$`).ReplaceAllString(alone, "")
	file := filepath.Join(t.TempDir(), "nats.conf")
	if err := os.WriteFile(file, []byte(alone+"\nlisten: \""+port+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	o, err := server.ProcessConfigFile(file)
	if err != nil {
		t.Fatalf("%v in:\n%s", err, alone)
	}
	o.NoSigs, o.NoLog = true, true
	s, err := server.NewServer(o)
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	if !s.ReadyForConnections(rig.Patience) {
		t.Fatal("the server does not start")
	}
	t.Cleanup(func() { s.Shutdown(); s.WaitForShutdown() })
	return s
}

func TestWhatTapAddPrintsForAServerOfOnesOwnLetsTheTapReadAndNothingElse(t *testing.T) {
	store, at := t.TempDir(), rig.FreeAddr(t)
	s := configured(t, store, at, "")
	url := "nats://service:trunk@" + at
	nc := rig.Connect(t, url, "")
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := stream.DeclareIngest(rig.Context(t), js, 16<<20, 1, false); err != nil {
		t.Fatal(err)
	}
	key := filepath.Join(t.TempDir(), "journal.creds")
	callbus := rig.Build(t, "./services/callbus/cmd/callbus")
	said := rig.Run(t, callbus, "tap", "add", "journal", "--out", key, "--nats", url)
	rig.Claim(t, "tap add", said, "tap-journal", "TAP_journal {", "nats-server --signal reload")
	_, account, _ := strings.Cut(said, "--signal reload):\n\n")
	s.Shutdown()
	s.WaitForShutdown()
	configured(t, store, at, account)
	rig.Until(t, "the services again", func() (any, bool) { return nc.LastError(), nc.IsConnected() && nc.Stats().Reconnects > 0 })

	refused := make(chan error, 10)
	auth, err := nats.NkeyOptionFromSeed(key)
	if err != nil {
		t.Fatal(err)
	}
	tap, err := nats.Connect("nats://"+at, auth, nats.Timeout(rig.Patience), nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(tap.Close)
	live, _ := tap.SubscribeSync("lines.>")
	if err := tap.Flush(); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(rig.Context(t), "calls.incoming", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish("lines.101.incoming", []byte("{}")); err != nil {
		t.Fatal(err)
	}
	if _, err := live.NextMsg(rig.Patience); err != nil {
		t.Errorf("the tap hears nothing live: %v", err)
	}
	tapped, err := jetstream.NewWithAPIPrefix(tap, "CALLBUS")
	if err != nil {
		t.Fatal(err)
	}
	journal, err := tapped.Consumer(rig.Context(t), "CALLS", "tap-journal")
	if err != nil {
		t.Fatal(err)
	}
	m, err := journal.Next()
	if err != nil {
		t.Fatal(err)
	}
	if err := m.DoubleAck(rig.Context(t)); err != nil {
		t.Errorf("the tap cannot acknowledge: %v", err)
	}
	for _, subject := range []string{"calls.incoming", "$JS.API.CONSUMER.CREATE.CALLS.tap-journal", "$JS.API.STREAM.PURGE.CALLS", "$JS.API.CONSUMER.MSG.NEXT.CALLS.onec-main-1-0", "CALLBUS.CONSUMER.MSG.NEXT.CALLS.onec-main-1-0"} {
		if err := tap.PublishRequest(subject, "_INBOX.x", []byte("{}")); err != nil {
			t.Fatal(err)
		}
		select {
		case err := <-refused:
			if !strings.Contains(err.Error(), "permissions violation") && !strings.Contains(err.Error(), "Permissions Violation") {
				t.Errorf("publish to %s: %v", subject, err)
			}
		case <-time.After(rig.Patience):
			t.Errorf("the tap could publish to %s", subject)
		}
	}
	for range 3 { // the answers of its own consumer come to the tap alone
		if err := tap.PublishRequest("CALLBUS.CONSUMER.MSG.NEXT.CALLS.tap-journal", "calls.incoming", []byte(`{"batch":1,"no_wait":true}`)); err != nil {
			t.Fatal(err)
		}
	}
	if err := tap.Flush(); err != nil {
		t.Fatal(err)
	}
	if got := len(eachOf(t, js)); got != 1 {
		t.Errorf("CALLS holds %d events, want 1", got)
	}
	listed := rig.Run(t, callbus, "tap", "list", "--nats", url)
	rig.Claim(t, "tap list", listed, "journal", "calls.*")
	rig.Claim(t, "tap remove", rig.Run(t, callbus, "tap", "remove", "journal", "--nats", url), "TAP_journal")
}

func eachOf(t *testing.T, js jetstream.JetStream) (all []string) {
	t.Helper()
	s, err := js.Stream(rig.Context(t), "CALLS")
	if err != nil {
		t.Fatal(err)
	}
	for i := range s.CachedInfo().State.Msgs {
		all = append(all, fmt.Sprint(i))
	}
	return all
}
