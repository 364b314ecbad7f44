// Command faults runs the real programs on loopback, kills, freezes and disconnects them at moments drawn from a seed,
// and checks what phones were promised against what 1C heard (docs/wire.md §4).
//
//	go run ./faults                      the first of the scenarios below, at its usual length
//	go run ./faults -scenario cluster    another one
//	go run ./faults -scenario all        each once, with one table at the end
//	go run ./faults -scenario all -long 1h   one after another, again and again, until the hour is over or a promise is broken
//
// It ends with a table, and with 1, the seed and the command to make it again where a promise was broken. The same seed makes
// the same plan of hits, faults and misdeeds of 1C; what the machine makes of it differs.
package main

import (
	"cmp"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// scenario is a kind of run. A new one is a line here.
type scenario struct {
	name    string
	seconds int // its usual length; the last part of it is for what is left to deliver
	least   int // seconds in which each of its faults has room
	play    func(context.Context, *bench) ([]*outcome, error)
	what    string
}

// Those that take the longest come first, so that side by side they end at about the same time.
var scenarios = []scenario{
	{"mix", 60, 16, mix, "two adapters, a broker, a 1C that misbehaves; all of them killed and frozen"},
	{"cluster", 60, 8, cluster, "three NATS servers, one at a time killed, frozen, cut off, unplugged, restarted"},
	{"disk", 15, 8, disk, "a disk full to the last byte; CALLS and ONEC full to their limits"},
	{"behind", 60, 24, behind, "a backlog that is worked off beside new calls, while adapters, broker and 1C go and come and the lanes change"},
	{"lanes", 30, 8, lanes, "2, 4 and 3 lanes under load, adapters and the command killed in the middle"},
	{"adapters", 60, 8, rolling, "three adapters of one target, stopped and started in turn: the gaps of the lanes"},
	{"branch", 30, 8, branch, "a branch and its hub, killed, frozen, and the cable between them cut, both ways and one way"},
	{"branch-cluster", 40, 8, branchOfCluster, "the same with a hub of three NATS servers"},
	{"away", 20, 8, away, "a 1C that is away: refusing, hanging, answering 503"},
	{"clock", 40, 8, clock, "the clocks of broker, ingest and adapters step by seconds, an hour, a day and a month, both ways"},
	{"power", 15, 8, power, "power cuts of the machine with the store"},
	{"unsynced", 8, 8, unsynced, "the same with a broker that does not fsync: what it loses must be found"},
	{"kill-up", 12, 8, killUp, `kill -9 of "callbus up"`},
}

// everything is the name for all of them.
const everything = "all"

// options are the flags.
type options struct {
	scenario string
	except   string
	seed     uint64
	seconds  int
	long     time.Duration
	together int
	keep     string
	race     bool
}

func main() {
	var o options
	flag.StringVar(&o.scenario, "scenario", scenarios[0].name, "what is done, or all:\n"+listing())
	flag.StringVar(&o.except, "except", "", "those that -scenario all leaves out, with commas")
	flag.Uint64Var(&o.seed, "seed", 0, "of the plan, of the first one where there are several; 0: another one each time")
	flag.IntVar(&o.seconds, "seconds", 0, "length, of all together where there are several; 0: as usual")
	flag.DurationVar(&o.long, "long", 0, "go on for so long, each time with another seed, until a promise is broken")
	flag.IntVar(&o.together, "together", 1, "how many scenarios run side by side")
	flag.StringVar(&o.keep, "keep", "", "folder for logs and stores; a temporary one, kept only where something broke, if empty")
	flag.BoolVar(&o.race, "race", false, "build the programs with the race detector; a race found breaks the run")
	flag.Parse()
	if o.seed == 0 {
		o.seed = uint64(rand.Uint32())
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	os.Exit(run(ctx, o))
}

func listing() string {
	var b strings.Builder
	for _, s := range scenarios {
		fmt.Fprintf(&b, "%-15s%4d s  %s\n", s.name, s.seconds, s.what)
	}
	return b.String()
}

// chosen is what -scenario names and -except does not.
func chosen(o options) (all []scenario) {
	for _, s := range scenarios {
		if (o.scenario == everything || o.scenario == s.name) && !slices.Contains(strings.Split(o.except, ","), s.name) {
			all = append(all, s)
		}
	}
	return all
}

// How a run ends.
const (
	held   = 0
	broken = 1 // a promise
	failed = 2 // the harness itself
)

func run(ctx context.Context, o options) int {
	of := chosen(o)
	if of == nil {
		fmt.Fprintf(os.Stderr, "faults: there is no scenario %q; there are\n%s", o.scenario, listing())
		return failed
	}
	w, err := newWorkshop(ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "faults: %v\n", err)
		return failed
	}
	code := failed
	defer func() { w.close(code) }()
	if len(of) == 1 && o.long == 0 {
		var f []figures
		f, code = w.once(ctx, turn{of[0], o.seed, cmp.Or(o.seconds, of[0].seconds)}, true)
		if !w.child {
			printTable(os.Stdout, f)
		}
		return code
	}
	code = w.series(ctx, o, of)
	return code
}
