package config

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// File is one to be written whole or not at all, also where the power goes in the middle of it.
type File struct {
	Path string
	Text string
	Mode fs.FileMode
	Heir bool // it belongs to whoever owns the file that it replaces
}

// Draft is a file under another name beside its place, fsynced. One that was renamed without that has been found empty after a power
// cut, and a rename whose folder was not fsynced undone (test/faults -scenario power).
type Draft struct{ name, path string }

// Write puts the file in place of the one that is there, if any. Its folder must be there.
func (f File) Write() error {
	d, err := f.Draft()
	if err != nil {
		return err
	}
	return d.Replace()
}

// Draft writes the file beside its place. Replace and Create end it, and else Discard.
func (f File) Draft() (Draft, error) {
	out, err := os.CreateTemp(filepath.Dir(f.Path), "."+filepath.Base(f.Path)+"-*") // mode 0600, and nobody has it open
	if err != nil {
		return Draft{}, err
	}
	d := Draft{out.Name(), f.Path}
	_, err = out.WriteString(f.Text)
	if f.Heir {
		err = errors.Join(err, sameOwner(out, f.Path))
	}
	if err = errors.Join(err, out.Chmod(f.Mode), out.Sync(), out.Close()); err != nil {
		d.Discard()
		return Draft{}, err
	}
	return d, nil
}

// Replace puts the file in its place, whatever is there.
func (d Draft) Replace() error { return d.place(os.Rename) }

// Create puts it in its place if that is empty; else the error is os.ErrExist. Of two at once one wins.
func (d Draft) Create() error { return d.place(create) }

func create(from, to string) error {
	err := os.Link(from, to)
	if err == nil || errors.Is(err, os.ErrExist) {
		return err
	}
	return claim(from, to)
}

// claim is for file systems without hard links: FAT, shared folders of virtual machines, some network shares. A power cut in the middle
// of it may leave an empty file.
func claim(from, to string) error {
	f, err := os.OpenFile(to, os.O_CREATE|os.O_EXCL|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Close(), os.Rename(from, to)); err != nil {
		return errors.Join(err, os.Remove(to))
	}
	return nil
}

func (d Draft) place(as func(from, to string) error) error {
	defer d.Discard()
	if err := as(d.name, d.path); err != nil {
		return err
	}
	return syncFolder(filepath.Dir(d.path))
}

// Discard takes the draft away. What is in its place already stays.
func (d Draft) Discard() { _ = os.Remove(d.name) }

// MakeFolder makes the folder and those above it that are missing, to be there after a power cut too.
func MakeFolder(path string, mode fs.FileMode) error {
	info, err := os.Stat(path)
	switch {
	case err == nil && !info.IsDir():
		return &fs.PathError{Op: "mkdir", Path: path, Err: syscall.ENOTDIR}
	case !errors.Is(err, os.ErrNotExist):
		return err
	}
	above := filepath.Dir(path)
	if above == path {
		return err // a drive or a share that is not there
	}
	if err := MakeFolder(above, mode); err != nil {
		return err
	}
	if err := os.Mkdir(path, mode); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return syncFolder(above)
}
