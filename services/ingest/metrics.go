package ingest

import (
	"context"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/ingest/internal/httpfront"
)

// observe counts hits by outcome and dialect; both have few values, whatever phones send.
func observe(reg prometheus.Registerer) func(outcome, dialect string, seconds float64) {
	took := prometheus.NewHistogramVec(prometheus.HistogramOpts{
		Name:    "callbus_hit_seconds",
		Help:    "Time from a phone's request to its answer, by outcome and dialect.",
		Buckets: []float64{.0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5},
	}, []string{"outcome", "dialect"})
	reg.MustRegister(took)
	return func(outcome, dialect string, seconds float64) {
		took.WithLabelValues(outcome, dialect).Observe(seconds)
	}
}

// rejections keeps unusable hits on the stream, and counts those that were over the limit.
type rejections struct {
	keep    *stream.Rejections
	dropped prometheus.Counter
}

func newRejections(keep *stream.Rejections, reg prometheus.Registerer) rejections {
	dropped := prometheus.NewCounter(prometheus.CounterOpts{
		Name: "callbus_rejections_dropped_total",
		Help: "Unusable hits that were not kept on hits.rejected, because there were more than ten a second.",
	})
	reg.MustRegister(dropped)
	return rejections{keep: keep, dropped: dropped}
}

// Reject implements httpfront.Rejections.
func (r rejections) Reject(_ context.Context, x httpfront.Rejection) {
	kept := r.keep.Keep(stream.Rejection{
		Time: time.Now().UTC(), Reason: x.Reason, Status: x.Status, Addr: x.Addr,
		Dialect: x.Dialect, Event: x.Event, Query: x.Raw, UserAgent: x.UserAgent,
	})
	if !kept {
		r.dropped.Inc()
	}
}
