//go:build unix

package lifecycle_test

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/lifecycle"
)

const asChild = "CALLBUS_LIFECYCLE_TEST_CHILD"

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		child()
		return
	}
	os.Exit(m.Run())
}

// child is a process with a component that never stops.
func child() {
	ctx, stop := lifecycle.Signals(context.Background())
	defer stop()
	g := lifecycle.New(lifecycle.Options{Grace: time.Hour})
	g.Add("stuck",
		func(context.Context) error { fmt.Println("up"); return nil },
		func(ctx context.Context) error { fmt.Println("stopping"); <-ctx.Done(); return ctx.Err() })
	if err := g.Run(ctx); err != nil {
		fmt.Println(err)
	}
}

func TestASecondSignalEndsTheProcessAtOnce(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // only so that a failure does not hang
	defer cancel()
	cmd := exec.CommandContext(ctx, os.Args[0])
	cmd.Env = append(os.Environ(), asChild+"=1")
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	for _, want := range []string{"up", "stopping"} {
		if !lines.Scan() || lines.Text() != want {
			t.Fatalf("the process said %q, want %q", lines.Text(), want)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
	}
	_, _ = io.Copy(io.Discard, out)
	_ = cmd.Wait()
	status, ok := cmd.ProcessState.Sys().(syscall.WaitStatus)
	if !ok || status.Signal() != syscall.SIGTERM {
		t.Errorf("the process ended with %v, want SIGTERM", cmd.ProcessState)
	}
}
