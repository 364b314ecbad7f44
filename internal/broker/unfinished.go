package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"

	"github.com/nats-io/nats-server/v2/server"
)

// dropUnfinished removes the folders of streams whose making a power cut has broken off. The server writes a stream's meta.inf first
// and its meta.sum then. With one of them missing it passes over the folder and calls itself unhealthy ever after ("could not be
// recovered"), which ends the process at each start anew (found by test/faults -scenario power, with the bucket of the phone book).
// Nobody was told of such a stream, and it is empty; one that has messages is left for somebody to look at.
func dropUnfinished(store string) error {
	streams := filepath.Join(store, server.JetStreamStoreDir, server.DEFAULT_GLOBAL_ACCOUNT, "streams")
	folders, err := os.ReadDir(streams)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	for _, folder := range folders {
		path := filepath.Join(streams, folder.Name())
		if there(filepath.Join(path, server.JetStreamMetaFile)) && there(filepath.Join(path, server.JetStreamMetaFileSum)) {
			continue
		}
		if blocks, _ := filepath.Glob(filepath.Join(path, "msgs", "*.blk")); slices.ContainsFunc(blocks, filled) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return fmt.Errorf("remove the unfinished stream %s: %w", folder.Name(), err)
		}
	}
	return nil
}

func filled(path string) bool {
	info, err := os.Stat(path)
	return err != nil || info.Size() > 0
}

func there(path string) bool {
	_, err := os.Stat(path)
	return err == nil
}
