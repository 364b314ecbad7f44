package setup

import (
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
)

// Names of what is written.
const (
	ConfigFile   = "callbus.yaml"
	PasswordFile = "password.txt"
	TargetsFile  = "targets.yaml"
	UnitFile     = "callbus.service"
)

// file is one to be written.
type file struct {
	path, text string
	mode       fs.FileMode
}

// write puts all files in place, or none: until every one of them is on disk under another name, nothing is replaced.
func write(files []file) (err error) {
	var made []string
	defer func() {
		for _, name := range made {
			os.Remove(name) // gone already where it was renamed
		}
	}()
	for _, f := range files {
		fresh, err := beside(f)
		if fresh != "" {
			made = append(made, fresh)
		}
		if err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	for i, f := range files {
		if err := os.Rename(made[i], f.path); err != nil {
			return fmt.Errorf("write %s: %w", f.path, err)
		}
	}
	return nil
}

// beside writes a file under a name of its own in the same folder, so that it can be renamed.
func beside(f file) (name string, err error) {
	if err := os.MkdirAll(filepath.Dir(f.path), 0o755); err != nil {
		return "", err
	}
	out, err := os.CreateTemp(filepath.Dir(f.path), "."+filepath.Base(f.path)+"-*") // 0600
	if err != nil {
		return "", err
	}
	_, err = out.WriteString(f.text)
	return out.Name(), errors.Join(err, out.Sync(), out.Chmod(f.mode), out.Close())
}

// there are the files that exist already.
func there(files []file) (names []string) {
	for _, f := range files {
		if _, err := os.Lstat(f.path); err == nil {
			names = append(names, f.path)
		}
	}
	return names
}

// files are what the answers come to.
func (s *Setup) files() []file {
	files := []file{{s.path(ConfigFile), s.config(), 0o644}}
	if s.typed {
		files = append(files, file{s.PasswordFile, s.password.Reveal() + "\n", 0o600})
	}
	if len(s.lines) > 0 {
		files = append(files, file{s.path(TargetsFile), s.targets(), 0o644})
	}
	if runtime.GOOS == "linux" {
		files = append(files, file{s.path(UnitFile), Unit(s.unit()), 0o644})
	}
	return files
}

func (s *Setup) path(name string) string { return filepath.Join(s.Dir, name) }

// config is callbus.yaml.
func (s *Setup) config() string {
	var b strings.Builder
	fmt.Fprintf(&b, "# callbus up --config %s\n", s.path(ConfigFile))
	fmt.Fprintf(&b, "data: %q\nhttp: %q\nregion: %q\n", s.Data, s.HTTP, s.Region)
	if len(s.lines) > 0 {
		fmt.Fprintf(&b, "targets: %q\n", s.path(TargetsFile))
		return b.String()
	}
	fmt.Fprintf(&b, "onec-url: %q\n", s.URL)
	if s.User != "" {
		fmt.Fprintf(&b, "onec-user: %q\n", s.User)
	}
	if s.PasswordFile != "" {
		fmt.Fprintf(&b, "onec-password-file: %q\n", s.PasswordFile)
	}
	fmt.Fprintf(&b, "onec-operation: %q\nsessions: %d\n", s.Operation, s.Sessions)
	return b.String()
}

// targets is a targets file: only there SIP logins have their internal numbers.
func (s *Setup) targets() string {
	var b strings.Builder
	fmt.Fprintf(&b, "targets:\n  - name: main\n    url: %q\n", s.URL)
	if s.User != "" {
		fmt.Fprintf(&b, "    user: %q\n", s.User)
	}
	if s.PasswordFile != "" {
		fmt.Fprintf(&b, "    password_file: %q\n", s.PasswordFile)
	}
	fmt.Fprintf(&b, "    operation: %q\n    sessions: %d\n    lines:\n", s.Operation, s.Sessions)
	for _, login := range slices.Sorted(maps.Keys(s.lines)) {
		fmt.Fprintf(&b, "      %q: %q\n", login, s.lines[login])
	}
	return b.String()
}
