package ingest

import (
	"errors"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
)

// Bug: a rotation through a link put a file in the link's place, and ingest went on with the old secrets.
func TestARotationFollowsALink(t *testing.T) {
	dir := t.TempDir()
	file, link := filepath.Join(dir, "real.secret"), filepath.Join(dir, "phones.secret")
	if err := CreateTokenSecrets(file, NewTokenSecrets()); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(file, link); err != nil {
		t.Skip("no links here:", err)
	}
	next := NewTokenSecrets()
	if err := WriteTokenSecrets(link, next); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, link} {
		got, err := ReadTokenSecrets(path)
		if err != nil || got.File() != next.File() {
			t.Errorf("%s does not hold the new secrets: %v", filepath.Base(path), err)
		}
	}
}

// Bug: of two who made the file at once both were told their tokens, and those of one were worthless.
func TestOfManyWhoMakeTheFirstSecretsOneDoes(t *testing.T) {
	path := filepath.Join(t.TempDir(), "phones.secret")
	var made atomic.Int32
	var all sync.WaitGroup
	for range 8 {
		all.Go(func() {
			switch err := CreateTokenSecrets(path, NewTokenSecrets()); {
			case err == nil:
				made.Add(1)
			case !errors.Is(err, os.ErrExist):
				t.Error(err)
			}
		})
	}
	all.Wait()
	if n := made.Load(); n != 1 {
		t.Errorf("%d made it, want 1", n)
	}
	if left, _ := os.ReadDir(filepath.Dir(path)); len(left) != 1 {
		t.Errorf("%v is left over", left)
	}
}
