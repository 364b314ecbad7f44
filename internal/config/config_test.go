package config_test

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/callbus/callbus/internal/config"
)

func TestSecretPrintsAsStarsWhateverPrintsIt(t *testing.T) {
	const text = "hunter2"
	s := config.Secret(text)
	type options struct{ Password config.Secret }
	asJSON, err := json.Marshal(options{s})
	if err != nil {
		t.Fatal(err)
	}
	asYAML, err := yaml.Marshal(options{s})
	if err != nil {
		t.Fatal(err)
	}
	printed := []string{s.String(), s.GoString(), string(asJSON), string(asYAML), fmt.Sprint(s), fmt.Sprint(&s), fmt.Errorf("%w: %v", io.EOF, s).Error()}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%x", "%X", "% x", "%d", "%10s", "%t"} {
		printed = append(printed, fmt.Sprintf(verb, s), fmt.Sprintf(verb, options{s}), fmt.Sprintf(verb, []config.Secret{s}))
	}
	for _, p := range printed {
		if strings.Contains(p, text) || strings.Contains(p, "68756e74657232") || !strings.Contains(p, "***") {
			t.Errorf("printed %q, want *** and nothing of the secret", p)
		}
	}
	if got := s.Reveal(); got != text {
		t.Errorf("Reveal() = %q, want %q", got, text)
	}
}

func TestReadSecretFileCutsWhatEditorsAdd(t *testing.T) {
	for in, want := range map[string]string{
		"pass":               "pass",
		"pass\n":             "pass",
		"pass\r\n":           "pass",
		"pass\n\n":           "pass\n",
		" pass \n":           " pass ",
		"\xEF\xBB\xBFpass\n": "pass",
		"пароль\n":           "пароль",
		"pass\r":             "pass\r",
	} {
		got, err := config.ReadSecretFile(write(t, in))
		if err != nil || got.Reveal() != want {
			t.Errorf("ReadSecretFile of %q = %q, %v; want %q", in, got.Reveal(), err, want)
		}
	}
}

func TestReadSecretFileRefusesWhatIsNoSecretAndShowsNothingOfIt(t *testing.T) {
	for name, tc := range map[string]struct{ content, want string }{
		"empty":          {"", "is empty"},
		"only a line":    {"\n", "is empty"},
		"UTF-16":         {"\xFF\xFEh\x00u\x00n\x00t\x00", "is not UTF-8: save it as UTF-8"},
		"UTF-16 BE":      {"\xFE\xFF\x00h\x00u\x00n\x00t", "is not UTF-8"},
		"UTF-16, no BOM": {"h\x00u\x00n\x00t\x00", "is not UTF-8"},
		"windows-1251":   {"\xef\xe0\xf0\xee\xeb\xfchunt\n", "is not UTF-8"},
		"larger than 64": {strings.Repeat("hunt", 20_000), "larger than 64KiB"},
	} {
		_, err := config.ReadSecretFile(write(t, tc.content))
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), "hunt") {
			t.Errorf("%s: error %v, want one with %q that shows no content", name, err, tc.want)
		}
	}
	if _, err := config.ReadSecretFile(filepath.Join(t.TempDir(), "none")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file: %v, want os.ErrNotExist", err)
	}
}

func TestWorldReadableTellsByTheMode(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("Windows has no such mode")
	}
	path := write(t, "pass")
	for mode, want := range map[os.FileMode]bool{0o600: false, 0o640: false, 0o444: true, 0o644: true} {
		if err := os.Chmod(path, mode); err != nil {
			t.Fatal(err)
		}
		if got := config.WorldReadable(path); got != want {
			t.Errorf("WorldReadable with mode %o = %v, want %v", mode, got, want)
		}
	}
}

func TestBytesReadsWhatItWrites(t *testing.T) {
	for in, want := range map[string]config.Bytes{
		"0": 0, "1": 1, "1000": 1000, "17B": 17, "64KiB": 64 << 10, "512MiB": 512 << 20, "1GiB": 1 << 30, "2TiB": 2 << 40,
		"1gib": 1 << 30, " 1 GiB ": 1 << 30, "1536MiB": 1536 << 20, "9223372036854775807": 1<<63 - 1,
	} {
		got, err := config.ParseBytes(in)
		if err != nil || got != want {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d", in, got, err, want)
			continue
		}
		if again, err := config.ParseBytes(got.String()); err != nil || again != got {
			t.Errorf("ParseBytes(%q) = %d, %v; want %d again", got.String(), again, err, got)
		}
	}
	if got := (3 * config.GiB / 2).String(); got != "1536MiB" {
		t.Errorf("String() = %q, want 1536MiB", got)
	}
}

func TestBytesRefusesWhatCouldMeanTwoThings(t *testing.T) {
	for _, in := range []string{"", "GiB", "1GB", "1G", "-1", "-1GiB", "1.5GiB", "1GiB2", "1e9", "0x10", "9223372036854775808", "8388608TiB", "99999999999999999999"} {
		if got, err := config.ParseBytes(in); err == nil {
			t.Errorf("ParseBytes(%q) = %d, want an error", in, got)
		}
	}
}

// parse reads args into flags as ingest has them.
func parse(t *testing.T, args ...string) error {
	t.Helper()
	fs := flag.NewFlagSet("ingest", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	fs.String("http", ":8080", "")
	fs.String("site", "", "")
	fs.Bool("demo", false, "")
	storeMax := config.GiB
	fs.Var(&storeMax, "store-max", "")
	fs.Var(&config.List{}, "trusted-proxy", "")
	return config.Parse(fs, args, "INGEST")
}

func TestFileYieldsToEnvironmentYieldsToFlag(t *testing.T) {
	file := write(t, "http: :1\nsite: from-file\nstore-max: 1MiB\n")
	t.Setenv("INGEST_SITE", "from-env")
	t.Setenv("INGEST_STORE_MAX", "2MiB")
	t.Setenv("INGEST_PORT", "tcp://10.0.0.1:80") // Kubernetes sets this one
	fs := flag.NewFlagSet("ingest", flag.ContinueOnError)
	http := fs.String("http", "", "")
	site := fs.String("site", "", "")
	storeMax := 4 * config.MiB
	fs.Var(&storeMax, "store-max", "")
	if err := config.Parse(fs, []string{"--config", file, "--store-max=3MiB"}, "INGEST"); err != nil {
		t.Fatal(err)
	}
	got := []string{*http, *site, storeMax.String()}
	if diff := cmp.Diff([]string{":1", "from-env", "3MiB"}, got); diff != "" {
		t.Errorf("http, site, store-max (-want +got):\n%s", diff)
	}
}

func TestTheEnvironmentCanNameTheFile(t *testing.T) {
	t.Setenv("INGEST_CONFIG", write(t, "site: moscow\n"))
	t.Setenv("INGEST_STORE_MAX", "5MiB")
	fs := flag.NewFlagSet("ingest", flag.ContinueOnError)
	site := fs.String("site", "", "")
	var storeMax config.Bytes
	fs.Var(&storeMax, "store-max", "")
	if err := config.Parse(fs, nil, "INGEST"); err != nil || *site != "moscow" || storeMax != 5*config.MiB {
		t.Errorf("site, store-max = %q, %s, %v; want moscow, 5MiB", *site, storeMax, err)
	}
}

func TestTheFileIsReadAsItIsWritten(t *testing.T) {
	file := write(t, "\xEF\xBB\xBF# office\nnats-listen: off\nsite: 007\ndemo: true\nhttp: '12:30'\ntrusted-proxy:\n  - 10.0.0.0/8\n  - 192.168.0.0/16\n")
	fs := flag.NewFlagSet("callbus", flag.ContinueOnError)
	http := fs.String("http", "", "")
	natsListen := fs.String("nats-listen", "", "")
	site := fs.String("site", "", "")
	demo := fs.Bool("demo", false, "")
	var proxies config.List
	fs.Var(&proxies, "trusted-proxy", "")
	if err := config.Parse(fs, []string{"-config", file}, "CALLBUS"); err != nil {
		t.Fatal(err)
	}
	got := []string{*http, *natsListen, *site, fmt.Sprint(*demo), proxies.String()}
	if diff := cmp.Diff([]string{"12:30", "off", "007", "true", "10.0.0.0/8,192.168.0.0/16"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAMistakeIsAnErrorThatSaysWhere(t *testing.T) {
	for name, tc := range map[string]struct {
		file string
		args []string
		want string
	}{
		"a typo in the file":      {file: "http: :1\nstroe-max: 1GiB\n", want: `line 2: unknown setting "stroe-max"; known are demo, http,`},
		"a key twice":             {file: "site: a\nhttp: :1\nsite: b\n", want: "line 3: site is given twice"},
		"no value":                {file: "site:\n", want: "line 1: site has no value"},
		"a list for one value":    {file: "site: [a, b]\n", want: "line 1: site takes one plain value"},
		"nested keys":             {file: "store:\n  max: 1\n", want: `line 1: unknown setting "store"`},
		"a second document":       {file: "site: a\n---\nsite: b\n", want: "a second document begins here"},
		"no mapping":              {file: "- site\n", want: "line 1: want lines of the form name: value"},
		"the file names a file":   {file: "config: other.yaml\n", want: `unknown setting "config"`},
		"windows-1251":            {file: "# \xcc\xee\xf1\xea\xe2\xe0\nsite: a\n", want: "is not UTF-8: save it as UTF-8"},
		"bad YAML":                {file: "site: 'a\n", want: "yaml: "},
		"a bad value in the file": {file: "site: a\nstore-max: 1GB\n", want: `line 2: store-max: "1GB": not a size`},
		"a file that is missing":  {args: []string{"--config", "none.yaml"}, want: "none.yaml"},
		"a bad flag value":        {args: []string{"--store-max", "lots"}, want: `invalid value "lots" for flag -store-max: "lots": not a size`},
		"an unknown flag":         {args: []string{"--stroe-max", "1"}, want: "flag provided but not defined: -stroe-max"},
		"leftover arguments":      {args: []string{"--site", "a", "b", "--http", ":1"}, want: "unexpected argument: b"},
	} {
		t.Run(name, func(t *testing.T) {
			args := tc.args
			if tc.file != "" {
				args = append([]string{"--config", write(t, tc.file)}, args...)
			}
			err := parse(t, args...)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
			if tc.file != "" && !strings.Contains(err.Error(), "file.yaml") {
				t.Errorf("error %v does not name the file", err)
			}
		})
	}
}

// An operator's command reads the file that the service was started with.
func TestTheFileMayBeAnotherProgramsToo(t *testing.T) {
	file := write(t, "site: moscow\nstore-max: 2MiB\ndata: /var/lib/callbus\n")
	up := flag.NewFlagSet("up", flag.ContinueOnError)
	data := up.String("data", "./data", "")
	storeMax := config.GiB
	up.Var(&storeMax, "store-max", "")
	fs := flag.NewFlagSet("doctor", flag.ContinueOnError)
	fs.SetOutput(io.Discard)
	site := fs.String("site", "", "")
	own := fs.String("data", "", "")
	if err := config.Parse(fs, []string{"--config", file, "--data", "here"}, "CALLBUS", up); err != nil {
		t.Fatal(err)
	}
	if *site != "moscow" || *own != "here" || *data != "./data" || storeMax != 2*config.MiB {
		t.Errorf("site %q, data %q and %q, store-max %s; want moscow, here, ./data, 2MiB", *site, *own, *data, storeMax)
	}
	wrong := write(t, "stroe-max: 1MiB\n")
	if err := config.Parse(fs, []string{"--config", wrong}, "CALLBUS", up); err == nil || !strings.Contains(err.Error(), `unknown setting "stroe-max"`) {
		t.Errorf("error %v, want an unknown setting", err)
	}
}

func TestABadVariableIsNamed(t *testing.T) {
	t.Setenv("INGEST_STORE_MAX", "lots")
	if err := parse(t); err == nil || !strings.Contains(err.Error(), "INGEST_STORE_MAX") {
		t.Errorf("error %v, want one that names INGEST_STORE_MAX", err)
	}
}

func TestHelpIsErrHelpForTheCallerToHandle(t *testing.T) {
	if err := parse(t, "-h"); !errors.Is(err, flag.ErrHelp) {
		t.Errorf("error %v, want flag.ErrHelp", err)
	}
}

func TestTheFirstValueOfAListReplacesTheDefault(t *testing.T) {
	l := config.List{Values: []string{"default"}}
	for _, s := range []string{"a, b", "", "c"} {
		if err := l.Set(s); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff([]string{"a", "b", "c"}, l.Values); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

type target struct {
	URL     string         `yaml:"url"`
	Max     config.Bytes   `yaml:"max"`
	Headers map[string]int `yaml:"headers"`
}

func TestStrictReadsOneDocument(t *testing.T) {
	var got map[string]target
	if err := config.Strict([]byte("---\nmain:\n  url: http://1c\n  max: 1MiB\n  headers: {a: 1}\n"), &got); err != nil {
		t.Fatal(err)
	}
	want := map[string]target{"main": {"http://1c", config.MiB, map[string]int{"a": 1}}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	kept := target{URL: "before"}
	if err := config.Strict([]byte("# nothing\n"), &kept); err != nil || kept.URL != "before" {
		t.Errorf("an empty file gave %+v, %v; want what was there before", kept, err)
	}
}

func TestStrictRefusesWithTheLine(t *testing.T) {
	for in, want := range map[string]string{
		"url: a\nulr: b\n":      `line 2: unknown key "ulr"`,
		"url: a\nurl: b\n":      "line 2",
		"url: a\n---\nurl: b\n": "a second document begins here",
		"url: a\n---\n":         "a second document begins here",
		"url: [a]\n":            "line 1",
		"max: 1GB\n":            "not a size",
		"url: 'a\n":             "yaml: ",
	} {
		var into target
		if err := config.Strict([]byte(in), &into); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("Strict(%q) = %v, want an error with %q", in, err, want)
		}
	}
}

func write(t *testing.T, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "file.yaml")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
