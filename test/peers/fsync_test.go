package peers

import (
	"bufio"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/callbus/callbus/test/rig"
)

// hits is how many phones call, one after another.
const hits = 50

// The promise (docs/wire.md §4): a 200 means that the event has been fsynced. strace shows the system calls in the
// order of cause and effect.
func TestNoPhoneIsAnswered200BeforeItsEventIsFsynced(t *testing.T) {
	peer(t, "strace")
	addr := rig.FreeAddr(t)
	ingest, trace := straced(t, rig.Build(t, "./services/ingest/cmd/ingest"), "--store", t.TempDir(), "--http", addr, "--admin", "")
	ingest.Says("phones.welcome")
	got := watched(t, ingest, trace, addr)
	t.Logf("%d answers 200, %d fsyncs of CALLS", got.answers, got.syncs)
	if got.answers != hits || got.syncs < hits || len(got.broken) != 0 {
		t.Errorf("got %d answers and %d fsyncs of CALLS, %d answers before their fsync; want %d, at least as many, 0\n%s",
			got.answers, got.syncs, len(got.broken), hits, strings.Join(got.broken, "\n"))
	}
}

// The same eyes on a program that answers after a PubAck which was not fsynced.
func TestAnAnswerWithoutFsyncIsNoticed(t *testing.T) {
	peer(t, "strace")
	unsynced, trace := straced(t, rig.BuildHelper(t, "./peers/unsynced"), t.TempDir())
	unsynced.Says("address ")
	addr := strings.TrimSpace(strings.TrimPrefix(unsynced.Out.String(), "address "))
	got := watched(t, unsynced, trace, addr)
	t.Logf("%d answers 200, %d fsyncs of CALLS", got.answers, got.syncs)
	if got.answers != hits || len(got.broken) != hits {
		t.Errorf("a broker without fsync: got %d answers, %d of them noticed; want %d and %d", got.answers, len(got.broken), hits, hits)
	}
}

// straced starts a program under strace and returns the file of its trace.
func straced(t *testing.T, path string, args ...string) (*rig.Program, string) {
	t.Helper()
	trace := filepath.Join(t.TempDir(), "trace")
	args = append([]string{"-f", "-y", "-s", "32", "-e", "signal=none", "-o", trace,
		"-e", "trace=read,write,writev,pwrite64,pwritev,fsync,fdatasync", path}, args...)
	return rig.Start(t, "strace", args...), trace
}

// watched lets the phones call, ends the program and reads its trace.
func watched(t *testing.T, p *rig.Program, trace, addr string) watch {
	t.Helper()
	for i := range hits {
		rig.Accepted(t, addr, fmt.Sprintf("/checkphone.php?event=1&p1=74951234567&p2=%d", 100+i))
	}
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

// watch follows one hit after another through a trace: it arrives, is written to the store of CALLS, is fsynced
// there, and only then its 200 begins.
type watch struct {
	answers int      // 200s
	syncs   int      // fsyncs of CALLS that succeeded
	broken  []string // 200s before the fsync

	written, synced bool              // the event that arrived last
	under           map[string]string // calls under way, by thread
}

var (
	unfinished = regexp.MustCompile(`^(\d+) +(\w+\(.*) <unfinished \.\.\.>$`)
	resumed    = regexp.MustCompile(`^(\d+) +<\.\.\. \w+ resumed>(.*)$`)
	whole      = regexp.MustCompile(`^(\d+) +(\w+\(.*)$`)

	arrival = regexp.MustCompile(`^read\(\d+<socket:.*"GET /checkphone`)
	answer  = regexp.MustCompile(`^writev?\(\d+<socket:.*"HTTP/1\.1 200`)
	writing = regexp.MustCompile(`^p?writev?(64)?\(\d+<[^>]*/CALLS/msgs/\d+\.blk>.* = \d+$`)
	syncing = regexp.MustCompile(`^f(data)?sync\(\d+<[^>]*/CALLS/msgs/\d+\.blk>.* = 0$`)
)

func read(trace string) watch {
	w := watch{under: map[string]string{}}
	for lines := bufio.NewScanner(strings.NewReader(trace)); lines.Scan(); {
		w.line(lines.Text())
	}
	return w
}

// line takes one line of the trace. A call that another thread's call interrupts stands there twice, begun and ended.
func (w *watch) line(line string) {
	if m := unfinished.FindStringSubmatch(line); m != nil {
		w.under[m[1]] = m[2]
		w.begun(m[2])
	} else if m := resumed.FindStringSubmatch(line); m != nil {
		w.ended(w.under[m[1]] + m[2])
		delete(w.under, m[1])
	} else if m := whole.FindStringSubmatch(line); m != nil {
		w.begun(m[2])
		w.ended(m[2])
	}
}

// begun: an answer counts from its beginning.
func (w *watch) begun(call string) {
	if !answer.MatchString(call) {
		return
	}
	w.answers++
	if !w.synced {
		w.broken = append(w.broken, call)
	}
	w.written, w.synced = false, false
}

// ended: everything else counts once it is done.
func (w *watch) ended(call string) {
	switch {
	case arrival.MatchString(call):
		w.written, w.synced = false, false
	case writing.MatchString(call):
		w.written, w.synced = true, false
	case syncing.MatchString(call):
		w.syncs++
		w.synced = w.written
	}
}

// What the watch must see is planted into a trace as strace writes it.
func TestTheWatchReadsTraces(t *testing.T) {
	const (
		arrives = `7 read(13<socket:[1]>, "GET /checkphone.php?event=1&p1=7"..., 2048) = 142` + "\n"
		writes  = `7 pwrite64(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk>, "\352\2\0\200"..., 746, 0) = 746` + "\n"
		syncs   = `7 fsync(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk>) = 0` + "\n"
		begins  = `7 fsync(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk> <unfinished ...>` + "\n"
		ends    = `7 <... fsync resumed>)              = 0` + "\n"
		fails   = `7 fsync(8</d/nats/jetstream/$G/streams/CALLS/msgs/1.blk>) = -1 EIO (Input/output error)` + "\n"
		other   = `7 fsync(8</d/nats/jetstream/$G/streams/HITS/msgs/1.blk>) = 0` + "\n"
		answers = `9 write(13<socket:[1]>, "HTTP/1.1 200 OK\r\nCache-Control: "..., 100 <unfinished ...>` + "\n" + `9 <... write resumed>) = 100` + "\n"
		refuses = `9 write(13<socket:[1]>, "HTTP/1.1 503 Service Unavailable"..., 100) = 100` + "\n"
	)
	for _, c := range []struct {
		name, trace             string
		answers, syncs, noticed int
	}{
		{"in order", arrives + writes + syncs + answers, 1, 1, 0},
		{"in order, interrupted", arrives + writes + begins + ends + answers, 1, 1, 0},
		{"no fsync", arrives + writes + answers, 1, 0, 1},
		{"no fsync the second time", arrives + writes + syncs + answers + arrives + writes + answers, 2, 1, 1},
		{"fsync before the write", arrives + syncs + writes + answers, 1, 1, 1},
		{"fsync after the answer", arrives + writes + answers + syncs, 1, 1, 1},
		{"fsync not over at the answer", arrives + writes + begins + answers + ends, 1, 1, 1},
		{"fsync of the hit before", writes + syncs + arrives + answers, 1, 1, 1},
		{"fsync of another stream", arrives + writes + other + answers, 1, 0, 1},
		{"fsync that failed", arrives + writes + fails + answers, 1, 0, 1},
		{"nothing written", arrives + syncs + answers, 1, 1, 1},
		{"no promise made", arrives + writes + fails + refuses, 0, 0, 0},
	} {
		got := read(c.trace)
		if got.answers != c.answers || got.syncs != c.syncs || len(got.broken) != c.noticed {
			t.Errorf("%s: got %d answers, %d fsyncs, %d noticed; want %d, %d, %d",
				c.name, got.answers, got.syncs, len(got.broken), c.answers, c.syncs, c.noticed)
		}
	}
}
