package ingest_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/callbus/callbus/services/ingest"
)

// The bug: the look at the store that comes each second took a store that was being closed for a frozen one, and a
// SIGTERM in that moment ended with 1. Each of these is stopped at another moment around that look.
func TestAStopWhileTheStoreIsLookedAtIsClean(t *testing.T) {
	for before := time.Duration(0); before < 150*time.Millisecond; before += 10 * time.Millisecond {
		t.Run(fmt.Sprint(before, " before the look"), func(t *testing.T) {
			t.Parallel()
			_, stop := run(t, ingest.Options{Store: t.TempDir(), NATSListen: "127.0.0.1:0"})
			time.Sleep(time.Second - before)
			if err := stop(); err != nil {
				t.Errorf("stopped with %v, want no error", err)
			}
		})
	}
}
