package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

// syncBlocks puts on the disk what a killed server has written and not fsynced. The next one reads it from the kernel's memory and serves
// it: a lane would call 1C with it and fsync its ending, a power cut would take it, and the calls that get its numbers then would count as
// ended. Errors: what cannot be put on the disk must not be served.
func syncBlocks(store string) error {
	blocks, err := fs.Glob(os.DirFS(store), "jetstream/*/streams/*/msgs/*.blk")
	for _, block := range blocks {
		err = errors.Join(err, syncFile(filepath.Join(store, block)))
	}
	if err != nil {
		return fmt.Errorf("put on the disk what was written before: %w", err)
	}
	return nil
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0) // Windows wants it writable
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}
