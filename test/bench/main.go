// Command bench measures how fast Callbus is: beside the limit of what this machine can do, and beside other software that does
// the same job, in one run, so that the ratios mean something on another machine too.
//
//	go run ./bench                  everything, in minutes
//	go run ./bench -only ingest     one point of it
//	go run ./bench -scale 0.1       a tenth of it, to see whether it works
//	go run ./bench -doc ../docs/performance.md
//
// It starts the real programs, on loopback and in a folder of its own, and ends with 1 where a hit was not answered 200 or an
// event is missing: what loses something must not be called fast. It needs /proc, so it runs on Linux.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"
)

// options are the flags.
type options struct {
	only    string
	scale   float64
	dir     string
	doc     string
	profile string
	seed    uint64
}

// points are what is measured, in the order of docs/performance.md. Heavy things stand last: a disk is slower after them.
var points = []struct {
	name    string
	measure func(context.Context, *bench) ([]block, error)
}{
	{"machine", machine},
	{"ingest", ingestPoint},
	{"peers", peersPoint},
	{"adapter", adapterPoint},
	{"end-to-end", endToEndPoint},
	{"rest", restPoint},
	{"growth", growthPoint},
	{"catch-up", catchUpPoint},
}

func main() {
	if len(os.Args) > 1 && roles[os.Args[1]] != nil {
		if err := roles[os.Args[1]](os.Args[2:]); err != nil {
			fmt.Fprintf(os.Stderr, "bench %s: %v\n", os.Args[1], err)
			os.Exit(1)
		}
		return
	}
	var o options
	flag.StringVar(&o.only, "only", "", "points to measure, with commas; all if empty: "+strings.Join(names(), " "))
	flag.Float64Var(&o.scale, "scale", 1, "of times and amounts: 0.1 only shows whether the bench works")
	flag.StringVar(&o.dir, "dir", "", "folder for stores, on the disk to measure; a temporary one if empty")
	flag.StringVar(&o.doc, "doc", "", "document whose tables are replaced by what was measured")
	flag.StringVar(&o.profile, "profile", "", "folder for CPU profiles of ingest and adapter: they are the same code inside the bench's binary then")
	flag.Uint64Var(&o.seed, "seed", 1, "of the random moments of hits")
	flag.Parse()
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	if err := run(ctx, o); err != nil {
		fmt.Fprintf(os.Stderr, "bench: %v\n", err)
		os.Exit(1)
	}
}

func names() (all []string) {
	for _, p := range points {
		all = append(all, p.name)
	}
	return all
}

func run(ctx context.Context, o options) error {
	wanted, err := wantedOf(o.only)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, o)
	if err != nil {
		return err
	}
	defer b.close()
	measured := map[string]string{}
	for _, p := range points {
		if !slices.Contains(wanted, p.name) {
			continue
		}
		begin := time.Now()
		blocks, err := p.measure(ctx, b)
		if err != nil {
			return fmt.Errorf("%s: %w", p.name, err)
		}
		measured[p.name] = text(blocks)
		fmt.Printf("\n## %s (%.0f s)\n\n%s", p.name, time.Since(begin).Seconds(), measured[p.name])
	}
	if o.doc == "" {
		return nil
	}
	return fill(o.doc, measured)
}

// wantedOf has the machine always: figures say nothing without it.
func wantedOf(only string) ([]string, error) {
	if only == "" {
		return names(), nil
	}
	wanted := append(strings.Split(only, ","), "machine")
	for _, name := range wanted {
		if !slices.Contains(names(), name) {
			return nil, errors.New("no point is called " + name + ": there are " + strings.Join(names(), " "))
		}
	}
	return wanted, nil
}
