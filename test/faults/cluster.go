package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/faults/check"
)

const (
	nodes = 3
	// clusterRate is hits a second of all lines.
	clusterRate  = 25
	clusterLines = 30
	// settleLimit is how long a cluster may take until all have caught up.
	settleLimit = 60 * time.Second
	secret      = "trunk" // every password
)

// node is one of the NATS servers, with the machine that it is on (nil: this one).
type node struct {
	*program
	machine *machine
	clients string // host:port
	others  string
	watched string // where it tells its health
}

// cluster lets ingest and two adapters work on three NATS servers, of which one at a time is killed, frozen, cut off from the
// others, unplugged and restarted in order.
func cluster(ctx context.Context, b *bench) ([]*outcome, error) {
	if there, gone := intoNetwork(ctx, b, "cutting cables between servers"); gone {
		return nil, there
	}
	c, err := b.newCluster(ctx)
	if err != nil {
		return nil, err
	}
	defer c.remove()
	r := c.room
	dice := rand.New(rand.NewPCG(b.seed, 400))
	length := time.Duration(b.seconds) * time.Second * 4 / 5
	var plan []planned
	for i := range clusterLines {
		plan = append(plan, planLine(dice, fmt.Sprint(101+i), int(length.Seconds())*clusterRate/clusterLines, 0, length)...)
	}
	var wg sync.WaitGroup
	wg.Go(func() { r.phones.run(ctx, plan, r.begin) })
	err = c.play(ctx, dice, length)
	wg.Wait()
	if err != nil {
		return nil, err
	}
	if err := c.settled(ctx); err != nil {
		return nil, err
	}
	o, err := r.finish(ctx, 90*time.Second, check.Rules{Target: target, Sessions: sessions, NoDead: true})
	if err != nil {
		return nil, err
	}
	for _, n := range c.nodes {
		o.deaths = append(o.deaths, n.died()...)
	}
	return []*outcome{o}, nil
}

// slowly is a 1C in which a call is under way for most of the time, so that a fault meets some.
func slowly() time.Duration { return 20*time.Millisecond + rand.N(130*time.Millisecond) }

// elsewhere is a process that has done the work, and what it said.
type elsewhere struct {
	err  error
	said []byte
}

func (e elsewhere) Error() string { return fmt.Sprintf("its own process: %v", e.err) }

// intoNetwork is the run in a network of our own, or says what the system does not let us do; neither where we are in it already.
func intoNetwork(ctx context.Context, b *bench, what string) (there error, gone bool) {
	if b.child {
		return nil, false
	}
	run, why := withNetwork(ctx, b)
	if why == nil {
		return run, true
	}
	fmt.Printf("faults: SKIPPED: %s; this system does not let us: %v\n", what, why)
	return nil, false
}

// servers are a room's NATS cluster.
type servers struct {
	room   *room
	nodes  []*node
	ingest *program // of a hub: it makes the streams
	js     jetstream.JetStream
	close  func()
}

func (b *bench) newCluster(ctx context.Context) (*servers, error) {
	r, err := b.furnish("cluster", onectest.Options{Latency: slowly})
	if err != nil {
		return nil, err
	}
	c, err := b.raise(ctx, r, filepath.Join(b.root, "deploy", "nats", "cluster.conf"))
	if err != nil {
		return nil, err
	}
	if r.ingest, err = b.program(r.name, "ingest", "ingest", "--http", r.phones.addr, "--admin", "", "--nats", "nats://"+r.nats, "--replicas", "3"); err != nil {
		return nil, err
	}
	if err := errors.Join(r.startIngest(ctx), c.settled(ctx)); err != nil {
		return nil, err
	}
	if err := r.hireAdapters(b, 2, sessions); err != nil {
		return nil, err
	}
	r.begin = time.Now()
	return c, nil
}

// raise starts the servers of a room, with a configuration.
func (b *bench) raise(ctx context.Context, r *room, config string) (*servers, error) {
	c := &servers{room: r, close: func() {}}
	if err := errors.Join(c.place(ctx), c.prepare(b, config)); err != nil {
		c.remove()
		return nil, err
	}
	var at []string
	for _, n := range c.nodes {
		if err := n.start(); err != nil {
			c.remove()
			return nil, err
		}
		at = append(at, "service:"+secret+"@"+n.clients)
	}
	r.nats = strings.Join(at, ",")
	err := c.connect(ctx)
	if err != nil {
		c.remove()
	}
	return c, err
}

// place says where the servers are: each on a machine of its own, or all on this one.
func (c *servers) place(ctx context.Context) error {
	if os.Getenv(insideEnv) == "" {
		ports, err := freePorts(3 * nodes)
		for i := 0; err == nil && i < nodes; i++ {
			c.nodes = append(c.nodes, &node{clients: ports[3*i], others: ports[3*i+1], watched: ports[3*i+2]})
		}
		return err
	}
	machines, err := layCables(ctx, nodes)
	for _, m := range machines {
		c.nodes = append(c.nodes, &node{
			machine: m, clients: fmt.Sprintf("10.77.%d.2:4222", m.number), others: fmt.Sprintf("10.77.100.%d:6222", m.number), watched: "127.0.0.1:8222",
		})
	}
	return err
}

// prepare makes the programs. What differs from one machine to the next is in flags and environment. On a machine of its own a server listens on both
// cables.
func (c *servers) prepare(b *bench, config string) error {
	var routes []string
	for _, n := range c.nodes {
		routes = append(routes, "nats://route:"+secret+"@"+n.others)
	}
	for i, n := range c.nodes {
		name := fmt.Sprintf("nats%d", i+1)
		host, port, _ := strings.Cut(n.clients, ":")
		if n.machine != nil {
			host = "0.0.0.0"
		}
		_, watched, _ := strings.Cut(n.watched, ":")
		p, err := b.program(c.room.name, name, "nats-server", "--config", config,
			"--addr", host, "--port", port, "--cluster_listen", "nats://"+n.others, "--routes", strings.Join(routes, ","), "--http_port", watched)
		if err != nil {
			return err
		}
		p.env = []string{"NATS_NAME=" + name, "NATS_STORE=" + filepath.Join(b.dir, c.room.name, name)}
		for _, who := range []string{"ROUTE", "SERVICE", "OPERATOR"} {
			p.env = append(p.env, "NATS_"+who+"_PASSWORD="+secret)
		}
		p.on(n.machine)
		n.program = p
	}
	return nil
}

func (c *servers) connect(ctx context.Context) error {
	s, err := openStore(c.room.nats, "")
	if err != nil {
		return err
	}
	c.js, c.close = s.js, s.close
	for begin := time.Now(); time.Since(begin) < startLimit; {
		look, done := context.WithTimeout(ctx, time.Second)
		_, err = c.js.AccountInfo(look)
		done()
		if err == nil {
			return nil
		}
		if !sleep(ctx, 50*time.Millisecond) {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the cluster does not come up: %w", err)
}

func (c *servers) remove() {
	c.close()
	for _, n := range c.nodes {
		if n.program != nil {
			n.kill()
		}
		if n.machine != nil {
			n.machine.remove()
		}
	}
}

// settled waits until all servers hold all that there is, as an operator does before he stops the next one.
func (c *servers) settled(ctx context.Context) error {
	begin, err := time.Now(), error(nil)
	for time.Since(begin) < settleLimit {
		look, done := context.WithTimeout(ctx, 2*time.Second)
		err = c.current(look)
		done()
		if err == nil {
			return nil
		}
		if !sleep(ctx, 200*time.Millisecond) {
			return ctx.Err()
		}
	}
	return fmt.Errorf("the cluster has not settled within %v: %w", settleLimit, err)
}

func (c *servers) current(ctx context.Context) error {
	for _, name := range []string{stream.Calls, stream.Endings} {
		s, err := c.js.Stream(ctx, name)
		if errors.Is(err, jetstream.ErrStreamNotFound) && name == stream.Endings {
			continue
		}
		if err != nil {
			return fmt.Errorf("look at %s: %w", name, err)
		}
		group := s.CachedInfo().Cluster
		if group == nil || group.Leader == "" || len(group.Replicas) != nodes-1 {
			return fmt.Errorf("%s has no leader, or not %d replicas: %+v", name, nodes, group)
		}
		for _, p := range group.Replicas {
			if p.Offline || !p.Current {
				return fmt.Errorf("%s on %s has not caught up", name, p.Name)
			}
		}
	}
	return nil
}

// leader is the server that leads CALLS; another one where nobody can say.
func (c *servers) leader(ctx context.Context) *node {
	ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
	defer cancel()
	if s, err := c.js.Stream(ctx, stream.Calls); err == nil && s.CachedInfo().Cluster != nil {
		for _, n := range c.nodes {
			if n.name == s.CachedInfo().Cluster.Leader {
				return n
			}
		}
	}
	return c.nodes[0]
}

// blow is a fault that a cluster must bear.
type blow struct {
	what   string
	cables bool // it needs machines of their own
	do     func(context.Context, *node, time.Duration) error
}

var blows = []blow{
	{what: "kill -9", do: func(ctx context.Context, n *node, d time.Duration) error {
		n.kill()
		sleep(ctx, d)
		return n.start()
	}},
	{what: "SIGSTOP", do: func(ctx context.Context, n *node, d time.Duration) error {
		if err := n.freeze(); err != nil {
			return err
		}
		sleep(ctx, d)
		return n.thaw()
	}},
	{what: "cut off from the others", cables: true, do: func(ctx context.Context, n *node, d time.Duration) error {
		if err := n.machine.cut(ctx); err != nil {
			return err
		}
		sleep(ctx, d)
		return n.machine.plug(ctx)
	}},
	{what: "unplugged", cables: true, do: func(ctx context.Context, n *node, d time.Duration) error {
		if err := n.machine.unplug(ctx); err != nil {
			return err
		}
		sleep(ctx, d)
		return n.machine.plug(ctx)
	}},
}

// play goes through the faults in a drawn order, as often as the time allows and once at least, each on the leader of CALLS or on a server that
// is drawn; a rolling restart comes last.
func (c *servers) play(ctx context.Context, dice *rand.Rand, length time.Duration) error {
	until := c.room.begin.Add(length * 3 / 4)
	for round := 0; round == 0 || time.Now().Before(until); round++ {
		for _, i := range dice.Perm(len(blows)) {
			leads, other, away := dice.IntN(4) > 0, dice.IntN(nodes), 4*time.Second+time.Duration(dice.Int64N(int64(2*time.Second)))
			if blows[i].cables && c.nodes[0].machine == nil || round > 0 && time.Now().After(until) {
				continue
			}
			n := c.nodes[other]
			if leads {
				n = c.leader(ctx)
			}
			if err := c.strike(ctx, blows[i], n, away); err != nil {
				return err
			}
		}
	}
	for _, n := range c.nodes {
		begin, all, refused := c.count()
		c.room.did("NATS server: SIGTERM", "%s: SIGTERM", n.name)
		if err := n.stop(stopLimit); err != nil {
			return err
		}
		if err := errors.Join(n.start(), c.settled(ctx)); err != nil {
			return err
		}
		c.noteSince(begin, all, refused, n.name+": SIGTERM and start")
	}
	return nil
}

func (c *servers) strike(ctx context.Context, b blow, n *node, away time.Duration) error {
	role := "one of the others"
	if c.leader(ctx) == n {
		role = "it leads CALLS"
	}
	c.room.did("NATS server: "+b.what, "%s (%s): %s, for %d ms", n.name, role, b.what, away.Milliseconds())
	_, all, refused := c.count()
	if err := b.do(ctx, n, away); err != nil {
		return err
	}
	begin := time.Now()
	sleep(ctx, time.Second) // news of it must get round
	err := c.settled(ctx)
	c.noteSince(begin, all, refused, n.name+": back")
	return err
}

func (c *servers) count() (now time.Time, all, refused int) {
	all, refused = c.room.phones.told()
	return time.Now(), all, refused
}

// noteSince tells what a fault has cost the phones.
func (c *servers) noteSince(begin time.Time, all, refused int, what string) {
	_, a, r := c.count()
	c.room.note("%s; all had caught up after %d ms; of %d hits %d got no 200", what, time.Since(begin).Milliseconds(), a-all, r-refused)
}
