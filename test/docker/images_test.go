// Package docker_test builds the images' programs the way their Dockerfiles do, without a Docker engine: in an empty folder, with
// nothing but what .dockerignore lets through and COPY brings in. A COPY that is missing fails here, not on an operator's machine.
// It also holds docker-compose.yml to the files, services and flags that it refers to.
package docker_test

import (
	"debug/elf"
	"encoding/json"
	"io/fs"
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const root = "../.."

// programs are what ships; each has an image.
var programs = []string{"ingest", "onec-adapter", "callbus"}

func dockerfileOf(program string) string { return "services/" + program + "/Dockerfile" }

func TestEachImageBuildsFromWhatItCopies(t *testing.T) {
	for _, program := range programs {
		t.Run(program, func(t *testing.T) {
			t.Parallel()
			needProgram(t, program)
			file := readDockerfile(t, dockerfileOf(program))
			b := newBuild(t)
			b.run(t, file.stages[0])
			b.checkImage(t, file.stages[1])
		})
	}
}

func TestTheModulesAreALayerOfTheirOwn(t *testing.T) {
	for _, program := range programs {
		var before []string
		for _, in := range readDockerfile(t, dockerfileOf(program)).stages[0].steps {
			if in.op == "RUN" && in.args == "go mod download" {
				break
			}
			if in.op == "COPY" {
				before = append(before, in.args)
			}
		}
		if diff := cmp.Diff([]string{"COPY go.mod go.sum ./"}, prefixed("COPY ", before)); diff != "" {
			t.Errorf("%s: what is copied before go mod download (-want +got):\n%s", program, diff)
		}
	}
}

func TestTheContextHoldsNothingButWhatShips(t *testing.T) {
	ignore := readIgnore(t)
	for _, secret := range []string{"go.work", "go.work.sum", ".git/config", ".env", "data/nats.creds", "demo-data/nats.creds", "tools/go.mod", "test/go.mod",
		"bin/buf", "dist/callbus", "password.txt", "internal/config/config_test.go", "internal/phone/testdata/fuzz/x"} {
		if !ignore.excludes(secret) {
			t.Errorf("%s is in the context", secret)
		}
	}
	for _, needed := range []string{"go.mod", "go.sum", "internal/call/call.go", "proto/calls/v1/calls.pb.go", "services/ingest/cmd/ingest/main.go"} {
		if ignore.excludes(needed) {
			t.Errorf("%s is not in the context", needed)
		}
	}
}

// TestTheBuildFailsWithoutACopy shows that the build above would notice.
func TestTheBuildFailsWithoutACopy(t *testing.T) {
	needProgram(t, "ingest")
	stage := readDockerfile(t, dockerfileOf("ingest")).stages[0]
	stage.steps = slices.DeleteFunc(slices.Clone(stage.steps), func(in instruction) bool { return in.args == "proto proto" })
	b := newBuild(t)
	if err := b.try(t, stage); err == nil {
		t.Error("ingest builds without proto/")
	}
}

// build is a build stage's file system: what the image calls /src and /out are folders of a temporary one.
type build struct {
	src, out string
	args     map[string]string
}

func newBuild(t *testing.T) *build {
	t.Helper()
	dir := t.TempDir()
	return &build{src: filepath.Join(dir, "src"), out: filepath.Join(dir, "out"), args: map[string]string{}}
}

func (b *build) run(t *testing.T, s stage) {
	t.Helper()
	if err := b.try(t, s); err != nil {
		t.Fatal(err)
	}
}

// try carries out the steps, and returns the error of the first RUN that fails.
func (b *build) try(t *testing.T, s stage) error {
	t.Helper()
	for _, in := range s.steps {
		switch in.op {
		case "WORKDIR":
			if in.args != "/src" {
				t.Fatalf("WORKDIR %s: this test knows only /src", in.args)
			}
		case "ARG":
			name, value, _ := strings.Cut(in.args, "=")
			b.args[name] = value
		case "COPY":
			b.copy(t, in.fields())
		case "RUN":
			if err := b.shell(t, in.args); err != nil {
				return err
			}
		default:
			t.Fatalf("%s: this test does not know it", in.op)
		}
	}
	return nil
}

// copy brings files in as COPY does: a folder's contents into the folder named last, files into it.
func (b *build) copy(t *testing.T, fields []string) {
	t.Helper()
	ignore := readIgnore(t)
	sources, to := fields[:len(fields)-1], fields[len(fields)-1]
	for _, source := range sources {
		copied := 0
		err := fs.WalkDir(os.DirFS(root), source, func(p string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || ignore.excludes(p) {
				return err
			}
			copied++
			return copyFile(filepath.Join(root, p), filepath.Join(b.src, to, within(source, p)))
		})
		if err != nil || copied == 0 {
			t.Fatalf("COPY %s: %d files, %v", source, copied, err)
		}
	}
}

// within is the path below the source folder, or the name of a source that is a file.
func within(source, p string) string {
	if source == p {
		return path.Base(p)
	}
	return strings.TrimPrefix(p, source+"/")
}

func copyFile(from, to string) error {
	if err := os.MkdirAll(filepath.Dir(to), 0o755); err != nil {
		return err
	}
	data, err := os.ReadFile(from)
	if err != nil {
		return err
	}
	return os.WriteFile(to, data, 0o644)
}

// shell runs a RUN line in the build's folder. The modules are those of this machine's cache: go mod download is left out.
func (b *build) shell(t *testing.T, line string) error {
	t.Helper()
	if line == "go mod download" {
		return nil
	}
	cmd := exec.CommandContext(t.Context(), "/bin/sh", "-c", strings.ReplaceAll(line, "/out/", b.out+"/"))
	cmd.Dir = b.src
	cmd.Env = append(os.Environ(), "GOWORK=", "GOFLAGS=", "GOOS=linux")
	for name, value := range b.args {
		cmd.Env = append(cmd.Env, name+"="+value)
	}
	out, err := cmd.CombinedOutput()
	t.Logf("RUN %s\n%s", line, out)
	return err
}

// checkImage looks at the last stage: the program is there and static, nobody is root, and volumes can be written.
func (b *build) checkImage(t *testing.T, s stage) {
	t.Helper()
	if s.from != "scratch" {
		t.Errorf("FROM %s, want scratch: a static program needs nothing else", s.from)
	}
	entry := words(t, s.one(t, "ENTRYPOINT"))[0]
	if source := s.copied(entry); source == "" {
		t.Errorf("ENTRYPOINT %s is copied from nowhere", entry)
	} else {
		b.checkStatic(t, source)
	}
	user := s.one(t, "USER")
	if !regexp.MustCompile(`^[1-9][0-9]*:[1-9][0-9]*$`).MatchString(user) {
		t.Errorf("USER %s, want two numbers: Kubernetes' runAsNonRoot does not believe names", user)
	}
	for _, volume := range s.all("VOLUME") {
		if !slices.ContainsFunc(s.all("COPY"), func(c string) bool {
			return strings.Contains(c, "--chown="+user+" ") && strings.HasSuffix(c, " "+volume)
		}) {
			t.Errorf("VOLUME %s does not belong to %s", volume, user)
		}
	}
	if len(s.all("EXPOSE")) == 0 {
		t.Error("no EXPOSE")
	}
	if s.copied("/etc/ssl/certs/ca-certificates.crt") == "" {
		t.Error("no CA certificates: neither 1C nor NATS could be reached over TLS")
	}
}

func (b *build) checkStatic(t *testing.T, source string) {
	t.Helper()
	f, err := elf.Open(strings.Replace(source, "/out/", b.out+"/", 1))
	if err != nil {
		t.Fatalf("what ENTRYPOINT names: %v", err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP {
			t.Errorf("%s needs a dynamic linker, which scratch does not have", source)
		}
	}
}

func words(t *testing.T, list string) []string {
	t.Helper()
	var words []string
	if err := json.Unmarshal([]byte(list), &words); err != nil || len(words) == 0 {
		t.Fatalf("%s: want the exec form, a JSON list: %v", list, err)
	}
	return words
}

func prefixed(prefix string, list []string) []string {
	var out []string
	for _, s := range list {
		out = append(out, prefix+s)
	}
	return out
}

// needProgram skips, so that it can be seen, while a program is not there yet.
func needProgram(t *testing.T, program string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, "services", program, "cmd", program, "main.go")); err != nil {
		t.Skipf("the program %s is missing: %v", program, err)
	}
}
