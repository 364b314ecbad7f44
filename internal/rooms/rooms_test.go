package rooms_test

import (
	"os"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/rooms"
)

func TestEveryImportGoesThroughADoor(t *testing.T) {
	for _, line := range rooms.Doors(house(t)) {
		t.Error(line)
	}
}

func TestEveryPackageSaysWhatItIsFor(t *testing.T) {
	for _, line := range rooms.Undocumented(house(t)) {
		t.Error(line)
	}
}

// TestTheTestsReadTheWholeHouse keeps the two tests above from passing because they read the wrong folder.
func TestTheTestsReadTheWholeHouse(t *testing.T) {
	seen := map[string]bool{}
	for _, f := range house(t) {
		seen[f.Path] = true
	}
	for _, want := range []string{"internal/rooms/rooms_test.go", "internal/call/call.go", "proto/calls/v1/calls.pb.go", "internal/config/secret.go"} {
		if !seen[want] {
			t.Errorf("%s was not read", want)
		}
	}
}

func TestAPlantedViolationIsReported(t *testing.T) {
	const m = rooms.Module + "/"
	const nats, server = "github.com/nats-io/nats.go", "github.com/nats-io/nats-server/v2/server"
	for _, planted := range []struct{ file, imported string }{
		// The domain knows nobody.
		{"internal/phone/number.go", m + "internal/call"},
		{"internal/phone/number.go", "golang.org/x/text/unicode/norm"},
		{"internal/verdict/verdict.go", m + "internal/phone"},
		{"internal/verdict/verdict.go", "github.com/rs/zerolog"},
		{"internal/call/call.go", m + "internal/stream"},
		{"internal/call/call.go", m + "proto/calls/v1"},
		{"internal/call/call.go", "github.com/nyaruka/phonenumbers"},
		{"proto/calls/v1/doc.go", m + "internal/call"},
		{"proto/calls/v1/doc.go", nats},
		// Furniture: downwards only, and no domain.
		{"internal/config/parse.go", m + "internal/telemetry"},
		{"internal/telemetry/telemetry.go", m + "internal/lifecycle"},
		{"internal/lifecycle/lifecycle.go", m + "internal/admin"},
		{"internal/admin/admin.go", m + "internal/call"},
		{"internal/config/parse.go", "gopkg.in/yaml.v2"},
		{"internal/config/parse.go", "github.com/peterbourgon/ff/v4"},
		{"internal/program/program.go", m + "internal/call"},
		{"internal/broker/broker.go", m + "internal/program"},
		// NATS.
		{"internal/broker/broker.go", m + "internal/stream"},
		{"internal/broker/broker.go", nats},
		{"internal/stream/consume.go", m + "internal/broker"},
		{"internal/stream/consume.go", m + "internal/config"},
		{"internal/stream/consume.go", server},
		{"internal/natstest/natstest.go", m + "services/ingest"},
		{"internal/rooms/rooms.go", m + "internal/call"},
		// Inside a service.
		{"services/ingest/internal/httpfront/front.go", m + "internal/stream"},
		{"services/ingest/internal/httpfront/front.go", m + "services/ingest"},
		{"services/ingest/internal/dialect/mitel.go", m + "services/onec-adapter/internal/soap"},
		{"services/ingest/internal/dialect/deeper/x.go", nats},
		{"services/onec-adapter/internal/deliver/lane.go", m + "internal/stream"},
		{"services/onec-adapter/internal/deliver/lane.go", m + "internal/lifecycle"},
		{"services/onec-adapter/internal/deliver/lane.go", nats + "/jetstream"},
		{"services/onec-adapter/internal/soap/client.go", "github.com/gorilla/mux"},
		{"services/onec-adapter/onectest/server.go", m + "internal/call"},
		// Between services.
		{"services/ingest/run.go", m + "services/onec-adapter"},
		{"services/ingest/run.go", m + "services/callbus"},
		{"services/onec-adapter/run.go", m + "services/ingest"},
		{"services/onec-adapter/run.go", m + "services/onec-adapter/onectest"},
		{"services/callbus/up.go", m + "services/ingest/internal/httpfront"},
		{"services/callbus/internal/journal/journal.go", m + "services/ingest"},
		{"services/ingest/run.go", server},
		// What never ships.
		{"services/ingest/run.go", m + "internal/natstest"},
		{"services/callbus/up.go", m + "internal/natstest"},
		{"services/callbus/up.go", m + "internal/rooms"},
		{"services/callbus/up.go", m + "test/load"},
		{"services/callbus/up.go", "github.com/google/go-cmp/cmp"},
		{"services/callbus/cmd/callbus/main.go", m + "services/onec-adapter/onectest"},
		{"services/ingest/cmd/ingest/main.go", m + "services/ingest/internal/httpfront"},
		{"services/ingest/cmd/ingest/main.go", m + "internal/broker"},
		{"services/ingest/cmd/ingest/main.go", nats},
		{"test/farm/phone.go", m + "services/ingest/internal/dialect"},
		{"test/farm/trace_test.go", m + "services/ingest"},
		{"test/farm/load/main.go", m + "internal/call"},
		// Tests have more doors, not all.
		{"services/ingest/run_test.go", m + "services/onec-adapter/onectest"},
		{"services/ingest/run_test.go", m + "services/onec-adapter"},
		{"internal/call/call_test.go", m + "internal/stream"},
		{"internal/call/call_test.go", "github.com/stretchr/testify/assert"},
		// A name that only begins like an allowed one.
		{"internal/call/call.go", m + "internal/phonebook"},
		{"internal/stream/names.go", nats + "-extra"},
	} {
		got := rooms.Doors([]rooms.File{{Path: planted.file, Imports: []string{"fmt", planted.imported}}})
		imported := strings.TrimPrefix(planted.imported, m)
		if len(got) != 1 || !strings.HasPrefix(got[0], planted.file+": ") || !strings.HasSuffix(got[0], " may not import "+imported) {
			t.Errorf("%s with %s: reported %q, want one line that names both", planted.file, imported, got)
		}
	}
}

func TestWhatTheTableAllowsIsNotReported(t *testing.T) {
	const m = rooms.Module + "/"
	var files []rooms.File
	for _, allowed := range []struct{ file, imported string }{
		{"internal/call/call.go", m + "internal/phone"},
		{"internal/admin/admin.go", m + "internal/config"},
		{"internal/broker/broker.go", m + "internal/config"},
		{"internal/broker/broker_test.go", "github.com/nats-io/nats.go"},
		{"internal/stream/wire.go", m + "proto/calls/v1"},
		{"internal/stream/wire_test.go", m + "internal/stream"},
		{"internal/stream/wire_test.go", m + "internal/natstest"},
		{"services/ingest/internal/httpfront/front.go", m + "services/ingest/internal/dialect"},
		{"services/ingest/run.go", m + "services/ingest/internal/httpfront"},
		{"services/ingest/run.go", "github.com/nats-io/nats.go"},
		{"services/ingest/cmd/ingest/main.go", m + "services/ingest"},
		{"services/onec-adapter/internal/onec/client_test.go", m + "services/onec-adapter/onectest"},
		{"services/callbus/up.go", m + "services/onec-adapter/onectest"},
		{"services/callbus/up_test.go", m + "internal/natstest"},
		{"test/e2e/e2e_test.go", m + "services/ingest/internal/httpfront"},
		{"test/farm/trace_test.go", m + "test/rig"},
		{"test/load/load.go", "example.org/anything"},
	} {
		files = append(files, rooms.File{Path: allowed.file, Imports: []string{"C", "net/http", allowed.imported}})
	}
	if diff := cmp.Diff([]string(nil), rooms.Doors(files)); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAPackageInNoRoomIsReportedOnce(t *testing.T) {
	got := rooms.Doors([]rooms.File{{Path: "services/pbx/a.go"}, {Path: "services/pbx/b.go"}, {Path: "internal/util/util.go"}, {Path: "deploy/x.go"}})
	want := []string{
		"deploy: is in no room; name its room in internal/rooms and docs/architecture.md",
		"internal/util: is in no room; name its room in internal/rooms and docs/architecture.md",
		"services/pbx: is in no room; name its room in internal/rooms and docs/architecture.md",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestReadSeesEveryFileWithItsImportsAndItsComment(t *testing.T) {
	root := fstest.MapFS{
		"a/a.go":                   {Data: []byte("// Package a is here.\npackage a\n\nimport (\n\tx \"net/http\"\n\t_ \"example.org/b\"\n)\n")},
		"a/a_windows.go":           {Data: []byte("//go:build windows\n\npackage a\n\nimport \"example.org/only-on-windows\"\n")},
		"a/a_test.go":              {Data: []byte("package a_test\n")},
		"a/testdata/broken.go":     {Data: []byte("this is not Go")},
		"node_modules/x/x.go":      {Data: []byte("package x\n")},
		".hidden/y.go":             {Data: []byte("package y\n")},
		"test/peers/js/readme.txt": {Data: []byte("no Go")},
	}
	got, err := rooms.Read(root)
	if err != nil {
		t.Fatal(err)
	}
	want := []rooms.File{
		{Path: "a/a.go", Package: "a", Doc: "Package a is here.\n", Imports: []string{"net/http", "example.org/b"}},
		{Path: "a/a_test.go", Package: "a_test"},
		{Path: "a/a_windows.go", Package: "a", Imports: []string{"example.org/only-on-windows"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if _, err := rooms.Read(fstest.MapFS{"a.go": {Data: []byte("no Go")}}); err == nil {
		t.Error("a file that does not parse is no error")
	}
}

func TestAPackageWithoutACommentIsReported(t *testing.T) {
	got := rooms.Undocumented([]rooms.File{
		{Path: "a/a.go", Package: "a"}, {Path: "a/a_test.go", Package: "a", Doc: "Package of tests.\n"},
		{Path: "b/b.go", Package: "b"}, {Path: "b/doc.go", Package: "b", Doc: "Package b is for b.\n"},
		{Path: "c/c.go", Package: "c", Doc: "Copyright nobody.\n"},
		{Path: "cmd/d/main.go", Package: "main", Doc: "Command d does it.\n"},
		{Path: "cmd/e/main.go", Package: "main"},
		{Path: "test/f/f_test.go", Package: "f_test", Doc: "Package f_test claims things.\n"},
	})
	want := []string{"a", "c", "cmd/e"}
	for i, line := range got {
		got[i], _, _ = strings.Cut(line, ":")
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

// house reads the repository. The files are opened by the test itself, so that the go command's test cache knows of them.
func house(t *testing.T) []rooms.File {
	t.Helper()
	files, err := rooms.Read(os.DirFS("../.."))
	if err != nil {
		t.Fatal(err)
	}
	return files
}
