package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"time"

	"github.com/gofrs/flock"
)

// memory is where Linux has a folder in memory. Elsewhere a folder of that name is on disk, and anybody's (C:\dev\shm).
const memory = "/dev/shm"

const (
	stagePrefix = "callbus-"
	stageFolder = "batches" // in the folder of a stream (nats-server 2.15: server/filestore.go, batchesDir)
)

// Stage puts into memory what the server writes down of a batch before it stores it in one of the streams, and reports
// whether it could. On disk that is four fsyncs for each batch, so that after a power cut a half stored batch is stored
// whole. Nobody needs that of us: each event is whole by itself, and no phone has been told of one that is missing.
// The streams must be there. Called again, it makes good what was taken away.
func (b *Broker) Stage(streams ...string) bool {
	if b.Staged() {
		return true
	}
	stage, err := newStage()
	if err != nil {
		b.unstage()
		return false
	}
	b.drop()
	b.stage, b.staged = stage, streams
	for _, name := range streams {
		if b.link(name, filepath.Join(stage.Path(), name)) != nil {
			b.unstage() // a link to a folder that is gone would have every batch refused
			return false
		}
	}
	return true
}

// Staged reports whether there is still what Stage has made. Who cleans up (systemd does, once an ordinary user has logged out: RemoveIPC)
// takes it from under a server that is at work, which then refuses every batch; and somebody else could put a folder in its place.
func (b *Broker) Staged() bool {
	if b.stage == nil {
		return false
	}
	held, err := b.stage.Stat()
	there, gone := os.Stat(b.stage.Path())
	if err != nil || gone != nil || !os.SameFile(held, there) {
		return false
	}
	for _, name := range b.staged {
		if _, err := os.Stat(filepath.Join(b.stage.Path(), name)); err != nil {
			return false
		}
	}
	return true
}

// newStage makes a folder in memory and holds it as long as this process lives.
func newStage() (*flock.Flock, error) {
	if runtime.GOOS != "linux" {
		return nil, errors.ErrUnsupported
	}
	sweep()
	dir, err := os.MkdirTemp(memory, stagePrefix)
	if err != nil {
		return nil, err
	}
	held := holder(dir)
	if ok, err := held.TryLock(); !ok {
		return nil, errors.Join(fmt.Errorf("%s cannot be held", dir), err, os.Remove(dir))
	}
	return held, nil
}

// sweep removes the folders of servers that were killed, whosever they are as far as this user may: their stores may never be started again.
// A young one may be another server's that is just about to hold it.
func sweep() {
	left, _ := filepath.Glob(filepath.Join(memory, stagePrefix+"[0-9]*"))
	for _, dir := range left {
		if info, err := os.Lstat(dir); err == nil && info.IsDir() && time.Since(info.ModTime()) > time.Minute {
			dropStage(dir)
		}
	}
}

// holder locks a folder itself. O_NONBLOCK: where the folder was, somebody may have put a pipe.
func holder(dir string) *flock.Flock {
	return flock.New(dir, flock.SetFlag(os.O_RDONLY|syscall.O_NONBLOCK))
}

// link leads one stream to its folder in memory, in place of a link that leads nowhere.
func (b *Broker) link(name, stage string) error {
	streams, err := fs.Glob(os.DirFS(b.store), "jetstream/*/streams/"+name)
	if err != nil {
		return err
	}
	if len(streams) != 1 {
		return fmt.Errorf("there are %d streams %s", len(streams), name)
	}
	if err := os.Mkdir(stage, 0o700); err != nil {
		return err
	}
	link := filepath.Join(b.store, streams[0], stageFolder)
	draft := link + ".new"
	_ = os.Remove(draft) // of one that was killed here
	if err := os.Symlink(stage, draft); err != nil {
		return err
	}
	// In one step: where there is no link for a moment the server makes a folder on disk.
	return os.Rename(draft, link)
}

// unstage leaves nothing in memory, and no link: a backup of the store may follow it.
func (b *Broker) unstage() {
	if b.stage == nil {
		return
	}
	dropStaged(b.store)
	b.drop()
}

// drop lets go of the folder, and removes what there is of it.
func (b *Broker) drop() {
	if b.stage != nil {
		_ = b.stage.Unlock()
		dropStage(b.stage.Path())
		b.stage = nil
	}
}

// dropStaged removes what a server that was killed has left in memory, and the links to it, before the next server follows
// them: whoever has seen the name of a folder could have made it anew after a power cut, and filled it.
func dropStaged(store string) {
	links, _ := fs.Glob(os.DirFS(store), "jetstream/*/streams/*/"+stageFolder)
	for _, l := range links {
		l = filepath.Join(store, l)
		if to, err := os.Readlink(l); err == nil {
			_ = os.Remove(l)
			dropStage(filepath.Dir(to))
		}
	}
}

// dropStage leaves alone what is held: the store is a copy then, and the server of the other one is at work.
func dropStage(dir string) {
	if filepath.Dir(dir) != memory || !strings.HasPrefix(filepath.Base(dir), stagePrefix) {
		return
	}
	held := holder(dir)
	if ok, _ := held.TryLock(); ok {
		_ = os.RemoveAll(dir)
		_ = held.Unlock()
	}
}
