package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const day = 24 * time.Hour

// How long endings are kept.
const (
	keepDelivered = 30 * day
	keepDead      = 90 * day
)

// maxMessage is more than any event needs: the raw query is the longest part, and a request line has 8 KiB at most.
const maxMessage = 128 << 10

// DeclareIngest creates the streams that ingest owns: CALLS with the given room in bytes, PHONES and HITS. CALLS has
// no age limit: it deleted what was not yet delivered, even with DiscardNew (tried). The returned lines say where an
// existing stream differs; nobody lowers what is there. together says that a publisher stores together what comes at once.
func DeclareIngest(ctx context.Context, js jetstream.JetStream, room int64, replicas int, together bool) (differences []string, err error) {
	return declare(ctx, js,
		jetstream.StreamConfig{
			Name: Calls, Subjects: []string{"calls.*", "again.*.*"}, Description: "what happened on which line",
			Discard: jetstream.DiscardNew, MaxBytes: room, MaxMsgSize: maxMessage, Replicas: replicas,
			Duplicates: dedupWindow, AllowAtomicPublish: together,
		},
		jetstream.StreamConfig{
			Name: Phones, Subjects: []string{"phones.*"}, Description: "what phones said of themselves",
			MaxAge: 7 * day, MaxBytes: 64 << 20, MaxMsgSize: maxMessage, Replicas: replicas, AllowAtomicPublish: together,
		},
		jetstream.StreamConfig{
			Name: Hits, Subjects: []string{"hits.*"}, Description: "hits that could not be used",
			MaxAge: 7 * day, MaxBytes: 64 << 20, MaxMsgSize: maxMessage, Replicas: replicas,
		},
	)
}

// declareAdapter creates what the adapter owns: the stream of endings, with as much room as CALLS has, and the
// registry of targets.
func declareAdapter(ctx context.Context, js jetstream.JetStream, calls jetstream.StreamConfig) ([]string, error) {
	differences, err := declare(ctx, js, jetstream.StreamConfig{
		Name: Endings, Subjects: []string{"onec.*.*.*"}, Description: "what became of each event, one message each",
		Discard: jetstream.DiscardNew, MaxBytes: calls.MaxBytes, MaxMsgSize: 2 * maxMessage, Replicas: calls.Replicas,
		Duplicates: dedupWindow, AllowMsgTTL: true,
	})
	if err != nil {
		return nil, err
	}
	_, err = js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
		Bucket: bucket, Description: "targets and their lanes", MaxBytes: 4 << 20, Replicas: calls.Replicas,
	})
	if err != nil && !errors.Is(err, jetstream.ErrBucketExists) {
		return nil, fmt.Errorf("create the registry of targets: %w", err)
	}
	return differences, nil
}

func declare(ctx context.Context, js jetstream.JetStream, wanted ...jetstream.StreamConfig) (differences []string, err error) {
	for _, cfg := range wanted {
		there, err := js.Stream(ctx, cfg.Name)
		switch {
		case errors.Is(err, jetstream.ErrStreamNotFound):
			if _, err = js.CreateStream(ctx, cfg); err != nil {
				return nil, fmt.Errorf("create stream %s: %w", cfg.Name, err)
			}
		case err != nil:
			return nil, fmt.Errorf("look at stream %s: %w", cfg.Name, err)
		default:
			difference, err := reconcile(ctx, js, there.CachedInfo().Config, cfg)
			if err != nil {
				return nil, err
			}
			differences = append(differences, difference...)
		}
	}
	return differences, nil
}

// reconcile raises the room of a stream that is there, lets it take batches, and says what else differs.
func reconcile(ctx context.Context, js jetstream.JetStream, is, want jetstream.StreamConfig) (differences []string, err error) {
	raise := want.MaxBytes > is.MaxBytes && is.MaxBytes > 0
	batches := want.AllowAtomicPublish && !is.AllowAtomicPublish
	if raise || batches {
		was := is
		if raise {
			is.MaxBytes = want.MaxBytes
		}
		is.AllowAtomicPublish = is.AllowAtomicPublish || batches
		if _, err := js.UpdateStream(ctx, is); err != nil {
			return nil, fmt.Errorf("raise the room of stream %s from %d to %d bytes, let it take batches: %w", is.Name, was.MaxBytes, is.MaxBytes, err)
		}
	}
	return compare(is, want), nil
}

func compare(is, want jetstream.StreamConfig) (differences []string) {
	differ := func(what string, is, want any) {
		if is != want {
			differences = append(differences, fmt.Sprintf("%s is %v, not the %v asked for; it stays", what, is, want))
		}
	}
	differ("room of stream "+is.Name, is.MaxBytes, want.MaxBytes)
	differ("number of replicas of stream "+is.Name, is.Replicas, max(want.Replicas, 1))
	differ("discard policy of stream "+is.Name, is.Discard, want.Discard)
	return differences
}

// Fill is how many bytes CALLS holds, and how many it may hold (-1: no limit).
func Fill(ctx context.Context, nc *nats.Conn) (used, room int64, err error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return 0, 0, err
	}
	s, err := js.Stream(ctx, Calls)
	if err != nil {
		return 0, 0, fmt.Errorf("look at stream %s: %w", Calls, err)
	}
	info := s.CachedInfo()
	return int64(info.State.Bytes), info.Config.MaxBytes, nil
}
