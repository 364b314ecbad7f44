//go:build unix

package config

import (
	"errors"
	"fmt"
	"os"
	"syscall"
)

// syncFolder brings the names in a folder to disk, where that can be done: one may write to a folder that one may not read, and some
// file systems know no fsync of folders (PostgreSQL lets both pass too, fsync_fname_ext in fd.c).
func syncFolder(path string) error {
	f, err := os.Open(path)
	if errors.Is(err, os.ErrPermission) {
		return nil
	}
	if err != nil {
		return err
	}
	err = f.Sync()
	if errors.Is(err, syscall.EINVAL) || errors.Is(err, syscall.ENOTSUP) {
		err = nil
	}
	return errors.Join(err, f.Close())
}

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
