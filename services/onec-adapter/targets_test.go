package onecadapter

import (
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
)

// section is what docs/operations.md says of the targets file.
func section(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile("../../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(text), "\n### The targets file\n")
	section, _, _ := strings.Cut(rest, "\n## ")
	if !found || len(section) < 1000 {
		t.Fatal("docs/operations.md has no section on the targets file")
	}
	return section
}

func TestTheTargetsFileOfTheDocumentationWorks(t *testing.T) {
	_, example, _ := strings.Cut(section(t), "```yaml\n")
	example, _, _ = strings.Cut(example, "```")
	dir := t.TempDir()
	t.Chdir(dir)
	for _, name := range []string{"password.txt", "crm.token", "desk.txt"} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte("secret\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile("targets.yaml", []byte(example), 0o600); err != nil {
		t.Fatal(err)
	}
	targets, err := Options{Targets: "targets.yaml"}.targets()
	if err != nil || len(targets) != 4 {
		t.Fatalf("%d targets, %v", len(targets), err)
	}
	for _, target := range targets {
		client, err := target.client()
		if err != nil {
			t.Error(err)
			continue
		}
		client.Close()
	}
}

func TestEveryKeyAndFieldIsDocumented(t *testing.T) {
	text := section(t)
	_, example, _ := strings.Cut(text, "```yaml\n")
	example, tables, _ := strings.Cut(example, "```")
	for f := range reflect.TypeFor[Target]().Fields() {
		key := f.Tag.Get("yaml")
		if key == "-" {
			continue
		}
		if !strings.Contains(example, key+":") {
			t.Errorf("the example has no %s", key)
		}
		if !strings.Contains(tables, "`"+key+"`") {
			t.Errorf("the table has no row with `%s`", key)
		}
	}
	_, err := mapping.ParseField("?")
	_, fields, _ := strings.Cut(err.Error(), "there are ")
	for _, field := range strings.Fields(fields) {
		if !strings.Contains(tables, "`"+field+"`") {
			t.Errorf("the table has no field `%s`", field)
		}
	}
}
