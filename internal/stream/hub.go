package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// ErrNoHub says that a store is no branch's: it has never forwarded anything.
var ErrNoHub = errors.New("this store forwards to no hub")

// Backlog is what a branch has not forwarded yet.
type Backlog struct {
	Waiting uint64
	Oldest  time.Time // when the first of them was stored; zero where nothing waits
}

// HubBacklog looks at what waits for the hub. Errors: ErrNoHub, NATS.
func HubBacklog(ctx context.Context, branch *nats.Conn) (b Backlog, err error) {
	calls, err := streamOf(ctx, branch, Calls)
	if err != nil {
		return b, err
	}
	c, err := calls.Consumer(ctx, hubCursor)
	if errors.Is(err, jetstream.ErrConsumerNotFound) {
		return b, ErrNoHub
	}
	if err != nil {
		return b, fmt.Errorf("look at consumer %s: %w", hubCursor, err)
	}
	info := c.CachedInfo()
	m, err := calls.GetMsg(ctx, info.AckFloor.Stream+1, jetstream.WithGetMsgSubject("calls.*"))
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return b, nil
	}
	if err != nil {
		return b, fmt.Errorf("look at what waits for the hub: %w", err)
	}
	// Right after a reset the consumer has not counted yet (seen: none).
	return Backlog{Waiting: max(1, info.NumPending+uint64(info.NumAckPending)), Oldest: m.Time}, nil
}

// ForgetHub lets go of what was not forwarded. The note stays: should the store become a branch's again, it goes on where it
// was, and repeats nothing. Errors: ErrNoHub, InUse, NATS.
func ForgetHub(ctx context.Context, branch *nats.Conn) error {
	js, err := jetstream.New(branch)
	if err != nil {
		return err
	}
	c, err := js.Consumer(ctx, Calls, hubCursor)
	switch {
	case errors.Is(err, jetstream.ErrConsumerNotFound), errors.Is(err, jetstream.ErrStreamNotFound):
		return ErrNoHub
	case err != nil:
		return fmt.Errorf("look at consumer %s: %w", hubCursor, err)
	case c.CachedInfo().NumWaiting > 0:
		return InUse{hubCursor}
	}
	if err := js.DeleteConsumer(ctx, Calls, hubCursor); err != nil {
		return fmt.Errorf("remove consumer %s: %w", hubCursor, err)
	}
	return nil
}

// branchAPI is what a branch says to its hub in place of $JS.API., where it has an account of its own (broker.API).
const branchAPI = "CALLBUS."

// hubCalls opens the hub's CALLS: as a branch with an account of its own does, or, with a key of services, as they do.
func hubCalls(ctx context.Context, hub *nats.Conn) (js jetstream.JetStream, calls jetstream.Stream, err error) {
	for _, api := range []string{branchAPI, jetstream.DefaultAPIPrefix} {
		if js, err = jetstream.NewWithAPIPrefix(hub, api); err != nil {
			return nil, nil, err
		}
		if calls, err = js.Stream(ctx, Calls); !errors.Is(err, nats.ErrNoResponders) {
			break
		}
	}
	return js, calls, err
}

// RoamHub is Roam for a branch's connection to its hub.
func RoamHub(ctx context.Context, hub *nats.Conn, tell func(event string, err error)) {
	roam(ctx, hub, tell, func(ctx context.Context) (jetstream.Stream, error) {
		_, calls, err := hubCalls(ctx, hub)
		return calls, err
	})
}
