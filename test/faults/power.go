package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

const (
	powerRate  = 20 // hits a second of all lines of a room
	powerLines = 20
	// powerEvery is how often the power fails, by and large.
	powerEvery = 1500 * time.Millisecond
)

// power takes the power from the machine with the store, again and again under load: from one with everything in one process, and from
// one with ingest and an adapter, while another adapter goes on elsewhere. The file systems are mounted in the usual way and in the one
// that promises least; which house gets which is drawn.
func power(ctx context.Context, b *bench) ([]*outcome, error) {
	if there, skipped := onDisks(ctx, b); there != nil || skipped {
		return nil, there
	}
	ways := []string{"data=ordered", "data=writeback"}
	rand.New(rand.NewPCG(b.seed, 600)).Shuffle(len(ways), func(i, j int) { ways[i], ways[j] = ways[j], ways[i] })
	houses := []house{{name: "office"}, {name: "apart"}}
	outcomes, failed := make([]*outcome, len(houses)), make([]error, len(houses))
	var wg sync.WaitGroup
	for i, h := range houses {
		wg.Go(func() { outcomes[i], failed[i] = h.play(ctx, b, ways[i], uint64(601+i)) })
	}
	wg.Wait()
	return outcomes, errors.Join(failed...)
}

// unsynced takes the power from a broker that acknowledges before it has fsynced, as NATS does by default, and breaks where the checker
// finds nothing lost: else nobody knew whether power can find anything.
func unsynced(ctx context.Context, b *bench) ([]*outcome, error) {
	if there, skipped := onDisks(ctx, b); there != nil || skipped {
		return nil, there
	}
	binaries, err := b.withoutFsync(ctx)
	if err != nil {
		return nil, err
	}
	h := house{name: "office", forgetful: binaries}
	o, err := h.play(ctx, b, "data=ordered", 600)
	if err != nil {
		return nil, err
	}
	lost := o.broken("lost")
	o.note("found to be lost: %d of the hits with a 200", lost)
	o.report, o.deaths = check.Report{}, nil
	if lost == 0 {
		o.deaths = []string{"a broker that does not fsync has lost nothing, as far as we see"}
	}
	return []*outcome{o}, nil
}

// onDisks is the run on disks of our own, or says that the system does not let us have any; neither where we are in it already.
func onDisks(ctx context.Context, b *bench) (there error, skipped bool) {
	if b.child {
		return nil, false
	}
	run, why := onVolumes(ctx, b)
	if why == nil {
		return run, false
	}
	fmt.Printf("faults: SKIPPED: %s; this system does not let us mount disks of our own: %v\n", b.scenario.name, why)
	return nil, true
}

// withoutFsync builds the programs with a broker that has SyncAlways off.
func (b *bench) withoutFsync(ctx context.Context) (binaries string, err error) {
	path := filepath.Join(b.root, "internal", "broker", "broker.go")
	text, err := os.ReadFile(path)
	if err != nil {
		return "", err
	}
	changed := bytes.Replace(text, []byte("SyncAlways: true"), []byte("SyncAlways: false"), 1)
	if bytes.Equal(text, changed) {
		return "", fmt.Errorf("%s does not ask for SyncAlways", path)
	}
	instead, overlay := filepath.Join(b.dir, "broker.go"), filepath.Join(b.dir, "overlay.json")
	names, err := json.Marshal(map[string]map[string]string{"Replace": {path: instead}}) // go help build
	if err := errors.Join(err, os.WriteFile(instead, changed, 0o600), os.WriteFile(overlay, names, 0o600)); err != nil {
		return "", err
	}
	binaries = filepath.Join(b.dir, "unsynced")
	return binaries, b.ours(ctx, filepath.Join(filepath.Base(b.dir), "unsynced"), "-overlay", overlay)
}

// house is a room in a house whose power fails.
type house struct {
	name string
	*room
	store  *volume
	broker *program
	fails  []*program // what loses its power with the store
	clerk  *clerk
	key    []byte // nats.creds as it was
	// forgetful is a folder with programs that do not fsync; empty: ours.
	forgetful string
}

// play lets phones call while the power fails.
func (h house) play(ctx context.Context, b *bench, how string, stream uint64) (*outcome, error) {
	if err := h.furnish(ctx, b, how); err != nil {
		return nil, err
	}
	dice := rand.New(rand.NewPCG(b.seed, stream))
	if err := h.firstStart(ctx, b, dice); err != nil {
		return nil, err
	}
	length := time.Duration(b.seconds) * time.Second * 3 / 5
	var plan []planned
	for i := range powerLines {
		plan = append(plan, planLine(dice, fmt.Sprint(101+i), int(length.Seconds())*powerRate/powerLines, 0, length)...)
	}
	h.begin = time.Now()
	h.note("its disk is mounted with %s", how)
	var wg sync.WaitGroup
	wg.Go(func() { h.phones.run(ctx, plan, h.begin) })
	err := h.cuts(ctx, dice, length)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	return h.end(ctx, b)
}

func (h *house) end(ctx context.Context, b *bench) (*outcome, error) {
	h.clerk.stop()
	limit := time.Minute
	if h.forgetful != "" {
		limit = 0 // what is lost never ends
	}
	o, err := h.finish(ctx, limit, check.Rules{Target: target, Sessions: sessions, NoDead: true})
	if err != nil {
		return nil, err
	}
	o.note("files written by commands: %d, beside the phones", h.clerk.done)
	o.deaths = append(o.deaths, h.clerk.broken...)
	o.mustGroup()
	if h.reader != nil {
		h.reader.close()
	}
	return o, nil
}

func (h *house) furnish(ctx context.Context, b *bench, how string) (err error) {
	name := "power-" + h.name
	if h.room, err = b.furnish(name, onectest.Options{Latency: latency}); err != nil {
		return err
	}
	dir := filepath.Join(b.dir, name)
	if h.store, err = newVolume(ctx, dir, how); err != nil {
		return err
	}
	data := filepath.Join(h.store.dir, "data")
	if h.name == "office" {
		h.broker, err = b.officeIn(h.room, data)
	} else {
		h.broker, err = b.program(name, "ingest", "ingest", "--http", h.phones.addr, "--admin", "", "--store", data, "--nats-listen", h.nats)
	}
	if err != nil {
		return err
	}
	if h.forgetful != "" {
		h.broker.binary = filepath.Join(h.forgetful, "callbus")
	}
	h.ingest, h.fails = h.broker, []*program{h.broker}
	h.clerk, err = newClerk(ctx, b, h.room, how)
	return err
}

// firstStart lets the power fail while everything is made: the key, the streams, the registry. Then it starts for good, with adapters
// and a reader.
func (h *house) firstStart(ctx context.Context, b *bench, dice *rand.Rand) error {
	h.begin = time.Now()
	if err := h.broker.start(); err != nil {
		return err
	}
	sleep(ctx, time.Duration(dice.Int64N(int64(time.Second))))
	if err := h.fail(ctx); err != nil {
		return err
	}
	if err := h.startIngest(ctx); err != nil {
		return err
	}
	var err error
	if h.key, err = os.ReadFile(filepath.Join(h.store.dir, "data", "nats.creds")); err != nil {
		return err
	}
	h.creds = filepath.Join(b.dir, h.room.name, "nats.creds") // outside: who is on another machine has a copy
	if err := os.WriteFile(h.creds, h.key, 0o600); err != nil {
		return err
	}
	if h.name == "apart" {
		if err := h.hireAdapters(b, 2, sessions); err != nil {
			return err
		}
		h.fails = append(h.fails, h.adapters[dice.IntN(2)])
	} else {
		h.ingest, h.adapters = nil, []*program{h.broker}
	}
	if h.forgetful == "" { // else it would miss what is lost, as everybody does
		h.reader, err = newReader(ctx, b, h.room, filepath.Join(h.store.dir, "data"))
	}
	return err
}

// cuts lets the power fail again and again, each time some while after phones were answered, or at once.
func (h *house) cuts(ctx context.Context, dice *rand.Rand, length time.Duration) error {
	for n := 0; n == 0 || time.Since(h.begin) < length-powerEvery; n++ {
		on := time.Duration(dice.Int64N(int64(2 * powerEvery)))
		off := 100*time.Millisecond + time.Duration(dice.Int64N(int64(500*time.Millisecond)))
		sleep(ctx, on)
		h.amid(ctx, dice)
		if err := h.fail(ctx); err != nil {
			return err
		}
		sleep(ctx, off)
		if err := h.powerBack(ctx); err != nil {
			return err
		}
	}
	return ctx.Err()
}

func (h *house) powerBack(ctx context.Context) error {
	begin := time.Now()
	for _, p := range h.fails {
		if err := p.start(); err != nil {
			return err
		}
	}
	if err := untilOpen(ctx, h.phones.addr, startLimit); err != nil {
		return fmt.Errorf("start after a power cut: %w (see %s)", err, h.broker.log)
	}
	h.note("phones are answered again, %d ms after the start", time.Since(begin).Milliseconds())
	if key, err := os.ReadFile(filepath.Join(h.store.dir, "data", "nats.creds")); err != nil || !bytes.Equal(key, h.key) {
		h.clerk.broke("nats.creds is another one after the cut: %v", err)
	}
	return nil
}

// fail takes the power away and gives it back to the disks.
//
// First everything is killed, so that nobody acts on the errors that the disks give from now on; none of the programs comes to its next
// instruction any more. What the kernel has in hand for them, such as an fsync, goes on until the cut, which may meet it half done.
func (h *house) fail(ctx context.Context) error {
	lost := filepath.Join(h.store.dir, "lost")
	text := bytes.Repeat([]byte("not fsynced\n"), 1000)
	if err := os.WriteFile(lost, text, 0o600); err != nil {
		return err
	}
	h.did("the machine with the store: power cut", "power cut")
	h.clerk.strike()
	var gone []chan struct{}
	for _, p := range h.fails {
		if done := p.strike(); done != nil {
			gone = append(gone, done)
		}
	}
	if err := errors.Join(h.store.cut(), h.clerk.disk.cut()); err != nil {
		return err
	}
	for _, done := range gone {
		<-done
	}
	h.clerk.wait()
	if err := errors.Join(h.store.restore(ctx), h.clerk.disk.restore(ctx)); err != nil {
		return err
	}
	// Else the cut proves nothing.
	if left, err := os.ReadFile(lost); err == nil && bytes.Equal(left, text) {
		return fmt.Errorf("the power cut has left %s whole, which nobody had fsynced", lost)
	}
	return h.clerk.resume(ctx)
}
