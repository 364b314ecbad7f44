package docker_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"go.yaml.in/yaml/v3"
)

// compose is what these tests read of docker-compose.yml.
type compose struct {
	Services map[string]service  `yaml:"services"`
	Volumes  map[string]struct{} `yaml:"volumes"`
}

type service struct {
	Image string `yaml:"image"`
	Build struct {
		Context    string `yaml:"context"`
		Dockerfile string `yaml:"dockerfile"`
	} `yaml:"build"`
	Command     []string             `yaml:"command"`
	Environment map[string]string    `yaml:"environment"`
	Volumes     []string             `yaml:"volumes"`
	DependsOn   map[string]condition `yaml:"depends_on"`
	Healthcheck *struct{}            `yaml:"healthcheck"`
}

type condition struct {
	Condition string `yaml:"condition"`
}

func readCompose(t *testing.T) compose {
	t.Helper()
	data, err := os.ReadFile(filepath.Join(root, "docker-compose.yml"))
	if err != nil {
		t.Fatal(err)
	}
	var c compose
	if err := yaml.Unmarshal(data, &c); err != nil {
		t.Fatal(err)
	}
	if len(c.Services) == 0 {
		t.Fatal("docker-compose.yml has no services")
	}
	return c
}

func TestComposeBuildsFromDockerfilesThatAreThere(t *testing.T) {
	for name, s := range readCompose(t).Services {
		if s.Image == "" && s.Build.Dockerfile == "" {
			t.Errorf("%s has neither an image nor a Dockerfile", name)
		}
		if s.Build.Dockerfile != "" {
			mustExist(t, name, filepath.Join(s.Build.Context, s.Build.Dockerfile))
			mustExist(t, name, filepath.Join(s.Build.Context, "go.mod")) // what the Dockerfiles copy is relative to the root
		}
	}
}

func TestComposeMountsWhatIsThere(t *testing.T) {
	c := readCompose(t)
	for name, s := range c.Services {
		for _, mount := range s.Volumes {
			from, _, _ := strings.Cut(mount, ":")
			if _, isVolume := c.Volumes[from]; isVolume {
				continue
			}
			mustExist(t, name, from)
		}
	}
}

func TestComposeWaitsForServicesThatAreThere(t *testing.T) {
	c := readCompose(t)
	for name, s := range c.Services {
		for other, wait := range s.DependsOn {
			on, ok := c.Services[other]
			if !ok {
				t.Errorf("%s depends on %s, which is not there", name, other)
			}
			if wait.Condition == "service_healthy" && on.Healthcheck == nil {
				t.Errorf("%s waits for %s to be healthy, which has no health check", name, other)
			}
		}
	}
}

func TestComposeCallsServicesByTheirNames(t *testing.T) {
	c := readCompose(t)
	host := regexp.MustCompile(`(?:http|nats)://(?:[^@/\s]*@)?([a-z0-9-]+)`)
	for name, s := range c.Services {
		text := strings.Join(s.Command, " ")
		for _, value := range s.Environment {
			text += " " + value
		}
		for _, m := range host.FindAllStringSubmatch(text, -1) {
			if _, ok := c.Services[m[1]]; !ok {
				t.Errorf("%s calls %s, which is no service", name, m[1])
			}
		}
	}
}

func TestComposeUsesFlagsThatTheProgramsHave(t *testing.T) {
	prefixes := map[string]string{"ingest": "INGEST_", "onec-adapter": "ONEC_", "callbus": "CALLBUS_"}
	for name, s := range readCompose(t).Services {
		if s.Build.Dockerfile == "" {
			continue
		}
		t.Run(name, func(t *testing.T) {
			program := filepath.Base(filepath.Dir(s.Build.Dockerfile))
			known := flagsOf(t, program, subcommand(s.Command))
			for _, arg := range s.Command {
				if flag, ok := strings.CutPrefix(arg, "--"); ok && !known[flag] {
					t.Errorf("%s has no flag --%s", program, flag)
				}
			}
			for variable := range s.Environment {
				flag := strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(variable, prefixes[program]), "_", "-"))
				if !known[flag] {
					t.Errorf("%s has no flag --%s for %s", program, flag, variable)
				}
			}
		})
	}
}

// TestTheImagesUseFlagsThatTheProgramsHave does the same for CMD and ENV of the Dockerfiles.
func TestTheImagesUseFlagsThatTheProgramsHave(t *testing.T) {
	for _, program := range programs {
		t.Run(program, func(t *testing.T) {
			image := readDockerfile(t, dockerfileOf(program)).stages[1]
			var command []string
			for _, cmd := range image.all("CMD") {
				command = words(t, cmd)
			}
			known := flagsOf(t, program, subcommand(command))
			for _, arg := range command {
				if flag, ok := strings.CutPrefix(arg, "--"); ok && !known[flag] {
					t.Errorf("CMD: no flag --%s", flag)
				}
			}
			for _, env := range image.all("ENV") {
				_, variable, _ := strings.Cut(strings.SplitN(env, "=", 2)[0], "_")
				if !known[strings.ToLower(strings.ReplaceAll(variable, "_", "-"))] {
					t.Errorf("ENV %s sets no flag", env)
				}
			}
		})
	}
}

// TestTheBrokerOfComposeKeepsItsPromise reads the configuration with the server's own parser.
func TestTheBrokerOfComposeKeepsItsPromise(t *testing.T) {
	t.Setenv("NATS_PASSWORD", "n0123456789abcdef")
	opts, err := server.ProcessConfigFile(filepath.Join(root, "deploy/nats/nats-compose.conf"))
	if err != nil {
		t.Fatal(err)
	}
	if !opts.JetStream || !opts.SyncAlways || opts.StoreDir != "/data" {
		t.Errorf("JetStream %v, SyncAlways %v, StoreDir %q; want it on, fsynced, in the volume /data", opts.JetStream, opts.SyncAlways, opts.StoreDir)
	}
	if len(opts.Users) != 1 || opts.Users[0].Username != "callbus" || opts.Users[0].Password != "n0123456789abcdef" || opts.NoAuthUser != "" {
		t.Errorf("users %v, want callbus alone, with the password from the environment", opts.Users)
	}
	if opts.HTTPHost != "127.0.0.1" {
		t.Errorf("monitoring listens on %s, want the loopback: it asks for no password", opts.HTTPHost)
	}
}

var (
	flagLine = regexp.MustCompile(`(?m)^\s+--?([a-z][a-z0-9-]*)`)
	wordOnly = regexp.MustCompile(`^[a-z][a-z0-9]*$`)
)

// subcommand is the word that a command begins with, if it does.
func subcommand(command []string) string {
	if len(command) > 0 && wordOnly.MatchString(command[0]) {
		return command[0]
	}
	return ""
}

// flagsOf asks the program itself, with -h.
func flagsOf(t *testing.T, program, sub string) map[string]bool {
	t.Helper()
	needProgram(t, program)
	args := []string{"run", "-trimpath", "./services/" + program + "/cmd/" + program}
	if sub != "" {
		args = append(args, sub)
	}
	cmd := exec.CommandContext(t.Context(), "go", append(args, "-h")...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0", "GOWORK=off") // built as for the images, so that the build cache serves both
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%s %s -h: %v\n%s", program, sub, err, out)
	}
	known := map[string]bool{}
	for _, m := range flagLine.FindAllStringSubmatch(string(out), -1) {
		known[m[1]] = true
	}
	if len(known) == 0 {
		t.Fatalf("%s %s -h names no flags:\n%s", program, sub, out)
	}
	return known
}

func mustExist(t *testing.T, service, name string) {
	t.Helper()
	if _, err := os.Stat(filepath.Join(root, name)); err != nil {
		t.Errorf("%s refers to %s: %v", service, name, err)
	}
}
