package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// hubServer is a real nats-server with deploy/nats/hub.conf, in which branch b2 has no more rights than it needs.
type hubServer struct {
	t            *testing.T
	config, addr string
	*rig.Program
}

// startHub starts it; with lines more in its configuration, who has asked for them makes the streams.
func startHub(t *testing.T, more ...string) *hubServer {
	t.Helper()
	t.Setenv("NATS_PASSWORD", "hubsecret")
	t.Setenv("B2_PASSWORD", "branchsecret")
	shipped, err := os.ReadFile(filepath.Join(rig.Root(), "deploy", "nats", "hub.conf"))
	if err != nil {
		t.Fatal(err)
	}
	h := &hubServer{t: t, config: filepath.Join(t.TempDir(), "hub.conf"), addr: rig.FreeAddr(t)}
	here := strings.NewReplacer("0.0.0.0:4222", h.addr, `"/data"`, fmt.Sprintf("%q", t.TempDir())).Replace(string(shipped))
	if err := os.WriteFile(h.config, []byte(here+strings.Join(more, "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	h.start()
	if len(more) == 0 {
		declare(t, rig.Connect(t, h.url("callbus:hubsecret"), ""))
	}
	return h
}

// declare makes the streams, as the hub's ingest does.
func declare(t *testing.T, nc *nats.Conn) {
	t.Helper()
	js, err := jetstream.New(nc)
	if err == nil {
		_, err = stream.DeclareIngest(rig.Context(t), js, 64<<20, 1, false)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (h *hubServer) start() {
	h.t.Helper()
	h.Program = rig.Start(h.t, rig.BuildHelper(h.t, "github.com/nats-io/nats-server/v2"), "-c", h.config)
	rig.Listening(h.t, h.addr)
}

func (h *hubServer) url(user string) string { return "nats://" + user + "@" + h.addr }

// branchProgram is the real ingest of branch b2.
type branchProgram struct {
	*rig.Program
	dir, phones, admin string
}

func (b *branchProgram) start(t *testing.T, h *hubServer) {
	t.Helper()
	b.Program = rig.Start(t, ingestProgram(t), "--store", b.dir, "--store-max", "16MiB", "--http", b.phones, "--admin", b.admin,
		"--site", "b2", "--hub", h.url("b2:branchsecret"))
	b.Says("phones.welcome")
}

func (b *branchProgram) kill() {
	b.Signal(syscall.SIGKILL)
	_ = b.Wait()
}

// Phones call a branch while it and its hub are killed with -9 and the hub is frozen. What a phone had its 200 for is at the
// hub once, and each line's in order; what it had none for may be there, once.
func TestABranchAndItsHubAreKilledAndEveryCallArrivesOnce(t *testing.T) {
	seed := rand.Uint64()
	if given, err := strconv.ParseUint(os.Getenv("SEED"), 10, 64); err == nil {
		seed = given
	}
	t.Logf("seed %d: SEED=%[1]d does the same kills again", seed)
	chance := rand.New(rand.NewPCG(seed, 0))
	hub := startHub(t)
	branch := &branchProgram{dir: t.TempDir(), phones: rig.FreeAddr(t), admin: rig.FreeAddr(t)}
	branch.start(t, hub)

	stop, cancel := context.WithCancel(t.Context())
	answered := map[string][]string{}
	var phones sync.WaitGroup
	var mu sync.Mutex
	for line := 101; line < 107; line++ {
		phones.Go(func() {
			for i := 0; stop.Err() == nil; i++ {
				id := fmt.Sprint(line, "-", i)
				r, err := http.Get(fmt.Sprintf("http://%s/phone/incoming?line=%d&remote=sip:74951230001@pbx&cid=%s", branch.phones, line, id))
				if err != nil {
					time.Sleep(50 * time.Millisecond)
					continue
				}
				r.Body.Close()
				if r.StatusCode == 200 {
					mu.Lock()
					answered[fmt.Sprint(line)] = append(answered[fmt.Sprint(line)], id)
					mu.Unlock()
				}
				time.Sleep(10 * time.Millisecond)
			}
		})
	}
	for range 8 {
		time.Sleep(time.Duration(200+chance.IntN(700)) * time.Millisecond)
		switch chance.IntN(4) {
		case 0:
			branch.kill()
			branch.start(t, hub)
		case 1:
			hub.Signal(syscall.SIGKILL)
			_ = hub.Wait()
			time.Sleep(time.Duration(chance.IntN(500)) * time.Millisecond)
			hub.start()
		case 2:
			hub.Freeze()
			time.Sleep(time.Duration(chance.IntN(500)) * time.Millisecond)
			branch.kill()
			hub.Thaw()
			branch.start(t, hub)
		case 3:
			hub.Signal(syscall.SIGKILL)
			branch.kill()
			_ = hub.Wait()
			hub.start()
			branch.start(t, hub)
		}
	}
	cancel()
	phones.Wait()

	there := rig.Connect(t, hub.url("callbus:hubsecret"), "")
	var got map[string][]string
	var events []call.Event
	asked := 0
	for _, ids := range answered {
		asked += len(ids)
	}
	rig.Until(t, "the hub to have it all", func() (any, bool) {
		var err error
		if events, err = stream.Latest(rig.Context(t), there, 1<<20); err != nil {
			return err, false
		}
		n := 0
		got, n = thoseOf(answered, events)
		return fmt.Sprint(n, " of ", asked), n >= asked
	})
	rig.Until(t, "the branch to say so", func() (any, bool) {
		left := metric(t, branch.admin, "callbus_hub_waiting_events ")
		return left, left == "0" && metric(t, branch.admin, "callbus_hub_connected ") == "1"
	})
	times := map[string]int{}
	for _, e := range events {
		times[e.CallID]++
	}
	t.Logf("%d calls answered, %d events at the hub", asked, len(events))
	for id, n := range times {
		if n > 1 {
			t.Errorf("call %s is %d times at the hub", id, n)
		}
	}
	if diff := cmp.Diff(answered, got); diff != "" {
		t.Errorf("calls by line (-answered +at the hub):\n%s", diff)
	}
}

// thoseOf are the calls of events that were answered, by line, and how many they are.
func thoseOf(answered map[string][]string, events []call.Event) (got map[string][]string, n int) {
	got = map[string][]string{}
	for _, e := range events {
		if line := string(e.Line); slices.Contains(answered[line], e.CallID) {
			got[line] = append(got[line], e.CallID)
			n++
		}
	}
	return got, n
}

// metric is a value on the admin port; name is followed by a blank.
func metric(t *testing.T, admin, name string) string {
	t.Helper()
	r, err := http.Get("http://" + admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	for lines := bufio.NewScanner(r.Body); lines.Scan(); {
		if value, ok := strings.CutPrefix(lines.Text(), name); ok {
			return value
		}
	}
	return ""
}

func TestCallbusUpIsABranchToo(t *testing.T) {
	t.Parallel()
	hub, onec := startIngest(t), standin(t, onectest.Options{})
	start := func(flags ...string) string {
		phones := rig.FreeAddr(t)
		p := rig.Start(t, callbusProgram(t), append([]string{"up", "--data", t.TempDir(), "--store-max", "16MiB", "--http", phones, "--nats-listen", "off",
			"--admin", "", "--hub", hub.NATS, "--hub-creds", hub.Creds}, flags...)...)
		p.Says("phones.welcome")
		return phones
	}
	for _, phones := range []string{start("--site", "b3"), start("--site", "b4", "--onec-url", onec.URL())} {
		rig.Accepted(t, phones, rig.CheckPhone(1, "74951234567", "101"))
	}
	if got := called(t, onec, 1); len(got) != 1 {
		t.Errorf("1C of the branch that has one: %v", got)
	}
	there := rig.Connect(t, hub.NATS, hub.Creds)
	var sites []string
	rig.Until(t, "the hub to have both calls", func() (any, bool) {
		sites = nil
		for _, e := range rig.Stored(t, there) {
			sites = append(sites, e.Site)
		}
		slices.Sort(sites)
		return sites, len(sites) == 2
	})
	if diff := cmp.Diff([]string{"b3", "b4"}, sites); diff != "" {
		t.Errorf("sites at the hub (-want +got):\n%s", diff)
	}
}

func TestAnOperatorSeesThatABranchsHubIsAway(t *testing.T) {
	t.Parallel()
	dir, phones, nats, admin := t.TempDir(), rig.FreeAddr(t), rig.FreeAddr(t), rig.FreeAddr(t)
	store := []string{"--store", dir, "--store-max", "16MiB", "--http", phones, "--nats-listen", nats, "--admin", admin, "--site", "b2"}
	p := rig.Start(t, ingestProgram(t), append(store, "--hub", "nats://"+rig.FreeAddr(t))...)
	p.Says("phones.welcome")
	rig.Accepted(t, phones, rig.CheckPhone(1, "74951234567", "101"))
	p.Says("hub.away")
	ask := func(words ...string) string {
		out, _ := exec.Command(callbusProgram(t), append(words, "--nats", "nats://"+nats, "--nats-creds", filepath.Join(dir, broker.CredsFile))...).CombinedOutput()
		return string(out)
	}
	rig.Claim(t, "doctor", ask("doctor", "--admin", admin, "--lang", "en"), "The hub takes no calls: NATS is away", "1 wait")
	rig.Claim(t, "doctor in Russian", ask("doctor", "--admin", admin, "--lang", "ru"), "Центр не принимает звонки: NATS недоступен", "Ждут: 1")

	p.Signal(syscall.SIGTERM)
	if err := p.Wait(); err != nil {
		t.Errorf("ingest ended with %v", err)
	}
	p = rig.Start(t, ingestProgram(t), store...)
	p.Says("hub.left")
}

func TestABranchsKeyStoresCallsAndDoesNothingElse(t *testing.T) {
	hub := startHub(t)
	holdTheKey(t, hub, hub.url("b2:branchsecret"), "")
}

// The account that the command prints, with a key in place of a password.
func TestWhatBranchAddPrintsForAServerOfOnesOwnLetsTheBranchIn(t *testing.T) {
	hub := startHub(t)
	key := filepath.Join(t.TempDir(), "b3.creds")
	said := rig.Run(t, callbusProgram(t), "branch", "add", "b3", "--out", key, "--nats", hub.url("callbus:hubsecret"), "--lang", "en")
	rig.Claim(t, "branch add", said, "BRANCH_b3 {", "nats-server --signal reload")
	_, account, _ := strings.Cut(said, "--signal reload):\n\n")
	text, err := os.ReadFile(hub.config)
	if err != nil {
		t.Fatal(err)
	}
	more := strings.Replace(string(text), "accounts {\n", "accounts {\n"+account, 1)
	if err := os.WriteFile(hub.config, []byte(more), 0o600); err != nil {
		t.Fatal(err)
	}
	rig.Until(t, "the branch to be known", func() (any, bool) { // with the second reload
		hub.Signal(syscall.SIGHUP)
		_, err := rig.Connect(t, "nats://"+hub.addr, key).Request("CALLBUS.STREAM.INFO.CALLS", nil, time.Second)
		return err, err == nil
	})
	holdTheKey(t, hub, "nats://"+hub.addr, key)
}

// holdTheKey does with a branch's key what a branch does, and whatever somebody could do who has stolen it.
func holdTheKey(t *testing.T, hub *hubServer, url, key string) {
	t.Helper()
	service, err := jetstream.New(rig.Connect(t, hub.url("callbus:hubsecret"), ""))
	if err != nil {
		t.Fatal(err)
	}
	ctx := rig.Context(t)
	for name, subjects := range map[string]string{"ONEC": "onec.*.*.*", "REGISTRY": "$KV.TARGETS.>"} {
		if _, err := service.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{subjects}}); err != nil {
			t.Fatal(err)
		}
	}
	adapters, err := service.CreateConsumer(ctx, stream.Calls, jetstream.ConsumerConfig{Durable: "onec-main-1-0", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	nc := rig.Connect(t, url, key)
	refused := make(chan error, 100)
	nc.SetErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { refused <- err })
	js, err := jetstream.NewWithAPIPrefix(nc, broker.API)
	if err != nil {
		t.Fatal(err)
	}
	if ack, err := js.Publish(ctx, stream.Subject(call.Incoming), []byte("{}")); err != nil || ack.Sequence != 1 {
		t.Errorf("store a call: %v, %v", ack, err)
	}
	calls, err := js.Stream(ctx, stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	if m, err := calls.GetMsg(ctx, 1); err != nil || string(m.Data) != "{}" {
		t.Errorf("look a call up: %v, %v", m, err)
	}
	if _, err := adapters.Next(); err != nil {
		t.Fatal(err)
	}
	for what, subject := range map[string]string{
		"delete a stream": "$JS.API.STREAM.DELETE.CALLS", "purge it": "$JS.API.STREAM.PURGE.CALLS", "delete a call": "$JS.API.STREAM.MSG.DELETE.CALLS",
		"change it": "$JS.API.STREAM.UPDATE.CALLS", "make one": "$JS.API.STREAM.CREATE.MINE", "look in another": "CALLBUS.STREAM.MSG.GET.ONEC",
		"purge it by the other name": "CALLBUS.STREAM.PURGE.CALLS", "ask for JetStream": "$JS.API.INFO",
		"overwrite an adapter's consumer": "$JS.API.CONSUMER.CREATE.CALLS.onec-main-1-0.calls.*", "acknowledge for it": "$JS.ACK.CALLS.onec-main-1-0.1.1.1.1.1",
		"overwrite it by the other name": "CALLBUS.CONSUMER.CREATE.CALLS.onec-main-1-0", "take its messages": "$JS.API.CONSUMER.MSG.NEXT.CALLS.onec-main-1-0",
		"write an ending": "onec.delivered.main.1-0", "send again": "again.main.incoming", "change the registry": "$KV.TARGETS.main",
		"be a phone": "phones.registered", "fill the rejected hits": "hits.rejected", "answer for an adapter": "callbus.status.main", "answer for anybody": "_INBOX.x",
	} {
		if err := errors.Join(nc.Publish(subject, []byte("{}")), nc.Flush()); err != nil {
			t.Fatal(err)
		}
		denied(t, what, refused)
	}
	for _, subject := range []string{"calls.>", "lines.>", "_R_.>", "$JS.>", ">"} {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		denied(t, "listen to "+subject, refused)
	}
	// Answers come to the branch's account alone, wherever they are asked to go.
	for _, reply := range []string{"onec.delivered.main.1-0", "$KV.TARGETS.main", "$JS.ACK.CALLS.onec-main-1-0.1.1.1.1.0", "$JS.API.CONSUMER.DELETE.CALLS.onec-main-1-0", "$JS.API.STREAM.PURGE.CALLS"} {
		for subject, payload := range map[string]string{"CALLBUS.STREAM.MSG.GET.CALLS": `{"seq":1}`, "CALLBUS.STREAM.INFO.CALLS": "", "calls.incoming": "{}"} {
			if err := nc.PublishRequest(subject, reply, []byte(payload)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if _, err := js.Publish(ctx, "calls.incoming", []byte("the last")); err != nil { // what came before it has been answered
		t.Error(err)
	}
	for _, name := range []string{"ONEC", "REGISTRY"} {
		if s, err := service.Stream(ctx, name); err != nil || s.CachedInfo().State.LastSeq != 0 {
			t.Errorf("something came into %s (%v)", name, err)
		}
	}
	if info, err := adapters.Info(ctx); err != nil || info.NumAckPending != 1 || info.AckFloor.Stream != 0 {
		t.Errorf("the adapter's consumer was touched: %+v, %v", info, err)
	}
}

// Over the internet: TLS, with a certificate of an authority that nobody knows but who was given it.
func TestABranchTrustsTheAuthorityThatItIsGiven(t *testing.T) {
	c := rig.NewCertificate(t)
	hub := startHub(t, fmt.Sprintf("tls { cert_file: %q, key_file: %q }\n", c.Chain, c.Key))
	there, err := stream.Connect(stream.ConnectOptions{Name: t.Name(), URL: "tls://callbus:hubsecret@" + hub.addr, CA: c.Authority})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(there.Close)
	rig.Until(t, "the hub over TLS", func() (any, bool) { return there.LastError(), there.IsConnected() })
	declare(t, there)
	start := func(scheme string, flags ...string) *branchProgram {
		b := &branchProgram{phones: rig.FreeAddr(t)}
		b.Program = rig.Start(t, ingestProgram(t), append([]string{"--store", t.TempDir(), "--store-max", "16MiB", "--http", b.phones, "--admin", "", "--site", "b2",
			"--hub", scheme + "://b2:branchsecret@" + hub.addr}, flags...)...)
		b.Says("phones.welcome")
		rig.Accepted(t, b.phones, rig.CheckPhone(1, "74951234567", "101"))
		return b
	}
	distrusting := start("tls")
	distrusting.Says("hub.away")
	if got := rig.Stored(t, there); len(got) > 0 {
		t.Errorf("a branch that trusts nobody has sent %v", got)
	}
	for i, scheme := range []string{"tls", "nats"} { // the server says that it wants TLS
		start(scheme, "--hub-ca", c.Authority)
		rig.Until(t, "the branch's call", func() (any, bool) { got := rig.Stored(t, there); return got, len(got) == i+1 })
	}
}

func TestABranchIsAddedListedAndRemovedWhileCallbusRuns(t *testing.T) {
	t.Parallel()
	in, callbus, key := rig.StartIngest(t), callbusProgram(t), filepath.Join(t.TempDir(), "b2.creds")
	run := func(args ...string) string {
		return rig.Run(t, callbus, append(append([]string{"branch"}, args...), "--nats", in.NATS, "--data", filepath.Dir(in.Creds))...)
	}
	rig.Claim(t, "no branch", run("list"), "There is no branch: callbus branch add NAME makes a key for one")
	rig.Claim(t, "add", run("add", "b2", "--out", key), "Branch b2 may store its calls here", key)
	rig.Claim(t, "list", run("list"), "b2")
	admin, phones := rig.FreeAddr(t), rig.FreeAddr(t)
	b := rig.Start(t, ingestProgram(t), "--store", t.TempDir(), "--store-max", "16MiB", "--http", phones, "--admin", admin, "--site", "b2", "--hub", in.NATS, "--hub-creds", key)
	b.Says("phones.welcome")
	rig.Accepted(t, phones, rig.CheckPhone(1, "74951234567", "101"))
	there := rig.Connect(t, in.NATS, in.Creds)
	rig.Until(t, "the branch's call", func() (any, bool) { got := rig.Stored(t, there); return got, len(got) == 1 && got[0].Site == "b2" })
	rig.Claim(t, "remove", run("remove", "b2"), "its key opens nothing any more")
	b.Says("hub.away")
	rig.Accepted(t, phones, rig.CheckPhone(4, "74951234567", "101"))
	rig.Until(t, "the metrics to tell the backlog", func() (any, bool) {
		left := metric(t, admin, "callbus_hub_waiting_events ")
		return left, left == "1" && metric(t, admin, "callbus_hub_connected ") == "0"
	})
	rig.Claim(t, "по-русски", run("list", "--lang", "ru"), "Филиалов нет")
}

func denied(t *testing.T, what string, refused <-chan error) {
	t.Helper()
	select {
	case err := <-refused:
		if !strings.Contains(strings.ToLower(err.Error()), "permissions violation") {
			t.Errorf("%s: %v, want a permissions violation", what, err)
		}
	case <-time.After(rig.Patience):
		t.Errorf("%s: nobody refused it", what)
	}
}
