package ingest_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/ingest"
)

// run runs an ingest until stop, or the end of the test, and returns the address for phones.
func run(t *testing.T, o ingest.Options) (url string, stop func() error) {
	t.Helper()
	ready, ended := make(chan net.Addr, 1), make(chan error, 1)
	o.HTTP, o.Region, o.Ready = "127.0.0.1:0", "RU", func(a net.Addr) { ready <- a }
	if o.StoreMax == 0 {
		o.StoreMax = 16 * config.MiB
	}
	ctx, cancel := context.WithCancel(context.Background())
	go func() { ended <- ingest.Run(ctx, o) }()
	stop = sync.OnceValue(func() error { cancel(); return <-ended })
	select {
	case a := <-ready:
		t.Cleanup(func() { stop() })
		return "http://" + a.String(), stop
	case err := <-ended:
		t.Fatalf("ingest ended with %v", err)
		return "", nil
	}
}

func get(t *testing.T, url string) int {
	t.Helper()
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	r.Body.Close()
	return r.StatusCode
}

func connect(t *testing.T, url, creds string) *nats.Conn {
	t.Helper()
	nc, err := stream.Connect(stream.ConnectOptions{Name: t.Name(), URL: url, Creds: creds})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	waitFor(t, nc.IsConnected)
	return nc
}

func stored(t *testing.T, nc *nats.Conn, name string) (events []call.Event) {
	t.Helper()
	js, _ := jetstream.New(nc)
	s, err := js.Stream(context.Background(), name)
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= s.CachedInfo().State.LastSeq; i++ {
		m, err := s.GetMsg(context.Background(), i)
		if err != nil {
			t.Fatal(err)
		}
		e, err := stream.Decode(m.Data)
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, e)
	}
	return events
}

func TestAHitThatWasAnswered200IsInTheStore(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	url, _ := run(t, ingest.Options{NATS: server.URL(), NATSCreds: server.Creds(), Site: "b2"})
	// NATS is outside, so the streams may take a moment longer than the port.
	for get(t, url+"/yealink/registered?mac=00:15:65:AA:BB:CC&acc=101") != 200 {
		time.Sleep(time.Millisecond)
	}
	if code := get(t, url+"/checkphone.php?event=1&p1=sip:74951234567@operatorsip.ru&p2=101"); code != 200 {
		t.Fatalf("status %d", code)
	}
	nc := connect(t, server.URL(), server.Creds())
	events := stored(t, nc, stream.Calls)
	if len(events) != 1 {
		t.Fatalf("%d events, want 1", len(events))
	}
	e := events[0]
	if e.Type != call.Incoming || e.Line != "101" || e.Remote.URI != "sip:74951234567@operatorsip.ru" ||
		e.Remote.Number != "+74951234567" || e.Site != "b2" || e.Source != "checkphone" || time.Since(e.Time) > time.Minute {
		t.Errorf("stored %#v", e)
	}
	if phones := stored(t, nc, stream.Phones); len(phones) == 0 || phones[0].Phone.MAC != "001565aabbcc" {
		t.Errorf("events of phones: %v", phones)
	}
}

func TestTheLineOfAHitThatNamesNoneIsTheOneLastSeen(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	url, stop := run(t, ingest.Options{Store: dir})
	for _, hit := range []string{
		"/yealink/incoming?mac=001565aabbcc&acc=101&remote=sip:74951234567@pbx",
		"/yealink/ended?mac=00:15:65:aa:bb:cc", // the same phone, by its MAC
		"/yealink/ended?mac=001565000001",      // another phone from the same address: its MAC
		"/phone/incoming?remote=sip:101@pbx",   // no MAC: by the address
	} {
		if code := get(t, url+hit); code != 200 {
			t.Errorf("%s: status %d", hit, code)
		}
	}
	stop()
	b, err := broker.Start(broker.Options{Dir: dir, Listen: "127.0.0.1:0", Room: 16 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	var lines []string
	for _, e := range stored(t, connect(t, b.URL(), b.Creds()), stream.Calls) {
		lines = append(lines, string(e.Line))
	}
	if got := strings.Join(lines, " "); got != "101 101 001565000001 101" {
		t.Errorf("lines %q, want 101 101 001565000001 101", got)
	}
}

func TestWithoutNATSPhonesGet503AtOnceAnd200Later(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	server.Stop()
	url, _ := run(t, ingest.Options{NATS: server.URL(), NATSCreds: server.Creds()})
	hit := url + "/phone/incoming?line=101&remote=sip:74951234567@pbx"
	refusedAtOnce(t, hit)
	server.Restart()
	waitFor(t, func() bool { return get(t, hit) == 200 })
}

// refusedAtOnce takes the best of ten: a busy machine may hold up some of them, and an ingest that waits for NATS holds up all.
func refusedAtOnce(t *testing.T, hit string) {
	t.Helper()
	fastest := time.Hour
	for range 10 {
		begin := time.Now()
		if code := get(t, hit); code != 503 {
			t.Errorf("status %d, want 503", code)
		}
		fastest = min(fastest, time.Since(begin))
	}
	if fastest > time.Second {
		t.Errorf("a phone is refused after %v, want at once", fastest)
	}
}

func TestTwoOnOneStoreIsRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	run(t, ingest.Options{Store: dir})
	err := ingest.Run(context.Background(), ingest.Options{HTTP: "127.0.0.1:0", Store: dir, StoreMax: 16 * config.MiB})
	if !errors.Is(err, broker.ErrLocked) {
		t.Errorf("error %v, want ErrLocked", err)
	}
}

func TestOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	for want, o := range map[string]ingest.Options{
		"say where events are stored": {},
		"exclude each other":          {Store: "x", NATS: "y"},
		"belong to --nats":            {Store: "x", NATSCreds: "y"},
		"--trusted-proxy":             {Store: "x", TrustedProxies: config.List{Values: []string{"10.0.0.300"}}},
		"--nats-listen belongs to":    {NATS: "x", NATSListen: ":1"},
		"(want :8080, or":             {Store: t.TempDir(), StoreMax: config.MiB, HTTP: "8080"},
	} {
		if err := ingest.Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

func TestAStoreThatFillsUpIsToldBeforeItIsFull(t *testing.T) {
	t.Parallel()
	server := natstest.Start(t)
	nc := server.Declared()
	p, err := stream.NewPublisher(nc, "")
	if err != nil {
		t.Fatal(err)
	}
	p.Patience = natstest.Patience
	for used := int64(0); used < natstest.Room/100*91; {
		if _, err := p.Publish(context.Background(), call.Event{Type: call.Incoming, Line: "101", Raw: strings.Repeat("x", 100<<10)}); err != nil {
			t.Fatal(err)
		}
		if used, _, err = stream.Fill(context.Background(), nc); err != nil {
			t.Fatal(err)
		}
	}
	said := make(chan string, 1)
	run(t, ingest.Options{NATS: server.URL(), NATSCreds: server.Creds(), Log: zerolog.New(listener{"store.nearly_full", said})})
	select {
	case line := <-said:
		if !strings.Contains(line, "16MiB") {
			t.Errorf("the log says %s, want the room in it", line)
		}
	case <-time.After(natstest.Patience):
		t.Error("the log says nothing of a store that is 91 % full")
	}
}

// listener is a log that passes the first line on that has a word in it.
type listener struct {
	word string
	said chan string
}

func (l listener) Write(p []byte) (int, error) {
	if strings.Contains(string(p), l.word) {
		select {
		case l.said <- string(p):
		default:
		}
	}
	return len(p), nil
}

// A disk that is full freezes the store: nothing but a restart with free space heals it. The phones must get 503 and
// the process must end, so that a supervisor starts it anew.
func TestAFrozenStoreEndsTheProcess(t *testing.T) {
	t.Parallel()
	disk := smallDisk(t, "256m")
	dir := filepath.Join(disk, "store")
	url, stop := run(t, ingest.Options{Store: dir})
	hit := url + "/phone/incoming?line=101&remote=sip:74951234567@pbx&name=" + strings.Repeat("x", 200)
	if code := get(t, hit); code != 200 {
		t.Fatalf("status %d before the disk is full", code)
	}
	fill(t, disk)
	code := 200
	for deadline := time.Now().Add(natstest.Patience); code == 200; code = status(hit) {
		if time.Now().After(deadline) {
			t.Fatal("the phones still get 200 on a full disk")
		}
	}
	if code != 503 && code != 0 {
		t.Errorf("status %d on a full disk, want 503", code)
	}
	for deadline := time.Now().Add(natstest.Patience); status(hit) != 0; time.Sleep(20 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("the process did not end")
		}
	}
	if err := stop(); err == nil || !strings.Contains(err.Error(), "frozen") {
		t.Errorf("the process ended with %v, want a frozen store", err)
	}
}

// status is get without a test to fail: 0 where nobody answers.
func status(url string) int {
	r, err := http.Get(url)
	if err != nil {
		return 0
	}
	r.Body.Close()
	return r.StatusCode
}

// smallDisk mounts a file system of a few megabytes. That takes root on Linux, which CI is.
func smallDisk(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if out, err := exec.Command("mount", "-t", "tmpfs", "-o", "size="+size, "tmpfs", dir).CombinedOutput(); err != nil {
		t.Skipf("cannot mount a small disk here: %v %s", err, out)
	}
	t.Cleanup(func() {
		if out, err := exec.Command("umount", dir).CombinedOutput(); err != nil {
			t.Errorf("umount: %v %s", err, out)
		}
	})
	return dir
}

// fill writes until the disk is full.
func fill(t *testing.T, dir string) {
	t.Helper()
	f, err := os.Create(filepath.Join(dir, "filler"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for block := make([]byte, 1<<20); len(block) > 0; {
		if _, err := f.Write(block); err != nil {
			block = block[:len(block)/2]
		}
	}
}
