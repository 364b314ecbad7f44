package broker

import (
	"errors"
	"os"
	"path/filepath"
	"testing"

	"github.com/nats-io/nats.go/jetstream"
)

// Bug: a consumer without its meta.sum was passed over, and one that was made in its place got none either: it was gone after each start.
func TestAConsumerWhoseMakingWasBrokenOffIsMadeAnewAndStays(t *testing.T) {
	for _, missing := range []string{"meta.sum", "meta.inf"} {
		dir := t.TempDir()
		b := started(t, Options{Dir: dir})
		withReader(t, b, false)
		if err := b.Stop(); err != nil {
			t.Fatal(err)
		}
		reader := filepath.Join(dir, "nats", "jetstream", "$G", "streams", "CALLS", "obs", "tap-journal")
		// The state is written after both.
		if err := errors.Join(os.Remove(filepath.Join(reader, missing)), os.Remove(filepath.Join(reader, "o.dat"))); err != nil {
			t.Fatal(err)
		}
		for _, stays := range []bool{false, true} {
			b = started(t, Options{Dir: dir})
			withReader(t, b, stays)
			if err := b.Stop(); err != nil {
				t.Fatal(err)
			}
		}
	}
}

// withReader fails where CALLS has its consumer and should not, or has none and should; then it makes it.
func withReader(t *testing.T, b *Broker, want bool) {
	t.Helper()
	js := jetStream(t, b)
	calls, err := js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "CALLS", Subjects: []string{"calls.*"}})
	if err != nil {
		t.Fatal(err)
	}
	_, err = calls.Consumer(t.Context(), "tap-journal")
	if there := err == nil; there != want {
		t.Errorf("the consumer is there: %v (%v), want %v", there, err, want)
	}
	if _, err := calls.CreateOrUpdateConsumer(t.Context(), jetstream.ConsumerConfig{Durable: "tap-journal", AckPolicy: jetstream.AckExplicitPolicy}); err != nil {
		t.Fatal(err)
	}
}

func TestOnlyWhatIsEmptyAndUnfinishedIsDropped(t *testing.T) {
	store := filepath.Join(t.TempDir(), "office [1]") // no pattern
	streams := filepath.Join(store, "jetstream", "$G", "streams")
	files := map[string]bool{ // and whether they stay
		"CALLS.tar":                        true, // somebody's backup
		"CALLS/msgs/1.blk":                 true, // has messages, and no meta files
		"CALLS/obs/new/meta.inf":           false,
		"CALLS/obs/onec-main-1-0/o.dat":    true,
		"CALLS/obs/onec-main-1-0/meta.inf": true,
		"PHONES/meta.inf":                  true,
		"PHONES/meta.sum":                  true,
		"PHONES/obs/whole/meta.inf":        true,
		"PHONES/obs/whole/meta.sum":        true,
		"KV_phones/meta.inf":               false,
		"KV_phones/meta.sum.tmp":           false,
	}
	for name := range files {
		path := filepath.Join(streams, filepath.FromSlash(name))
		if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, []byte("x"), 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.MkdirAll(filepath.Join(streams, "KV_phones", "msgs"), 0o700); err != nil {
		t.Fatal(err)
	}
	linked := os.Symlink(filepath.Join(store, "a disk that is not mounted"), filepath.Join(streams, "ONEC")) == nil // not everybody may, on Windows
	if err := dropUnfinished(store); err != nil {
		t.Fatal(err)
	}
	for name, stays := range files {
		if _, err := os.Stat(filepath.Join(streams, filepath.FromSlash(name))); (err == nil) != stays {
			t.Errorf("%s: %v; want it to stay: %v", name, err, stays)
		}
	}
	if _, err := os.Lstat(filepath.Join(streams, "ONEC")); linked && err != nil {
		t.Errorf("a link was taken away: %v", err)
	}
}
