package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
)

// clerk changes files with our commands all the time, as an operator may at the moment of a power cut, on a disk on which nobody else
// fsyncs. What a command has said to be done must be there afterwards, and what one was about to do must be there whole or not at all.
type clerk struct {
	disk    *volume
	chores  []*chore
	command string
	working sync.WaitGroup

	mu     sync.Mutex
	cut    bool
	cmd    *exec.Cmd // under way
	done   int       // commands that came to their end
	broken []string
}

// chore is a command that writes a file anew, in one of two ways.
type chore struct {
	file  string
	ways  [2][]string
	texts [2][]byte // of the ways, where they differ
	text  []byte    // as the last command that came to its end has left it
	begun bool      // and another one has begun since
}

var errCut = errors.New("there is no power")

// newClerk does each chore in both ways, to learn what comes of it, and goes to work.
func newClerk(ctx context.Context, b *bench, r *room, how string) (*clerk, error) {
	disk, err := newVolume(ctx, filepath.Join(b.dir, r.name, "desk"), how)
	if err != nil {
		return nil, err
	}
	c := &clerk{disk: disk, command: b.bin("callbus")}
	in := func(name string) string { return filepath.Join(disk.dir, name) }
	if err := c.run(ctx, "token", "new", "101", "--token-secret", in("phones.secret")); err != nil {
		return nil, err
	}
	rotate := []string{"token", "rotate", "--yes", "--grace", "0", "--token-secret", in("phones.secret")}
	initialise := func(sessions string) []string {
		return []string{"init", "--yes", "--force", "--dir", in("office"), "--data", in("data"), "--onec-url", r.onec.called("clerk"), "--sessions", sessions}
	}
	provide := func(url string) []string {
		return []string{"provision", "yealink", "--force", "--phone", "001565123456=101", "--out", in("phones"), "--url", url}
	}
	c.chores = []*chore{
		{file: in("phones.secret"), ways: [2][]string{rotate, rotate}},
		{file: in("office/callbus.yaml"), ways: [2][]string{initialise("2"), initialise("3")}},
		{file: in("phones/001565123456.cfg"), ways: [2][]string{provide("http://192.168.10.5:8080"), provide("http://192.168.10.6:8080")}},
	}
	for _, do := range c.chores {
		if err := c.learn(ctx, do); err != nil {
			return nil, err
		}
	}
	return c, c.resume(ctx)
}

func (c *clerk) learn(ctx context.Context, do *chore) (err error) {
	for i, way := range do.ways {
		if err := c.run(ctx, way...); err != nil {
			return err
		}
		if do.text, err = os.ReadFile(do.file); err != nil {
			return err
		}
		do.texts[i] = do.text
	}
	return nil
}

func (c *clerk) run(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, c.command, args...)
	var said bytes.Buffer
	cmd.Stdout, cmd.Stderr = &said, &said
	c.mu.Lock()
	if c.cut {
		c.mu.Unlock()
		return errCut
	}
	err := cmd.Start()
	c.cmd = cmd
	c.mu.Unlock()
	if err == nil {
		err = cmd.Wait()
	}
	if err != nil {
		return fmt.Errorf("callbus %s: %w %s", args[0], err, said.Bytes())
	}
	return nil
}

// work does one chore after the other until the power fails.
func (c *clerk) work(ctx context.Context) {
	for n := 0; ; n++ {
		do := c.chores[n%len(c.chores)]
		do.begun = true
		err := c.run(ctx, do.ways[n/len(c.chores)%2]...)
		var text []byte
		if err == nil {
			text, err = os.ReadFile(do.file)
		}
		c.mu.Lock()
		cut := c.cut
		if err == nil {
			do.text, do.begun = text, false
			c.done++
		}
		c.mu.Unlock()
		if err != nil && !cut {
			c.broke("%v", err)
		}
		if err != nil || cut {
			return
		}
	}
}

// strike kills the command that is under way; wait returns when it is gone.
func (c *clerk) strike() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.cut = true
	if c.cmd.ProcessState == nil {
		_ = c.cmd.Process.Kill() // it may have ended by itself
	}
}

func (c *clerk) wait() { c.working.Wait() }

// resume looks at the files after a cut, and goes on.
func (c *clerk) resume(ctx context.Context) error {
	c.cut = false
	for _, do := range c.chores {
		text, err := os.ReadFile(do.file)
		switch {
		case err != nil:
			c.broke("%s is gone after a power cut: %v", do.file, err)
		case bytes.Equal(text, do.text):
		case !do.begun:
			c.broke("%s is not after a power cut what a command had said that it is (%d bytes, want %d)", do.file, len(text), len(do.text))
		case !c.whole(ctx, do, text):
			c.broke("%s is not whole after a power cut (%d bytes)", do.file, len(text))
		}
		do.text, do.begun = text, false
	}
	c.working.Go(func() { c.work(ctx) })
	return ctx.Err()
}

// whole reports whether a file is one that the chore's command writes. Of secrets only the command that reads them can tell.
func (c *clerk) whole(ctx context.Context, do *chore, text []byte) bool {
	if slices.Equal(do.ways[0], do.ways[1]) {
		return c.run(ctx, "token", "list", "101", "--token-secret", do.file) == nil
	}
	return bytes.Equal(text, do.texts[0]) || bytes.Equal(text, do.texts[1])
}

// stop ends the work for good.
func (c *clerk) stop() {
	c.strike()
	c.wait()
}

func (c *clerk) broke(format string, args ...any) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.broken = append(c.broken, fmt.Sprintf(format, args...))
}
