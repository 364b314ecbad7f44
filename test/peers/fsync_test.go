package peers

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/test/rig"
)

// hits is how many phones call, one after another and then atOnce at a time.
const (
	hits   = 50
	atOnce = 25
)

// The promise (docs/wire.md §4): a 200 means that the event has been fsynced, and nobody who reads CALLS sees it before.
// strace shows the system calls in the order of cause and effect.
func TestNoPhoneIsAnsweredAndNoReaderServedBeforeTheFsync(t *testing.T) {
	peer(t, "strace")
	addr, bus, dir := rig.FreeAddr(t), rig.FreeAddr(t), t.TempDir()
	ingest, trace := straced(t, rig.Build(t, "./services/ingest/cmd/ingest"), "--store", dir, "--http", addr, "--admin", "", "--nats-listen", bus)
	ingest.Says("phones.welcome")
	tapped := readerOf(t, "nats://"+bus, filepath.Join(dir, "nats.creds"))
	call(t, addr, 0, hits, 1)
	call(t, addr, hits, 2*hits, atOnce)
	for n := range 2 * hits {
		if _, err := tapped.Next(jetstream.FetchMaxWait(rig.Patience)); err != nil {
			t.Fatalf("the tap has %d of %d events: %v", n, 2*hits, err)
		}
	}
	got := watched(t, ingest, trace)
	t.Logf("%d answers 200, %d read by the tap, %d fsyncs of CALLS", got.answers, got.read, got.syncs)
	if got.answers != 2*hits || got.read < 2*hits || got.syncs < hits || len(got.broken) != 0 {
		t.Errorf("got %d answers, %d read, %d fsyncs of CALLS, %d answers or readings before their fsync; want %d, as many, at least %d, 0\n%s",
			got.answers, got.read, got.syncs, len(got.broken), 2*hits, hits, strings.Join(got.broken, "\n"))
	}
	if got.syncs >= 2*hits {
		t.Errorf("%d fsyncs for %d hits: none were stored together, and the test says nothing of batches", got.syncs, 2*hits)
	}
}

// Bug: what a killed broker had written and not fsynced was served by the next one, with no fsync of it.
func TestWhatAKilledBrokerHasWrittenIsFsyncedAtTheNextStart(t *testing.T) {
	peer(t, "strace")
	program, dir := rig.Build(t, "./services/ingest/cmd/ingest"), t.TempDir()
	args := []string{"--store", dir, "--http", rig.FreeAddr(t), "--admin", "", "--nats-listen", rig.FreeAddr(t)}
	killed := rig.Start(t, program, args...)
	killed.Says("phones.welcome")
	call(t, args[3], 0, hits, atOnce)
	killed.Signal(syscall.SIGKILL)
	_ = killed.Wait()
	next, trace := straced(t, program, args...)
	next.Says("phones.welcome")
	if got := watched(t, next, trace); got.syncs == 0 {
		t.Error("nothing of CALLS was fsynced at the start")
	}
}

// The same eyes on a program that answers after a PubAck which was not fsynced.
func TestAnAnswerWithoutFsyncIsNoticed(t *testing.T) {
	peer(t, "strace")
	unsynced, trace := straced(t, rig.BuildHelper(t, "./peers/unsynced"), t.TempDir())
	unsynced.Says("address ")
	call(t, strings.TrimSpace(strings.TrimPrefix(unsynced.Out.String(), "address ")), 0, hits, 1)
	got := watched(t, unsynced, trace)
	t.Logf("%d answers 200, %d fsyncs of CALLS", got.answers, got.syncs)
	if got.answers != hits || len(got.broken) != hits {
		t.Errorf("a broker without fsync: got %d answers, %d of them noticed; want %d and %d", got.answers, len(got.broken), hits, hits)
	}
}

// readerOf reads CALLS over TCP.
func readerOf(t *testing.T, url, creds string) jetstream.Consumer {
	t.Helper()
	js, err := jetstream.New(rig.Connect(t, url, creds))
	if err != nil {
		t.Fatal(err)
	}
	c, err := js.OrderedConsumer(rig.Context(t), "CALLS", jetstream.OrderedConsumerConfig{})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// straced starts a program under strace and returns the file of its trace.
func straced(t *testing.T, path string, args ...string) (*rig.Program, string) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	args = append([]string{"-f", "-y", "-s", "65536", "-e", "signal=none", "-o", trace,
		"-e", "trace=read,write,writev,pwrite64,pwritev,fsync,fdatasync", path}, args...)
	return rig.Start(t, "strace", args...), trace
}

// call lets the phones [from, to) call, some at once.
func call(t *testing.T, addr string, from, to, atOnce int) {
	t.Helper()
	var phones sync.WaitGroup
	for first := range atOnce {
		phones.Go(func() {
			for i := from + first; i < to; i += atOnce {
				if got := rig.Hit(t, addr, fmt.Sprintf("/checkphone.php?event=1&p1=74951234567&p2=%d", 100+i)); got != http.StatusOK {
					t.Errorf("phone %d: got %d, want 200", i, got)
				}
			}
		})
	}
	phones.Wait()
}

// watched ends the program and reads its trace.
func watched(t *testing.T, p *rig.Program, trace string) watch {
	t.Helper()
	http.DefaultClient.CloseIdleConnections()
	p.Signal(syscall.SIGTERM)
	if err := p.Wait(); err != nil {
		t.Fatalf("the traced program: %v", err)
	}
	text, err := os.ReadFile(trace)
	if err != nil {
		t.Fatal(err)
	}
	return read(string(text))
}

// watch follows hits through a trace, each by its p2: it arrives on a connection, is written to the store of CALLS, is
// fsynced there, and only then may its 200 or a reading of CALLS begin.
type watch struct {
	answers int      // 200s
	read    int      // events on their way to a reader
	syncs   int      // fsyncs of CALLS that succeeded
	broken  []string // 200s and readings before the fsync

	asked   map[string]string   // hit that arrived last, by connection
	written []string            // hits written and not fsynced
	synced  map[string]bool     // hits
	under   map[string]string   // calls under way, by thread
	covers  map[string][]string // what was written when the fsync under way began, by thread
}

var (
	unfinished = regexp.MustCompile(`^(\d+) +(\w+\(.*) <unfinished \.\.\.>$`)
	resumed    = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)
	whole      = regexp.MustCompile(`^(\d+) +(\w+\(.*)$`)

	hit     = regexp.MustCompile(`p2=\d+`)
	arrival = regexp.MustCompile(`^read\(\d+<(socket:[^>]*|TCP[^>]*)>, "GET /checkphone`)
	answer  = regexp.MustCompile(`^writev?\(\d+<(socket:[^>]*|TCP[^>]*)>.*"HTTP/1\.1 200`)
	reading = regexp.MustCompile(`^writev?\(\d+<(socket:|TCP).*HMSG calls\.\w+ \d+ \$JS\.ACK\.`)
	writing = regexp.MustCompile(`^p?writev?(64)?\(\d+<[^>]*/CALLS/msgs/\d+\.blk>.* = \d+$`)
	syncing = regexp.MustCompile(`^f(data)?sync\(\d+<[^>]*/CALLS/msgs/\d+\.blk>`)
)

func read(trace string) watch {
	w := watch{asked: map[string]string{}, synced: map[string]bool{}, under: map[string]string{}, covers: map[string][]string{}}
	for line := range strings.Lines(trace) {
		w.line(strings.TrimSuffix(line, "\n"))
	}
	return w
}

// line takes one line of the trace. A call that another thread's call interrupts stands there twice, begun and ended.
func (w *watch) line(line string) {
	if m := unfinished.FindStringSubmatch(line); m != nil {
		w.under[m[1]] = m[2]
		w.begun(m[1], m[2])
	} else if m := resumed.FindStringSubmatch(line); m != nil {
		w.ended(m[1], w.under[m[1]]+m[2])
		delete(w.under, m[1])
	} else if m := whole.FindStringSubmatch(line); m != nil {
		w.begun(m[1], m[2])
		w.ended(m[1], m[2])
	}
}

// begun: an answer counts from its beginning, and a fsync covers what was written before its own.
func (w *watch) begun(thread, call string) {
	switch m := answer.FindStringSubmatch(call); {
	case m != nil:
		w.answers++
		w.check(w.asked[m[1]], call)
	case reading.MatchString(call):
		for _, h := range hit.FindAllString(call, -1) {
			w.read++
			w.check(h, call)
		}
	case syncing.MatchString(call):
		w.covers[thread] = slices.Clone(w.written)
	}
}

func (w *watch) check(hit, call string) {
	if !w.synced[hit] {
		w.broken = append(w.broken, hit+": "+call[:min(len(call), 80)])
	}
}

// ended: everything else counts once it is done.
func (w *watch) ended(thread, call string) {
	switch m := arrival.FindStringSubmatch(call); {
	case m != nil:
		w.asked[m[1]] = hit.FindString(call)
	case writing.MatchString(call):
		w.written = append(w.written, hit.FindAllString(call, -1)...)
	case syncing.MatchString(call) && strings.HasSuffix(call, " = 0"):
		w.syncs++
		for _, h := range w.covers[thread] {
			w.synced[h] = true
		}
		w.written = slices.DeleteFunc(w.written, func(h string) bool { return w.synced[h] })
	}
}

// What the watch must see is planted into a trace as strace writes it.
func TestTheWatchReadsTraces(t *testing.T) {
	const (
		arrives = `7 read(13<socket:[1]>, "GET /checkphone.php?event=1&p1=7&p2=100 HTTP/1.1"..., 2048) = 142` + "\n"
		another = `8 read(14<socket:[2]>, "GET /checkphone.php?event=1&p1=7&p2=101 HTTP/1.1"..., 2048) = 142` + "\n"
		writes  = `7 pwrite64(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk>, "\352\2\0 p2=100"..., 746, 0) = 746` + "\n"
		both    = `7 pwrite64(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk>, "\352\2\0 p2=100 \352 p2=101"..., 746, 0) = 746` + "\n"
		stages  = `7 pwrite64(8</dev/shm/callbus-1/CALLS/Ab1/msgs/1.blk>, "\352\2\0 p2=100"..., 746, 0) = 746` + "\n"
		staged  = `7 fsync(8</dev/shm/callbus-1/CALLS/Ab1/msgs/1.blk>) = 0` + "\n"
		syncs   = `7 fsync(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk>) = 0` + "\n"
		begins  = `7 fsync(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk> <unfinished ...>` + "\n"
		ends    = `7 <... fsync resumed>)              = 0` + "\n"
		fails   = `7 fsync(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk>) = -1 EIO (Input/output error)` + "\n"
		other   = `7 fsync(8</d/nats/jetstream/$G/streams/HITS/msgs/1.blk>) = 0` + "\n"
		writes2 = `9 pwrite64(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk>, "\352\2\0 p2=100"..., 746, 0) = 746` + "\n"
		answers = `9 write(13<socket:[1]>, "HTTP/1.1 200 OK\r\nCache-Control: "..., 100 <unfinished ...>` + "\n" + `9 <... write resumed>) = 100` + "\n"
		second  = `9 write(14<socket:[2]>, "HTTP/1.1 200 OK\r\nCache-Control: "..., 100) = 100` + "\n"
		refuses = `9 write(13<socket:[1]>, "HTTP/1.1 503 Service Unavailable"..., 100) = 100` + "\n"
		reads   = `9 write(15<socket:[3]>, "HMSG calls.incoming 1 $JS.ACK.CALLS.a.1 12 30\r\n p2=100"..., 100) = 100` + "\n"
	)
	for _, c := range []struct {
		name, trace             string
		answers, syncs, noticed int
	}{
		{"in order", arrives + writes + syncs + answers, 1, 1, 0},
		{"in order, interrupted", arrives + writes + begins + ends + answers, 1, 1, 0},
		{"two with one fsync", arrives + another + both + syncs + second + answers, 2, 1, 0},
		{"two, one of them written", arrives + another + writes + syncs + second + answers, 2, 1, 1},
		{"no fsync", arrives + writes + answers, 1, 0, 1},
		{"only staged", arrives + stages + staged + answers, 1, 0, 1},
		{"fsync before the write", arrives + syncs + writes + answers, 1, 1, 1},
		{"fsync begun before the write", arrives + begins + writes2 + ends + answers, 1, 1, 1},
		{"fsync after the answer", arrives + writes + answers + syncs, 1, 1, 1},
		{"fsync not over at the answer", arrives + writes + begins + answers + ends, 1, 1, 1},
		{"fsync of another stream", arrives + writes + other + answers, 1, 0, 1},
		{"fsync that failed", arrives + writes + fails + answers, 1, 0, 1},
		{"nothing written", arrives + syncs + answers, 1, 1, 1},
		{"no promise made", arrives + writes + fails + refuses, 0, 0, 0},
		{"read in order", writes + syncs + reads, 0, 1, 0},
		{"read before the fsync", writes + reads + syncs, 0, 1, 1},
	} {
		got := read(c.trace)
		if got.answers != c.answers || got.syncs != c.syncs || len(got.broken) != c.noticed {
			t.Errorf("%s: got %d answers, %d fsyncs, %d noticed; want %d, %d, %d",
				c.name, got.answers, got.syncs, len(got.broken), c.answers, c.syncs, c.noticed)
		}
	}
}
