package stream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
)

// A tap is a reader of CALLS that is no target of ours. It may use the consumer that has been made for it, and make none: who may
// make consumers may overwrite an adapter's.
const tapPrefix = "tap-"

// TapState is how far a tap has read.
type TapState struct {
	Name    string    `json:"name"`
	Subject string    `json:"subject"`
	Waiting uint64    `json:"waiting"`       // events that it has not got yet
	InHand  int       `json:"inHand"`        // events that it has got and not acknowledged
	Last    time.Time `json:"last,omitzero"` // when it got the last one; zero: it never has
}

// ErrTapThere says that there is a tap of that name.
var ErrTapThere = errors.New("there is such a tap")

// ErrNoTap says that there is none.
var ErrNoTap = errors.New("there is no such tap")

// PlainName reports whether a name can stand in a subject as it is, and is short: that of a tap, a branch.
func PlainName(name string) bool { return targetName.MatchString(name) }

// CheckTap refuses names that cannot stand in a subject, and subjects that are no part of CALLS.
func CheckTap(name, subject string) error {
	if !PlainName(name) {
		return fmt.Errorf("tap name %q: want 1 to 32 of A-Z a-z 0-9 _ -", name)
	}
	event, ok := strings.CutPrefix(subject, "calls.")
	if !ok || event != "*" && !slices.Contains(call.CallEvents, call.EventType(event)) {
		return fmt.Errorf("subject %q: want calls.* or calls.<event>, such as calls.incoming", subject)
	}
	return nil
}

// AddTap makes the consumer of a tap. It begins with what comes from now on. Errors: ErrTapThere, ErrNoCalls, NATS.
func AddTap(ctx context.Context, nc *nats.Conn, name, subject string) error {
	if err := CheckTap(name, subject); err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	_, err = js.CreateConsumer(ctx, Calls, jetstream.ConsumerConfig{
		Durable: tapPrefix + name, Description: "tap", FilterSubject: subject, DeliverPolicy: jetstream.DeliverNewPolicy,
		AckPolicy: jetstream.AckExplicitPolicy, AckWait: 30 * time.Second, MaxDeliver: -1, MaxAckPending: 1000,
	})
	switch {
	case errors.Is(err, jetstream.ErrConsumerExists):
		return ErrTapThere
	case errors.Is(err, jetstream.ErrStreamNotFound):
		return ErrNoCalls
	case err != nil:
		return fmt.Errorf("make the consumer of tap %s: %w", name, err)
	}
	return nil
}

// RemoveTap removes the consumer of a tap. Errors: ErrNoTap, NATS.
func RemoveTap(ctx context.Context, nc *nats.Conn, name string) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	err = js.DeleteConsumer(ctx, Calls, tapPrefix+name)
	if errors.Is(err, jetstream.ErrConsumerNotFound) || errors.Is(err, jetstream.ErrStreamNotFound) {
		return ErrNoTap
	}
	return err
}

// Taps tells how far each tap is, sorted by name.
func Taps(ctx context.Context, nc *nats.Conn) (all []TapState, err error) {
	calls, err := streamOf(ctx, nc, Calls)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, ErrNoCalls
	}
	if err != nil {
		return nil, err
	}
	consumers := calls.ListConsumers(ctx)
	for c := range consumers.Info() {
		name, ok := strings.CutPrefix(c.Name, tapPrefix)
		if !ok {
			continue
		}
		t := TapState{Name: name, Subject: c.Config.FilterSubject, Waiting: c.NumPending, InHand: c.NumAckPending}
		if c.Delivered.Last != nil {
			t.Last = *c.Delivered.Last
		}
		all = append(all, t)
	}
	slices.SortFunc(all, func(a, b TapState) int { return strings.Compare(a.Name, b.Name) })
	return all, consumers.Err()
}
