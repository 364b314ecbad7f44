package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/telemetry"
)

const (
	// lookAtHub is how often what waits for the hub is counted.
	lookAtHub = 5 * time.Second
	// remindEvery is how often the log says that the hub is still away.
	remindEvery = 10 * time.Minute
)

// checkHub says what does not go together for a branch.
func (o Options) checkHub() error {
	switch {
	case o.Hub == "" && (o.HubCreds != "" || o.HubCA != ""):
		return errors.New("--hub-creds and --hub-ca belong to --hub")
	case o.Hub == "":
		return nil
	case o.Broker == nil && o.Store == "":
		return errors.New("--hub needs a store of the branch's own: --store DIR")
	case o.Site == "":
		return errors.New("--hub needs --site: the hub tells this branch's lines from others' by it")
	}
	return nil
}

// hub is a branch's side of it: the forwarder, and what is told of it.
type hub struct {
	*service
	forwarder *stream.Forwarder
	cancel    context.CancelFunc
	work      sync.WaitGroup

	mu      sync.Mutex
	backlog stream.Backlog
	why     error     // nothing passes; nil: it does
	since   time.Time // of that
	told    time.Time // when the log said it last
}

// start takes no time: the hub may be away for days. A store that has been a branch's and has no --hub any more keeps
// what was not forwarded for ever, so that is told.
func (h *hub) start(ctx context.Context) (err error) {
	if h.Hub == "" {
		return h.left(ctx)
	}
	h.forwarder, err = stream.NewForwarder(ctx, stream.ForwarderOptions{Branch: h.nc, Site: h.Site, Tell: h.tell})
	if err != nil {
		return err
	}
	janitor, err := stream.NewJanitor(h.nc)
	if err != nil {
		return err
	}
	h.why, h.since = errors.New("starting"), time.Now()
	h.measure()
	ctx, h.cancel = context.WithCancel(h.group.Context())
	h.work.Go(func() { h.forward(ctx) })
	h.work.Go(func() { h.watch(ctx) })
	// A branch may have no adapter, which does this elsewhere.
	h.work.Go(func() { janitor.Run(ctx, telemetry.Janitor(h.Log)) })
	return nil
}

func (h *hub) left(ctx context.Context) error {
	left, err := stream.HubBacklog(ctx, h.nc)
	if errors.Is(err, stream.ErrNoHub) {
		return nil
	}
	if err == nil {
		h.Log.Warn().Uint64("waiting", left.Waiting).
			Msg("hub.left: this store was a branch's and keeps what was not forwarded; give --hub, or forget it: callbus targets forget hub")
	}
	return err
}

func (h *hub) stop(context.Context) error {
	if h.cancel != nil {
		h.cancel()
		h.work.Wait()
	}
	return nil
}

func (h *hub) pending() string { return "the hub's answers" }

func (h *hub) forward(ctx context.Context) {
	nc, err := stream.Connect(stream.ConnectOptions{
		Name: "ingest " + h.Site, URL: h.Hub, Creds: h.HubCreds, CA: h.HubCA, Notify: h.connection,
	})
	if err != nil {
		h.group.Fail(fmt.Errorf("--hub: %w", err))
		return
	}
	defer nc.Close()
	go stream.RoamHub(ctx, nc, h.connection)
	h.forwarder.Run(ctx, nc)
}

// connection logs what only the connection to the hub knows: a refused permission above all, a move in a cluster. Whether it is there is told
// with what waits for it, and that the key is refused, which comes with each try.
func (h *hub) connection(event string, err error) {
	if event == "moved" || event == "error" && !errors.Is(err, nats.ErrConnectionClosed) && !errors.Is(err, nats.ErrAuthorization) {
		telemetry.Connection(h.Log.With().Str("part", "hub").Logger())(event, err)
	}
}

// tell is told by the forwarder whether anything passes.
func (h *hub) tell(why error) {
	h.look()
	h.mu.Lock()
	defer h.mu.Unlock()
	was, now := h.why, time.Now()
	h.why = why
	switch {
	case why != nil && (was == nil || now.Sub(h.told) > remindEvery): // never: long ago
		if was == nil {
			h.since = now
		}
		h.told = now
		h.Log.Warn().Err(why).Uint64("waiting", h.backlog.Waiting).Time("since", h.since).Msg("hub.away: calls are kept here until it is back")
	case why == nil && was != nil:
		h.Log.Info().Uint64("waiting", h.backlog.Waiting).Stringer("after", now.Sub(h.since).Round(time.Second)).Msg("hub.there: calls are forwarded")
		h.since, h.told = now, time.Time{}
	}
}

// look counts what waits.
func (h *hub) look() {
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	b, err := stream.HubBacklog(ctx, h.nc)
	if err != nil {
		return // the readiness says that the store is away
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.backlog = b
}

// reached is a check of /targets: the hub is nothing that a restart of this process brings back. callbus doctor reads it.
func (h *hub) reached(context.Context) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.why == nil {
		return nil
	}
	return fmt.Errorf("%w; %d calls wait, since %s", h.why, h.backlog.Waiting, h.since.UTC().Format(time.RFC3339))
}

// watch looks at what waits.
func (h *hub) watch(ctx context.Context) {
	look := time.NewTicker(lookAtHub)
	defer look.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-look.C:
			h.look()
		}
	}
}

// measure registers the metrics of a branch.
func (h *hub) measure() {
	gauge := func(name, help string, value func() float64) {
		h.Metrics.MustRegister(prometheus.NewGaugeFunc(prometheus.GaugeOpts{Name: name, Help: help}, func() float64 {
			h.mu.Lock()
			defer h.mu.Unlock()
			return value()
		}))
	}
	gauge("callbus_hub_connected", "1 while calls pass to the hub, or could.", func() float64 {
		if h.why != nil {
			return 0
		}
		return 1
	})
	gauge("callbus_hub_waiting_events", "Calls that wait for the hub.", func() float64 { return float64(h.backlog.Waiting) })
	gauge("callbus_hub_oldest_seconds", "Age of the oldest of them; 0: none waits.", func() float64 {
		if h.backlog.Oldest.IsZero() {
			return 0
		}
		return max(0, time.Since(h.backlog.Oldest).Seconds())
	})
	h.Metrics.MustRegister(prometheus.NewCounterFunc(prometheus.CounterOpts{
		Name: "callbus_hub_forwarded_total", Help: "Calls that the hub has acknowledged.",
	}, func() float64 { return float64(h.forwarder.Passed()) }))
}
