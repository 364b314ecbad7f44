package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/callbus/callbus/internal/broker"
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
	branch     *program
	hub        *program // of a cluster the server that led CALLS when the last harm was done
	onBranch   *machine
	onHub      []*machine
	branchNATS string
	branchKey  string
	dice       *rand.Rand
	cluster    *servers // nil: the hub is an ingest with a store
}

// branch lets phones call an ingest that forwards to a hub, whose adapters call 1C. Either is killed and frozen, and the cable is cut, both
// ways and one way: then what the branch sends arrives, and no answer comes back. The checker looks at the hub alone: what
// the branch has answered with 200 is there, once, each line's in order.
func branch(ctx context.Context, b *bench) ([]*outcome, error) {
	return b.branchWith(ctx, (*office).openHub)
}

// branchOfCluster does it with a hub of three NATS servers, of which the one that leads CALLS is killed and frozen.
func branchOfCluster(ctx context.Context, b *bench) ([]*outcome, error) {
	return b.branchWith(ctx, (*office).raiseHub)
}

// branchWith plays it with a hub that is made in some way; the way returns the hub's URL as the branch sees it, and a key for it.
func (b *bench) branchWith(ctx context.Context, hub func(*office, context.Context, *bench) (url, key string, err error)) ([]*outcome, error) {
	if there, gone := intoNetwork(ctx, b, "cutting the cable between branch and hub"); gone {
		return nil, there
	}
	o, err := b.newOffice(ctx, hub)
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
	end.deaths = append(end.deaths, o.closeHub()...)
	return []*outcome{end}, nil
}

func (b *bench) newOffice(ctx context.Context, hub func(*office, context.Context, *bench) (url, key string, err error)) (*office, error) {
	r, err := b.furnish(b.scenario.name, onectest.Options{Latency: slowly})
	if err != nil {
		return nil, err
	}
	o := &office{room: r, dice: rand.New(rand.NewPCG(b.seed, 600))}
	if err := o.open(ctx, b, hub); err != nil {
		o.leave()
		return nil, err
	}
	return o, nil
}

func (o *office) open(ctx context.Context, b *bench, hub func(*office, context.Context, *bench) (url, key string, err error)) error {
	url, key, err := hub(o, ctx, b)
	if err != nil {
		return err
	}
	if err := o.place(ctx); err != nil {
		return err
	}
	store := filepath.Join(b.dir, o.name, "branch-store")
	o.branchKey = filepath.Join(store, "nats.creds")
	o.branch, err = b.program(o.name, "branch", "ingest", "--http", o.phones.addr, "--admin", "", "--store", store, "--nats-listen", o.branchNATS,
		"--site", "b2", "--hub", url, "--hub-creds", key)
	if err != nil {
		return err
	}
	o.branch.on(o.onBranch)
	o.ingest = o.branch
	err = errors.Join(o.startIngest(ctx), o.hireAdapters(b, 2, sessions))
	o.begin = time.Now()
	return err
}

// place says where the branch is: on the next machine behind those of the hub.
func (o *office) place(ctx context.Context) (err error) {
	if len(o.onHub) == 0 {
		ports, err := freePorts(1)
		if err == nil {
			o.branchNATS = ports[0]
		}
		return err
	}
	number := len(o.onHub) + 1
	o.onBranch, err = newMachine(ctx, number)
	o.phones.addr, o.branchNATS = fmt.Sprintf("10.77.%d.2:8080", number), fmt.Sprintf("10.77.%d.2:4222", number)
	return err
}

// openHub starts an ingest with a store, which listens on both cables.
func (o *office) openHub(ctx context.Context, b *bench) (url, key string, err error) {
	listen, across := o.nats, o.nats
	if os.Getenv(insideEnv) != "" {
		if o.onHub, err = layCables(ctx, 1); err != nil {
			return "", "", err
		}
		o.nats, listen, across = "10.77.1.2:4222", "0.0.0.0:4222", "10.77.100.1:4222"
	}
	store := filepath.Join(b.dir, o.name, "hub-store")
	o.creds, key = filepath.Join(store, "nats.creds"), filepath.Join(b.dir, o.name, "b2.creds")
	if o.hub, err = b.program(o.name, "hub", "ingest", "--http", "127.0.0.1:0", "--admin", "", "--store", store, "--nats-listen", listen); err != nil {
		return "", "", err
	}
	for _, m := range o.onHub {
		o.hub.on(m)
	}
	if err := errors.Join(o.hub.start(), untilOpen(ctx, o.nats, startLimit)); err != nil {
		return "", "", err
	}
	admit := exec.CommandContext(ctx, b.bin("callbus"), "branch", "add", "b2", "--out", key, "--data", store, "--nats", "nats://"+o.nats)
	if said, err := admit.CombinedOutput(); err != nil {
		return "", "", fmt.Errorf("admit the branch: %w %s", err, said)
	}
	return "nats://" + across, key, nil
}

// raiseHub starts three NATS servers with an account for the branch, and an ingest of the hub's own, which makes the streams and hears of no phone.
func (o *office) raiseHub(ctx context.Context, b *bench) (url, key string, err error) {
	dir := filepath.Join(b.dir, o.name)
	config, key := filepath.Join(dir, "cluster.conf"), filepath.Join(dir, "b2.creds")
	if err := withBranch(filepath.Join(b.root, "deploy", "nats", "cluster.conf"), config, key); err != nil {
		return "", "", err
	}
	if o.cluster, err = b.raise(ctx, o.room, config); err != nil {
		return "", "", err
	}
	var across []string
	for _, n := range o.cluster.nodes {
		at := n.clients
		if n.machine != nil {
			o.onHub, at = append(o.onHub, n.machine), fmt.Sprintf("10.77.100.%d:4222", n.machine.number)
		}
		across = append(across, at)
	}
	own, err := b.program(o.name, "hub", "ingest", "--http", "127.0.0.1:0", "--admin", "", "--nats", "nats://"+o.nats, "--replicas", "3")
	if err != nil {
		return "", "", err
	}
	o.cluster.ingest = own
	return "nats://" + strings.Join(across, ","), key, errors.Join(own.start(), o.cluster.settled(ctx))
}

// withBranch writes a configuration with an account for the branch, and the branch's key.
func withBranch(shipped, config, key string) error {
	text, err := os.ReadFile(shipped)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(config), 0o700); err != nil {
		return err
	}
	public, err := broker.NewKey(key)
	if err != nil {
		return err
	}
	account := broker.Account("BRANCH_b2", broker.Branch{Name: "b2", Key: public})
	return os.WriteFile(config, []byte(strings.Replace(string(text), "accounts {\n", "accounts {\n"+account, 1)), 0o600)
}

// closeHub stops the hub, and tells which of its programs had ended by themselves.
func (o *office) closeHub() (deaths []string) {
	hub := []*program{o.hub}
	if o.cluster != nil {
		hub = []*program{o.cluster.ingest}
		for _, n := range o.cluster.nodes {
			hub = append(hub, n.program)
		}
	}
	for _, p := range hub {
		if err := p.stop(stopLimit); err != nil {
			deaths = append(deaths, err.Error())
		}
		deaths = append(deaths, p.died()...)
	}
	return deaths
}

func (o *office) leave() {
	if o.cluster != nil {
		o.cluster.close()
	}
	for _, m := range append(o.onHub, o.onBranch) {
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

func noAnswers(ctx context.Context, o *office) (err error) {
	for _, m := range o.onHub {
		err = errors.Join(err, m.mute(ctx, o.onBranch))
	}
	return err
}

func answers(ctx context.Context, o *office) (err error) {
	for _, m := range o.onHub {
		err = errors.Join(err, m.unmute(ctx, o.onBranch))
	}
	return err
}

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
	if length >= longRun*4/5 && o.onBranch != nil {
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
			if h.cable && o.onBranch == nil || round > 0 && time.Now().After(until) {
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
	if o.cluster != nil {
		o.hub = o.cluster.leader(ctx).program
	}
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
	if o.cluster != nil {
		return o.cluster.settled(ctx)
	}
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
