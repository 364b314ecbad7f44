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

// bench is the folder, the binaries and the processes of a run.
type bench struct {
	options
	dir   string
	root  string // of the module that ships
	begin time.Time

	mu       sync.Mutex
	programs []*program
}

func newBench(ctx context.Context, o options) (*bench, error) {
	b := &bench{options: o, dir: o.keep, begin: time.Now()}
	root, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", module).Output()
	if err != nil {
		return nil, fmt.Errorf("find the module %s (run it in test/): %w", module, err)
	}
	b.root = strings.TrimSpace(string(root))
	if built := os.Getenv(insideEnv); built != "" {
		b.dir = built
		return b, nil
	}
	if b.dir == "" {
		b.dir, err = os.MkdirTemp("", "callbus-faults-")
	} else {
		err = os.MkdirAll(b.dir, 0o700)
	}
	if err != nil {
		return nil, err
	}
	if err := b.build(ctx); err != nil {
		os.RemoveAll(filepath.Join(b.dir, "bin"))
		return nil, err
	}
	fmt.Printf("faults: %s, seed %d, programs built in %.1f s\n", o.scenario, o.seed, time.Since(b.begin).Seconds())
	b.begin = time.Now()
	return b, nil
}

func (b *bench) build(ctx context.Context) error {
	args := []string{"build", "-o", filepath.Join(b.dir, "bin") + "/"}
	if b.race {
		args = append(args, "-race")
	}
	build := exec.CommandContext(ctx, "go", append(args,
		"./services/ingest/cmd/ingest", "./services/onec-adapter/cmd/onec-adapter", "./services/callbus/cmd/callbus")...)
	build.Dir = b.root
	build.Env = append(os.Environ(), "GOWORK=off")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build the programs: %w\n%s", err, said)
	}
	if b.scenario != "cluster" {
		return nil
	}
	build = exec.CommandContext(ctx, "go", "build", "-o", filepath.Join(b.dir, "bin", "nats-server"), "github.com/nats-io/nats-server/v2")
	if said, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build nats-server: %w\n%s", err, said)
	}
	return nil
}

// close ends what still runs. Binaries go always; logs and stores only where everything held.
func (b *bench) close(code int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, p := range b.programs {
		p.kill()
	}
	if os.Getenv(insideEnv) != "" {
		return // the folder is that of who has built it
	}
	os.RemoveAll(filepath.Join(b.dir, "bin"))
	if code == 0 && b.keep == "" {
		os.RemoveAll(b.dir)
	}
}

// program makes a process of a scenario's room; it is not started yet.
func (b *bench) program(room, name, binary string, args ...string) (*program, error) {
	dir := filepath.Join(b.dir, room)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	p := &program{name: name, binary: filepath.Join(b.dir, "bin", binary), args: args, log: filepath.Join(dir, name+".log")}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.programs = append(b.programs, p)
	return p, nil
}

// freePorts finds loopback ports for programs that are restarted on them. They lie below the ports that the kernel
// gives to outgoing connections: while a program is down, a phone's own connection could otherwise take its port.
func freePorts(n int) ([]string, error) {
	var addrs []string
	for try := 0; len(addrs) < n; try++ {
		if try > 1000 {
			return nil, errors.New("no free ports on 127.0.0.1")
		}
		l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", 12000+rand.IntN(20000)))
		if err != nil {
			continue
		}
		defer l.Close()
		addrs = append(addrs, l.Addr().String())
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
