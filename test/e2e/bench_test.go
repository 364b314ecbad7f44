package e2e

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// BenchmarkHitTo1C measures what a manager feels: from the phone's first byte to the moment when 1C has the request,
// at 50 hits a second over 40 lines, with fsync on this disk. Run it with -benchtime 1000x.
func BenchmarkHitTo1C(b *testing.B) {
	o := newMeasured(b, "")
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; b.Loop(); i++ {
		<-tick.C
		o.hit(b, i)
	}
	report(b, "", o.times(b))
}

// BenchmarkBesideATargetThatIsDown compares two offices that are hit side by side, so that both have the same noise of the machine:
// one has one target, the other has a second one that is down for the whole run. Run it with -benchtime 1000x.
func BenchmarkBesideATargetThatIsDown(b *testing.B) {
	for name, down := range map[string]func(b *testing.B) string{
		"nobody-listens": func(b *testing.B) string { return "http://" + rig.FreeAddr(b) + "/hook" },
		"no-answer": func(b *testing.B) string {
			return standin(b, onectest.Options{Behaviour: onectest.Always(onectest.Hang())}).URL()
		},
	} {
		b.Run(name, func(b *testing.B) {
			alone := newMeasured(b, "")
			beside := newMeasured(b, fmt.Sprintf("  - {name: down, protocol: http, url: %q, from: beginning, timeout: 2s}\n", down(b)))
			tick := time.NewTicker(20 * time.Millisecond)
			defer tick.Stop()
			for i := 0; b.Loop(); i++ {
				<-tick.C
				first, second := alone, beside
				if i%2 == 1 {
					first, second = beside, alone
				}
				first.hit(b, i)
				second.hit(b, i)
			}
			a, d := report(b, "alone-", alone.times(b)), report(b, "beside-", beside.times(b))
			b.ReportMetric(d/a, "p99-ratio")
		})
	}
}

// measured is an ingest, an adapter and a 1C.
type measured struct {
	phones string
	onec   *onectest.Server
	sent   map[string]time.Time
	mu     sync.Mutex
	got    map[string]time.Time
}

// newMeasured has one target, and others that are rows of a targets file.
func newMeasured(b *testing.B, others string) *measured {
	o := &measured{sent: map[string]time.Time{}, got: map[string]time.Time{}}
	o.onec = standin(b, onectest.Options{OnCall: func(c onectest.Call) {
		o.mu.Lock()
		o.got[c.Remote] = c.Time
		o.mu.Unlock()
	}})
	file := filepath.Join(b.TempDir(), "targets.yaml")
	text := fmt.Sprintf("targets:\n  - {name: main, url: %q, sessions: 2, timeout: 5s, from: beginning}\n%s", o.onec.URL(), others)
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		b.Fatal(err)
	}
	in := rig.StartIngest(b)
	o.phones = in.Phones
	rig.StartAdapterOf(b, in, file)
	rig.Accepted(b, in.Phones, rig.CheckPhone(1, "warm", "100"))
	rig.Until(b, "the first call in 1C", func() (any, bool) { return nil, len(o.onec.Calls()) == 1 })
	return o
}

func (o *measured) hit(b *testing.B, i int) {
	remote := fmt.Sprintf("sip:7495%07d@pbx", i)
	o.sent[remote] = time.Now()
	rig.Accepted(b, o.phones, rig.CheckPhone(1, remote, fmt.Sprint(100+i%40)))
}

// times are how long each hit took to 1C, in milliseconds, in order.
func (o *measured) times(b *testing.B) (ms []float64) {
	rig.Until(b, "all calls in 1C", func() (any, bool) { n := len(o.onec.Calls()); return n, n > len(o.sent) })
	o.mu.Lock()
	defer o.mu.Unlock()
	for remote, t := range o.sent {
		ms = append(ms, float64(o.got[remote].Sub(t).Microseconds())/1000)
	}
	slices.Sort(ms)
	return ms
}

func report(b *testing.B, whose string, ms []float64) (p99 float64) {
	p99 = ms[len(ms)*99/100]
	b.ReportMetric(ms[len(ms)/2], whose+"p50-ms")
	b.ReportMetric(p99, whose+"p99-ms")
	b.ReportMetric(ms[len(ms)-1], whose+"max-ms")
	return p99
}
