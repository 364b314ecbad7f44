//go:build unix

package ingest

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// sameOwner gives f to the owner of the file at path, if there is one.
func sameOwner(f *os.File, path string) error {
	info, err := os.Stat(path)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	owner, ok := info.Sys().(*syscall.Stat_t)
	if !ok || int(owner.Uid) == os.Geteuid() {
		return nil
	}
	if err := f.Chown(int(owner.Uid), int(owner.Gid)); err != nil {
		return fmt.Errorf("%s belongs to user %d, who must be able to read it; run this as that user or as root: %w", path, owner.Uid, err)
	}
	return nil
}
