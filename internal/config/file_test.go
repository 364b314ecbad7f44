package config

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"testing"
)

// alone fails where something else than the named file is in the folder: drafts must not be left over.
func alone(t *testing.T, path, want string) {
	t.Helper()
	text, err := os.ReadFile(path)
	list, _ := os.ReadDir(filepath.Dir(path))
	if err != nil || string(text) != want || len(list) != 1 {
		t.Errorf("got %q, %v, and %v in the folder; want %q and nothing else", text, err, list, want)
	}
}

func TestAFileTakesTheOldOnesPlaceAndNotItsRights(t *testing.T) {
	path := filepath.Join(t.TempDir(), "phones.secret")
	if err := os.WriteFile(path, []byte("old"), 0o644); err != nil {
		t.Fatal(err)
	}
	if err := (File{Path: path, Text: "new", Mode: 0o600}).Write(); err != nil {
		t.Fatal(err)
	}
	alone(t, path, "new")
	if info, err := os.Stat(path); runtime.GOOS != "windows" && (err != nil || info.Mode().Perm() != 0o600) {
		t.Errorf("its mode is %v, %v; want 0600", info.Mode(), err)
	}
}

func TestWhatIsThereIsNotCreatedAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nats.creds")
	for _, want := range []error{nil, os.ErrExist} {
		d, err := File{Path: path, Text: "key", Mode: 0o600}.Draft()
		if err != nil {
			t.Fatal(err)
		}
		if err := d.Create(); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		alone(t, path, "key")
	}
}

// Bug: without hard links no key could be made.
func TestWithoutHardLinksTooWhatIsThereIsNotCreatedAnew(t *testing.T) {
	path := filepath.Join(t.TempDir(), "nats.creds")
	for _, want := range []error{nil, os.ErrExist} {
		d, err := File{Path: path, Text: "key", Mode: 0o600}.Draft()
		if err != nil {
			t.Fatal(err)
		}
		if err := d.place(claim); !errors.Is(err, want) {
			t.Errorf("got %v, want %v", err, want)
		}
		alone(t, path, "key")
	}
	if err := create(path+"-gone", path+"2"); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a draft that is gone: %v", err)
	}
	alone(t, path, "key")
}

// Bug: it was looked for above itself, without end.
func TestAFolderOnADriveThatIsNotThereIsAnError(t *testing.T) {
	if runtime.GOOS != "windows" {
		t.Skip("no drives")
	}
	for drive := 'Z'; drive > 'C'; drive-- {
		root := string(drive) + `:\`
		if _, err := os.Stat(root); errors.Is(err, os.ErrNotExist) {
			if err := MakeFolder(root+"callbus", 0o700); !errors.Is(err, os.ErrNotExist) {
				t.Errorf("%s: %v", root, err)
			}
			return
		}
	}
}

func TestADraftThatFindsNoPlaceIsGone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "folder")
	if err := os.MkdirAll(filepath.Join(path, "full"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := (File{Path: path, Text: "x", Mode: 0o600}).Write(); err == nil {
		t.Error("a file took the place of a folder")
	}
	if list, _ := os.ReadDir(dir); len(list) != 1 {
		t.Errorf("%v is in the folder, want what was there", list)
	}
}

func TestFoldersAreMadeAndFilesAreNone(t *testing.T) {
	dir := t.TempDir()
	path := filepath.Join(dir, "a", "b")
	for range 2 {
		if err := MakeFolder(path, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	if info, err := os.Stat(path); err != nil || !info.IsDir() {
		t.Fatalf("%v, %v", info, err)
	}
	file := filepath.Join(path, "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{file, filepath.Join(file, "below")} {
		if err := MakeFolder(path, 0o700); err == nil {
			t.Errorf("%s was made a folder", path)
		}
	}
}
