package docs

import (
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"net/http"
	"path"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// Source is the Go of some folders, without tests.
type Source []*ast.File

// ReadSource parses the Go files below a folder.
func ReadSource(root fs.FS, folders ...string) (s Source, err error) {
	for _, folder := range folders {
		err := fs.WalkDir(root, folder, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || path.Ext(p) != ".go" || strings.HasSuffix(p, "_test.go") {
				return err
			}
			text, err := fs.ReadFile(root, p)
			if err != nil {
				return err
			}
			file, err := parser.ParseFile(token.NewFileSet(), p, text, parser.SkipObjectResolution)
			s = append(s, file)
			return err
		})
		if err != nil {
			return nil, err
		}
	}
	return s, nil
}

// Literals are the strings in the source that match, sorted; where the pattern has a group, the group.
func (s Source) Literals(pattern string) []string {
	return s.collect(regexp.MustCompile(pattern), func(n ast.Node) bool {
		_, ok := literal(n)
		return ok
	})
}

// Arguments are the strings that match and stand in a call of a function or method.
func (s Source) Arguments(pattern string, functions ...string) (found []string) {
	return s.collect(regexp.MustCompile(pattern), func(n ast.Node) bool {
		call, ok := n.(*ast.CallExpr)
		return ok && slices.Contains(functions, nameOf(call.Fun))
	})
}

func nameOf(f ast.Expr) string {
	switch f := f.(type) {
	case *ast.Ident:
		return f.Name
	case *ast.SelectorExpr:
		return f.Sel.Name
	}
	return ""
}

// collect looks at the strings in the nodes that fit, however deep.
func (s Source) collect(pattern *regexp.Regexp, fits func(ast.Node) bool) (found []string) {
	s.each(func(n ast.Node) {
		if !fits(n) {
			return
		}
		ast.Inspect(n, func(below ast.Node) bool {
			if text, ok := literal(below); ok {
				if m := pattern.FindStringSubmatch(text); m != nil {
					found = append(found, m[len(m)-1])
				}
			}
			return true
		})
	})
	slices.Sort(found)
	return slices.Compact(found)
}

func (s Source) each(look func(ast.Node)) {
	for _, f := range s {
		for _, d := range f.Decls {
			if gen, ok := d.(*ast.GenDecl); ok && gen.Tok == token.IMPORT {
				continue
			}
			ast.Inspect(d, func(n ast.Node) bool {
				if n != nil {
					look(n)
				}
				return true
			})
		}
	}
}

func literal(n ast.Node) (string, bool) {
	basic, ok := n.(*ast.BasicLit)
	if !ok || basic.Kind != token.STRING {
		return "", false
	}
	text, err := strconv.Unquote(basic.Value)
	return text, err == nil
}

// Statuses are the numbers of the http.Status… constants in the source.
func (s Source) Statuses() (found []string) {
	numbers := map[string]int{}
	for code := 200; code < 600; code++ {
		numbers["Status"+strings.NewReplacer(" ", "", "-", "", "'", "").Replace(http.StatusText(code))] = code
	}
	s.each(func(n ast.Node) {
		sel, ok := n.(*ast.SelectorExpr)
		if !ok {
			return
		}
		if code, known := numbers[sel.Sel.Name]; known && nameOf(sel.X) == "http" {
			found = append(found, strconv.Itoa(code))
		}
	})
	slices.Sort(found)
	return slices.Compact(found)
}
