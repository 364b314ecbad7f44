package e2e

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/test/rig"
)

// electing is what three servers on a busy machine may take until they have leaders.
const electing = 2 * time.Minute

// clusteredHub is three real NATS servers with deploy/nats/cluster.conf, and an account for a branch.
type clusteredHub struct {
	servers []*rig.Program
	at      []string
	key     string // file of the branch's
	js      jetstream.JetStream
	nc      *nats.Conn
}

func startClusteredHub(t *testing.T) *clusteredHub {
	t.Helper()
	h := &clusteredHub{key: filepath.Join(t.TempDir(), "b2.creds")}
	public, err := broker.NewKey(h.key)
	if err != nil {
		t.Fatal(err)
	}
	shipped, err := os.ReadFile(filepath.Join(rig.Root(), "deploy", "nats", "cluster.conf"))
	if err != nil {
		t.Fatal(err)
	}
	config := filepath.Join(t.TempDir(), "cluster.conf")
	account := broker.Account("BRANCH_b2", broker.Branch{Name: "b2", Key: public})
	if err := os.WriteFile(config, []byte(strings.Replace(string(shipped), "accounts {\n", "accounts {\n"+account, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, who := range []string{"ROUTE", "SERVICE", "OPERATOR"} {
		t.Setenv("NATS_"+who+"_PASSWORD", "trunk")
	}
	var others, routes []string
	for range 3 {
		h.at, others = append(h.at, rig.FreeAddr(t)), append(others, rig.FreeAddr(t))
	}
	for _, o := range others {
		routes = append(routes, "nats://route:trunk@"+o)
	}
	for i, at := range h.at {
		t.Setenv("NATS_NAME", fmt.Sprint("nats", i+1))
		t.Setenv("NATS_STORE", t.TempDir())
		_, port, _ := strings.Cut(at, ":")
		_, watched, _ := strings.Cut(rig.FreeAddr(t), ":")
		h.servers = append(h.servers, rig.Start(t, rig.BuildHelper(t, "github.com/nats-io/nats-server/v2"), "--config", config, "--addr", "127.0.0.1", "--port", port,
			"--cluster_listen", "nats://"+others[i], "--routes", strings.Join(routes, ","), "--http_port", watched))
		rig.Listening(t, at)
	}
	h.nc = rig.Connect(t, "nats://service:trunk@"+strings.Join(h.at, ",nats://service:trunk@"), "")
	if h.js, err = jetstream.New(h.nc); err != nil {
		t.Fatal(err)
	}
	for begin := time.Now(); time.Since(begin) < electing; {
		try, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		_, err = stream.DeclareIngest(try, h.js, 64<<20, 3, false)
		cancel()
		if err == nil {
			return h
		}
	}
	t.Fatalf("the cluster does not come up: %v", err)
	return nil
}

// killLeader kills the server that leads CALLS.
func (h *clusteredHub) killLeader(t *testing.T) {
	t.Helper()
	calls, err := h.js.Stream(rig.Context(t), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	for i := range h.servers {
		if calls.CachedInfo().Cluster.Leader == fmt.Sprint("nats", i+1) {
			h.servers[i].Signal(syscall.SIGKILL)
			_ = h.servers[i].Wait()
			return
		}
	}
	t.Fatalf("nobody leads CALLS: %+v", calls.CachedInfo().Cluster)
}

func TestAHubOfThreeServersLosesItsLeaderAndHasEachCallOfTheBranchOnce(t *testing.T) {
	h := startClusteredHub(t)
	b := &branchProgram{phones: rig.FreeAddr(t)}
	b.Program = rig.Start(t, ingestProgram(t), "--store", t.TempDir(), "--store-max", "16MiB", "--http", b.phones, "--admin", "", "--site", "b2",
		"--hub", "nats://"+strings.Join(h.at, ",nats://"), "--hub-creds", h.key)
	b.Says("phones.welcome")
	var want []string
	for i := range 60 {
		id := fmt.Sprint("call-", i)
		rig.Accepted(t, b.phones, "/phone/incoming?line=101&remote=sip:74951230001@pbx&cid="+id)
		if want = append(want, id); i == 20 {
			h.killLeader(t)
		}
		time.Sleep(10 * time.Millisecond)
	}
	var got []string
	for begin := time.Now(); len(got) < len(want) && time.Since(begin) < electing; time.Sleep(200 * time.Millisecond) {
		try, cancel := context.WithTimeout(t.Context(), 5*time.Second)
		events, err := stream.Latest(try, h.nc, 1<<20)
		cancel()
		if err != nil {
			continue // there is no leader yet
		}
		got = nil
		for _, e := range events {
			got = append(got, e.CallID)
		}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("calls at the hub (-answered +there):\n%s", diff)
	}
}
