package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"
)

// ingest is the real program with a store of its own, and the tokens that its phones show.
type ingest struct {
	cmd    *exec.Cmd
	ended  chan error
	phones string // host:port
	admin  string // host:port
	nats   string // URL
	creds  string
	log    string
	tokens map[string]string // by id
}

const startLimit = 30 * time.Second // a busy machine

func startIngest(ctx context.Context, dir string, phones int) (*ingest, error) {
	in := &ingest{ended: make(chan error, 1), log: filepath.Join(dir, "ingest.log")}
	for _, addr := range []*string{&in.phones, &in.admin, &in.nats} {
		free, err := freeAddr()
		if err != nil {
			return nil, err
		}
		*addr = free
	}
	if err := buildPrograms(ctx, dir); err != nil {
		return nil, err
	}
	secret := filepath.Join(dir, "phones.secret")
	if err := in.makeTokens(ctx, filepath.Join(dir, "callbus"), secret, phones); err != nil {
		return nil, err
	}
	store := filepath.Join(dir, "store")
	in.creds = filepath.Join(store, "nats.creds")
	log, err := os.Create(in.log)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	in.cmd = exec.Command(filepath.Join(dir, "ingest"), "--store", store, "--store-max", "256MiB", "--http", in.phones,
		"--admin", in.admin, "--nats-listen", in.nats, "--token-secret", secret, "--log-level", "warn")
	in.nats = "nats://" + in.nats
	in.cmd.Stdout, in.cmd.Stderr = log, log
	if err := in.cmd.Start(); err != nil {
		return nil, err
	}
	go func() { in.ended <- in.cmd.Wait() }()
	return in, in.ready(ctx)
}

func freeAddr() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func buildPrograms(ctx context.Context, dir string) error {
	_, file, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(file), "..", "..", "..")
	build := exec.CommandContext(ctx, "go", "build", "-o", dir+string(filepath.Separator),
		"./services/ingest/cmd/ingest", "./services/callbus/cmd/callbus")
	build.Dir = root
	if out, err := build.CombinedOutput(); err != nil {
		return fmt.Errorf("build: %w\n%s", err, out)
	}
	return nil
}

// makeTokens asks callbus for a token for each desk. It prints /p/ID.PROOF, one a line.
func (in *ingest) makeTokens(ctx context.Context, callbus, secret string, phones int) error {
	words := []string{"token", "new"}
	for i := range phones {
		words = append(words, tokenID(i))
	}
	var notes strings.Builder
	command := exec.CommandContext(ctx, callbus, append(words, "--token-secret", secret)...)
	command.Stderr = &notes
	out, err := command.Output()
	if err != nil {
		return fmt.Errorf("callbus token new: %w\n%s", err, notes.String())
	}
	in.tokens = map[string]string{}
	for line := range strings.Lines(string(out)) {
		token := strings.TrimPrefix(strings.TrimSpace(line), "/p/")
		id, _, _ := strings.Cut(token, ".")
		in.tokens[id] = token
	}
	if len(in.tokens) != phones {
		return fmt.Errorf("callbus token new: got %d tokens for %d phones:\n%s", len(in.tokens), phones, out)
	}
	return nil
}

// tokenID names a desk, not a phone: a token whose id is a MAC would have to fit the phone's.
func tokenID(desk int) string { return fmt.Sprintf("desk-%d", desk) }

func (in *ingest) ready(ctx context.Context) error {
	deadline := time.Now().Add(startLimit)
	for ctx.Err() == nil && time.Now().Before(deadline) {
		if answer, err := http.Get("http://" + in.admin + "/readyz"); err == nil {
			answer.Body.Close()
			if answer.StatusCode == http.StatusOK {
				return nil
			}
		}
		select {
		case err := <-in.ended:
			said, _ := os.ReadFile(in.log)
			return fmt.Errorf("ingest has ended: %v\n%s", err, said)
		case <-time.After(20 * time.Millisecond):
		}
	}
	return errors.New("ingest is not ready")
}

// metrics is what /metrics says.
func (in *ingest) metrics() ([]byte, error) {
	answer, err := http.Get("http://" + in.admin + "/metrics")
	if err != nil {
		return nil, err
	}
	defer answer.Body.Close()
	return io.ReadAll(answer.Body)
}

// stop asks ingest to end, as a service manager does.
func (in *ingest) stop() error {
	_ = in.cmd.Process.Signal(syscall.SIGTERM)
	select {
	case err := <-in.ended:
		in.ended <- err
		if err != nil {
			return fmt.Errorf("ingest ended badly: %w", err)
		}
		return nil
	case <-time.After(startLimit):
		return fmt.Errorf("ingest did not end within %v of SIGTERM", startLimit)
	}
}

// kill ends what has not ended.
func (in *ingest) kill() {
	_ = in.cmd.Process.Kill()
	<-in.ended
}
