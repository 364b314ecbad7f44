package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"
)

// module is what ships; the programs are built from it as they ship, without the workspace.
const module = "github.com/callbus/callbus"

// workshop is where the programs are built that all turns use.
type workshop struct {
	options
	dir      string
	root     string // of the module that ships
	building sync.Mutex
	stepped  bool // the programs with a clock of their own have been built

	child bool // another process has built them, and waits for what we find
}

func newWorkshop(ctx context.Context, o options) (*workshop, error) {
	w := &workshop{options: o, dir: o.keep}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return nil, fmt.Errorf("find the module %s (run it in test/): %w", module, err)
	}
	w.root = strings.TrimSpace(string(root))
	if room := os.Getenv(insideEnv); room != "" {
		w.dir, w.child = filepath.Dir(room), true
		return w, nil
	}
	if w.dir == "" {
		w.dir, err = os.MkdirTemp("", "callbus-faults-")
	} else {
		err = os.MkdirAll(w.dir, 0o700)
	}
	if err != nil {
		return nil, err
	}
	begin := time.Now()
	if err := w.build(ctx); err != nil {
		w.close(failed)
		return nil, err
	}
	fmt.Printf("faults: %s, seed %d, programs built in %.1f s\n", o.scenario, o.seed, time.Since(begin).Seconds())
	return w, nil
}

func (w *workshop) bin(program string) string { return filepath.Join(w.dir, "bin", program) }

func (w *workshop) build(ctx context.Context) error {
	if err := w.ours(ctx, "bin"); err != nil {
		return err
	}
	return w.natsServer(ctx, "bin")
}

func (w *workshop) natsServer(ctx context.Context, folder string, flags ...string) error {
	args := append([]string{"build", "-o", filepath.Join(w.dir, folder, "nats-server")}, flags...)
	build := exec.CommandContext(ctx, "go", append(args, "github.com/nats-io/nats-server/v2")...)
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build nats-server: %w\n%s", err, said)
	}
	return nil
}

// ours builds the programs that ship into a folder of the workshop.
func (w *workshop) ours(ctx context.Context, folder string, flags ...string) error {
	args := append([]string{"build", "-o", filepath.Join(w.dir, folder) + "/"}, flags...)
	if w.race {
		args = append(args, "-race")
	}
	build := exec.CommandContext(ctx, "go", append(args,
		"./services/ingest/cmd/ingest", "./services/onec-adapter/cmd/onec-adapter", "./services/callbus/cmd/callbus")...)
	build.Dir = w.root
	build.Env = append(os.Environ(), "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, said)
	}
	return nil
}

// close removes the binaries always, the rest only where everything held.
func (w *workshop) close(code int) {
	if w.child {
		return // the folder is that of who has built it
	}
	for _, folder := range []string{"bin", stepped} {
		os.RemoveAll(filepath.Join(w.dir, folder))
	}
	if code == held && w.keep == "" {
		os.RemoveAll(w.dir)
	}
}

// bench is the folder and the processes of a turn.
type bench struct {
	*workshop
	turn
	dir string

	mu       sync.Mutex
	programs []*program
}

func (w *workshop) bench(t turn) (*bench, error) {
	b := &bench{workshop: w, turn: t, dir: filepath.Join(w.dir, fmt.Sprintf("%s-%d", t.scenario.name, t.seed))}
	return b, os.MkdirAll(b.dir, 0o700)
}

// close ends what still runs. Logs and stores go only where everything held.
func (b *bench) close(code int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.programs {
		p.kill()
	}
	if code == held && b.keep == "" && !b.child {
		os.RemoveAll(b.dir)
	}
}

// program makes a process of a scenario's room; it is not started yet.
func (b *bench) program(room, name, binary string, args ...string) (*program, error) {
	dir := filepath.Join(b.dir, room)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &program{name: name, binary: b.bin(binary), args: args, log: filepath.Join(dir, name+".log")}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.programs = append(b.programs, p)
	return p, nil
}

// given are the ports that some room of this process has.
var given sync.Map

// freePorts finds loopback ports for programs that are restarted on them. They lie below the ports that the kernel
// gives to outgoing connections: while a program is down, a phone's own connection could otherwise take its port.
func freePorts(n int) ([]string, error) {
	var addrs []string
	for try := 0; len(addrs) < n; try++ {
		if try > 1000 {
			return nil, errors.New("no free ports on 127.0.0.1")
		}
		addr := fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000))
		l, err := net.Listen("tcp", addr)
		if err != nil {
			continue
		}
		defer l.Close()
		if _, taken := given.LoadOrStore(addr, true); !taken {
			addrs = append(addrs, addr)
		}
	}
	return addrs, nil
}

// untilOpen waits until somebody listens.
func untilOpen(ctx context.Context, addr string, limit time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	for {
		conn, err := net.DialTimeout("tcp", addr, time.Second)
		if err == nil {
			return conn.Close()
		}
		if !sleep(ctx, 20*time.Millisecond) {
			return fmt.Errorf("nobody listens on %s after %s: %w", addr, limit, err)
		}
	}
}

// sleep reports whether the time passed before ctx ended.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return false
	case <-t.C:
		return true
	}
}
