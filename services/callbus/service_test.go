package callbus

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/kardianos/service"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/program"
)

// managedProgram is one that works until it is told to stop, or until ends is closed.
func managedProgram(ends chan struct{}, result error) (program.Program, *bytes.Buffer) {
	log := &bytes.Buffer{}
	return program.Program{Name: "test", Log: log, Flags: func(*flag.FlagSet) {}, Run: func(ctx context.Context, log zerolog.Logger) error {
		select {
		case <-ctx.Done():
			log.Info().AnErr("why", context.Cause(ctx)).Msg("stopped in order")
		case <-ends:
		}
		return result
	}}, log
}

func TestTheServiceManagersStopIsWaitedFor(t *testing.T) {
	p, log := managedProgram(nil, nil)
	r := newManagedRun(p, nil, func(int) { t.Error("the process was ended") })
	if err := r.Start(nil); err != nil {
		t.Fatal(err)
	}
	if err := r.Stop(nil); err != nil {
		t.Errorf("a clean stop: %v", err)
	}
	if !strings.Contains(log.String(), "stopped in order") || !strings.Contains(log.String(), errManager.Error()) {
		t.Errorf("when Stop returned the log said %q", log)
	}
}

func TestAnUncleanStopIsReported(t *testing.T) {
	p, _ := managedProgram(nil, errors.New("the store would not close"))
	r := newManagedRun(p, nil, func(int) { t.Error("the process was ended") })
	if err := r.Start(nil); err != nil {
		t.Fatal(err)
	}
	if r.Stop(nil) == nil {
		t.Error("an unclean stop was called clean")
	}
}

// The service manager goes on believing in a process whose program has ended.
func TestAProgramThatEndsByItselfEndsTheProcess(t *testing.T) {
	for _, result := range []error{nil, errors.New("the disk is full")} {
		ends, code := make(chan struct{}), make(chan int, 1)
		p, _ := managedProgram(ends, result)
		r := newManagedRun(p, nil, func(c int) { code <- c })
		if err := r.Start(nil); err != nil {
			t.Fatal(err)
		}
		close(ends)
		if got := <-code; got == 0 {
			t.Errorf("%v: the exit code is 0, and nobody would start it again", result)
		}
	}
}

// eventsSeen is an event log that remembers.
type eventsSeen struct {
	service.Logger
	seen []string
}

func (e *eventsSeen) Error(v ...any) error   { return e.note("error", v) }
func (e *eventsSeen) Warning(v ...any) error { return e.note("warning", v) }
func (e *eventsSeen) Info(v ...any) error    { return e.note("info", v) }
func (e *eventsSeen) note(level string, v []any) error {
	e.seen = append(e.seen, level+" "+strings.TrimSpace(v[0].(string)))
	return nil
}

func TestTheEventLogHasTheLevels(t *testing.T) {
	e := &eventsSeen{}
	log := zerolog.New(zerolog.SyncWriter(eventLog{e}))
	log.Info().Msg("a")
	log.Warn().Msg("b")
	log.Error().Msg("c")
	if _, err := (eventLog{e}).Write([]byte("callbus up: d\n")); err != nil {
		t.Fatal(err)
	}
	want := `info {"level":"info","message":"a"},warning {"level":"warn","message":"b"},error {"level":"error","message":"c"},error callbus up: d`
	if got := strings.Join(e.seen, ","); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestTheServiceIsMadeOfTheConfiguration(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "callbus.yaml")
	text := "data: ./calls\nonec-url: http://server/base/ws/teldata.1cws\nonec-timeout: 40s\nlog-level: debug\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	was, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(was) // install changes it
	out := &bytes.Buffer{}
	c := &serviceCommand{out: out, config: file, user: "office", print: true}
	if err := c.install(); err != nil {
		t.Fatal(err)
	}
	if runtime.GOOS == "windows" {
		return
	}
	for _, want := range []string{
		" up --config " + file + "\n", "User=office\n", "ReadWritePaths=" + filepath.Join(dir, "calls") + "\n",
		"TimeoutStopSec=61\n", // 40 s of 1C, 6 s for its ending and the end of sessions, 5 s for phones and store, 10 s of slack
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("want %q in\n%s", want, out)
		}
	}
}

// Bug: a line end in --user made a line of its own in the unit.
func TestAUserIsNoLineOfTheUnit(t *testing.T) {
	was, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(was)
	file := put(t, filepath.Join(t.TempDir(), "callbus.yaml"), "data: ./calls\nonec-url: http://server/ws\n")
	out := &bytes.Buffer{}
	if err := (&serviceCommand{out: out, config: file, user: "x\nUser=root", print: true}).install(); err == nil {
		t.Errorf("printed:\n%s", out)
	}
}

// systemd starts a service that has ended again, and between two starts its status is that it runs.
func TestAServiceThatEndsSoonDoesNotStay(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		if !stays(func() bool { return true }) {
			t.Error("one that runs does not stay")
		}
		if stays(func() bool { return time.Since(began) < 5*time.Second }) {
			t.Error("one that has ended after two seconds stays")
		}
	})
}

func TestABrokenConfigurationIsNotInstalled(t *testing.T) {
	was, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(was)
	for what, text := range map[string]string{"no 1C": "data: ./calls\n", "a wrong name": "onec-urll: http://server/ws\n", "a wrong value": "sessions: many\n"} {
		file := filepath.Join(t.TempDir(), "callbus.yaml")
		if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if err := (&serviceCommand{out: &bytes.Buffer{}, config: file, print: true}).install(); err == nil {
			t.Errorf("%s: it would be installed", what)
		}
	}
	if err := (&serviceCommand{out: &bytes.Buffer{}, config: "no/such/file", print: true}).install(); err == nil {
		t.Error("a file that is not there would be installed")
	}
}
