package callbus

import (
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/admin"
	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/lifecycle"
	"github.com/callbus/callbus/internal/program"
	"github.com/callbus/callbus/internal/telemetry"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/ingest"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// storeGrace is what the phones' last answers and the closing of the store may take at a stop, beyond the adapter.
const storeGrace = 5 * time.Second

// office is everything in one process.
type office struct {
	data       string
	admin      string
	natsListen string
	demo       bool
	fs         *flag.FlagSet
	tongue     *lang.Lang // of what is printed for the operator; the log is English
	ingest     ingest.Options
	adapter    onecadapter.Options

	plans   chan onecadapter.Checked // what goes where, as the adapter finds it out
	started atomic.Bool              // all of it, once
	log     zerolog.Logger
	group   *lifecycle.Group
	broker  *broker.Broker
	phones  net.Addr
	standin *onectest.Server // of the demo
}

func up(args []string) int {
	var o office
	p := program.Program{Name: "callbus up", Version: Version, Env: "CALLBUS", Flags: o.flags, Run: o.run}
	p.Wrong = func(err error) string { return o.tongue.Wrong(err) }
	p.Failed = o.failure
	if managed() {
		return underManager(p, args)
	}
	return p.Main(args)
}

func (o *office) flags(fs *flag.FlagSet) {
	o.fs, o.tongue = fs, lang.Flag(fs)
	fs.StringVar(&o.data, "data", "./data", "folder for everything that is kept")
	fs.StringVar(&o.admin, "admin", "127.0.0.1:9080", "address of the probes and metrics (/livez /readyz /metrics); empty: none")
	fs.StringVar(&o.natsListen, "nats-listen", "127.0.0.1:4222",
		"address of NATS for taps and commands, or off; on loopback anybody may listen to calls, for the rest there is DATA/nats.creds")
	fs.BoolVar(&o.demo, "demo", false, "a stand-in 1C on "+standinAddr+", a store of its own, and one call played through at the start")
	o.ingest.FrontFlags(fs)
	o.adapter.TargetFlags(fs)
}

// fileFlags are those that the file of callbus up may have.
func (o *office) fileFlags() *flag.FlagSet {
	fs := flag.NewFlagSet("callbus up", flag.ContinueOnError)
	o.flags(fs)
	new(telemetry.Options).Flags(fs)
	return fs
}

// run is a long straight line: the order of starting. It stops in reverse (docs/adr/0005): phones are answered first,
// then the calls of 1C are finished, and the store closes last.
func (o *office) run(ctx context.Context, log zerolog.Logger) error {
	log = log.Hook(zerolog.HookFunc(o.saidOnce))
	o.log, o.plans = log, make(chan onecadapter.Checked, maxPlans)
	metrics := prometheus.NewRegistry()
	metrics.MustRegister(collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	if o.demo {
		if o.ingest.Hub != "" {
			return errors.New("--demo and --hub exclude each other: the hub would take the demo for calls")
		}
		if err := o.bringStandin(); err != nil {
			return err
		}
	}
	grace := lifecycle.DefaultGrace
	if !o.forwardsOnly() {
		var err error
		if grace, err = o.adapter.Grace(); err != nil {
			return err
		}
	}
	o.group = lifecycle.New(lifecycle.Options{Log: log, Grace: grace + storeGrace})
	if o.demo {
		o.group.Add("standin", o.startStandin, o.stopStandin)
	}
	monitor := admin.New(admin.Options{Addr: o.admin, Metrics: metrics, Log: log, Fail: o.group.Fail})
	o.group.Add("broker", o.startBroker, o.stopBroker)
	if !o.forwardsOnly() {
		o.add("adapter", func(ctx context.Context, ready func()) error {
			a := o.adapter
			a.Broker, a.Monitor, a.Metrics, a.Log, a.Ready, a.Planned = o.broker, monitor, metrics, log, ready, o.planned
			return onecadapter.Run(ctx, a)
		})
	}
	o.add("ingest", func(ctx context.Context, ready func()) error {
		i := o.ingest
		i.Broker, i.Monitor, i.Metrics, i.Log = o.broker, monitor, metrics, log
		i.Ready = func(a net.Addr) { o.phones = a; ready() }
		return ingest.Run(ctx, i)
	})
	if o.admin != "" {
		o.group.Add("admin", monitor.Start, monitor.Stop)
	}
	o.group.Add("welcome", o.welcome, nil)
	return o.group.Run(ctx)
}

// forwardsOnly reports whether this is a branch whose calls go to the hub's 1C and to none of its own.
func (o *office) forwardsOnly() bool {
	return o.ingest.Hub != "" && o.adapter.Single.URL == "" && o.adapter.Targets == ""
}

func (o *office) startBroker(context.Context) (err error) {
	listen := o.natsListen
	if listen == "off" {
		listen = ""
	}
	dir := o.data
	if o.demo {
		dir = demoFolder(o.data)
	}
	o.broker, err = broker.Start(broker.Options{Dir: dir, Listen: listen, Room: int64(o.ingest.StoreMax), Log: o.log})
	if err != nil && listen != "" && !errors.Is(err, broker.ErrLocked) {
		err = errors.Join(err, tryListening(listen))
	}
	return err
}

// tryListening finds out whether the address is what is wrong: the NATS server only says so.
func tryListening(addr string) error {
	l, err := net.Listen("tcp", addr)
	if err == nil {
		err = l.Close()
	}
	return err
}

// demoFolder keeps the demo's store apart from the office's.
func demoFolder(data string) string { return filepath.Join(data, "demo") }

func (o *office) stopBroker(context.Context) error { return o.broker.Stop() }

// child is a service that runs inside this process.
type child struct {
	cancel context.CancelFunc
	ended  chan error
}

// watch tells when the service ends by itself.
func (c *child) watch(ctx context.Context, fail func(error)) {
	err := <-c.ended
	c.ended <- err
	if ctx.Err() == nil {
		fail(err)
	}
}

// add makes a component of a service: it is started when it says that it is ready, and stopped by its context.
func (o *office) add(name string, run func(ctx context.Context, ready func()) error) {
	c := &child{ended: make(chan error, 1)}
	o.group.Add(name, func(told context.Context) error {
		ctx, cancel := context.WithCancel(context.WithoutCancel(o.group.Context()))
		c.cancel = cancel
		ready := make(chan struct{})
		go func() { c.ended <- run(ctx, func() { close(ready) }) }()
		select {
		case <-ready:
			go c.watch(ctx, func(err error) { o.group.Fail(fmt.Errorf("%s: %w", name, err)) })
			return nil
		case err := <-c.ended:
			return err
		case <-told.Done(): // it may wait for a store that does not answer
			cancel()
			return cmp.Or(<-c.ended, told.Err())
		}
	}, func(ctx context.Context) error {
		c.cancel()
		select {
		case err := <-c.ended:
			return err
		case <-ctx.Done():
			return ctx.Err()
		}
	})
}
