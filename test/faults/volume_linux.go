package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
	"unsafe"
)

// volume is a disk of its own: an ext4 file system in a file, on a loop device. Its power can be cut, and it can be filled.
type volume struct {
	image string // the file that is the disk
	dir   string // where it is mounted
	how   string // options of mounting
}

// volumeSize leaves the broker the room that it wants at least, and is filled in a moment.
const volumeSize = 256 << 20

// onVolumes runs this program again with mounts of its own: they go with the process, and with them the loop devices. Where the
// system does not let us mount, the second result says why.
func onVolumes(ctx context.Context, b *bench) (there elsewhere, why error) {
	if os.Getuid() != 0 {
		return there, errors.New("mounting needs root")
	}
	for _, tool := range []string{"mkfs.ext4", "e2fsck", "mount", "umount"} {
		if _, err := exec.LookPath(tool); err != nil {
			return there, err
		}
	}
	// With Unshareflags, and not with Cloneflags, package syscall makes the mounts private first.
	own := func() *syscall.SysProcAttr { return &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS} }
	trial := filepath.Join(b.dir, "trial")
	if err := os.MkdirAll(trial, 0o700); err != nil {
		return there, err
	}
	defer os.RemoveAll(trial)
	v := &volume{image: filepath.Join(trial, "image"), dir: trial}
	if err := v.format(ctx); err != nil {
		return there, err
	}
	try := exec.CommandContext(ctx, "mount", "-o", "loop", v.image, v.dir)
	try.SysProcAttr = own()
	if said, err := try.CombinedOutput(); err != nil {
		return there, fmt.Errorf("mount a loop device: %w %s", err, strings.TrimSpace(string(said)))
	}
	return inside(ctx, b, own())
}

func newVolume(ctx context.Context, dir, how string) (*volume, error) {
	v := &volume{image: filepath.Join(dir, "disk.image"), dir: filepath.Join(dir, "disk"), how: how}
	if err := os.MkdirAll(v.dir, 0o700); err != nil {
		return nil, err
	}
	if err := v.format(ctx); err != nil {
		return nil, err
	}
	return v, v.mount(ctx)
}

func (v *volume) format(ctx context.Context) error {
	f, err := os.Create(v.image)
	if err != nil {
		return err
	}
	if err := errors.Join(f.Truncate(volumeSize), f.Close()); err != nil {
		return err
	}
	return run1(ctx, []string{"mkfs.ext4", "-q", "-m", "0", "-E", "lazy_itable_init=0,lazy_journal_init=0", v.image})
}

// mount takes ext4's kindness away: with auto_da_alloc it writes out by itself what a program renames into place without fsync.
func (v *volume) mount(ctx context.Context) error {
	return run1(ctx, []string{"mount", "-o", "loop,noauto_da_alloc," + v.how, v.image, v.dir})
}

// Of include/uapi/linux/ext4.h: EXT4_IOC_SHUTDOWN is _IOR('X', 125, __u32), and EXT4_GOING_FLAGS_NOLOGFLUSH asks for no last flush of the journal.
const (
	ioctlShutdown = 0x8004587d
	noLogFlush    = 2
)

// cut takes the power away. From this one call on ext4 hands nothing more to the disk, not what is in the page cache nor the open
// transaction of its journal, and every call fails; the file system's own tests (xfstests, src/godown.c) simulate a power cut so. What
// the image has then is what had been handed to the disk at that instant: fsynced, or written back by chance.
//
// It is kinder than a real cut in one thing: a disk with a cache of its own may lose, in any order, what it was handed since the last
// flush. What an fsync has covered is never among that.
func (v *volume) cut() error {
	f, err := os.Open(v.dir)
	if err != nil {
		return err
	}
	defer f.Close()
	flags := uint32(noLogFlush)
	if _, _, no := syscall.Syscall(syscall.SYS_IOCTL, f.Fd(), ioctlShutdown, uintptr(unsafe.Pointer(&flags))); no != 0 {
		return fmt.Errorf("shut %s down: %w", v.dir, no)
	}
	return nil
}

// restore does what a machine does when the power is back: it replays the journal, repairs what can be repaired without asking, and mounts.
func (v *volume) restore(ctx context.Context) error {
	if err := v.unmount(ctx); err != nil {
		return err
	}
	err := exec.CommandContext(ctx, "e2fsck", "-p", v.image).Run()
	var repaired *exec.ExitError
	if err != nil && !(errors.As(err, &repaired) && repaired.ExitCode() == 1) { // 1: errors corrected (e2fsck(8))
		return fmt.Errorf("e2fsck -p %s: %w", v.image, err)
	}
	return v.mount(ctx)
}

// unmount waits for what the kernel has still to close of a process that was killed.
func (v *volume) unmount(ctx context.Context) (err error) {
	for begin := time.Now(); time.Since(begin) < stopLimit; {
		if err = run1(ctx, []string{"umount", v.dir}); err == nil {
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			break
		}
	}
	return err
}

// fill leaves not one byte on the disk, and free gives all of them back.
func (v *volume) fill() error {
	f, err := os.OpenFile(v.filler(), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	for size := int64(volumeSize); size > 0; {
		at, err := f.Seek(0, io.SeekEnd)
		if err != nil {
			return err
		}
		// Mode 0: the file grows. Where there is less room, it takes what there is, or nothing.
		switch err := syscall.Fallocate(int(f.Fd()), 0, at, size); {
		case errors.Is(err, syscall.ENOSPC):
			size /= 2
		case err != nil:
			return err
		}
	}
	return nil
}

func (v *volume) free() error { return os.Remove(v.filler()) }

func (v *volume) filler() string { return filepath.Join(v.dir, "filler") }
