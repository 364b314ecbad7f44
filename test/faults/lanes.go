package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

const (
	lanesRate  = 50 // hits a second of all lines
	lanesLines = 30
	// mostLanes of the sets that are in force one after another; there must never be more calls at once.
	mostLanes = 4
)

// lanes changes the number of lanes of a target from 2 to 4 to 3 under load. In the middle of the first change an adapter is
// killed; in the middle of the second one the command, so that the adapters bring it to its end.
func lanes(ctx context.Context, b *bench) ([]*outcome, error) {
	r, err := b.newRoom(ctx, "lanes", 2, 2, onectest.Options{Latency: latency})
	if err != nil {
		return nil, err
	}
	dice := rand.New(rand.NewPCG(b.seed, 300))
	length := time.Duration(b.seconds) * time.Second * 4 / 5
	var plan []planned
	for i := range lanesLines {
		plan = append(plan, planLine(dice, fmt.Sprint(101+i), int(length.Seconds()*lanesRate)/lanesLines, 0, length)...)
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.phones.run(ctx, plan, r.begin) })
	err = r.changeLanes(ctx, b, dice)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	set, err := r.settled(ctx)
	if err != nil {
		return nil, err
	}
	o, err := r.finish(ctx, time.Minute, check.Rules{Target: target, Sessions: mostLanes, NoDead: true, AllOK: true})
	if err != nil {
		return nil, err
	}
	if set.Lanes != 3 || set.Generation != 3 || set.Change != nil {
		o.deaths = append(o.deaths, fmt.Sprintf("the set of lanes in force is %+v, want 3 lanes of generation 3", set))
	}
	return []*outcome{o}, nil
}

func (r *room) changeLanes(ctx context.Context, b *bench, dice *rand.Rand) error {
	moment := func(d time.Duration) time.Duration { return time.Duration(dice.Int64N(int64(d))) }
	sleep(ctx, 3*time.Second)
	first, err := r.lanesCommand(ctx, b, 4)
	if err != nil {
		return err
	}
	sleep(ctx, moment(100*time.Millisecond)) // most of it is the start of the command
	if err := killAdapter(ctx, r, fault{what: "adapter: kill -9", back: time.Second}); err != nil {
		return err
	}
	begin := time.Now()
	if err := first.Wait(); err != nil {
		return fmt.Errorf("callbus lanes main 4: %w", err)
	}
	r.note("4 lanes are in force, %d ms after the killed adapter was back", time.Since(begin).Milliseconds())
	sleep(ctx, 3*time.Second)
	second, err := r.lanesCommand(ctx, b, 3)
	if err != nil {
		return err
	}
	under := func(s stream.LaneSet) bool { return s.Change != nil || s.Generation == 3 }
	if !r.untilSet(ctx, startLimit, under) {
		return errors.New("callbus lanes main 3 was never seen at work")
	}
	sleep(ctx, moment(5*time.Millisecond))
	_ = second.Process.Kill() // it may have come to its end
	r.did("callbus lanes: kill -9", "kill -9 of callbus lanes main 3: %v", second.Wait())
	sleep(ctx, moment(200*time.Millisecond))
	return killAdapter(ctx, r, fault{what: "adapter: kill -9", back: time.Second})
}

// lanesCommand starts callbus lanes.
func (r *room) lanesCommand(ctx context.Context, b *bench, n int) (*exec.Cmd, error) {
	log, err := os.OpenFile(filepath.Join(b.dir, r.name, "lanes.log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, err
	}
	defer log.Close()
	cmd := exec.CommandContext(ctx, b.bin("callbus"), "lanes", target, strconv.Itoa(n),
		"--nats", "nats://"+r.nats, "--nats-creds", r.creds, "--lang", "en")
	cmd.Stdout, cmd.Stderr = log, log
	r.did("lanes changed", "%s", strings.Join(cmd.Args[1:4], " "))
	return cmd, cmd.Start()
}

// settled waits until the second change has been brought to its end, and the old lanes are gone.
func (r *room) settled(ctx context.Context) (set stream.LaneSet, err error) {
	r.untilSet(ctx, 30*time.Second, func(s stream.LaneSet) bool { set = s; return s.Change == nil && s.Generation == 3 })
	return set, ctx.Err()
}

func (r *room) untilSet(ctx context.Context, limit time.Duration, is func(stream.LaneSet) bool) bool {
	nc, err := stream.Connect(stream.ConnectOptions{Name: "faults", URL: "nats://" + r.nats, Creds: r.creds})
	if err != nil {
		return false
	}
	defer nc.Close()
	for end := time.Now().Add(limit); time.Now().Before(end); {
		look, done := context.WithTimeout(ctx, time.Second)
		set, err := stream.PlannedChange(look, nc, target)
		done()
		if err == nil && is(set) {
			return true
		}
		if !sleep(ctx, 2*time.Millisecond) {
			return false
		}
	}
	return false
}
