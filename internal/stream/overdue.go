package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

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

// askForOverdue has the broker deliver what it gave to somebody who does not hold it. A message that comes meanwhile is returned.
// Errors: ctx's, or NATS.
func (l *Lane) askForOverdue(ctx context.Context) (jetstream.Msg, error) {
	info, err := l.overdue(ctx)
	if err != nil || info == nil {
		return nil, err
	}
	acks := fmt.Sprintf("$JS.ACK.%s.%s", Calls, info.Name)
	if info.Delivered.Consumer != l.delivery {
		connection := l.target.nc.Stats().Reconnects
		raw, silent, err := l.listen(ctx, acks, info.Config.AckWait)
		if raw != nil || err != nil || !silent {
			return raw, err
		}
		now, err := l.overdue(ctx)
		if err != nil || now == nil || now.Delivered.Consumer != info.Delivered.Consumer || l.target.nc.Stats().Reconnects != connection {
			return nil, err // what was said while we were cut off we have not heard
		}
	}
	return nil, l.target.nc.Publish(fmt.Sprintf("%s.1.%d.%d.0.0", acks, info.Delivered.Stream, info.Delivered.Consumer), []byte("-NAK"))
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

// listen goes on waiting for the lane's next message for a while, and reports whether nobody said a word about those of before.
// Whoever holds one says so each second (Message.Hold), but owns the lane no more if his call is a long one.
func (l *Lane) listen(ctx context.Context, acks string, while time.Duration) (raw jetstream.Msg, silent bool, err error) {
	words, err := l.target.nc.SubscribeSync(acks + ".>")
	if err != nil {
		return nil, false, fmt.Errorf("listen to lane %s: %w", l.name, err)
	}
	defer words.Unsubscribe() //nolint:errcheck // it ends with the connection at the latest
	until, stop := context.WithTimeout(ctx, while)
	defer stop()
	raw, err = l.messages.Next(jetstream.NextContext(until))
	if !errors.Is(err, context.DeadlineExceeded) || ctx.Err() != nil {
		return raw, false, err
	}
	heard, _, err := words.Pending()
	return nil, heard == 0, err
}
