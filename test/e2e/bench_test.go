package e2e

import (
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"

	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// BenchmarkHitTo1C measures what a manager feels: from the phone's first byte to the moment when 1C has the request,
// at 50 hits a second over 40 lines, with fsync on this disk. Run it with -benchtime 1000x.
func BenchmarkHitTo1C(b *testing.B) {
	var mu sync.Mutex
	got := map[string]time.Time{}
	standin := onectest.New(onectest.Options{OnCall: func(c onectest.Call) {
		mu.Lock()
		got[c.Remote] = c.Time
		mu.Unlock()
	}})
	if err := standin.Start("127.0.0.1:0"); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { standin.Close() })
	in := rig.StartIngest(b)
	rig.StartAdapter(b, in, onecadapter.Target{URL: standin.URL(), Sessions: 2, Timeout: 5 * time.Second})
	rig.Accepted(b, in.Phones, rig.CheckPhone(1, "warm", "100"))
	rig.Until(b, "the first call in 1C", func() (any, bool) { return nil, len(standin.Calls()) == 1 })

	sent := map[string]time.Time{}
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for i := 0; b.Loop(); i++ {
		<-tick.C
		remote := fmt.Sprintf("sip:7495%07d@pbx", i)
		sent[remote] = time.Now()
		rig.Accepted(b, in.Phones, rig.CheckPhone(1, remote, fmt.Sprint(100+i%40)))
	}
	rig.Until(b, "all calls in 1C", func() (any, bool) { n := len(standin.Calls()); return n, n > len(sent) })
	report(b, sent, got)
}

func report(b *testing.B, sent, got map[string]time.Time) {
	var ms []float64
	for remote, t := range sent {
		ms = append(ms, float64(got[remote].Sub(t).Microseconds())/1000)
	}
	slices.Sort(ms)
	b.ReportMetric(ms[len(ms)/2], "p50-ms")
	b.ReportMetric(ms[len(ms)*99/100], "p99-ms")
	b.ReportMetric(ms[len(ms)-1], "max-ms")
}
