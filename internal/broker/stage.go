package broker

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// memory is where Linux has a folder in memory.
const memory = "/dev/shm"

// Stage puts into memory what the server writes down of a batch before it stores it in one of the streams, and reports
// whether it could. On disk that is four fsyncs for each batch, so that after a power cut a half stored batch is stored
// whole. Nobody needs that of us: each event is whole by itself, and no phone has been told of one that is missing.
// The streams must be there.
func (b *Broker) Stage(streams ...string) bool {
	if b.stage != "" {
		return true // by another user of this broker
	}
	dir, err := os.MkdirTemp(memory, stagePrefix)
	if err != nil {
		return false
	}
	for _, name := range streams {
		if err := b.link(name, filepath.Join(dir, name)); err != nil {
			_ = os.RemoveAll(dir)
			return false
		}
	}
	b.stage = dir
	return true
}

func (b *Broker) link(name, stage string) error {
	streams, err := filepath.Glob(filepath.Join(b.store, "jetstream", "*", "streams", name))
	if err == nil && len(streams) != 1 {
		err = fmt.Errorf("there are %d streams %s", len(streams), name)
	}
	if err == nil {
		err = os.Mkdir(stage, 0o700)
	}
	if err == nil {
		err = os.Symlink(stage, filepath.Join(streams[0], stageFolder))
	}
	return err
}

const (
	stagePrefix = "callbus-"
	stageFolder = "batches" // in the folder of a stream (nats-server 2.15: server/filestore.go, batchesDir)
)

// dropStaged removes what a server that was killed has left in memory, and the links to it, before the next server follows
// them: whoever has seen the name of a folder could have made it anew after a power cut, and filled it.
func dropStaged(store string) {
	links, _ := filepath.Glob(filepath.Join(store, "jetstream", "*", "streams", "*", stageFolder))
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil {
			_ = os.Remove(l)
			if strings.HasPrefix(to, filepath.Join(memory, stagePrefix)) {
				_ = os.RemoveAll(filepath.Dir(to))
			}
		}
	}
}
