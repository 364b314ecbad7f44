// Package onecadapter is the service that speaks to 1C: it takes events from the stream and calls the web service of
// 1C:Enterprise. The process is a value: Options go in, Run works until its context ends. Any number of instances may
// run on one stream.
package onecadapter

import (
	"context"
	"errors"
	"strings"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/callbus/callbus/internal/admin"
	"github.com/callbus/callbus/internal/lifecycle"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/telemetry"
)

// service is one run of the process.
type service struct {
	Options
	group   *lifecycle.Group
	nc      *nats.Conn
	metrics *metrics
	works   []*work
	stop    context.CancelFunc
	stopped chan struct{}
}

// Run delivers events until ctx ends; calls that are under way then are finished, everything else is handed back at
// once. Neither NATS nor 1C need be there at the start. Errors: options that do not go together, a password file that
// cannot be read, an address that is taken.
func Run(ctx context.Context, o Options) error {
	targets, err := o.targets()
	if err != nil {
		return err
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	s := &service{Options: o, metrics: newMetrics(o.Metrics)}
	for _, t := range targets {
		w, err := newWork(s, t)
		if err != nil {
			return err
		}
		s.works = append(s.works, w)
	}
	// A call under way gets its whole time-out, and its ending what that needs (docs/adr/0005).
	s.group = lifecycle.New(lifecycle.Options{Log: o.Log, Grace: graceOf(targets)})
	s.group.Add("connection", s.connect, s.disconnect)
	monitor := admin.Join(s.group, s.Monitor, admin.Options{Addr: s.Admin, Metrics: s.Metrics, Log: s.Log},
		map[string]admin.Check{"adapter": s.group.Ready, "nats": s.connected})
	if monitor != nil {
		for _, w := range s.works {
			monitor.Target(w.target.Name, w.there)
		}
	}
	s.group.Add("targets", s.start, s.drain).Pending(s.pending)
	return s.group.Run(ctx)
}

func (s *service) connect(context.Context) (err error) {
	notify := telemetry.Connection(s.Log)
	s.nc, err = stream.Connect(stream.ConnectOptions{
		Name: "onec-adapter", URL: s.NATS, Creds: s.NATSCreds, CA: s.NATSCA, Broker: s.Broker, Notify: notify,
	})
	if err == nil {
		go stream.Roam(s.group.Context(), s.nc, notify)
	}
	return err
}

func (s *service) disconnect(context.Context) error {
	s.nc.Close()
	return nil
}

func (s *service) start(context.Context) error {
	for _, w := range s.works {
		if err := stream.AnswerStatus(s.nc, w.target.Name, w.status); err != nil {
			return err
		}
	}
	ctx, cancel := context.WithCancel(s.group.Context())
	s.stop, s.stopped = cancel, make(chan struct{})
	go func() {
		defer close(s.stopped)
		s.runAll(ctx)
	}()
	if s.Ready != nil {
		s.Ready()
	}
	return nil
}

// drain finishes the calls under way and gives all lanes up.
func (s *service) drain(ctx context.Context) error {
	s.stop()
	select {
	case <-s.stopped:
		return nil
	case <-ctx.Done():
		return errors.New("calls of 1C are still under way: " + s.pending())
	}
}

func (s *service) pending() string {
	var busy []string
	for _, w := range s.works {
		if p := w.pending(); p != "" {
			busy = append(busy, w.target.Name+" ("+p+")")
		}
	}
	return strings.Join(busy, ", ")
}

// connected is the readiness of the stream. 1C is no part of it: an adapter whose 1C is away is ready, and a restart
// would not bring 1C back.
func (s *service) connected(context.Context) error {
	if s.nc == nil || !s.nc.IsConnected() {
		return stream.ErrAway
	}
	return nil
}
