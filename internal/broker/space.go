package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
)

const (
	// besides is the room of the streams beside CALLS and ONEC: rejected hits, phones, the phone book, the registry of
	// targets.
	besides = 160 << 20
	// least is the smallest store that makes sense: some ten thousand calls.
	least = 8 << 20
)

// fit lowers the wanted room of CALLS so that CALLS, as many bytes of endings, and the small streams stay within
// nine tenths of the disk.
func fit(want, space int64) (int64, error) {
	most := (space/10*9 - besides) / 2
	if most < least {
		return 0, fmt.Errorf("the disk has %d MiB for the store, and needs %d", space>>20, (2*least+besides)*10/9>>20)
	}
	return min(want, most), nil
}

// diskSpace is what the store may use in all: what is free on its disk and what it holds already, in bytes.
func diskSpace(dir, store string) (int64, error) {
	free, err := diskFree(dir)
	if err != nil {
		return 0, err
	}
	used, err := usage(store)
	return free + used, err
}

func usage(dir string) (sum int64, err error) {
	err = filepath.WalkDir(dir, func(_ string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		info, err := d.Info()
		if err == nil {
			sum += info.Size()
		}
		return err
	})
	if errors.Is(err, os.ErrNotExist) {
		err = nil
	}
	return sum, err
}
