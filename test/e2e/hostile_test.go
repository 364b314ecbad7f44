package e2e

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/test/rig"
)

const (
	goodPhones = 20
	slowConns  = 500
	// goodWait is the longest that a well-behaved phone may wait while others attack. Alone it waits a millisecond or
	// two for the disk; two cores are shared here with the attackers, and perhaps with others.
	goodWait = rig.Patience / 4
	// memoryMore is how much more memory the process may have under attack. The connections take some of it, and Go's
	// collector lets the rest grow until it is worth its while.
	memoryMore = 64 << 20
)

// A port in an office meets scanners, broken phones and worse. All at once they get clear answers, cost little, and
// keep nobody from calling.
func TestHostileClientsCostLittleAndKeepNobodyFromCalling(t *testing.T) {
	if runtime.GOOS != "linux" {
		t.Skip("what a process costs is read from /proc")
	}
	in := startFortress(t)
	good := callAllTheWhile(t, in.Phones)
	good.until(t, 5*goodPhones) // warm: what it needs by itself is not the attackers' doing
	before, files := in.memory(t), in.files(t)
	worst := in.watchMemory(t)

	slow := startSlow(t, in)
	rig.Until(t, "the slow connections to be open", func() (any, bool) { n := in.files(t); return n, n >= slowConns })
	dialects := in.dialects(t)
	in.send(t, corpus(dialects))
	in.pipeline(t, 1000)
	slow.untilAllWereCut(t)
	slow.stop()
	worstMemory := worst()
	calls, longest := good.stop(t)

	// The store opens and closes files of its own, and phones come and go.
	rig.Until(t, "the connections to be gone", func() (any, bool) { n := in.files(t); return n, n <= files+goodPhones })
	after := in.memory(t)
	t.Logf("memory (RSS, of it anonymous): before %v, at worst %v, after %v", before, worstMemory, after)
	t.Logf("%d slow connections in all; %d good calls meanwhile, the longest took %v", slow.opened.Load(), len(calls), longest.Round(time.Millisecond))
	if more := worstMemory.anonymous - before.anonymous; more > memoryMore {
		t.Errorf("under attack it took %d MiB more, want %d at most", more>>20, memoryMore>>20)
	}
	if longest > goodWait {
		t.Errorf("a good phone waited %v, want %v at most", longest, goodWait)
	}
	if code := rig.Hit(t, in.admin, "/readyz"); code != 200 {
		t.Errorf("/readyz: got %d, want 200", code)
	}
	stored := in.stored(t)
	everyCallIsStored(t, stored, calls)
	in.noHeaderOrSubjectIsForged(t, stored)
	in.noMetricGrew(t, dialects)
	in.noLineIsForged(t)
	in.Signal(syscall.SIGTERM)
	if err := in.Wait(); err != nil {
		t.Errorf("ingest after it all: %v, want a clean stop", err)
	}
}

// Whoever sends thousands of wrong requests a second must not fill the disk with lines, nor the stream of rejected hits.
func TestAScannerLeavesAFewLines(t *testing.T) {
	in := startFortress(t)
	start := time.Now()
	const hits = 5000
	var attacks []attack
	for range hits {
		attacks = append(attacks, attack{name: "a scanner", raw: "GET /wp/login.php HTTP/1.0\r\n\r\n", want: answers(404)})
	}
	in.send(t, attacks)
	seconds := int(time.Since(start)/time.Second) + 1
	var lines, untold int
	rig.Until(t, "the log to tell of every hit", func() (any, bool) {
		lines, untold = 0, 0
		for _, line := range logLines(t, in.Log.String()) {
			if line["message"] == "call.refused" {
				lines++
			}
			if n, ok := line["hits"].(float64); ok {
				untold += int(n)
			}
		}
		return lines + untold, lines+untold == hits
	})
	t.Logf("%d refused hits in %d s: %d lines, and %d in a number", hits, seconds, lines, untold)
	if most := 20 * (seconds + 1); lines > most {
		t.Errorf("%d lines, want %d at most", lines, most)
	}
	js, _ := jetstream.New(rig.Connect(t, in.NATS, in.Creds))
	s, err := js.Stream(rig.Context(t), stream.Hits)
	if err != nil {
		t.Fatal(err)
	}
	if kept, most := int(s.CachedInfo().State.Msgs), 10*(seconds+1); kept == 0 || kept > most {
		t.Errorf("%d rejected hits are kept, want some, and %d at most", kept, most)
	}
}

// fortress is ingest with every door open: HTTP, HTTPS, probes, NATS.
type fortress struct {
	ingest
	secure string // host:port
	admin  string
	trust  *tls.Config
	lines  *rig.Text // subjects of live copies
}

func startFortress(t *testing.T) fortress {
	t.Helper()
	c := rig.NewCertificate(t)
	dir, phones, secure, admin, bus := t.TempDir(), rig.FreeAddr(t), rig.FreeAddr(t), rig.FreeAddr(t), rig.FreeAddr(t)
	p := rig.Start(t, ingestProgram(t), "--store", dir, "--store-max", "64MiB", "--nats-listen", bus, "--admin", admin,
		"--http", phones, "--https", secure, "--tls-cert", c.Chain, "--tls-key", c.Key,
		"--trusted-proxy", "127.0.0.0/8") // so that X-Forwarded-For is read
	p.Says("phones.welcome")
	rig.Listening(t, admin)
	in := fortress{
		ingest: ingest{p, rig.Ingest{Phones: phones, NATS: "nats://" + bus, Creds: filepath.Join(dir, broker.CredsFile)}},
		secure: secure, admin: admin, trust: trust(t, c), lines: &rig.Text{},
	}
	nc := rig.Connect(t, in.NATS, in.Creds)
	if _, err := nc.Subscribe("lines.>", func(m *nats.Msg) { fmt.Fprintln(in.lines, m.Subject) }); err != nil {
		t.Fatal(err)
	}
	return in
}

func trust(t *testing.T, c rig.Certificate) *tls.Config {
	t.Helper()
	authority, err := os.ReadFile(c.Authority)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(authority)
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// dialects are those that ingest names where it is asked for one that it does not have.
func (in fortress) dialects(t *testing.T) []string {
	t.Helper()
	r, err := http.Get("http://" + in.Phones + "/nobody/incoming")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, _ := io.ReadAll(r.Body)
	_, list, _ := strings.Cut(string(text), "dialects are ")
	list, _, _ = strings.Cut(list, ";")
	all := strings.Fields(list)
	if !slices.Contains(all, "yealink") {
		t.Fatalf("want the dialects, got %q", text)
	}
	return all
}

// send sends each attack on a connection of its own, to both doors in turn, and checks its first answer.
func (in fortress) send(t *testing.T, attacks []attack) {
	t.Helper()
	const atOnce = 8
	var wait sync.WaitGroup
	for worker := range atOnce {
		wait.Go(func() {
			for i := worker; i < len(attacks); i += atOnce {
				a, door := attacks[i], in.dial
				if i%7 == 0 {
					door = in.dialSecure
				}
				got, err := a.send(door)
				switch {
				case err != nil:
					t.Errorf("%s: %v", a.name, err)
				case len(a.want) > 0 && !slices.Contains(a.want, got), got >= 500 && len(a.want) == 0:
					t.Errorf("%s: got %d, want %v", a.name, got, a.want)
				}
			}
		})
	}
	wait.Wait()
}

func (in fortress) dial() (net.Conn, error) { return net.Dial("tcp", in.Phones) }

func (in fortress) dialSecure() (net.Conn, error) { return tls.Dial("tcp", in.secure, in.trust) }

// send returns the status of the first answer, 0 where there is none. An error is one of the test's own, or no end in time.
func (a attack) send(dial func() (net.Conn, error)) (status int, err error) {
	c, err := dial()
	if err != nil {
		return 0, err
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(rig.Patience))
	go func() {
		_, _ = io.WriteString(c, a.raw) // a refused client may never get to its end
		if half, ok := c.(interface{ CloseWrite() error }); ok && a.end {
			_ = half.CloseWrite()
		}
	}()
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return 0, fmt.Errorf("neither an answer nor an end within %v", rig.Patience)
	}
	if err != nil {
		return 0, nil
	}
	answer.Body.Close()
	return answer.StatusCode, nil
}

// pipeline sends n requests at once on one connection, each tenth of them a hit: the disk is not under attack here.
func (in fortress) pipeline(t *testing.T, n int) {
	t.Helper()
	c, err := in.dial()
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(rig.Patience))
	const idle = "GET / HTTP/1.1\r\n\r\n"
	go io.WriteString(c, strings.Repeat(get("")+strings.Repeat(idle, 9), n/10)) //nolint:errcheck // the answers tell
	b := bufio.NewReader(c)
	for i := range n {
		want := 404
		if i%10 == 0 {
			want = 200
		}
		answer, err := http.ReadResponse(b, nil)
		if err != nil || answer.StatusCode != want {
			t.Fatalf("pipelined request %d: got %v, %v, want %d", i, answer, err, want)
		}
		answer.Body.Close()
	}
}

// memory is what the kernel says of a process, in bytes.
type memory struct{ resident, anonymous int }

func (m memory) String() string { return fmt.Sprintf("%d MiB (%d)", m.resident>>20, m.anonymous>>20) }

var kilobytes = regexp.MustCompile(`(?m)^(VmRSS|RssAnon):\s+(\d+) kB$`)

func (in fortress) memory(t *testing.T) memory {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", in.Pid()))
	m := kilobytes.FindAllSubmatch(text, -1)
	if len(m) != 2 {
		t.Errorf("what the process costs: %v, %q", err, m)
		return memory{}
	}
	resident, _ := strconv.Atoi(string(m[0][2]))
	anonymous, _ := strconv.Atoi(string(m[1][2]))
	return memory{resident << 10, anonymous << 10}
}

// files are the file descriptors that the process has open.
func (in fortress) files(t *testing.T) int {
	t.Helper()
	all, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", in.Pid()))
	if err != nil {
		t.Fatal(err)
	}
	return len(all)
}

// watchMemory looks at the memory until the function that it returns is called, which returns the worst.
func (in fortress) watchMemory(t *testing.T) (stop func() memory) {
	ctx, cancel := context.WithCancel(context.Background())
	var most memory
	var watch sync.WaitGroup
	watch.Go(func() {
		for ctx.Err() == nil {
			if m := in.memory(t); m.anonymous > most.anonymous {
				most = m
			}
			time.Sleep(20 * time.Millisecond)
		}
	})
	stop = sync.OnceValue(func() memory { cancel(); watch.Wait(); return most })
	t.Cleanup(func() { stop() })
	return stop
}

func everyCallIsStored(t *testing.T, messages []*jetstream.RawStreamMsg, calls []string) {
	t.Helper()
	stored := map[string]int{}
	for _, m := range messages {
		e, err := stream.Decode(m.Data)
		if err != nil {
			t.Errorf("an event that cannot be read: %v", err)
		}
		if len(m.Data) > 16<<10 || bytes.Contains(m.Data, []byte("root:")) {
			t.Errorf("an entity was resolved, or something has no limit: %d bytes, %.300s", len(m.Data), m.Data)
		}
		stored[e.CallID]++
	}
	for _, id := range calls {
		if stored[id] != 1 {
			t.Errorf("the call %s was answered 200 and is %d times in CALLS", id, stored[id])
		}
	}
}

// stored are the messages of CALLS.
func (in fortress) stored(t *testing.T) (all []*jetstream.RawStreamMsg) {
	t.Helper()
	js, err := jetstream.New(rig.Connect(t, in.NATS, in.Creds))
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(rig.Context(t), stream.Calls)
	if err != nil {
		t.Fatal(err)
	}
	for i := uint64(1); i <= s.CachedInfo().State.LastSeq; i++ {
		m, err := s.GetMsg(context.Background(), i)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, m)
	}
	return all
}

var (
	ourHeader  = regexp.MustCompile(`^(Nats-Msg-Id|Nats-Batch-(Id|Sequence|Commit)|Callbus-Line|ce-(specversion|id|type|source|subject|time)|content-type)$`)
	ourValue   = regexp.MustCompile(`^[!-~]+$`) // percent-encoded where a phone said it
	ourSubject = regexp.MustCompile(`^lines\.[A-Za-z0-9_-]{1,64}\.[a-z_]+$`)
)

func (in fortress) noHeaderOrSubjectIsForged(t *testing.T, messages []*jetstream.RawStreamMsg) {
	t.Helper()
	for _, m := range messages {
		for name, values := range m.Header {
			if !ourHeader.MatchString(name) || len(values) != 1 || !ourValue.MatchString(values[0]) {
				t.Errorf("message %d has the header %q: %q", m.Sequence, name, values)
			}
		}
		if strings.Contains(m.Header.Get("Nats-Msg-Id"), forged) {
			t.Errorf("message %d is called %q", m.Sequence, m.Header.Get("Nats-Msg-Id"))
		}
	}
	subjects := strings.Fields(in.lines.String())
	if len(subjects) == 0 {
		t.Error("no live copy was heard")
	}
	for _, s := range subjects {
		if !ourSubject.MatchString(s) {
			t.Errorf("a live copy on %q", s)
		}
	}
}

var hitSeries = regexp.MustCompile(`(?m)^callbus_hit_seconds_count\{dialect="([^"]*)",outcome="([^"]*)"\} `)

// noMetricGrew: what clients write is no label.
func (in fortress) noMetricGrew(t *testing.T, dialects []string) {
	t.Helper()
	r, err := http.Get("http://" + in.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	outcomes := strings.Fields("accepted head repeat nothing unusable unknown forbidden limited broken handshake unstored")
	series := hitSeries.FindAllSubmatch(text, -1)
	if all := bytes.Count(text, []byte("callbus_hit_seconds_count{")); len(series) < 5 || len(series) != all {
		t.Errorf("of %d series %d have the labels that they should have", all, len(series))
	}
	for _, s := range series {
		if dialect, outcome := string(s[1]), string(s[2]); dialect != "" && !slices.Contains(dialects, dialect) || !slices.Contains(outcomes, outcome) {
			t.Errorf("a series for %q, %q", dialect, outcome)
		}
	}
	if bytes.Contains(text, []byte(forged)) {
		t.Error("a client's text is in the metrics")
	}
}

// noLineIsForged: each line of the log is one object of our own making, whatever clients wrote.
func (in fortress) noLineIsForged(t *testing.T) {
	t.Helper()
	for _, line := range logLines(t, in.Log.String()) {
		message, _ := line["message"].(string)
		_, field := line[forged]
		if strings.Contains(message, forged) || field || strings.Contains(fmt.Sprint(line["error"]), "panic") {
			t.Errorf("the log says %v", line)
		}
	}
}

// logLines reads a log of JSON, and fails the test for what is none and for control characters.
func logLines(t *testing.T, log string) (all []map[string]any) {
	t.Helper()
	if i := strings.IndexFunc(log, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x7f }); i >= 0 {
		t.Errorf("a control character in the log: %q", log[max(0, i-200):i+1])
	}
	for text := range strings.Lines(log) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Errorf("a line of the log is no JSON: %q", text)
		}
		all = append(all, line)
	}
	return all
}
