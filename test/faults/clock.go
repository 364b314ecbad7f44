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
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

const (
	clockLines = 30
	clockRate  = 30 // hits a second of all lines
	// stepped is the folder of the programs whose wall clock the scenario sets.
	stepped  = "bin-clock"
	clockEnv = "CALLBUS_FAULTS_CLOCK"
)

// steps are what is done to a clock: an NTP client that comes late, a summer time that is none, a battery that is empty, and a
// month, after which the broker may throw away what has ended.
var steps = []time.Duration{3 * time.Second, time.Hour, 24 * time.Hour, 31 * 24 * time.Hour}

// clock lets the wall clocks of broker, ingest and adapters step forwards and back, under load: all programs on one machine,
// and side by side each on a machine of its own. The machine's own clock is left alone.
func clock(ctx context.Context, b *bench) ([]*outcome, error) {
	if err := b.buildStepped(ctx); err != nil {
		return nil, err
	}
	plays := []func(context.Context, *bench) (*outcome, error){oneMachine, fourMachines}
	outcomes, failed := make([]*outcome, len(plays)), make([]error, len(plays))
	var wg sync.WaitGroup
	for i, play := range plays {
		wg.Go(func() { outcomes[i], failed[i] = play(ctx, b) })
	}
	wg.Wait()
	return outcomes, errors.Join(failed...)
}

// dial is the wall clock of one machine: a page that its programs add to what the system tells them, in seconds.
type dial struct {
	name string
	path string
	page []byte

	steps int // back
}

func newDial(dir, name string) (*dial, error) {
	d := &dial{name: name, path: filepath.Join(dir, name+".clock")}
	file, err := os.OpenFile(d.path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	if err := file.Truncate(int64(os.Getpagesize())); err != nil {
		return nil, err
	}
	d.page, err = mapPage(file)
	return d, err
}

func (d *dial) step(by time.Duration) {
	if by < 0 {
		d.steps++
	}
	(*atomic.Int64)(unsafe.Pointer(&d.page[0])).Add(int64(by / time.Second))
}

// wear makes a program go by this clock.
func (d *dial) wear(b *bench, p *program) {
	p.binary = filepath.Join(b.workshop.dir, stepped, filepath.Base(p.binary))
	p.env = append(p.env, clockEnv+"="+d.path)
}

// oneMachine has everything on one clock, and the broker inside ingest, as we ship it.
func oneMachine(ctx context.Context, b *bench) (*outcome, error) {
	r, err := b.furnish("clock: one machine", onectest.Options{Latency: latency, Behaviour: shaky(b.seed)})
	if err != nil {
		return nil, err
	}
	d, err := newDial(b.dir, "machine")
	if err != nil {
		return nil, err
	}
	store := filepath.Join(b.dir, "one", "store")
	r.creds = filepath.Join(store, "nats.creds")
	r.dress = func(p *program) { d.wear(b, p) }
	r.ingest, err = b.program("one", "ingest", "ingest", "--http", r.phones.addr, "--admin", "", "--store", store, "--nats-listen", r.nats)
	if err != nil {
		return nil, err
	}
	d.wear(b, r.ingest)
	if err := r.startIngest(ctx); err != nil {
		return nil, err
	}
	return r.stepClocks(ctx, b, 600, d, d)
}

// fourMachines has broker, ingest and two adapters on a clock each.
func fourMachines(ctx context.Context, b *bench) (*outcome, error) {
	r, err := b.furnish("clock: a machine each", onectest.Options{Latency: latency, Behaviour: shaky(b.seed)})
	if err != nil {
		return nil, err
	}
	dials := map[string]*dial{}
	for _, name := range []string{"broker", "ingest", "adapter-1", "adapter-2"} {
		if dials[name], err = newDial(b.dir, name); err != nil {
			return nil, err
		}
	}
	r.dress = func(p *program) { dials[p.name].wear(b, p) }
	conf := filepath.Join(b.dir, "nats.conf")
	text := fmt.Sprintf("listen: %q\njetstream { store_dir: %q, sync_interval: always }\n", r.nats, filepath.Join(b.dir, "nats"))
	if err := os.WriteFile(conf, []byte(text), 0o600); err != nil {
		return nil, err
	}
	broker, err := b.program("four", "broker", "nats-server", "-c", conf)
	if err != nil {
		return nil, err
	}
	r.dress(broker)
	if err := errors.Join(broker.start(), untilOpen(ctx, r.nats, startLimit)); err != nil {
		return nil, err
	}
	r.ingest, err = b.program("four", "ingest", "ingest", "--http", r.phones.addr, "--admin", "", "--nats", "nats://"+r.nats)
	if err != nil {
		return nil, err
	}
	r.dress(r.ingest)
	if err := r.startIngest(ctx); err != nil {
		return nil, err
	}
	o, err := r.stepClocks(ctx, b, 601, dials["ingest"], dials["broker"], dials["ingest"], dials["adapter-1"], dials["adapter-2"])
	if err != nil {
		return nil, err
	}
	if err := broker.stop(stopLimit); err != nil {
		o.deaths = append(o.deaths, err.Error())
	}
	o.deaths = append(o.deaths, broker.died()...)
	return o, nil
}

// shaky is a 1C that is away now and then, so that some messages wait at the broker for their time.
func shaky(seed uint64) func(*onectest.Call) onectest.Action {
	return newMisdeeds(seed, nil, onectest.Share{Part: 0.05, Action: onectest.Absent()}).decide
}

// stepClocks steps one clock after another, each way and by each length, in a drawn order, while phones call. With every third
// step an adapter is killed, so that what it had in hand is left to the broker's clock.
func (r *room) stepClocks(ctx context.Context, b *bench, salt uint64, hits *dial, dials ...*dial) (*outcome, error) {
	if err := r.hireAdapters(b, 2, sessions); err != nil {
		return nil, err
	}
	w, err := r.watch(ctx)
	if err != nil {
		return nil, err
	}
	r.record = w
	r.begin = time.Now()
	dice := rand.New(rand.NewPCG(b.seed, salt))
	length := time.Duration(b.seconds) * time.Second * 2 / 3
	var plan []planned
	for i := range clockLines {
		plan = append(plan, planLine(dice, fmt.Sprint(101+i), int(length.Seconds()*clockRate)/clockLines, 0, length)...)
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.phones.run(ctx, plan, r.begin) })
	err = r.eachStep(ctx, dice, length, dials)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	return r.finish(ctx, 90*time.Second, check.Rules{Target: target, Sessions: sessions, NoDead: true, StepsBack: hits.steps})
}

func (r *room) eachStep(ctx context.Context, dice *rand.Rand, length time.Duration, dials []*dial) error {
	type move struct {
		dial *dial
		by   time.Duration
	}
	var moves []move
	for _, d := range dials {
		for _, s := range steps {
			moves = append(moves, move{d, s}, move{d, -s})
		}
	}
	dice.Shuffle(len(moves), func(i, j int) { moves[i], moves[j] = moves[j], moves[i] })
	for i, m := range moves {
		sleep(ctx, time.Until(r.begin.Add(length*time.Duration(i+1)/time.Duration(len(moves)+1))))
		r.did("clock of "+m.dial.name, "the clock of %s steps by %s", m.dial.name, shown(m.by))
		m.dial.step(m.by)
		if i%3 != 2 {
			continue
		}
		if err := killAdapter(ctx, r, fault{what: "adapter: kill -9", back: 300 * time.Millisecond}); err != nil {
			return err
		}
	}
	return ctx.Err()
}

// shown is "+31 d", "-1 h".
func shown(by time.Duration) string {
	switch {
	case by%(24*time.Hour) == 0:
		return fmt.Sprintf("%+d d", by/(24*time.Hour))
	case by%time.Hour == 0:
		return fmt.Sprintf("%+d h", by/time.Hour)
	}
	return fmt.Sprintf("%+d s", by/time.Second)
}

// buildStepped builds the programs from their own sources and a standard library whose time.Now adds what a page of memory
// says: what a program sees when the system's clock is set. The monotonic clock, and with it every timer, goes on as it
// does in a real step. Times of files are still the system's.
func (b *bench) buildStepped(ctx context.Context) error {
	b.building.Lock()
	defer b.building.Unlock()
	if b.stepped {
		return nil
	}
	overlay, err := b.overlay(ctx)
	if err != nil {
		return fmt.Errorf("make a clock that can be set: %w", err)
	}
	if err := b.ours(ctx, stepped, "-overlay", overlay); err != nil {
		return err
	}
	b.stepped = true
	return b.natsServer(ctx, stepped, "-overlay", overlay)
}

func (b *bench) overlay(ctx context.Context) (string, error) {
	root, err := exec.CommandContext(ctx, "go", "env", "GOROOT").Output()
	if err != nil {
		return "", err
	}
	dir, source := filepath.Join(b.workshop.dir, "clock"), filepath.Join(strings.TrimSpace(string(root)), "src", "time")
	text, err := os.ReadFile(filepath.Join(source, "time.go"))
	if err != nil {
		return "", err
	}
	const asked = "sec, nsec, mono := runtimeNow()"
	if n := strings.Count(string(text), asked); n != 1 {
		return "", fmt.Errorf("package time of this Go reads the clock in %d places, want 1", n)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return "", err
	}
	for name, content := range map[string]string{
		"time.go": strings.Replace(string(text), asked, "sec, nsec, mono := steppedNow()", 1),
		"step.go": steppedNow,
		"overlay.json": fmt.Sprintf(`{"Replace":{%q:%q,%q:%q}}`,
			filepath.Join(source, "time.go"), filepath.Join(dir, "time.go"), filepath.Join(source, "step.go"), filepath.Join(dir, "step.go")),
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			return "", err
		}
	}
	return filepath.Join(dir, "overlay.json"), nil
}

const steppedNow = `package time

import (
	"sync/atomic"
	"syscall"
	"unsafe"
)

var step = func() *atomic.Int64 {
	path, _ := syscall.Getenv("` + clockEnv + `")
	fd, err := syscall.Open(path, syscall.O_RDONLY, 0)
	if err != nil {
		panic("` + clockEnv + `: " + err.Error())
	}
	page, err := syscall.Mmap(fd, 0, 8, syscall.PROT_READ, syscall.MAP_SHARED)
	if err != nil {
		panic("` + clockEnv + `: " + err.Error())
	}
	return (*atomic.Int64)(unsafe.Pointer(&page[0]))
}()

func steppedNow() (sec int64, nsec int32, mono int64) {
	sec, nsec, mono = runtimeNow()
	return sec + step.Load(), nsec, mono
}
`
