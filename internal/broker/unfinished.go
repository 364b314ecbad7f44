package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nats-server/v2/server"
)

// dropUnfinished removes the folders of streams and consumers whose making a power cut has broken off. The server writes meta.inf first
// and meta.sum then. With one of them missing it passes over a stream and calls itself unhealthy ever after ("could not be recovered"),
// which ends the process at each start anew (found by test/faults -scenario power, with the bucket of the phone book). It passes over a
// consumer too; made anew that has no meta.sum again, and is gone after each start (a tap's for good).
// Nobody was told of either, and they are empty; what has messages or a state is left for somebody to look at.
func dropUnfinished(store string) error {
	streams := filepath.Join(store, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams")
	if err := drop(streams, "msgs", ".blk"); err != nil {
		return err
	}
	return each(streams, func(stream string) error { return drop(filepath.Join(stream, "obs"), "", "o.dat") })
}

// drop removes the folders in one that are not finished, and hold, where their contents would be, no such file that is not empty.
func drop(folder, contents, suffix string) error {
	return each(folder, func(path string) error {
		if there(filepath.Join(path, server.JetStreamMetaFile)) && there(filepath.Join(path, server.JetStreamMetaFileSum)) {
			return nil
		}
		if full, err := holds(filepath.Join(path, contents), suffix); full || err != nil {
			return err
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove what is unfinished: %w", err)
		}
		return nil
	})
}

// each goes through the folders in one, if that is there. Files and links in it are not the server's.
func each(folder string, do func(path string) error) error {
	list, err := os.ReadDir(folder)
	if err != nil {
		return unlessMissing(err)
	}
	for _, e := range list {
		if e.IsDir() {
			err = errors.Join(err, do(filepath.Join(folder, e.Name())))
		}
	}
	return err
}

func holds(folder, suffix string) (bool, error) {
	list, err := os.ReadDir(folder)
	for _, e := range list {
		if !strings.HasSuffix(e.Name(), suffix) {
			continue
		}
		if info, err := e.Info(); err != nil || info.Size() > 0 {
			return true, err
		}
	}
	return false, unlessMissing(err)
}

func unlessMissing(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

// there doubts nothing that cannot be looked at.
func there(path string) bool {
	_, err := os.Stat(path)
	return !errors.Is(err, fs.ErrNotExist)
}
