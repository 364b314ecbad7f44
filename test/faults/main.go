// Command faults runs the real programs on loopback, kills, freezes and disconnects them at moments drawn from a seed,
// and checks what phones were promised against what 1C heard (docs/wire.md §4).
//
//	go run ./faults                      two adapters, a broker, a 1C that misbehaves: the first 60 seconds
//	go run ./faults -scenario away       a 1C that is away for 60 s: refusing, hanging, answering 503
//	go run ./faults -scenario kill-up    kill -9 of "callbus up" in the middle of 500 hits
//	go run ./faults -scenario lanes      2, 4 and 3 lanes under load, adapters and the command killed in the middle
//	go run ./faults -scenario adapters   three adapters of one target, stopped and started in turn: the gaps of the lanes
//	go run ./faults -scenario cluster    three NATS servers, one at a time killed, frozen, cut off, unplugged, restarted
//
// It ends with a table, and with 1 and the seed where a promise was broken. The same seed makes the same plan of hits,
// faults and misdeeds of 1C; what the machine makes of it differs.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	scenario string
	seed     uint64
	seconds  int
	hits     int
	lines    int
	away     time.Duration
	keep     string
	race     bool
}

func main() {
	var o options
	flag.StringVar(&o.scenario, "scenario", "mix", "mix, away, kill-up, lanes, adapters or cluster")
	flag.Uint64Var(&o.seed, "seed", 0, "of the plan; 0: another one each time")
	flag.IntVar(&o.seconds, "seconds", 60, "length of mix, adapters and cluster; the last part of it is for what is left to deliver")
	flag.IntVar(&o.hits, "hits", 2000, "hits of all phones in the mix")
	flag.IntVar(&o.lines, "lines", 40, "lines in the mix")
	flag.DurationVar(&o.away, "away", time.Minute, "how long 1C is away in -scenario away")
	flag.StringVar(&o.keep, "keep", "", "folder for logs and stores; a temporary one, kept only where something broke, if empty")
	flag.BoolVar(&o.race, "race", false, "build the programs with the race detector; a race found breaks the run")
	flag.Parse()
	if o.seed == 0 {
		o.seed = uint64(rand.Uint32())
	}
	os.Exit(run(o))
}

var scenarios = map[string]func(context.Context, *bench) ([]*outcome, error){
	"mix":      mix,
	"away":     away,
	"kill-up":  killUp,
	"lanes":    lanes,
	"cluster":  cluster,
	"adapters": rolling,
}

// run returns 0 where every promise held, 1 where one was broken, and 2 where the harness itself failed.
func run(o options) int {
	scenario := scenarios[o.scenario]
	if scenario == nil {
		fmt.Fprintf(os.Stderr, "faults: there is no scenario %q; want mix, away, kill-up, lanes, adapters or cluster\n", o.scenario)
		return 2
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	b, err := newBench(ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "faults: %v\n", err)
		return 2
	}
	code := 2
	defer func() { b.close(code) }()
	outcomes, err := scenario(ctx, b)
	if there := ended(0); errors.As(err, &there) {
		code = int(there)
		return code
	}
	if err != nil {
		fmt.Fprintf(os.Stderr, "faults: seed %d: %v\n", o.seed, err)
		return code
	}
	code = 0
	for _, each := range outcomes {
		each.print(os.Stdout, b)
		if each.brokenPromises() > 0 {
			code = 1
		}
	}
	if code != 0 {
		fmt.Printf("BROKEN: go run ./faults -scenario %s -seed %d; logs and stores are in %s\n", o.scenario, o.seed, b.dir)
	}
	return code
}
