package setup

import (
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/config"
)

// Names of what is written.
const (
	ConfigFile   = "callbus.yaml"
	PasswordFile = "password.txt"
	TargetsFile  = "targets.yaml"
	UnitFile     = "callbus.service"
)

// write puts all files in place, or none: until every one of them is on disk under another name, nothing is replaced.
func write(files []config.File) error {
	var drafts []config.Draft
	for _, f := range files {
		draft, err := beside(f)
		if err != nil {
			return fmt.Errorf("write %s: %w", f.Path, err)
		}
		defer draft.Discard() // gone already where it was put in place
		drafts = append(drafts, draft)
	}
	for i, draft := range drafts {
		if err := draft.Replace(); err != nil {
			return fmt.Errorf("write %s: %w", files[i].Path, err)
		}
	}
	return nil
}

func beside(f config.File) (config.Draft, error) {
	if err := config.MakeFolder(filepath.Dir(f.Path), 0o755); err != nil {
		return config.Draft{}, err
	}
	return f.Draft()
}

// there are the files that exist already.
func there(files []config.File) (names []string) {
	for _, f := range files {
		if _, err := os.Lstat(f.Path); err == nil {
			names = append(names, f.Path)
		}
	}
	return names
}

// files are what the answers come to.
func (s *Setup) files() []config.File {
	files := []config.File{{Path: s.path(ConfigFile), Text: s.config(), Mode: 0o644}}
	if s.typed {
		files = append(files, config.File{Path: s.PasswordFile, Text: s.password.Reveal() + "\n", Mode: 0o600})
	}
	if len(s.lines) > 0 {
		files = append(files, config.File{Path: s.path(TargetsFile), Text: s.targets(), Mode: 0o644})
	}
	if runtime.GOOS == "linux" {
		files = append(files, config.File{Path: s.path(UnitFile), Text: Unit(s.unit()), Mode: 0o644})
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
