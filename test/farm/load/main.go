// Command load lets a farm of desk phones work at many times the rate of an office's busy hour against a real ingest, and
// says whether a hit was lost and whether memory stays flat.
//
//	go run ./farm/load -seconds 60
//
// 200 phones of all makes, weighted as in a Russian office and each with a token of its own, play the farm's stories with
// people who call only once. In an office 1,000 phones send 10 to 30 hits a second in the busy hour, so 200 send 6 at most:
// 120 is 20 times that.
//
// It ends with 0 where every hit that was answered 200 is on the streams once and in order (or is the second telling of what
// is), no hit went unanswered, and memory is flat; with 1 where not; with 2 where the program itself failed.
package main

import (
	"context"
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
	seconds int
	rate    float64
	phones  int
	seed    uint64
	keep    string
}

func main() {
	var o options
	flag.IntVar(&o.seconds, "seconds", 60, "how long the phones work")
	flag.Float64Var(&o.rate, "rate", 120, "hits a second of all phones together")
	flag.IntVar(&o.phones, "phones", 200, "phones, at most 1000")
	flag.Uint64Var(&o.seed, "seed", 0, "of who calls whom and when; 0: another one each time")
	flag.StringVar(&o.keep, "keep", "", "folder for the store and the log; a temporary one if empty")
	flag.Parse()
	if o.seed == 0 {
		o.seed = uint64(rand.Uint32())
	}
	if o.phones < 1 || o.phones > 1000 || o.seconds < 1 || o.rate <= 0 {
		fmt.Fprintln(os.Stderr, "load: want 1 to 1000 phones, a second at least, and a rate")
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	faults, err := run(ctx, o)
	if err != nil {
		fmt.Fprintf(os.Stderr, "load: seed %d: %v\n", o.seed, err)
		os.Exit(2)
	}
	if len(faults) > 0 {
		fmt.Printf("BROKEN, seed %d:\n", o.seed)
		for _, fault := range faults {
			fmt.Println("  " + fault)
		}
		os.Exit(1)
	}
	fmt.Println("every hit that was answered is stored once and in order, and memory is flat")
}

func run(ctx context.Context, o options) (faults []string, err error) {
	dir := o.keep
	if dir == "" {
		if dir, err = os.MkdirTemp("", "callbus-farm-"); err != nil {
			return nil, err
		}
		defer os.RemoveAll(dir)
	}
	in, err := startIngest(ctx, dir, o.phones)
	if err != nil {
		return nil, err
	}
	defer in.kill()
	desks := furnish(o, in)
	fmt.Printf("%d phones at %.0f hits/s for %d s, seed %d: %s\n", o.phones, o.rate, o.seconds, o.seed, census(desks))

	tally := &tally{}
	watching, enough := context.WithCancel(ctx)
	watched := make(chan history, 1)
	go func() { watched <- watch(watching, in, tally) }()
	began := time.Now()
	work(ctx, o, desks, tally)
	took := time.Since(began)
	enough()
	memory := <-watched

	kept, err := in.stored(ctx)
	if err != nil {
		return nil, err
	}
	faults = compare(desks, kept)
	faults = append(faults, tally.faults()...)
	faults = append(faults, memory.faults()...)
	report(desks, kept, tally, memory, took)
	if err := in.stop(); err != nil {
		faults = append(faults, err.Error())
	}
	return faults, nil
}
