package ingest

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/stream"
)

// untilAnswered starts a part anew for as long as NATS does not answer it: on a busy machine one answer may take longer than it is waited
// for, and whatever was asked may be asked again. What NATS does answer, a refusal above all, ends the start.
func (s *service) untilAnswered(start func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		said, begin := "", time.Now()
		for {
			err := start(ctx)
			if !stream.Unanswered(err) {
				return err
			}
			if time.Since(begin) > quiet && err.Error() != said { // a connection may need a moment
				said = err.Error()
				s.Log.Warn().Err(err).Msg("store.slow: NATS does not answer, asking again")
			}
			select {
			case <-ctx.Done():
				return ctx.Err()
			case <-time.After(askAgain):
			}
		}
	}
}

const (
	// quiet is for how long the log says nothing of a NATS that does not answer at the start.
	quiet    = time.Second
	askAgain = 100 * time.Millisecond
)

// declare makes the streams. An embedded broker has them before phones are let in; an outside one may come later, and
// phones get 503 until then.
func (s *service) declare(ctx context.Context) error {
	if s.Broker != nil {
		if err := s.declareOnce(ctx); err != nil {
			return err
		}
		s.storeTogether()
	}
	ctx, cancel := context.WithCancel(s.group.Context())
	var watch sync.WaitGroup
	watch.Go(func() { s.declareUntilDone(ctx); s.watchStore(ctx) })
	watch.Go(func() { s.book.keep(ctx, s) })
	s.unwatch = func() { cancel(); watch.Wait() }
	return nil
}

// storeTogether makes hits that come at once share an fsync. A batch that is staged on disk costs as much as some eight
// events that are stored one by one (docs/adr/0015).
func (s *service) storeTogether() {
	least := 8
	if s.stage() {
		least = 2
	}
	s.publisher.Together(least, s.Broker.Health)
}

func (s *service) stage() bool {
	s.staged = s.Broker.Stage(stream.Calls, stream.Phones)
	return s.staged
}

// stageAgain makes good what somebody has cleaned up. Where that cannot be, batches are staged on disk until the next start.
func (s *service) stageAgain() {
	if !s.staged || s.Broker.Staged() {
		return
	}
	now := "it is made anew"
	if !s.stage() {
		now = "it cannot be made anew, and many hits at once take longer until the next start"
	}
	s.Log.Warn().Msg("store.unstaged: somebody has removed our folder in /dev/shm; " + now)
}

// stopWatching comes before the broker stops: a store that is being closed looks like a frozen one.
func (s *service) stopWatching(context.Context) error {
	s.unwatch()
	return nil
}

func (s *service) declareOnce(ctx context.Context) error {
	js, err := jetstream.New(s.nc)
	if err != nil {
		return err
	}
	room := int64(s.StoreMax)
	if s.Broker != nil {
		room = s.Broker.Room()
	}
	differences, err := stream.DeclareIngest(ctx, js, room, max(s.Replicas, 1), s.Broker != nil)
	if err != nil {
		return err
	}
	for _, d := range differences {
		s.Log.Warn().Msg("store: " + d)
	}
	if room < int64(s.StoreMax) {
		s.Log.Warn().Stringer("room", config.Bytes(room)).Msg("store: the disk is too small for --store-max, using less")
	}
	s.declared.Store(true)
	return nil
}

func (s *service) declareUntilDone(ctx context.Context) {
	for wait := time.Second; !s.declared.Load() && ctx.Err() == nil; wait = min(2*wait, 10*time.Second) {
		try, cancel := context.WithTimeout(ctx, 5*time.Second)
		err := s.declareOnce(try)
		cancel()
		if err == nil {
			s.Log.Info().Msg("store.ready: NATS has the streams")
			return
		}
		s.Log.Error().Err(err).Msg("store.away: phones are answered 503 until NATS is there")
		select {
		case <-ctx.Done():
		case <-time.After(wait):
		}
	}
}

// watchStore notices a frozen store and one that fills up. A frozen one heals only by a restart of the server, so after
// refusing phones at once the process ends, and whoever supervises it starts it anew.
func (s *service) watchStore(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for second := 0; ; second++ {
		if second%lookAtFill == 0 {
			s.fill.look(ctx, s)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if s.Broker == nil {
			continue
		}
		s.stageAgain()
		if err := s.Broker.Health(); err != nil {
			err = fmt.Errorf("the store is frozen (disk full?), a restart with free space heals it: %w", err)
			s.publisher.Refuse(err)
			s.group.Fail(err)
			return
		}
	}
}

// stored is the readiness of the store: it does not depend on 1C.
func (s *service) stored(context.Context) error {
	switch {
	case s.nc == nil || !s.nc.IsConnected():
		return stream.ErrAway
	case !s.declared.Load():
		return errors.New("the streams are not declared yet")
	case s.Broker != nil:
		return s.Broker.Health()
	}
	return nil
}

const (
	// lookAtFill is how often, in seconds, the fill of the store is looked at.
	lookAtFill = 10
	// nearlyFull is the fill, in per cent, that the log warns of. The janitor has swept at 80 % what could go, so that
	// above it events wait for a target that does not take them.
	nearlyFull = 90
)

// fill tells how full CALLS is. When it is full, phones are answered 503.
type fill struct {
	used, room prometheus.Gauge
	warned     bool
}

func newFill(reg prometheus.Registerer) *fill {
	f := &fill{
		used: prometheus.NewGauge(prometheus.GaugeOpts{Name: "callbus_store_used_bytes", Help: "What CALLS holds."}),
		room: prometheus.NewGauge(prometheus.GaugeOpts{Name: "callbus_store_room_bytes", Help: "What CALLS may hold; -1: no limit."}),
	}
	reg.MustRegister(f.used, f.room)
	return f
}

// look warns once, and again after it has been better.
func (f *fill) look(ctx context.Context, s *service) {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	used, room, err := stream.Fill(ctx, s.nc)
	if err != nil {
		return // the readiness says that NATS is away
	}
	f.used.Set(float64(used))
	f.room.Set(float64(room))
	full := room > 0 && used > room/100*nearlyFull
	if full && !f.warned {
		s.Log.Warn().Stringer("used", config.Bytes(used)).Stringer("room", config.Bytes(room)).
			Msg("store.nearly_full: phones will get 503; which target does not take its events?")
	}
	f.warned = full
}
