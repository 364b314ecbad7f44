package rig

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// Text is what a program has written so far. It may be read while the program writes.
type Text struct {
	mu   sync.Mutex
	text strings.Builder
}

// Write implements io.Writer.
func (x *Text) Write(p []byte) (int, error) {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.Write(p)
}

// String is everything so far.
func (x *Text) String() string {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.text.String()
}

var binaries struct {
	mu    sync.Mutex
	dir   string
	built map[string]string
}

// Main runs the tests of a package and removes the binaries that Build made. TestMain calls it.
func Main(m *testing.M) int {
	defer func() { os.RemoveAll(binaries.dir) }()
	return m.Run()
}

// Root is the folder of the module that ships.
func Root() string {
	_, file, _, _ := runtime.Caller(0)
	return filepath.Join(filepath.Dir(file), "..", "..")
}

// Build builds a command as it ships and returns the path of the binary. pkg is relative to Root, such as
// ./services/ingest/cmd/ingest; each is built once for all tests of a package.
func Build(t testing.TB, pkg string) string {
	t.Helper()
	return build(t, Root(), pkg)
}

// BuildHelper is Build for a program of the test module; pkg is relative to its root.
func BuildHelper(t testing.TB, pkg string) string {
	t.Helper()
	return build(t, filepath.Join(Root(), "test"), pkg)
}

func build(t testing.TB, dir, pkg string) string {
	t.Helper()
	binaries.mu.Lock()
	defer binaries.mu.Unlock()
	if path, done := binaries.built[pkg]; done {
		return path
	}
	if binaries.dir == "" {
		var err error
		if binaries.dir, err = os.MkdirTemp("", "callbus-test-"); err != nil {
			t.Fatalf("a folder for binaries: %v", err)
		}
		binaries.built = map[string]string{}
	}
	path := filepath.Join(binaries.dir, filepath.Base(pkg))
	cmd := exec.Command("go", "build", "-trimpath", "-ldflags", "-s -w", "-o", path, pkg)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0") // the flags of make dist and of the Dockerfiles: compiled once for all
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("build %s: %v\n%s", pkg, err, out)
	}
	binaries.built[pkg] = path
	return path
}

// Program is a real process of ours.
type Program struct {
	t     testing.TB
	cmd   *exec.Cmd
	Out   *Text // standard output
	Log   *Text // standard error
	ended chan struct{}
	err   error
}

// Start starts a program; it is killed with the test if it still runs then, and its log is told if the test failed.
func Start(t testing.TB, path string, args ...string) *Program {
	t.Helper()
	p := &Program{t: t, cmd: exec.Command(path, args...), Out: &Text{}, Log: &Text{}, ended: make(chan struct{})}
	p.cmd.Env = english()
	p.cmd.Stdout, p.cmd.Stderr = p.Out, p.Log
	p.cmd.SysProcAttr = ofItsOwnGroup()
	if err := p.cmd.Start(); err != nil {
		t.Fatalf("start %s: %v", path, err)
	}
	go func() {
		p.err = p.cmd.Wait()
		close(p.ended)
	}()
	t.Cleanup(func() {
		p.Signal(syscall.SIGKILL)
		<-p.ended
		if t.Failed() {
			t.Logf("%s:\n%s%s", filepath.Base(path), indent(p.Out.String()), indent(p.Log.String()))
		}
	})
	return p
}

// Pid is the process.
func (p *Program) Pid() int { return p.cmd.Process.Pid }

// Signal sends a signal to the process and those that it has started. A process that has ended is let be.
func (p *Program) Signal(s syscall.Signal) {
	select {
	case <-p.ended:
	default:
		_ = signalGroup(p.cmd.Process, s)
	}
}

// Wait waits for the end of the process and returns its error, nil for exit code 0.
func (p *Program) Wait() error {
	p.t.Helper()
	select {
	case <-p.ended:
		return p.err
	case <-time.After(Patience):
		p.t.Fatalf("%s has not ended within %v", filepath.Base(p.cmd.Path), Patience)
		return nil
	}
}

// Says waits until the program has written a text, to either output.
func (p *Program) Says(text string) {
	p.t.Helper()
	Until(p.t, fmt.Sprintf("%s to write %q", filepath.Base(p.cmd.Path), text), func() (any, bool) {
		select {
		case <-p.ended:
			if !strings.Contains(p.written(), text) {
				p.t.Fatalf("%s has ended (%v) without writing %q", filepath.Base(p.cmd.Path), p.err, text)
			}
		default:
		}
		return "the log below", strings.Contains(p.written(), text)
	})
}

func (p *Program) written() string { return p.Out.String() + p.Log.String() }

// english is the environment of programs: what tests wait for is written in it, whatever this machine speaks.
func english() []string { return append(os.Environ(), "LC_ALL=C") }

// Run runs a program to its end and returns what it wrote; a failure ends the test.
func Run(t testing.TB, path string, args ...string) string {
	t.Helper()
	cmd := exec.CommandContext(Context(t), path, args...)
	cmd.Env = english()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", filepath.Base(path), strings.Join(args, " "), err, out)
	}
	return string(out)
}
