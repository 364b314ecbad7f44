package callbus

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callbus/callbus/internal/lifecycle"
)

// A part may wait for a store that does not answer for as long as it likes.
func TestAStopReachesAPartThatIsStillStarting(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := office{group: lifecycle.New(lifecycle.Options{})}
		o.add("part", func(ctx context.Context, _ func()) error { <-ctx.Done(); return nil })
		told, stop := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- o.group.Run(told) }()
		synctest.Wait()
		stop()
		select {
		case err := <-ended:
			if err != nil {
				t.Errorf("stopped with %v, want no error", err)
			}
		case <-time.After(time.Minute):
			t.Error("nothing has stopped")
		}
	})
}
