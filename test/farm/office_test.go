package farm_test

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/test/farm"
	"github.com/callbus/callbus/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

// office is a real ingest, and a look at what it stores.
type office struct {
	phones  string // host:port
	streams []*seen

	mu sync.Mutex // one phone at a time, so that what is new on the streams belongs to its hit
}

// seen is a stream and how far it has been read.
type seen struct {
	jetstream.Stream
	last uint64
}

// startOffice starts an ingest, with more flags where a test needs them.
func startOffice(t *testing.T, flags ...string) *office {
	t.Helper()
	dir, phones, nats := t.TempDir(), rig.FreeAddr(t), rig.FreeAddr(t)
	rig.Start(t, rig.Build(t, "./services/ingest/cmd/ingest"), append(flags,
		"--store", dir, "--store-max", "16MiB", "--http", phones, "--nats-listen", nats, "--admin", "", "--log-level", "warn")...)
	rig.Listening(t, phones)
	js, err := jetstream.New(rig.Connect(t, "nats://"+nats, filepath.Join(dir, "nats.creds")))
	if err != nil {
		t.Fatal(err)
	}
	o := &office{phones: phones}
	for _, name := range []string{"CALLS", "PHONES"} {
		s, err := js.Stream(rig.Context(t), name)
		if err != nil {
			t.Fatalf("stream %s: %v", name, err)
		}
		o.streams = append(o.streams, &seen{Stream: s})
	}
	return o
}

// stored is an event as it stands on a stream: docs/wire.md §2.
type stored struct {
	Subject string `json:"-"`
	Type    string
	Line    string
	CallID  string `json:"callId"`
	Local   party
	Remote  party
	Phone   struct{ MAC, IP, Model, Firmware string }
	Source  string
}

type party struct{ URI, Number, Name string }

// outcome is what became of one hit.
type outcome struct {
	answer farm.Answer
	stored []stored
}

// hears lets a phone send a hit and reads what is new.
func (o *office) hears(p *farm.Phone, h farm.Hit) (outcome, error) {
	answer, err := p.Send(h)
	if err != nil {
		return outcome{}, err
	}
	result := outcome{answer: answer}
	for _, s := range o.streams {
		events, err := s.news()
		if err != nil {
			return outcome{}, err
		}
		result.stored = append(result.stored, events...)
	}
	return result, nil
}

// news reads what has come to a stream since the last time. A 200 is sent after the event is there.
func (s *seen) news() (events []stored, err error) {
	ctx, cancel := context.WithTimeout(context.Background(), rig.Patience)
	defer cancel()
	info, err := s.Info(ctx)
	if err != nil {
		return nil, err
	}
	for s.last < info.State.LastSeq {
		m, err := s.GetMsg(ctx, s.last+1)
		if err != nil {
			return nil, err
		}
		s.last++
		e := stored{Subject: m.Subject}
		if err := json.Unmarshal(m.Data, &e); err != nil {
			return nil, err
		}
		events = append(events, e)
	}
	return events, nil
}
