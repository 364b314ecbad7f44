package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

// bench is the folder, the binaries and the processes of a run.
type bench struct {
	options
	dir     string // for stores, on the disk
	memory  string // for stores on which fsync costs nothing; empty: there is no such place
	self    string // the binary of the bench, for the processes that are its own
	version string
	fsync   time.Duration
	stores  map[int]string // those of grown, by the number of their events
	young   time.Time      // when something was last stored for a point that wants it old

	mu        sync.Mutex
	processes []*process
}

func newBench(ctx context.Context, o options) (b *bench, err error) {
	b = &bench{options: o, stores: map[int]string{}}
	if b.self, err = os.Executable(); err != nil {
		return nil, err
	}
	if b.dir, err = os.MkdirTemp(o.dir, "callbus-bench-"); err != nil {
		return nil, err
	}
	// tmpfs: fsync is nothing there (fs/libfs.c, noop_fsync).
	if runtime.GOOS == "linux" {
		b.memory, _ = os.MkdirTemp("/dev/shm", "callbus-bench-")
	}
	if o.profile != "" {
		err = os.MkdirAll(o.profile, 0o755)
	}
	if err = errors.Join(err, b.build(ctx)); err != nil {
		b.close()
		return nil, err
	}
	return b, nil
}

// build makes the programs as they ship.
func (b *bench) build(ctx context.Context) error {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..")
	build := exec.CommandContext(ctx, "go", "build", "-trimpath", "-ldflags", "-s -w", "-o", filepath.Join(b.dir, "bin")+"/",
		"./services/ingest/cmd/ingest", "./services/onec-adapter/cmd/onec-adapter", "./services/callbus/cmd/callbus")
	build.Dir = root
	build.Env = append(os.Environ(), "GOWORK=off", "CGO_ENABLED=0")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, said)
	}
	version, err := exec.CommandContext(ctx, "git", "-C", root, "describe", "--always", "--dirty").Output()
	if b.version = strings.TrimSpace(string(version)); err != nil {
		b.version = "of an unknown version"
	}
	return nil
}

func (b *bench) binary(name string) string { return filepath.Join(b.dir, "bin", name) }

func (b *bench) close() {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.processes { // nginx leaves children behind, unless it is asked to end
		_ = p.cmd.Process.Signal(syscall.SIGTERM)
	}
	for _, p := range b.processes {
		select {
		case <-p.ended:
		case <-time.After(5 * time.Second):
			p.kill()
		}
	}
	os.RemoveAll(b.dir)
	if b.memory != "" {
		os.RemoveAll(b.memory)
	}
}

// times scales an amount, seconds a time.
func (b *bench) times(n int) int { return max(int(float64(n)*b.scale), 10) }

func (b *bench) seconds(s float64) time.Duration {
	return max(time.Duration(s*b.scale*float64(time.Second)), 300*time.Millisecond)
}

// folder is a new one on the disk.
func (b *bench) folder(name string) (string, error) { return os.MkdirTemp(b.dir, name+"-") }

// process is a program of ours or of others.
type process struct {
	name  string
	cmd   *exec.Cmd
	log   string
	ended chan struct{}
	begun time.Time
	took  time.Duration // from its start until it was ready
}

// start runs a program. Its log is kept in memory where that can be: an fsync of the store would wait for a log on the same disk.
func (b *bench) start(name, binary string, args ...string) (*process, error) {
	p := &process{name: name, log: filepath.Join(cmp.Or(b.memory, b.dir), name+".log"), ended: make(chan struct{})}
	log, err := os.Create(p.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p.cmd = exec.Command(binary, args...)
	p.cmd.Stderr, p.cmd.Dir = log, b.dir
	p.begun = time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go func() {
		_ = p.cmd.Wait() // how it ended is asked for where it matters
		close(p.ended)
	}()
	b.mu.Lock()
	b.processes = append(b.processes, p)
	b.mu.Unlock()
	return p, nil
}

// service is how a service is started: as it ships, or inside the bench's binary for a profile.
func (b *bench) service(name, service string, args ...string) (*process, error) {
	if b.profile == "" {
		return b.start(name, b.binary(service), append(args, "--log-level", "info", "--log-format", "json")...)
	}
	return b.start(name, b.self, append([]string{service, filepath.Join(b.profile, name+".pprof")}, args...)...)
}

func (p *process) pid() int { return p.cmd.Process.Pid }

func (p *process) kill() {
	_ = p.cmd.Process.Kill() // it may have ended
	<-p.ended
}

// stop ends it as a service manager does.
func (p *process) stop() error {
	_ = p.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(60 * time.Second):
		p.kill()
		return fmt.Errorf("%s did not stop", p.name)
	}
	if code := p.cmd.ProcessState.ExitCode(); code > 0 {
		return p.failed(fmt.Errorf("ended with %d", code))
	}
	return nil
}

func (p *process) failed(err error) error {
	said, _ := os.ReadFile(p.log)
	return fmt.Errorf("%s: %w\n%s", p.name, err, said[max(0, len(said)-2000):])
}

// untilLimit is what a machine needs that has other things to do.
const untilLimit = 3 * time.Minute

// until looks until it works.
func (p *process) until(ctx context.Context, what string, look func() error) error {
	begin := time.Now()
	for {
		err := look()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-p.ended:
			return p.failed(errors.New("has ended"))
		case <-time.After(2 * time.Millisecond):
		}
		if time.Since(begin) > untilLimit {
			return p.failed(fmt.Errorf("not %s within %v: %w", what, untilLimit, err))
		}
	}
}

// ready waits until /readyz says ok.
func (p *process) ready(ctx context.Context, admin string) error {
	return p.until(ctx, "ready", func() error {
		answer, err := http.Get("http://" + admin + "/readyz")
		if err != nil {
			return err
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return errors.New(answer.Status)
		}
		p.took = time.Since(p.begun)
		return nil
	})
}

// listening waits until somebody accepts connections.
func (p *process) listening(ctx context.Context, addr string) error {
	return p.until(ctx, "listening", func() error {
		c, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			c.Close()
		}
		return err
	})
}

// freeAddr lies below the ports that the system gives to outgoing connections: one of a hundred thousand phones would take it.
func freeAddr() string {
	for {
		addr := fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000))
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
}
