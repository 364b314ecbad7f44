package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// A broker measures AckWait and the delay of a NAK by the clock on the wall. Where that clock is set back by an hour, the message
// that a lane waits for comes an hour late, and the lane with it (nats-server 2.15; found by test/faults -scenario clock). So
// whoever hears nothing of his lane for longer than AckWait, by a clock that nobody sets, looks whether there is such a message,
// and hands it back in the name of whoever had it.

// overdueSlack lets the broker be first.
const overdueSlack = 2 * time.Second

// patience is how long a lane waits for a message before it looks.
func (l *Lane) patience() time.Duration {
	return max(l.consumer.CachedInfo().Config.AckWait, time.Until(l.rest)) + overdueSlack
}

// askForOverdue has the broker deliver what it gave to somebody who does not hold it. Errors: ctx's, or NATS.
func (l *Lane) askForOverdue(ctx context.Context) error {
	info, err := l.overdue(ctx)
	if err != nil || info == nil {
		return err
	}
	acks := fmt.Sprintf("$JS.ACK.%s.%s", Calls, info.Name)
	if info.Delivered.Consumer != l.delivery {
		connection := l.target.nc.Stats().Reconnects
		silent, err := l.silence(ctx, acks, info.Config.AckWait)
		if err != nil || !silent {
			return err
		}
		now, err := l.overdue(ctx)
		if err != nil || now == nil || now.Delivered.Consumer != info.Delivered.Consumer || l.target.nc.Stats().Reconnects != connection {
			return err // what was said while we were cut off we have not heard
		}
	}
	return l.target.nc.Publish(fmt.Sprintf("%s.1.%d.%d.0.0", acks, info.Delivered.Stream, info.Delivered.Consumer), []byte("-NAK"))
}

// overdue is what the broker says of a lane that waits for a message which was delivered before; nil where it does not, or where
// another adapter owns the lane: that one looks himself.
func (l *Lane) overdue(ctx context.Context) (*jetstream.ConsumerInfo, error) {
	info, err := l.consumer.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("look why lane %s is silent: %w", l.name, err)
	}
	if info.NumAckPending == 0 || info.Paused {
		return nil, nil
	}
	for _, g := range info.PriorityGroups {
		if g.PinnedClientID != "" && g.PinnedClientID != l.Pin() {
			return nil, nil
		}
	}
	return info, nil
}

// silence reports whether nobody says a word about the lane's messages for a while. Whoever holds one says so each second
// (Message.Hold), but owns the lane no more if his call is a long one.
func (l *Lane) silence(ctx context.Context, acks string, while time.Duration) (bool, error) {
	words, err := l.target.nc.SubscribeSync(acks + ".>")
	if err != nil {
		return false, fmt.Errorf("listen to lane %s: %w", l.name, err)
	}
	defer words.Unsubscribe() //nolint:errcheck // it ends with the connection at the latest
	listen, stop := context.WithTimeout(ctx, while)
	defer stop()
	_, err = words.NextMsgWithContext(listen)
	switch {
	case err == nil, ctx.Err() != nil:
		return false, ctx.Err()
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, nats.ErrTimeout):
		return true, nil
	}
	return false, fmt.Errorf("listen to lane %s: %w", l.name, err)
}
