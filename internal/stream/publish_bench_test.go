package stream_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/internal/stream"
)

var ring = call.Event{
	Type: call.Incoming, CallID: "33093", Source: "yealink",
	Raw: "mac=00:15:65:aa:bb:cc&acc=101&remote=sip:74951234567@operatorsip.ru&local=sip:101@pbx&model=SIP-T46S",
}

// BenchmarkPublish is the time between two events that are stored, by how many publish at once, each for a line of its own.
//
//	stamped   an id, a time and the bytes for the stream: nothing is stored
//	unsynced  stored, and fsynced every two minutes
//	alone     one fsync for each event
//	together  as ingest does with its embedded store
func BenchmarkPublish(b *testing.B) {
	embedded := func(b *testing.B) (*natstest.Server, *stream.Publisher) {
		s := natstest.Start(b)
		return s, declared(b, s.InProcess())
	}
	for _, store := range []struct {
		name string
		open func(b *testing.B) func(call.Event) error
	}{
		{"stamped", func(*testing.B) func(call.Event) error { return stream.Stamp }},
		{"unsynced", func(b *testing.B) func(call.Event) error { return publishing(declared(b, natstest.Unsynced(b))) }},
		{"alone", func(b *testing.B) func(call.Event) error {
			_, p := embedded(b)
			return publishing(p)
		}},
		{"together", func(b *testing.B) func(call.Event) error {
			s, p := embedded(b)
			s.Together(p)
			return publishing(p)
		}},
	} {
		for _, publishers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("%s/%d", store.name, publishers), func(b *testing.B) {
				publishAtOnce(b, store.open(b), publishers)
			})
		}
	}
}

func publishing(p *stream.Publisher) func(call.Event) error {
	return func(e call.Event) error {
		_, err := p.Publish(context.Background(), e)
		return err
	}
}

func declared(b *testing.B, nc *nats.Conn) *stream.Publisher {
	js, err := jetstream.New(nc)
	if err == nil {
		_, err = stream.DeclareIngest(b.Context(), js, 4<<30, 1, true)
	}
	if err != nil {
		b.Fatal(err)
	}
	return publisher(b, nc)
}

func publishAtOnce(b *testing.B, publish func(call.Event) error, publishers int) {
	var left atomic.Int64
	left.Store(int64(b.N))
	took := make([]time.Duration, b.N)
	b.ReportAllocs()
	b.ResetTimer()
	var all sync.WaitGroup
	for line := range publishers {
		all.Go(func() {
			e := ring
			e.Line = call.Line(fmt.Sprint(100 + line))
			for i := left.Add(-1); i >= 0; i = left.Add(-1) {
				begin := time.Now()
				if err := publish(e); err != nil {
					b.Error(err)
					return
				}
				took[i] = time.Since(begin)
			}
		})
	}
	all.Wait()
	b.StopTimer()
	slices.Sort(took)
	b.ReportMetric(float64(took[len(took)/2].Microseconds()), "p50-µs")
	b.ReportMetric(float64(took[len(took)*99/100].Microseconds()), "p99-µs")
}
