package lifecycle_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/lifecycle"
)

// diary notes what happened, in order.
type diary struct {
	mu    sync.Mutex
	lines []string
}

func (d *diary) note(line string) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, line)
}

func (d *diary) does(line string) func(context.Context) error {
	return func(context.Context) error { d.note(line); return nil }
}

func (d *diary) fails(line string, err error) func(context.Context) error {
	return func(context.Context) error { d.note(line); return err }
}

func (d *diary) want(t *testing.T, want ...string) {
	t.Helper()
	d.mu.Lock()
	defer d.mu.Unlock()
	if diff := cmp.Diff(want, d.lines); diff != "" {
		t.Errorf("what happened (-want +got):\n%s", diff)
	}
}

func (d *diary) add(g *lifecycle.Group, names ...string) {
	for _, name := range names {
		g.Add(name, d.does("start "+name), d.does("stop "+name))
	}
}

func TestStopsInTheReverseOfStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		g := lifecycle.New(lifecycle.Options{})
		d.add(g, "broker", "stream", "http")
		ctx, cancel := context.WithCancel(t.Context())
		result := run(g, ctx)
		synctest.Wait()
		if err := g.Ready(ctx); err != nil {
			t.Errorf("Ready() = %v once all have started, want nil", err)
		}
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		if g.Ready(t.Context()) == nil {
			t.Error("Ready() = nil after the stop, want an error")
		}
		d.want(t, "start broker", "start stream", "start http", "stop http", "stop stream", "stop broker")
	})
}

func TestAFailedStartStopsWhatHadStarted(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		boom := errors.New("port in use")
		g := lifecycle.New(lifecycle.Options{})
		d.add(g, "broker", "stream")
		g.Add("http", d.fails("start http", boom), d.does("stop http"))
		d.add(g, "never")
		err := g.Run(t.Context())
		if !errors.Is(err, boom) || err.Error() != "start http: port in use" {
			t.Errorf("Run() = %v, want start http: %v", err, boom)
		}
		d.want(t, "start broker", "start stream", "start http", "stop stream", "stop broker")
	})
}

func TestASignalDuringTheStartIsNoError(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		g := lifecycle.New(lifecycle.Options{})
		d.add(g, "broker")
		g.Add("stream", func(ctx context.Context) error { <-ctx.Done(); return fmt.Errorf("connect: %w", ctx.Err()) }, d.does("stop stream"))
		d.add(g, "http")
		ctx, cancel := context.WithCancel(t.Context())
		result := run(g, ctx)
		synctest.Wait()
		cancel()
		if err := <-result; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		d.want(t, "start broker", "stop broker")
	})
}

func TestAComponentThatFailsStopsTheRest(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		frozen, late, stuck := errors.New("store frozen"), errors.New("late"), errors.New("stuck")
		g := lifecycle.New(lifecycle.Options{})
		d.add(g, "broker")
		g.Add("http", d.does("start http"), func(context.Context) error { g.Fail(late); return stuck })
		result := run(g, t.Context())
		synctest.Wait()
		g.Fail(nil)
		synctest.Wait()
		d.want(t, "start broker", "start http")
		g.Fail(frozen)
		err := <-result
		for _, want := range []error{frozen, late, stuck} {
			if !errors.Is(err, want) {
				t.Errorf("Run() = %v, want %v in it", err, want)
			}
		}
		d.want(t, "start broker", "start http", "stop broker")
	})
}

func TestAFailureDuringTheStartEndsTheStart(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		boom := errors.New("boom")
		g := lifecycle.New(lifecycle.Options{})
		d.add(g, "broker")
		g.Add("stream", func(ctx context.Context) error { g.Fail(boom); <-ctx.Done(); return ctx.Err() }, nil)
		if err := g.Run(t.Context()); !errors.Is(err, boom) || errors.Is(err, context.Canceled) {
			t.Errorf("Run() = %v, want %v alone", err, boom)
		}
		d.want(t, "start broker", "stop broker")
	})
}

func TestWorkUnderWayOutlivesTheSignalAndDiesWithTheGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		g := lifecycle.New(lifecycle.Options{Grace: 12 * time.Second})
		var d diary
		d.add(g, "broker")
		begin := time.Now()
		g.Add("http", nil, func(context.Context) error { // waits for its handlers, which use the group's context
			<-g.Context().Done()
			d.note(fmt.Sprintf("work ended after %s", time.Since(begin)))
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		result := run(g, ctx)
		if err := <-result; err != nil {
			t.Errorf("Run() = %v, want nil", err)
		}
		d.want(t) // a group that is told to end before it starts starts nothing
		if g.Context().Err() == nil {
			t.Error("the work context goes on after Run returned")
		}
	})
	synctest.Test(t, func(t *testing.T) {
		g := lifecycle.New(lifecycle.Options{Grace: 12 * time.Second})
		var d diary
		d.add(g, "broker")
		var begin time.Time
		g.Add("http", nil, func(context.Context) error {
			<-g.Context().Done()
			d.note(fmt.Sprintf("work ended after %s", time.Since(begin)))
			return nil
		})
		ctx, cancel := context.WithCancel(t.Context())
		result := run(g, ctx)
		synctest.Wait()
		begin = time.Now()
		cancel()
		<-result
		d.want(t, "start broker", "work ended after 12s", "stop broker")
	})
}

func TestOneDeadlineForAllAndALastWordForTheStore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var d diary
		release := make(chan struct{})
		g := lifecycle.New(lifecycle.Options{Grace: 10 * time.Second})
		g.Add("broker", nil, func(ctx context.Context) error {
			left, _ := ctx.Deadline()
			d.note(fmt.Sprintf("stop broker, %s left", time.Until(left)))
			return ctx.Err()
		})
		g.Add("stuck", nil, func(context.Context) error { <-release; return nil })
		g.Add("slow", nil, func(context.Context) error { time.Sleep(4 * time.Second); d.note("stop slow"); return nil })
		ctx, cancel := context.WithCancel(t.Context())
		result := run(g, ctx)
		synctest.Wait()
		begin := time.Now()
		cancel()
		err := <-result
		if took := time.Since(begin); took != 11*time.Second {
			t.Errorf("Run took %s to stop, want the grace of 10 s and one second for what is stuck", took)
		}
		if err == nil || err.Error() != "stop stuck: did not return in time; left behind" {
			t.Errorf("Run() = %v, want it to name stuck", err)
		}
		d.want(t, "stop slow", "stop broker, 1s left")
		close(release) // or the bubble would rightly complain of a leaked goroutine
	})
}

func TestTheLogNamesEachStepAndWhatIsWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		g := lifecycle.New(lifecycle.Options{Grace: 20 * time.Second, Log: zerolog.New(zerolog.SyncWriter(&out))})
		g.Add("broker", func(context.Context) error { time.Sleep(6 * time.Second); return nil }, nil)
		g.Add("http", nil, func(context.Context) error { time.Sleep(11 * time.Second); return nil }).
			Pending(func() string { return "3 requests" })
		ctx, cancel := context.WithCancel(t.Context())
		result := run(g, ctx)
		time.Sleep(7 * time.Second)
		cancel()
		<-result
		var got []string
		for line := range strings.Lines(out.String()) {
			_, message, _ := strings.Cut(line, `"message":"`)
			got = append(got, strings.TrimSuffix(message, "\"}\n"))
		}
		want := []string{"starting broker", "still starting broker", "started broker", "starting http", "started http",
			"stopping; a second signal ends at once",
			"stopping http", "waiting for http: 3 requests", "waiting for http: 3 requests", "stopped http", "stopping broker", "stopped broker"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the log (-want +got):\n%s", diff)
		}
	})
}

func run(g *lifecycle.Group, ctx context.Context) <-chan error {
	result := make(chan error, 1)
	go func() { result <- g.Run(ctx) }()
	return result
}
