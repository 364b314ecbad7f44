package docs_test

import (
	"os"
	"os/exec"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/rooms"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/test/docs"
	"github.com/callbus/callbus/test/rig"
)

func TestMain(m *testing.M) { os.Exit(rig.Main(m)) }

const (
	operations   = "docs/operations.md"
	wire         = "docs/wire.md"
	architecture = "docs/architecture.md"
)

func TestEveryFlagOfEveryProgramIsInOperations(t *testing.T) {
	doc, all := read(t, operations), programs(t)
	report(t, docs.Flags(doc, all))
	report(t, docs.StaleFlags(doc, all))
}

func TestAFlagThatIsLeftOutIsNoticed(t *testing.T) {
	doc, all := read(t, operations), programs(t)
	for _, p := range all {
		for _, f := range p.Flags {
			row := "| `--" + f.Name + "` |"
			if docs.Flags(strings.ReplaceAll(doc, row, "| `--other` |"), all) == nil {
				t.Errorf("%s: the row of --%s was taken out, and nobody noticed", p.Name, f.Name)
			}
		}
	}
	for what, planted := range map[string]string{
		"a wrong variable": strings.Replace(doc, "INGEST_STORE_MAX", "INGEST_STOREMAX", 1),
		"a wrong default":  strings.Replace(doc, "`127.0.0.1:9081`", "`127.0.0.1:9999`", 1),
		"no section":       strings.Replace(doc, "### `callbus fake1c`", "### something", 1),
	} {
		if docs.Flags(planted, all) == nil {
			t.Errorf("%s was planted, and nobody noticed", what)
		}
	}
	if docs.StaleFlags(strings.Replace(doc, "| `--site` |", "| `--sight` |", 1), all) == nil {
		t.Error("a flag that does not exist was planted, and nobody noticed")
	}
}

// Bug: the default of --lang was told in three ways.
func TestLangIsToldInOneWay(t *testing.T) {
	rows := map[string]int{}
	for line := range strings.Lines(read(t, operations)) {
		if strings.HasPrefix(line, "| `--lang` |") {
			rows[line]++
		}
	}
	if len(rows) != 1 {
		t.Errorf("got %v, want one wording", rows)
	}
}

func TestEveryNameOnTheBusIsInWire(t *testing.T) {
	report(t, docs.Missing(read(t, wire), busNames(t)))
}

func TestANameThatIsLeftOutIsNoticed(t *testing.T) {
	doc := read(t, wire)
	for _, name := range busNames(t) {
		if docs.Missing(strings.ReplaceAll(doc, name, "something"), []string{name}) == nil {
			t.Errorf("%s was taken out, and nobody noticed", name)
		}
	}
	if docs.Missing("`calls.incoming2` and `xcalls.incoming`, calls.incoming", []string{"calls.incoming"}) == nil {
		t.Error("a part of another word passed for the name")
	}
}

func TestEveryStatusOfTheFrontIsInWire(t *testing.T) {
	statuses := source(t, "services/ingest/internal/httpfront").Statuses()
	if len(statuses) < 12 {
		t.Fatalf("got only the statuses %v", statuses)
	}
	report(t, docs.Missing(read(t, wire), statuses))
}

func TestEveryLogLineAndMetricIsInOperations(t *testing.T) {
	doc, code := read(t, operations), source(t, "services", "internal")
	for what, names := range map[string][]string{"log lines": logLines(code), "metrics": code.Literals(`^callbus_[a-z_]+$`)} {
		if len(names) < 6 {
			t.Fatalf("got only the %s %v", what, names)
		}
		report(t, docs.Missing(doc, names))
		for _, name := range names {
			if docs.Missing(strings.ReplaceAll(doc, name, "something"), []string{name}) == nil {
				t.Errorf("%s was taken out, and nobody noticed", name)
			}
		}
	}
}

func TestBothReadmesHaveTheSameCommands(t *testing.T) {
	english, russian := docs.Commands(read(t, "README.md")), docs.Commands(read(t, "README.ru.md"))
	if len(english) < 30 {
		t.Fatalf("got only %d lines of commands: %q", len(english), english)
	}
	report(t, docs.Different(english, russian))
	for i := range english {
		if docs.Different(english, slices.Delete(slices.Clone(english), i, i+1)) == nil {
			t.Errorf("%q was taken out, and nobody noticed", english[i])
		}
	}
}

func TestTheCommandsInDocumentsHaveTheFlagsThatTheyUse(t *testing.T) {
	all := programs(t)
	for name, text := range documents(t) {
		for _, fault := range docs.Misused(docs.Commands(text), all) {
			t.Errorf("%s: %s", name, fault)
		}
	}
	if docs.Misused([]string{"./callbus up --onec-urll http://server"}, all) == nil {
		t.Error("a flag that does not exist was planted, and nobody noticed")
	}
}

func TestEveryLinkLeadsSomewhere(t *testing.T) {
	report(t, docs.DeadLinks(os.DirFS(rig.Root()), documents(t)))
}

func TestADeadLinkIsNoticed(t *testing.T) {
	files := fstest.MapFS{
		"README.md":   {Data: []byte("[a](docs/a.md) [b](docs/b.md) [c](https://example.org/x) [d](docs/a.md#two-words) [e](docs/a.md#one)\n```\n[f](nowhere)\n```\n")},
		"docs/a.md":   {Data: []byte("# Two, Words\n[up](../README.md) [here](#two-words) [out](../x.md)\n")},
		"docs/adr/1":  {},
		".git/old.md": {Data: []byte("[x](nowhere)")},
	}
	all, err := docs.Documents(files)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{
		"README.md: (docs/a.md#one) has no such heading",
		"README.md: (docs/b.md) is not there",
		"docs/a.md: (../x.md) is not there",
	}
	if got := docs.DeadLinks(files, all); !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

func TestTheTreeNamesEveryPackage(t *testing.T) {
	tree := docs.Tree(read(t, architecture))
	for _, dir := range docs.NotIn(tree, packages(t)) {
		t.Errorf("%s: the tree does not name the package %s", architecture, dir)
	}
	for _, dir := range tree {
		if info, err := os.Stat(filepath.Join(rig.Root(), dir)); err != nil || !info.IsDir() {
			t.Errorf("%s: the tree names %s, which is no folder", architecture, dir)
		}
	}
}

func TestAPackageThatIsLeftOutOfTheTreeIsNoticed(t *testing.T) {
	doc := read(t, architecture)
	for _, dir := range packages(t) {
		planted := strings.ReplaceAll(doc, path.Base(dir)+"/", "something/")
		if !slices.Contains(docs.NotIn(docs.Tree(planted), packages(t)), dir) {
			t.Errorf("%s was taken out, and nobody noticed", dir)
		}
	}
}

// programs are built, and asked with -h: what an operator sees.
func programs(t *testing.T) (all []docs.Program) {
	t.Helper()
	for name, env := range map[string]string{"ingest": "INGEST", "onec-adapter": "ONEC"} {
		binary := rig.Build(t, "./services/"+name+"/cmd/"+name)
		all = append(all, docs.Program{Name: name, Env: env, Flags: help(t, binary)})
	}
	callbus := rig.Build(t, "./services/callbus/cmd/callbus")
	usage, err := exec.Command(callbus, "-h").CombinedOutput()
	if err != nil {
		t.Fatalf("callbus -h: %v", err)
	}
	for _, command := range docs.ParseCommands(string(usage)) {
		if command == "version" {
			continue
		}
		name, args := "callbus", []string{}
		for _, word := range strings.Fields(command) {
			if word == strings.ToUpper(word) {
				args = append(args, "1") // N and NAME stand for something
				continue
			}
			name, args = name+" "+word, append(args, word)
		}
		all = append(all, docs.Program{Name: name, Env: "CALLBUS", Flags: help(t, callbus, args...)})
	}
	if len(all) < 9 {
		t.Fatalf("got only %d programs: %v", len(all), all)
	}
	return all
}

func help(t *testing.T, binary string, args ...string) []docs.Flag {
	t.Helper()
	usage, err := exec.Command(binary, append(args, "-h")...).CombinedOutput()
	if err != nil {
		t.Fatalf("%s %v -h: %v\n%s", filepath.Base(binary), args, err, usage)
	}
	flags := docs.ParseUsage(string(usage))
	if len(flags) == 0 {
		t.Fatalf("%s %v -h: got only the flags %v of\n%s", filepath.Base(binary), args, flags, usage)
	}
	return flags
}

// busNames are the names that the room of NATS speaks: those that it exports, every event's subjects, and whatever in
// its source looks like a name on the bus.
func busNames(t *testing.T) []string {
	t.Helper()
	names := []string{
		stream.Calls, stream.Endings, stream.Phones, stream.Hits, stream.HeaderLine, stream.HeaderSite, "Nats-Msg-Id",
		"lines.<line>.<event>", stream.AgainSubject("<target>", "<event>"), "hits.rejected",
	}
	for _, events := range [][]call.EventType{call.CallEvents, call.PhoneEvents} {
		for _, e := range events {
			names = append(names, stream.Subject(e))
		}
	}
	for _, k := range []verdict.Kind{verdict.Delivered, verdict.Skipped, verdict.Dead} {
		names = append(names, "onec."+k.String()+".<target>.<lane>")
	}
	code := source(t, "internal/stream")
	names = append(names, code.Literals(`^[A-Z]{4,}$`)...)
	names = append(names, code.Literals(`^(?:ce-[a-z]+|content-type|Callbus-[A-Za-z-]+)$`)...)
	names = append(names, code.Literals(`^(?:calls|again)\.[*.]+$`)...)
	slices.Sort(names)
	return slices.Compact(names)
}

// logLines are the names of the lines in the log; those that are put together are listed here.
func logLines(code docs.Source) []string {
	names := code.Arguments(`^([a-z]+\.[a-z_]+)\b`, "Msg", "untilDone")
	for _, k := range []verdict.Kind{verdict.Delivered, verdict.Skipped, verdict.Dead, verdict.Postponed} {
		names = append(names, "call."+k.String())
	}
	return append(names, "nats.connected", "nats.disconnected", "nats.reconnected", "nats.moved", "nats.error")
}

func source(t *testing.T, folders ...string) docs.Source {
	t.Helper()
	s, err := docs.ReadSource(os.DirFS(rig.Root()), folders...)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func packages(t *testing.T) (dirs []string) {
	t.Helper()
	files, err := rooms.Read(os.DirFS(rig.Root()))
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range files {
		dirs = append(dirs, path.Dir(f.Path))
	}
	slices.Sort(dirs)
	return slices.Compact(dirs)
}

func documents(t *testing.T) map[string]string {
	t.Helper()
	all, err := docs.Documents(os.DirFS(rig.Root()))
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 12 {
		t.Fatalf("got only %d documents", len(all))
	}
	return all
}

func read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(rig.Root(), filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func report(t *testing.T, faults []string) {
	t.Helper()
	for _, f := range faults {
		t.Error(f)
	}
}
