// Package rooms is the map of the house, "Rooms and doors" of docs/architecture.md, as a test: which package may import which.
//
// Its test reads the files themselves with go/parser. A version that ran `go list` was served a cached pass with violations
// present: the go command looks only at what a test opens itself.
package rooms

import (
	"path"
	"slices"
	"strings"
)

// Module is the module that ships; everything of ours begins with it.
const Module = "github.com/callbus/callbus"

// room is one row of the table. Paths are relative to the module; one that ends in /... means everything below it.
type room struct {
	path   string
	ours   []string // packages of ours that it may import
	others []string // modules of others that it may import; the standard library always
	tests  []string // modules of others that its tests may import besides
}

const (
	zerolog    = "github.com/rs/zerolog"
	prometheus = "github.com/prometheus/client_golang"
	natsGo     = "github.com/nats-io/nats.go"
	natsServer = "github.com/nats-io/nats-server/v2"
	nkeys      = "github.com/nats-io/nkeys"
	protobuf   = "google.golang.org/protobuf"
	uuid       = "github.com/google/uuid"
	yaml       = "go.yaml.in/yaml/v3"
	xsync      = "golang.org/x/sync"
	xtext      = "golang.org/x/text"
	xtime      = "golang.org/x/time"
	isatty     = "github.com/mattn/go-isatty"
	lru        = "github.com/hashicorp/golang-lru/v2"
	goCmp      = "github.com/google/go-cmp"
)

const (
	program  = "internal/program"
	natstest = "internal/natstest"
	porttest = "internal/porttest"
	onectest = "services/onec-adapter/onectest"
)

var (
	domain = []string{"internal/call", "internal/phone", "internal/verdict"}
	// furniture, each piece standing on those before it.
	furniture = []string{"internal/config", "internal/telemetry", "internal/lifecycle", "internal/admin"}
	// shared is what the services' root packages put together. natstest is not in it: no server for tests ships.
	shared = with(slices.Concat(domain, furniture), program, "internal/stream", "internal/broker", "proto/calls/v1")
	// forMain: a main turns flags into Options and a signal into the end of a context, and nothing else.
	forMain = []string{program, "internal/config", "internal/telemetry", "internal/lifecycle"}

	watching = []string{zerolog, prometheus}
)

// table has one row for each room; the first that matches counts.
var table = []room{
	// The domain knows the standard library, and the numbering plans of the world.
	{path: "internal/phone", others: []string{"github.com/nyaruka/phonenumbers"}},
	{path: "internal/verdict"},
	{path: "internal/call", ours: []string{"internal/phone"}},
	{path: "proto/calls/v1", others: []string{protobuf}},

	// Furniture stands on furniture, downwards only: config, telemetry, lifecycle, admin.
	{path: "internal/config", others: []string{"github.com/peterbourgon/ff/v3", yaml}},
	{
		path:   "internal/telemetry",
		ours:   furnitureBelow("internal/telemetry"),
		others: []string{zerolog, isatty},
	},
	{path: "internal/lifecycle", ours: furnitureBelow("internal/lifecycle"), others: []string{zerolog}},
	{path: "internal/admin", ours: furnitureBelow("internal/admin"), others: []string{zerolog, prometheus, xsync}},

	{path: program, ours: furniture, others: []string{zerolog}},

	// The two rooms that speak NATS: one is the server, the other the client.
	{
		path:   "internal/broker",
		ours:   furniture,
		others: []string{zerolog, natsServer, nkeys, "github.com/gofrs/flock", "golang.org/x/sys"},
		tests:  []string{natsGo},
	},
	{path: "internal/stream", ours: with(domain, "proto/calls/v1"), others: []string{natsGo, protobuf, uuid, xtime, lru}},
	{path: porttest},
	{path: natstest, ours: []string{"internal/broker", "internal/stream", porttest}, others: []string{natsServer, natsGo, nkeys}},
	{path: "internal/rooms"},

	// Inside a service nobody speaks NATS: the job is phones, or 1C.
	{
		// Who may speak is decided without knowing HTTP or files.
		path:   "services/ingest/internal/access",
		ours:   []string{"internal/call", "internal/phone", "services/ingest/internal/dialect"},
		others: []string{lru, xtext, xtime},
	},
	{
		path:   "services/ingest/internal/...",
		ours:   with(domain, "services/ingest/internal/..."),
		others: with(watching, "github.com/gorilla/mux", lru, uuid, xsync, xtext, xtime),
		tests:  []string{yaml},
	},
	{
		path:   "services/onec-adapter/internal/...",
		ours:   with(domain, "services/onec-adapter/internal/..."),
		others: with(watching, xsync, xtext, xtime),
		tests:  []string{yaml},
	},
	{path: onectest, others: []string{xtext}},
	{path: "services/ingest/ingesttest", ours: []string{"internal/call", "services/ingest/internal/httpfront"}, others: []string{zerolog, uuid}},

	// The only places where parts meet.
	{
		path:   "services/ingest",
		ours:   with(shared, "services/ingest/internal/..."),
		others: with(watching, lru, natsGo, uuid, xsync, xtime),
	},
	{
		// No broker: an adapter does not carry a NATS server.
		path:   "services/onec-adapter",
		ours:   without(with(shared, "services/onec-adapter/internal/..."), "internal/broker"),
		others: with(watching, natsGo, uuid, xsync, xtime),
	},
	{
		path:   "services/callbus",
		ours:   with(shared, "services/ingest", "services/onec-adapter", onectest, "services/callbus/internal/..."),
		others: with(watching, natsGo, nkeys, uuid, xsync, xtime, "golang.org/x/term", "github.com/kardianos/service"),
	},
	{
		path:   "services/callbus/internal/...",
		ours:   with(shared, "services/onec-adapter", "services/callbus/internal/..."),
		others: with(watching, natsGo, nkeys, uuid, xsync, xtime),
	},

	{path: "services/ingest/cmd/...", ours: with(forMain, "services/ingest"), others: []string{zerolog}},
	{path: "services/onec-adapter/cmd/...", ours: with(forMain, "services/onec-adapter"), others: []string{zerolog}},
	{path: "services/callbus/cmd/...", ours: with(forMain, "services/callbus"), others: []string{zerolog}},

	// Never ships. The farm of phones is a reading of its own of what phones say: it knows nothing of ingest's.
	{
		path:   "test/farm/...",
		ours:   []string{"test/farm/...", "test/rig"},
		others: []string{yaml, natsGo},
	},
	{path: "test/...", ours: []string{"..."}, others: []string{"..."}},
}

// with adds to a list without touching it.
func with(list []string, more ...string) []string { return slices.Concat(list, more) }

func without(list []string, one string) []string {
	return slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == one })
}

// furnitureBelow lists what stands below a piece of furniture.
func furnitureBelow(piece string) []string {
	return furniture[:slices.Index(furniture, piece)]
}

func roomOf(dir string) (room, bool) {
	i := slices.IndexFunc(table, func(r room) bool { return covers(r.path, dir) })
	if i < 0 {
		return room{}, false
	}
	return table[i], true
}

// mayImport says whether a file may have an import: of ours, of others or of the standard library.
func (r room) mayImport(f File, imported string) bool {
	if ours, ok := strings.CutPrefix(imported, Module+"/"); ok {
		return coveredByAny(r.oursFor(f), ours)
	}
	if first, _, _ := strings.Cut(imported, "/"); !strings.Contains(first, ".") {
		return true // the standard library: its first element is no host name
	}
	others := r.others
	if f.isTest() {
		others = with(slices.Concat(others, r.tests), goCmp)
	}
	return slices.ContainsFunc(others, func(module string) bool { return covers(module+"/...", imported) })
}

// oursFor adds to a test what no shipping file may have: its own package from outside, a free port, a NATS server, a stand-in 1C.
// ingest's tests get no 1C: the stream is the only thing that the two services share.
func (r room) oursFor(f File) []string {
	if !f.isTest() {
		return r.ours
	}
	ours := with(r.ours, f.dir(), natstest, porttest)
	if covers("services/onec-adapter/...", f.Path) || covers("services/callbus/...", f.Path) {
		ours = append(ours, onectest)
	}
	return ours
}

func coveredByAny(patterns []string, p string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool { return covers(pattern, p) })
}

// covers matches a/... with a itself and everything below it, and ... with everything.
func covers(pattern, p string) bool {
	below, ok := strings.CutSuffix(pattern, "...")
	if !ok {
		return pattern == p
	}
	below = strings.TrimSuffix(below, "/")
	return below == "" || below == "..." || p == below || strings.HasPrefix(p, below+"/")
}

func (f File) dir() string  { return path.Dir(f.Path) }
func (f File) isTest() bool { return strings.HasSuffix(f.Path, "_test.go") }
