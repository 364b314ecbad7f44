package stream

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go/jetstream"
)

// readEndings tells the endings on a subject, oldest first, up to what is there now. What is no ending was put there
// by somebody else and concerns nobody.
func readEndings(ctx context.Context, ends jetstream.Stream, subject string, since *time.Time, tell func(Ended)) error {
	cfg := jetstream.ConsumerConfig{FilterSubject: subject}
	if since != nil {
		cfg.DeliverPolicy, cfg.OptStartTime = jetstream.DeliverByStartTimePolicy, since
	}
	return readAll(ctx, ends, cfg, func(m jetstream.Msg, sequence uint64) {
		if e, err := decodeEnding(m.Data(), sequence); err == nil {
			tell(e)
		}
	})
}

// readAll reads what a stream holds now through a consumer that nobody else sees and that goes by itself.
func readAll(ctx context.Context, s jetstream.Stream, cfg jetstream.ConsumerConfig, tell func(jetstream.Msg, uint64)) error {
	return readUntil(ctx, s, cfg, func(m jetstream.Msg, sequence uint64) bool { tell(m, sequence); return false })
}

// readUntil is readAll that ends where it is told to.
func readUntil(ctx context.Context, s jetstream.Stream, cfg jetstream.ConsumerConfig, tell func(jetstream.Msg, uint64) (enough bool)) error {
	name := s.CachedInfo().Config.Name
	cfg.AckPolicy, cfg.MemoryStorage, cfg.InactiveThreshold = jetstream.AckNonePolicy, true, 30*time.Second
	consumer, err := s.CreateConsumer(ctx, cfg)
	if err != nil {
		return fmt.Errorf("read stream %s: %w", name, err)
	}
	defer s.DeleteConsumer(context.WithoutCancel(ctx), consumer.CachedInfo().Name)
	for left := consumer.CachedInfo().NumPending; left > 0; {
		batch, err := consumer.Fetch(int(min(left, 500)), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		got := 0
		for m := range batch.Messages() {
			meta, err := m.Metadata()
			if err != nil {
				return fmt.Errorf("read stream %s: %w", name, err)
			}
			got++
			left = min(left-1, meta.NumPending)
			if tell(m, meta.Sequence.Stream) {
				return nil
			}
		}
		if err := batch.Error(); err != nil {
			return fmt.Errorf("read stream %s: %w", name, err)
		}
		if got == 0 && gone(ctx, consumer) {
			return nil
		}
		if got == 0 {
			return fmt.Errorf("read stream %s: nothing came within 5 s, %d are missing", name, left)
		}
	}
	return nil
}

// gone reports whether what was there has been removed meanwhile.
func gone(ctx context.Context, consumer jetstream.Consumer) bool {
	info, err := consumer.Info(ctx)
	return err == nil && info.NumPending == 0
}
