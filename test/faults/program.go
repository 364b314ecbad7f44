package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/callbus/callbus/test/faults/check"
)

// program is one of ours as a process, run after run. Its runs are told apart: "adapter-1.2" is the second.
type program struct {
	name   string
	binary string
	args   []string // "{run}" becomes the name of the run
	env    []string // beside ours
	log    string

	mu       sync.Mutex
	run      int
	cmd      *exec.Cmd
	done     chan struct{} // closed when the run has ended
	ending   bool          // the run was told to end
	frozen   time.Time
	deaths   []string // runs that ended without being told to
	troubles []check.Trouble
}

// on makes the program one of a machine; nil is this one.
func (p *program) on(m *machine) {
	if m != nil {
		words := append(m.enter(), p.binary)
		p.binary, p.args = words[0], append(words[1:], p.args...)
	}
}

func (p *program) start() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.run++
	log, err := os.OpenFile(p.log, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer log.Close()
	args := make([]string, len(p.args))
	for i, a := range p.args {
		args[i] = strings.ReplaceAll(a, "{run}", p.process())
	}
	cmd := exec.Command(p.binary, args...)
	cmd.Stdout, cmd.Stderr = log, log
	cmd.Env = append(os.Environ(), p.env...)
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.done, p.ending = cmd, make(chan struct{}), false
	go p.watch(cmd, p.done)
	return nil
}

// watch notes a run that ends by itself: a crash, or a failure that a supervisor would have to mend.
func (p *program) watch(cmd *exec.Cmd, done chan struct{}) {
	err := cmd.Wait()
	p.mu.Lock()
	defer p.mu.Unlock()
	if !p.ending {
		p.deaths = append(p.deaths, fmt.Sprintf("%s ended by itself: %v (see %s)", p.process(), err, p.log))
	}
	close(done)
}

// process names the run. The lock is the caller's.
func (p *program) process() string { return fmt.Sprintf("%s.%d", p.name, p.run) }

// ended is closed when the run has ended, in whatever way.
func (p *program) ended() chan struct{} {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.done
}

// kill ends the run with SIGKILL and returns when it is gone. A kill of what does not run is nothing.
func (p *program) kill() {
	if done := p.strike(); done != nil {
		<-done
	}
}

// strike is kill without the waiting: nothing of the run is done any more but what the kernel has in hand. It is nil where nothing runs.
func (p *program) strike() (done chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cmd == nil || p.ending {
		return nil
	}
	p.ending = true
	now := time.Now()
	_ = p.cmd.Process.Kill() // it may have ended by itself: that is in deaths
	p.troubles = append(p.troubles, check.Trouble{Process: p.process(), From: now, To: now})
	return p.done
}

// stop ends the run with SIGTERM, and says where it took too long or ended badly.
func (p *program) stop(limit time.Duration) error {
	p.mu.Lock()
	p.ending = true
	cmd, done := p.cmd, p.done
	_ = cmd.Process.Signal(syscall.SIGTERM)
	p.mu.Unlock()
	select {
	case <-done:
	case <-time.After(limit):
		_ = cmd.Process.Kill()
		<-done
		return fmt.Errorf("%s did not stop within %s of SIGTERM", p.name, limit)
	}
	if code := cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("%s ended with %d after SIGTERM (see %s)", p.name, code, p.log)
	}
	return nil
}

func (p *program) freeze() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.frozen = time.Now()
	return freeze(p.cmd.Process)
}

func (p *program) thaw() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	err := thaw(p.cmd.Process)
	p.troubles = append(p.troubles, check.Trouble{Process: p.process(), Frozen: true, From: p.frozen, To: time.Now()})
	p.frozen = time.Time{}
	return err
}

func (p *program) isFrozen() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return !p.frozen.IsZero()
}

func (p *program) running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.cmd != nil && !p.ending
}

// died gives the runs that ended by themselves, and data races where the binaries look for them.
func (p *program) died() []string {
	p.mu.Lock()
	defer p.mu.Unlock()
	died := append([]string(nil), p.deaths...)
	for _, sign := range []string{"WARNING: DATA RACE", "panic: ", "fatal error: "} {
		if n := p.logged(sign); n > 0 {
			died = append(died, fmt.Sprintf("%s says %q %d times (see %s)", p.name, sign, n, p.log))
		}
	}
	return died
}

// logged counts the lines of the log that hold all of some texts.
func (p *program) logged(texts ...string) int {
	said, err := os.ReadFile(p.log)
	if errors.Is(err, os.ErrNotExist) {
		return 0
	}
	n := 0
	for line := range strings.Lines(string(said)) {
		if !slices.ContainsFunc(texts, func(text string) bool { return !strings.Contains(line, text) }) {
			n++
		}
	}
	return n
}
