package callbus

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"

	"github.com/kardianos/service"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/program"
)

// managed reports whether the service manager of Windows has started this process: it says "stop" by a call and not by a
// signal. systemd sends SIGTERM, which every program here understands.
func managed() bool { return runtime.GOOS == "windows" && !service.Interactive() }

// underManager runs callbus up as a service of Windows. The log goes to its event log: there is no standard error.
func underManager(p program.Program, args []string) int {
	run := newManagedRun(p, args, os.Exit)
	s, err := service.New(run, serviceConfig(args))
	if err != nil {
		return 1
	}
	if events, err := s.Logger(nil); err == nil {
		run.program.Log = eventLog{events}
	}
	if len(args) > 1 { // up --config FILE, as service install has it: relative paths are the file's, not the system's
		if err := os.Chdir(filepath.Dir(args[1])); err != nil {
			return 1
		}
	}
	if err := s.Run(); err != nil {
		return 1
	}
	return 0
}

// errManager is why a stop came, for the log.
var errManager = errors.New("the service manager")

// managedRun fits a program to a service manager.
type managedRun struct {
	program program.Program
	args    []string
	exit    func(int)
	cancel  context.CancelCauseFunc
	asked   context.Context // ends when the manager asks for a stop
	ended   chan int
}

func newManagedRun(p program.Program, args []string, exit func(int)) *managedRun {
	r := &managedRun{program: p, args: args, exit: exit, ended: make(chan int, 1)}
	r.asked, r.cancel = context.WithCancelCause(context.Background())
	r.program.Context = r.asked
	return r
}

// Start implements service.Interface: it returns at once. A program that ends by itself takes the process with it, so that
// the manager sees a failure and starts it again.
func (r *managedRun) Start(service.Service) error {
	go func() {
		code := r.program.Main(r.args)
		if r.asked.Err() == nil {
			r.exit(max(1, code))
		}
		r.ended <- code
	}()
	return nil
}

// Stop implements service.Interface: it returns when everything has stopped in order.
func (r *managedRun) Stop(service.Service) error {
	r.cancel(errManager)
	if code := <-r.ended; code != 0 {
		return errors.New("callbus up has not stopped cleanly; its log says why")
	}
	return nil
}

// eventLog writes the log's lines to the event log of Windows, under their level.
type eventLog struct{ service.Logger }

// Write implements io.Writer, for what has no level: an error that ends the program.
func (e eventLog) Write(p []byte) (int, error) { return len(p), e.Error(string(p)) }

// WriteLevel implements zerolog.LevelWriter.
func (e eventLog) WriteLevel(l zerolog.Level, p []byte) (int, error) {
	switch {
	case l >= zerolog.ErrorLevel:
		return len(p), e.Error(string(p))
	case l == zerolog.WarnLevel:
		return len(p), e.Warning(string(p))
	}
	return len(p), e.Info(string(p))
}
