package e2e

import (
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/stream"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// An adapter is killed in the middle of a call: 1C worked, and nobody knows. The next adapter calls again and says so
// (docs/wire.md §4: the ending says attempts and unsure), and what came after on the line still comes after.
func TestAnAdapterKilledInMidCallLosesNothing(t *testing.T) {
	t.Parallel()
	onec := standin(t, onectest.Options{})
	onec.Behave(onectest.First(1, onectest.Hang()))
	in := startIngest(t)
	adapter := startAdapter(t, in, onec, "--onec-timeout", "2s")
	rig.Accepted(t, in.Phones, rig.CheckPhone(1, "74951234567", "101"))
	rig.Accepted(t, in.Phones, rig.CheckPhone(2, "74951234567", "101"))
	rig.Until(t, "1C to be called", func() (any, bool) { return len(onec.Calls()), len(onec.Calls()) == 1 })

	adapter.Signal(syscall.SIGKILL)
	adapter.Wait() //nolint:errcheck // it was killed
	killed := time.Now()
	startAdapter(t, in, onec, "--onec-timeout", "2s")
	got := called(t, onec, 2)
	t.Logf("the next adapter called 1C %v after the kill", time.Since(killed).Round(10*time.Millisecond))
	if diff := cmp.Diff([]string{"1 74951234567 101", "2 74951234567 101"}, got); diff != "" {
		t.Errorf("what 1C worked on (-want +got):\n%s", diff)
	}
	var endings []string
	for _, e := range rig.Ended(t, rig.Connect(t, in.NATS, in.Creds), 2) {
		endings = append(endings, fmt.Sprintf("%s %s unsure=%v", e.Event.Type, e.Kind, e.Unsure))
	}
	if diff := cmp.Diff([]string{"incoming delivered unsure=true", "answered delivered unsure=false"}, endings); diff != "" {
		t.Errorf("endings (-want +got):\n%s", diff)
	}
}

// Two adapters run and one is stopped. It unpins its lanes, so the other has them at once; from one that was killed the server takes
// them after five seconds, and says so. The test must see that difference, or it would not see a lost hand-over.
func TestAStoppedAdapterHandsItsLanesOverAtOnce(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name   string
		signal syscall.Signal
		why    string // the lanes are taken from their owner, as the server says
	}{
		{"SIGTERM", syscall.SIGTERM, "admin"},
		{"SIGKILL", syscall.SIGKILL, "timeout"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			onec := standin(t, onectest.Options{})
			in := startIngest(t)
			owner := startAdapter(t, in, onec)
			ring(t, in, 0) // the first adapter owns all lanes before the second comes
			called(t, onec, ringing)
			startAdapter(t, in, onec)

			idle(t, in)
			nc := rig.Connect(t, in.NATS, in.Creds)
			unpinned, err := nc.SubscribeSync("$JS.EVENT.ADVISORY.CONSUMER.UNPINNED.CALLS.*")
			if err == nil {
				err = nc.Flush()
			}
			if err != nil {
				t.Fatal(err)
			}
			owner.Signal(c.signal)
			stopped := time.Now()
			owner.Wait() //nolint:errcheck // one of the two is killed
			ring(t, in, ringing)
			called(t, onec, 2*ringing)
			t.Logf("after %s all lanes worked again within %v", c.name, time.Since(stopped).Round(10*time.Millisecond))
			for range lanes {
				if m, err := unpinned.NextMsg(rig.Patience); err != nil || !strings.Contains(string(m.Data), `"reason":"`+c.why+`"`) {
					t.Errorf("after %s a lane was taken from its owner: %s (%v), want for the reason %s", c.name, m.Data, err, c.why)
				}
			}
			if got := worked(onec); len(got) != 2*ringing || len(slices.Compact(slices.Sorted(slices.Values(got)))) != len(got) {
				t.Errorf("1C: got %d calls, want %d different ones:\n%q", len(got), 2*ringing, got)
			}
		})
	}
}

// idle waits until no lane has an event under way: one that a killed adapter had would come back after AckWait only.
func idle(t *testing.T, in ingest) {
	t.Helper()
	js, err := jetstream.New(rig.Connect(t, in.NATS, in.Creds))
	if err != nil {
		t.Fatal(err)
	}
	rig.Until(t, "the lanes to be idle", func() (any, bool) {
		calls, err := js.Stream(rig.Context(t), stream.Calls)
		if err != nil {
			return err, false
		}
		lanes, open := 0, uint64(0)
		for c := range calls.ListConsumers(rig.Context(t)).Info() {
			lanes++
			open += c.NumPending + uint64(c.NumAckPending)
		}
		return fmt.Sprintf("%d open in %d lanes", open, lanes), lanes > 0 && open == 0
	})
}

// ringing is how many lines ring at once: enough for each of an adapter's lanes.
const (
	lanes   = onecadapter.DefaultSessions
	ringing = 16
)

func ring(t *testing.T, in ingest, from int) {
	t.Helper()
	for i := range ringing {
		rig.Accepted(t, in.Phones, rig.CheckPhone(1, "74951234567", lineNumber(from+i)))
	}
}
