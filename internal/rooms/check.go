package rooms

import (
	"fmt"
	"go/parser"
	"go/token"
	"io/fs"
	"slices"
	"strconv"
	"strings"
)

// File is what the rules read of a Go file.
type File struct {
	Path    string // relative to the repository's root, with forward slashes
	Package string
	Doc     string // the package comment, if this file has it
	Imports []string
}

// Read reads every Go file below the root, whatever its build tags say. Folders that the go command ignores are left out.
func Read(root fs.FS) ([]File, error) {
	var files []File
	err := fs.WalkDir(root, ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if d.IsDir() && p != "." && ignored(d.Name()) {
			return fs.SkipDir
		}
		if d.IsDir() || !strings.HasSuffix(p, ".go") {
			return nil
		}
		f, err := readFile(root, p)
		files = append(files, f)
		return err
	})
	return files, err
}

func ignored(dir string) bool {
	return dir == "testdata" || dir == "vendor" || dir == "node_modules" || strings.HasPrefix(dir, ".") || strings.HasPrefix(dir, "_")
}

func readFile(root fs.FS, p string) (File, error) {
	src, err := fs.ReadFile(root, p)
	if err != nil {
		return File{}, err
	}
	parsed, err := parser.ParseFile(token.NewFileSet(), p, src, parser.ImportsOnly|parser.ParseComments)
	if err != nil {
		return File{}, err
	}
	f := File{Path: p, Package: parsed.Name.Name, Doc: parsed.Doc.Text()}
	for _, spec := range parsed.Imports {
		imported, err := strconv.Unquote(spec.Path.Value)
		if err != nil {
			return File{}, fmt.Errorf("%s: import %s: %w", p, spec.Path.Value, err)
		}
		f.Imports = append(f.Imports, imported)
	}
	return f, nil
}

// Doors returns a line for each import that the table does not allow, and for each package that is in no room.
func Doors(files []File) []string {
	var broken []string
	for _, f := range files {
		r, ok := roomOf(f.dir())
		if !ok {
			broken = append(broken, f.dir()+": is in no room; name its room in internal/rooms and docs/architecture.md")
			continue
		}
		for _, imported := range f.Imports {
			if !r.mayImport(f, imported) {
				broken = append(broken, fmt.Sprintf("%s: the room %s may not import %s", f.Path, r.path, strings.TrimPrefix(imported, Module+"/")))
			}
		}
	}
	slices.Sort(broken)
	return slices.Compact(broken)
}

// Undocumented returns a line for each package without a comment that begins "Package name" (for a main: any comment).
// Where a folder has nothing but tests, theirs counts.
func Undocumented(files []File) []string {
	documented := map[string]bool{}
	for _, f := range files {
		documented[f.dir()] = documented[f.dir()] || speaksForItself(f)
	}
	var missing []string
	for dir, ok := range documented {
		if !ok {
			missing = append(missing, dir+": has no package comment; say what the room is for and what it promises")
		}
	}
	slices.Sort(missing)
	return missing
}

func speaksForItself(f File) bool {
	if f.Package == "main" {
		return f.Doc != ""
	}
	return strings.HasPrefix(f.Doc, "Package "+f.Package+" ") || strings.HasPrefix(f.Doc, "Package "+f.Package+"\n")
}
