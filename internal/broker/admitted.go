package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/nats-io/nkeys"

	"github.com/callbus/callbus/internal/config"
)

// admit writes who may come in: a file by his name, with the public half of his key first.
func admit(dir, folder, name, text string) error {
	folder = filepath.Join(dir, folder)
	err := config.MakeFolder(folder, 0o755)
	if err == nil {
		err = create(filepath.Join(folder, name), text+"\n", 0o644)
	}
	if err != nil {
		return fmt.Errorf("admit %s: %w", name, err)
	}
	return nil
}

func dismiss(dir, folder, name string) error {
	err := os.Remove(filepath.Join(dir, folder, name))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	return err
}

func admitted(dir, folder string, tell func(name, key, rest string)) error {
	files, err := os.ReadDir(filepath.Join(dir, folder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	for _, f := range files {
		text, no := os.ReadFile(filepath.Join(dir, folder, f.Name()))
		key, rest, _ := strings.Cut(strings.TrimSpace(string(text)), " ")
		// One that is being written has a dot before its name.
		if no == nil && !strings.HasPrefix(f.Name(), ".") && nkeys.IsValidPublicUserKey(key) {
			tell(f.Name(), key, rest)
		}
	}
	return err
}

// NewKey writes the key of a tap or a branch to a file that must not be there yet, mode 0600, and returns its public half.
func NewKey(path string) (public string, err error) {
	if _, err := os.Lstat(path); err == nil {
		return "", fmt.Errorf("%s: %w", path, fs.ErrExist)
	}
	text, err := newKey(path)
	if err != nil {
		return "", err
	}
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		return "", err
	}
	defer pair.Wipe()
	return pair.PublicKey()
}
