package stream_test

import (
	"errors"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
)

func standing(t *testing.T, o *office) stream.Standing {
	t.Helper()
	all, err := stream.Standings(ctx(t), o.nc)
	if err != nil || len(all) != 1 {
		t.Fatalf("%d targets (%v), want one", len(all), err)
	}
	return all[0]
}

func TestATargetsStandingIsWhatHasAndHasNotEnded(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	if all, err := stream.Standings(ctx(t), o.nc); err != nil || len(all) != 0 {
		t.Errorf("%+v (%v) before any adapter has worked, want nothing", all, err)
	}
	p := publisher(t, o.nc)
	for i := range 5 {
		publish(t, p, "101", i)
	}
	l := lane(t, target(t, o.nc, "main", 1), 0)
	end(t, next(t, l), verdict.Done())
	end(t, next(t, l), verdict.Never("1C refused: Ошибка"))
	m := next(t, l)
	if err := stream.AnswerStatus(o.nc, "main", func() stream.Status {
		return stream.Status{Adapter: "here/1", State: stream.Away, Why: "no free licence", Owns: map[string]string{l.Name(): l.Pin()}}
	}); err != nil {
		t.Fatal(err)
	}
	s := standing(t, o)
	if s.Queue != 3 || s.Minute != 2 || s.Hour != 2 || s.Dead != 1 || s.LastDead.Why != "1C refused: Ошибка" || !s.AtWork {
		t.Errorf("standing %+v, want 3 waiting, 2 ended, 1 of them dead, and somebody at work", s)
	}
	if time.Since(s.Oldest) > time.Minute || s.Oldest.IsZero() {
		t.Errorf("the oldest is of %v", s.Oldest)
	}
	if len(s.Adapters) != 1 || s.Adapters[0].State != stream.Away || s.Owners["1-0"] != "here/1" {
		t.Errorf("adapters %+v, owners %v", s.Adapters, s.Owners)
	}
	end(t, m, verdict.Done())
	if err := l.Close(ctx(t)); err != nil {
		t.Fatal(err)
	}
	o.change(3)
	if s := standing(t, o); s.Queue != 2 || len(s.Owners) != 0 || s.Set.Lanes != 3 {
		t.Errorf("after a change: %+v, want 2 waiting and no owner", s)
	}
}

func TestATargetWhoseAdaptersSitAPauseOutIsNotForgotten(t *testing.T) {
	t.Parallel()
	o := newOffice(t)
	target(t, o.nc, "main", 1)
	if _, err := stream.PauseTarget(ctx(t), o.nc, "main", "oleg"); err != nil {
		t.Fatal(err)
	}
	answers := o.server.Connect()
	if err := stream.AnswerStatus(answers, "main", func() stream.Status { return stream.Status{Adapter: "here/1", State: stream.Paused} }); err != nil {
		t.Fatal(err)
	}
	if err := answers.Flush(); err != nil {
		t.Fatal(err)
	}
	if err := stream.ForgetTarget(ctx(t), o.nc, "main"); !errors.As(err, new(stream.InUse)) {
		t.Errorf("forget: %v, want that an adapter works on it", err)
	}
	answers.Close()
	forget(t, o.nc, "main")
}
