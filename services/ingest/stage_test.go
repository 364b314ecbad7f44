package ingest_test

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/ingest"
)

// rush is what phones tell at once, and were answered 200 for.
type rush struct {
	url  string
	mu   sync.Mutex
	told int
	ok   map[string]bool
}

// wave lets some phones call at once, each for a line of its own.
func (r *rush) wave() {
	var all sync.WaitGroup
	for line := range 16 {
		r.told++
		id := fmt.Sprintf("c%d", r.told)
		all.Go(func() {
			answer, err := http.Get(fmt.Sprintf("%s/yealink/incoming?mac=0015650000%02x&acc=%d&remote=sip:+74951234567@pbx&cid=%s", r.url, line, 101+line, id))
			if err != nil {
				return
			}
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				r.mu.Lock()
				defer r.mu.Unlock()
				r.ok[id] = true
			}
		})
	}
	all.Wait()
}

// As by systemd, when the ordinary user that ingest runs as has logged out.
func TestAStagingFolderThatIsRemovedUnderLoadLosesNothingAndIsMadeAnew(t *testing.T) {
	t.Parallel()
	if _, err := os.Stat("/dev/shm"); err != nil {
		t.Skipf("no folder in memory: %v", err)
	}
	dir, log := t.TempDir(), &lines{}
	url, stop := run(t, ingest.Options{Store: dir, NATSListen: "127.0.0.1:0", StoreMax: 256 * config.MiB, Log: zerolog.New(log)})
	js, err := jetstream.New(connect(t, log.named("broker.started")[0]["nats"].(string), filepath.Join(dir, broker.CredsFile)))
	if err != nil {
		t.Fatal(err)
	}
	r := &rush{url: url, ok: map[string]bool{}}
	// together reports whether the last event came in a batch.
	together := func() bool {
		calls, err := js.Stream(t.Context(), stream.Calls)
		if err != nil {
			t.Fatal(err)
		}
		m, err := calls.GetMsg(t.Context(), calls.CachedInfo().State.LastSeq)
		if err != nil {
			t.Fatal(err)
		}
		return m.Header.Get("Nats-Batch-Id") != ""
	}
	until(t, "hits that share an fsync", func() bool { r.wave(); return together() })
	if err := os.RemoveAll(stageOf(t, dir)); err != nil {
		t.Fatal(err)
	}
	until(t, "a word of it in the log", func() bool { r.wave(); return len(log.named("store.unstaged")) > 0 })
	until(t, "hits that share an fsync again", func() bool { r.wave(); return together() })
	if said := log.named("store.unstaged"); len(said) != 1 || said[0]["level"] != "warn" || !strings.HasSuffix(said[0]["message"].(string), "made anew") {
		t.Errorf("the log says %v", said)
	}
	t.Logf("%d hits of %d were answered 200", len(r.ok), r.told)
	stop()
	b, err := broker.Start(broker.Options{Dir: dir, Listen: "127.0.0.1:0", Room: 256 << 20})
	if err != nil {
		t.Fatal(err)
	}
	defer b.Stop()
	times := map[string]int{}
	for _, e := range stored(t, connect(t, b.URL(), b.Creds()), stream.Calls) {
		times[e.CallID]++
	}
	for id := range r.ok {
		if times[id] != 1 {
			t.Errorf("%s was answered 200, and is in the store %d times", id, times[id])
		}
	}
}

// stageOf is the folder that the link in a store leads to.
func stageOf(t *testing.T, store string) string {
	t.Helper()
	links, err := filepath.Glob(filepath.Join(store, "nats/jetstream/*/streams/CALLS/batches"))
	if err != nil || len(links) != 1 {
		t.Fatalf("links: %v (%v)", links, err)
	}
	to, err := os.Readlink(links[0])
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Dir(to)
}
