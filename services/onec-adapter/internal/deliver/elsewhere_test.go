package deliver

import (
	"context"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
)

// script is a lane that hands out the events it was given, and remembers their endings as the stream would.
type script struct {
	Lane
	events []call.EventType
	at     int
	told   []call.EventType // what Recall tells, by whomever it was ended
	kinds  []verdict.Kind
	theirs int // number of the event that another adapter ends while this one is calling
	stop   context.CancelFunc
}

func (s *script) Name() string                { return "1-0" }
func (s *script) Pause()                      {}
func (s *script) Close(context.Context) error { return nil }

func (s *script) Next(ctx context.Context) (Message, error) {
	if s.at == len(s.events) {
		s.stop()
		return nil, context.Canceled
	}
	s.at++
	return scripted{s, s.at - 1}, nil
}

func (s *script) Recall(_ context.Context, _ time.Time, tell func(uint64, call.Event, verdict.Kind)) error {
	for i, t := range s.told {
		tell(uint64(i+1), call.Event{Line: "101", Type: t}, verdict.Delivered)
	}
	return nil
}

type scripted struct {
	*script
	n int
}

func (m scripted) Event() call.Event                                  { return call.Event{Line: "101", Type: m.events[m.n]} }
func (m scripted) Broken() error                                      { return nil }
func (m scripted) Again() bool                                        { return false }
func (m scripted) TakenOver() bool                                    { return m.n == 0 }
func (m scripted) Sequence() uint64                                   { return uint64(m.n + 1) }
func (m scripted) Deliveries() int                                    { return 1 }
func (m scripted) Hold(ctx context.Context) (context.Context, func()) { return ctx, func() {} }
func (m scripted) Ours(context.Context) (bool, error)                 { return true, nil }
func (m scripted) SameCall(context.Context, uint64) (bool, error)     { return true, nil }
func (m scripted) Later(time.Duration) error                          { return nil }

func (m scripted) End(_ context.Context, e verdict.Ending, _ func(error)) (bool, error) {
	m.told, m.kinds = append(m.told, m.events[m.n]), append(m.kinds, e.Kind)
	return m.n != m.theirs, nil
}

type healthy struct{}

func (healthy) Call(context.Context, call.Event) (verdict.Reply, error) {
	return verdict.Reply{Answer: "OK"}, nil
}
func (healthy) Alive(context.Context) error { return nil }

// The bug: an adapter whose ring was ended by another one had not learned of it, took the end of that call for a
// second end of the call before, and skipped it.
func TestARingThatAnotherAdapterEndedIsRemembered(t *testing.T) {
	ctx, stop := context.WithCancel(t.Context())
	l := &script{events: []call.EventType{call.Incoming, call.Ended, call.Incoming, call.Missed}, theirs: 2, stop: stop}
	d := New(Options{Timeout: time.Second, NotFor: notFor, Word: word, Log: zerolog.Nop()}, healthy{}, []Lane{l})
	if err := d.Run(ctx); err != nil {
		t.Fatal(err)
	}
	want := []verdict.Kind{verdict.Delivered, verdict.Delivered, verdict.Delivered, verdict.Delivered}
	if diff := cmp.Diff(want, l.kinds); diff != "" {
		t.Errorf("verdicts (-want +got):\n%s", diff)
	}
}
