package onecadapter

import (
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/callbus/callbus/services/onec-adapter/internal/deliver"
)

type metrics struct {
	reg   prometheus.Registerer
	tries *prometheus.CounterVec
	took  *prometheus.HistogramVec
	age   *prometheus.HistogramVec
}

func newMetrics(reg prometheus.Registerer) *metrics {
	m := &metrics{
		reg: reg,
		tries: prometheus.NewCounterVec(prometheus.CounterOpts{
			Name: "callbus_verdicts_total",
			Help: "What became of events: delivered, dead, skipped, or later (a try that will be repeated).",
		}, []string{"target", "verdict"}),
		took: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "callbus_onec_seconds",
			Help:    "How long 1C took to answer.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30},
		}, []string{"target"}),
		age: prometheus.NewHistogramVec(prometheus.HistogramOpts{
			Name:    "callbus_event_age_seconds",
			Help:    "Age of an event when it ended, from its acceptance by ingest.",
			Buckets: []float64{.005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10, 60, 600, 3600},
		}, []string{"target"}),
	}
	reg.MustRegister(m.tries, m.took, m.age)
	return m
}

func (m *metrics) observe(target string) func(deliver.Outcome) {
	return func(o deliver.Outcome) {
		m.tries.WithLabelValues(target, o.Verdict.String()).Inc()
		if o.Call > 0 {
			m.took.WithLabelValues(target).Observe(o.Call.Seconds())
		}
		if o.Verdict.Final() {
			m.age.WithLabelValues(target).Observe(max(o.Age, time.Duration(0)).Seconds())
		}
	}
}

// watch shows whether events wait because the target is away, has never been there, or cannot be mapped; and 1C's sessions.
func (m *metrics) watch(target string, away func() bool, sessions func() (held, starts int)) {
	m.flag(target, "callbus_target_shut", "1 while the target is away, or was never reached, and events wait in the store.", away)
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name:        "callbus_onec_sessions",
		Help:        "Sessions of 1C that are held. 0 where 1C or its web server keeps them.",
		ConstLabels: prometheus.Labels{"target": target},
	}, func() float64 { held, _ := sessions(); return float64(held) }))
	m.reg.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name:        "callbus_onec_session_starts_total",
		Help:        "Sessions of 1C that were started, each with a login.",
		ConstLabels: prometheus.Labels{"target": target},
	}, func() float64 { _, starts := sessions(); return float64(starts) }))
}

// watchPause shows whether an operator has paused the target.
func (m *metrics) watchPause(target string, paused func() bool) {
	m.flag(target, "callbus_target_paused", "1 while the target is paused by an operator, and events wait in the store.", paused)
}

// flag is a gauge of 1 and 0.
func (m *metrics) flag(target, name, help string, up func() bool) {
	m.reg.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{
		Name: name, Help: help, ConstLabels: prometheus.Labels{"target": target},
	}, func() float64 {
		if up() {
			return 1
		}
		return 0
	}))
}
