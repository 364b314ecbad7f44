package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

const (
	branchLines = 20
	branchRate  = 25 // hits a second of all lines
	// passLimit is how long the branch may take until the hub has everything.
	passLimit = 2 * time.Minute
	// endLimit is how long 1C may take for what has come late: four calls at once of 85 ms are 47 events a second.
	endLimit = 5 * time.Minute
	// longCut is longer than the hub remembers ids; a run of longRun or more has one.
	longCut, longRun = 130 * time.Second, 200 * time.Second
)

// office is a branch and its hub, each on a machine of its own with a cable between them (nil: both on this one).
type office struct {
	*room
	branch, hub         *program
	onBranch, onHub     *machine
	branchNATS, hubNATS string
	branchKey           string
	dice                *rand.Rand
}

// branch lets phones call an ingest that forwards to a hub, whose adapters call 1C. Either is killed and frozen, and the cable is cut, both
// ways and one way: then what the branch sends arrives, and no answer comes back. The checker looks at the hub alone: what
// the branch has answered with 200 is there, once, each line's in order.
func branch(ctx context.Context, b *bench) ([]*outcome, error) {
	if there, gone := intoNetwork(ctx, b, "cutting the cable between branch and hub"); gone {
		return nil, there
	}
	o, err := b.newOffice(ctx)
	if err != nil {
		return nil, err
	}
	defer o.leave()
	length := time.Duration(b.seconds) * time.Second * 4 / 5
	var plan []planned
	for i := range branchLines {
		plan = append(plan, planLine(o.dice, fmt.Sprint(101+i), int(length.Seconds())*branchRate/branchLines, 0, length)...)
	}
	var wg sync.WaitGroup
	wg.Go(func() { o.phones.run(ctx, plan, o.begin) })
	err = o.suffer(ctx, length)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	if err := o.passed(ctx); err != nil {
		return nil, err
	}
	together, err := o.grouped(ctx)
	if err != nil {
		return nil, err
	}
	end, err := o.finish(ctx, endLimit, check.Rules{Target: target, Sessions: sessions, NoDead: true})
	if err != nil {
		return nil, err
	}
	end.together = together
	end.mustGroup()
	if err := o.hub.stop(stopLimit); err != nil {
		end.deaths = append(end.deaths, err.Error())
	}
	end.deaths = append(end.deaths, o.hub.died()...)
	return []*outcome{end}, nil
}

func (b *bench) newOffice(ctx context.Context) (*office, error) {
	r, err := b.furnish("branch", onectest.Options{Latency: slowly})
	if err != nil {
		return nil, err
	}
	o := &office{room: r, dice: rand.New(rand.NewPCG(b.seed, 600))}
	if err := o.place(ctx); err != nil {
		o.leave()
		return nil, err
	}
	hubStore, branchStore := filepath.Join(b.dir, r.name, "hub-store"), filepath.Join(b.dir, r.name, "branch-store")
	r.nats, r.creds, o.branchKey = o.hubNATS, filepath.Join(hubStore, "nats.creds"), filepath.Join(branchStore, "nats.creds")
	key := filepath.Join(b.dir, r.name, "b2.creds")
	if o.hub, err = b.program(r.name, "hub", "ingest", "--http", "127.0.0.1:0", "--admin", "", "--store", hubStore, "--nats-listen", o.listen(o.hubNATS)); err != nil {
		return nil, err
	}
	o.hub.on(o.onHub)
	if err := errors.Join(o.hub.start(), untilOpen(ctx, o.hubNATS, startLimit)); err != nil {
		return nil, err
	}
	admit := exec.CommandContext(ctx, b.bin("callbus"), "branch", "add", "b2", "--out", key, "--data", hubStore, "--nats", "nats://"+o.hubNATS)
	if said, err := admit.CombinedOutput(); err != nil {
		return nil, fmt.Errorf("admit the branch: %w %s", err, said)
	}
	o.branch, err = b.program(r.name, "branch", "ingest", "--http", r.phones.addr, "--admin", "", "--store", branchStore, "--nats-listen", o.branchNATS,
		"--site", "b2", "--hub", "nats://"+o.across(), "--hub-creds", key)
	if err != nil {
		return nil, err
	}
	o.branch.on(o.onBranch)
	r.ingest = o.branch
	if err := errors.Join(r.startIngest(ctx), r.hireAdapters(b, 2, sessions)); err != nil {
		return nil, err
	}
	r.begin = time.Now()
	return o, nil
}

// place says where both are.
func (o *office) place(ctx context.Context) error {
	if os.Getenv(insideEnv) == "" {
		ports, err := freePorts(2)
		if err == nil {
			o.branchNATS, o.hubNATS = ports[0], ports[1]
		}
		return err
	}
	machines, err := layCables(ctx, 2)
	if err != nil {
		return err
	}
	o.onBranch, o.onHub = machines[0], machines[1]
	o.phones.addr, o.branchNATS, o.hubNATS = "10.77.1.2:8080", "10.77.1.2:4222", "10.77.2.2:4222"
	return nil
}

// listen is where the hub's NATS listens: on both cables.
func (o *office) listen(addr string) string {
	if o.onHub == nil {
		return addr
	}
	return "0.0.0.0:4222"
}

// across is the hub as the branch sees it.
func (o *office) across() string {
	if o.onHub == nil {
		return o.hubNATS
	}
	return "10.77.100.2:4222"
}

func (o *office) leave() {
	for _, m := range []*machine{o.onBranch, o.onHub} {
		if m != nil {
			m.remove()
		}
	}
}

// harm is a fault that a branch must bear: it is done, lasts, and is undone.
type harm struct {
	what     string
	cable    bool
	do, undo func(context.Context, *office) error
}

var harms = []harm{
	{"cable: cut", true, func(ctx context.Context, o *office) error { return o.onBranch.cut(ctx) }, plugIn},
	{"cable: cut one way", true, noAnswers, answers},
	{"hub: kill -9", false, func(_ context.Context, o *office) error { o.hub.kill(); return nil }, startHub},
	{"branch: kill -9", false, func(_ context.Context, o *office) error { o.branch.kill(); return nil }, startBranch},
	{"hub: SIGSTOP", false, func(_ context.Context, o *office) error { return o.hub.freeze() }, func(_ context.Context, o *office) error { return o.hub.thaw() }},
	{"branch: SIGSTOP", false, func(_ context.Context, o *office) error { return o.branch.freeze() }, func(_ context.Context, o *office) error { return o.branch.thaw() }},
	{"both: kill -9", false, func(_ context.Context, o *office) error { o.hub.kill(); o.branch.kill(); return nil }, startBoth},
	{"branch: kill -9 while no answer comes", true, func(ctx context.Context, o *office) error {
		if err := noAnswers(ctx, o); err != nil {
			return err
		}
		sleep(ctx, 300*time.Millisecond) // some publishes are on their way
		o.branch.kill()
		return answers(ctx, o)
	}, startBranch},
	{"hub: kill -9 while no answer comes", true, func(ctx context.Context, o *office) error {
		if err := noAnswers(ctx, o); err != nil {
			return err
		}
		sleep(ctx, 300*time.Millisecond)
		o.hub.kill()
		return answers(ctx, o)
	}, startHub},
}

func noAnswers(ctx context.Context, o *office) error { return o.onHub.mute(ctx, o.onBranch) }
func answers(ctx context.Context, o *office) error   { return o.onHub.unmute(ctx, o.onBranch) }
func plugIn(ctx context.Context, o *office) error    { return o.onBranch.plug(ctx) }
func startHub(_ context.Context, o *office) error    { return o.hub.start() }
func startBranch(_ context.Context, o *office) error { return o.branch.start() }

func startBoth(ctx context.Context, o *office) error {
	if err := o.branch.start(); err != nil {
		return err
	}
	sleep(ctx, time.Duration(o.dice.Int64N(int64(time.Second)))) // the branch is there before its hub
	return o.hub.start()
}

// suffer goes through the harms in a drawn order, again and again for most of the time, each once at least.
func (o *office) suffer(ctx context.Context, length time.Duration) error {
	until := o.begin.Add(length * 3 / 4)
	if length >= longRun*4/5 && o.onHub != nil {
		if err := o.longCut(ctx); err != nil {
			return err
		}
	}
	// All of them fit in, each with a time to catch up behind it.
	most := max(time.Second, min(8*time.Second, length*3/4/time.Duration(len(harms))-700*time.Millisecond))
	for round := 0; round == 0 || time.Now().Before(until); round++ {
		for _, i := range o.dice.Perm(len(harms)) {
			last := 300*time.Millisecond + time.Duration(o.dice.Int64N(int64(most)))
			h := harms[i]
			if h.cable && o.onHub == nil || round > 0 && time.Now().After(until) {
				continue
			}
			if err := o.strike(ctx, h, last); err != nil {
				return err
			}
		}
	}
	return ctx.Err()
}

func (o *office) strike(ctx context.Context, h harm, last time.Duration) error {
	o.amid(ctx, o.dice)
	o.did(h.what, "%s, for %d ms", h.what, last.Milliseconds())
	if err := h.do(ctx, o); err != nil {
		return fmt.Errorf("%s: %w", h.what, err)
	}
	sleep(ctx, last)
	if err := h.undo(ctx, o); err != nil {
		return fmt.Errorf("after %s: %w", h.what, err)
	}
	sleep(ctx, 400*time.Millisecond)
	return ctx.Err()
}

// longCut cuts the cable in the middle of publishes for longer than the hub remembers their ids.
func (o *office) longCut(ctx context.Context) error {
	sleep(ctx, 5*time.Second)
	if err := noAnswers(ctx, o); err != nil {
		return err
	}
	sleep(ctx, 300*time.Millisecond)
	o.did("cable: cut for longer than the dedup window", "cable cut while no answer comes, for %v", longCut)
	if err := errors.Join(o.onBranch.cut(ctx), answers(ctx, o)); err != nil {
		return err
	}
	sleep(ctx, longCut)
	return plugIn(ctx, o)
}

// grouped are the events that the branch has stored together: to the hub they go one by one.
func (o *office) grouped(ctx context.Context) (groups, error) {
	s, err := openStore(o.branchNATS, o.branchKey)
	if err != nil {
		return groups{}, err
	}
	defer s.close()
	events, err := s.events(ctx)
	return grouped(events), err
}

// passed waits until the hub has what the branch has.
func (o *office) passed(ctx context.Context) error {
	nc, err := stream.Connect(stream.ConnectOptions{Name: "faults", URL: "nats://" + o.branchNATS, Creds: o.branchKey})
	if err != nil {
		return err
	}
	defer nc.Close()
	begin, left := time.Now(), stream.Backlog{}
	for time.Since(begin) < passLimit {
		look, done := context.WithTimeout(ctx, 2*time.Second)
		left, err = stream.HubBacklog(look, nc)
		done()
		if err == nil && left.Waiting == 0 {
			o.note("the hub has everything, %d ms after the last hit", time.Since(begin).Milliseconds())
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
	return fmt.Errorf("%d events of the branch have not passed within %v (%w)", left.Waiting, passLimit, err)
}
