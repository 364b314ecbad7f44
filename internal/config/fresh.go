package config

import (
	"os"
	"slices"
	"sync"
	"time"
)

// lookEvery is how often a Fresh looks whether its files have changed.
const lookEvery = time.Second

// Fresh is what was read from files that may change while the program runs: a renewed certificate, a rotated secret.
// It is read again within a second of a change, when somebody asks. It is safe for concurrent use.
type Fresh[T any] struct {
	paths  []string
	read   func() (T, error)
	report func(error)

	mu     sync.Mutex
	value  T
	seen   []os.FileInfo // as they were when they were last read
	looked time.Time
	broken string // the error that was reported last
}

// NewFresh reads for the first time; an error of read is its error. Later, while the files cannot be read, the last good
// value stays in force, and report is told why, once for each new reason: of two files that belong together, one is
// renewed before the other. report is told nil when all is well again, or simply new.
func NewFresh[T any](read func() (T, error), report func(error), paths ...string) (*Fresh[T], error) {
	f := &Fresh[T]{paths: paths, read: read, report: report}
	f.seen, f.looked = f.look(), time.Now() // before reading: a change in between is seen the next time
	var err error
	f.value, err = read()
	return f, err
}

// Get returns the value in force.
func (f *Fresh[T]) Get() T {
	f.mu.Lock()
	defer f.mu.Unlock()
	if time.Since(f.looked) < lookEvery {
		return f.value
	}
	f.looked = time.Now()
	now := f.look()
	if f.broken == "" && slices.EqualFunc(f.seen, now, unchanged) {
		return f.value
	}
	value, err := f.read()
	if err != nil {
		if err.Error() != f.broken {
			f.broken = err.Error()
			f.report(err)
		}
		return f.value
	}
	f.value, f.seen, f.broken = value, now, ""
	f.report(nil)
	return f.value
}

// look returns nil for a file that is not there.
func (f *Fresh[T]) look() []os.FileInfo {
	infos := make([]os.FileInfo, len(f.paths))
	for i, path := range f.paths {
		if info, err := os.Stat(path); err == nil { // it follows links: containers swap them
			infos[i] = info
		}
	}
	return infos
}

func unchanged(a, b os.FileInfo) bool {
	if a == nil || b == nil {
		return a == nil && b == nil
	}
	return os.SameFile(a, b) && a.Size() == b.Size() && a.ModTime().Equal(b.ModTime())
}
