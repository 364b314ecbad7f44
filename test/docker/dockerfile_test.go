package docker_test

import (
	"os"
	"path"
	"path/filepath"
	"strings"
	"testing"
)

// instruction is a line of a Dockerfile: COPY go.mod go.sum ./
type instruction struct{ op, args string }

func (in instruction) fields() []string { return strings.Fields(in.args) }

// stage is what stands between two FROMs.
type stage struct {
	from  string
	steps []instruction
}

type dockerfile struct{ stages []stage }

// readDockerfile reads the little of the format that our Dockerfiles use, and wants two stages: build and image.
func readDockerfile(t *testing.T, name string) dockerfile {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	var d dockerfile
	text := strings.ReplaceAll(string(data), "\\\n", " ")
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		op, args, _ := strings.Cut(line, " ")
		if op == "FROM" {
			d.stages = append(d.stages, stage{from: strings.Fields(args)[0]})
			continue
		}
		last := &d.stages[len(d.stages)-1]
		last.steps = append(last.steps, instruction{op, strings.TrimSpace(args)})
	}
	if len(d.stages) != 2 {
		t.Fatalf("%s has %d stages, want two", name, len(d.stages))
	}
	return d
}

func (s stage) all(op string) (args []string) {
	for _, in := range s.steps {
		if in.op == op {
			args = append(args, in.args)
		}
	}
	return args
}

func (s stage) one(t *testing.T, op string) string {
	t.Helper()
	all := s.all(op)
	if len(all) != 1 {
		t.Fatalf("%d lines %s, want one", len(all), op)
	}
	return all[0]
}

// copied is where COPY --from=build takes a file of the image from, or nothing.
func (s stage) copied(to string) string {
	for _, args := range s.all("COPY") {
		f := strings.Fields(args)
		if f[0] == "--from=build" && f[len(f)-1] == to {
			return f[len(f)-2]
		}
	}
	return ""
}

// ignore is .dockerignore: the last pattern that matches a path, or a folder above it, decides.
type ignore []pattern

type pattern struct {
	glob string
	keep bool // written with !
}

func readIgnore(t *testing.T) ignore {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, ".dockerignore"))
	if err != nil {
		t.Fatal(err)
	}
	var patterns ignore
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		glob, keep := strings.CutPrefix(line, "!")
		if strings.Contains(strings.TrimPrefix(glob, "**/"), "**") {
			t.Fatalf(".dockerignore: %s: this test knows ** only in front", line)
		}
		patterns = append(patterns, pattern{glob, keep})
	}
	return patterns
}

func (i ignore) excludes(p string) bool {
	excluded := false
	for _, pattern := range i {
		if pattern.matches(p) {
			excluded = !pattern.keep
		}
	}
	return excluded
}

func (p pattern) matches(file string) bool {
	for part := file; part != "."; part = path.Dir(part) {
		if p.matchesPath(part) {
			return true
		}
	}
	return false
}

func (p pattern) matchesPath(file string) bool {
	name, anywhere := strings.CutPrefix(p.glob, "**/")
	if anywhere {
		file = path.Base(file)
	}
	ok, err := path.Match(name, file)
	return ok && err == nil
}
