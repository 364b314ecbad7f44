// Package ingest is the service that speaks to phones: it takes their hits over HTTP and puts them on the stream.
// The process is a value: Options go in, Run works until its context ends.
package ingest

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"sync/atomic"

	"github.com/nats-io/nats.go"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/admin"
	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/lifecycle"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/telemetry"
	"github.com/callbus/callbus/services/ingest/internal/access"
	"github.com/callbus/callbus/services/ingest/internal/httpfront"
)

// Options of the service. Flags sets those that an operator sees.
type Options struct {
	HTTP           string // where phones knock
	HTTPS          string // where those knock that speak TLS; empty: nowhere
	TLSCert        string // file with the certificate of HTTPS and those between it and the root, PEM
	TLSKey         string // file with its key, PEM
	Admin          string // probes and metrics; empty: none
	Site           string
	Region         phone.Region
	TrustedProxies config.List // networks (CIDR) whose X-Forwarded-For is believed
	Access         Access      // which phones may speak

	Store      string // folder of the embedded broker; empty: NATS
	StoreMax   config.Bytes
	NATSListen string // opens the embedded broker to others

	NATS      string
	NATSCreds string
	NATSCA    string
	Replicas  int

	Hub      string // NATS of the hub that the store's calls are forwarded to; empty: none
	HubCreds string
	HubCA    string

	// Broker is somebody else's embedded broker, which outlives Run. It comes before Store and NATS.
	Broker *broker.Broker
	// Monitor is somebody else's admin server, not yet started; it comes before Admin.
	Monitor *admin.Server
	// Metrics takes the metrics; nil: a registry of Run's own.
	Metrics *prometheus.Registry
	// Ready is told the address for phones once the service answers there. It may be nil.
	Ready func(http net.Addr)
	Log   zerolog.Logger

	dial func(stream.ConnectOptions) (*nats.Conn, error) // to NATS, in place of stream.Connect: over a bad line, in tests
}

// DefaultStoreMax is the room of CALLS: some 700,000 events.
const DefaultStoreMax = 1 * config.GiB

// Flags adds the options to a flag set, with their defaults. The values are in o after the flag set has been parsed.
func (o *Options) Flags(fs *flag.FlagSet) {
	o.FrontFlags(fs)
	fs.StringVar(&o.Admin, "admin", "127.0.0.1:9080", "address of the probes and metrics (/livez /readyz /metrics); empty: none")
	fs.StringVar(&o.Store, "store", "", "folder of the embedded store; either this or --nats")
	fs.StringVar(&o.NATSListen, "nats-listen", "", "open the embedded store's NATS to others on this address; credentials are in STORE/nats.creds")
	fs.StringVar(&o.NATS, "nats", "", "URL of a NATS server or cluster (nats://a,nats://b)")
	fs.StringVar(&o.NATSCreds, "nats-creds", "", "file with the credentials for --nats")
	fs.StringVar(&o.NATSCA, "nats-ca", "", "file with the certificate authority of --nats")
	fs.IntVar(&o.Replicas, "replicas", 1, "replicas of the streams on a NATS cluster (1, 3 or 5)")
}

// FrontFlags adds the options that do not depend on where events are stored.
func (o *Options) FrontFlags(fs *flag.FlagSet) {
	o.Region, o.StoreMax = "RU", DefaultStoreMax
	fs.StringVar(&o.HTTP, "http", ":8080", "address that phones call")
	fs.StringVar(&o.HTTPS, "https", "", "address for phones that speak HTTPS, beside --http; empty: none")
	fs.StringVar(&o.TLSCert, "tls-cert", "", "file with the certificate chain of --https (PEM); a renewed one is taken up by itself")
	fs.StringVar(&o.TLSKey, "tls-key", "", "file with the key of --tls-cert (PEM)")
	fs.StringVar(&o.Site, "site", "", "name of this branch; two branches may both have a line 101")
	fs.Var(&o.StoreMax, "store-max", "room for stored calls; when it is full, phones are answered 503")
	fs.Func("region", "country whose national numbers the phones use (default RU)", func(s string) (err error) {
		o.Region, err = phone.ParseRegion(s)
		return err
	})
	fs.Var(&o.TrustedProxies, "trusted-proxy", "network (CIDR) of a proxy whose X-Forwarded-For is believed; several with commas")
	fs.StringVar(&o.Hub, "hub", "", "URL of the hub's NATS: this branch keeps its calls in its own store and forwards them there; needs --site")
	fs.StringVar(&o.HubCreds, "hub-creds", "", "file with the credentials for --hub")
	fs.StringVar(&o.HubCA, "hub-ca", "", "file with the certificate authority of --hub")
	o.Access.flags(fs)
}

// check says what does not go together.
func (o Options) check() error {
	switch {
	case o.Broker != nil:
		return nil
	case o.Store == "" && o.NATS == "":
		return errors.New("say where events are stored: --store DIR (embedded) or --nats URL")
	case o.Store != "" && o.NATS != "":
		return errors.New("--store and --nats exclude each other")
	case o.NATS == "" && (o.NATSCreds != "" || o.NATSCA != "" || o.Replicas > 1):
		return errors.New("--nats-creds, --nats-ca and --replicas belong to --nats")
	case o.Store == "" && o.NATSListen != "":
		return errors.New("--nats-listen belongs to --store")
	}
	return nil
}

// service is one run of the process: its parts, in the order in which they start.
type service struct {
	Options
	proxies   []netip.Prefix
	guard     httpfront.Guard
	group     *lifecycle.Group
	nc        *nats.Conn
	publisher *stream.Publisher
	front     *httpfront.Front
	https     *https // nil: none
	declared  atomic.Bool
	staged    bool // batches are staged in memory
	fill      *fill
	hub       *hub
	unwatch   func() // ends the watch over the store, and writes the phone book a last time
	book      *book
}

// Run takes hits until ctx ends, and then answers those under way before it lets go of the store. Errors: options that
// do not go together, an address that is taken, a store that cannot be opened or that froze while working.
func Run(ctx context.Context, o Options) error {
	if err := errors.Join(o.check(), o.checkHub(), o.checkHTTPS()); err != nil {
		return err
	}
	proxies, err := access.ParseNets(o.TrustedProxies.Values)
	if err != nil {
		return fmt.Errorf("--trusted-proxy: %w", err)
	}
	guard, err := o.Access.guard(o.Log)
	if err != nil {
		return err
	}
	if o.Metrics == nil {
		o.Metrics = prometheus.NewRegistry()
	}
	if o.dial == nil {
		o.dial = stream.Connect
	}
	s := &service{Options: o, proxies: proxies, guard: guard, group: lifecycle.New(lifecycle.Options{Log: o.Log}), fill: newFill(o.Metrics), book: newBook()}
	// A long straight line: the order of starting. It stops in reverse: phones first, broker last, because a handler
	// that is still answering needs the broker (docs/adr/0005).
	if o.Broker == nil && o.Store != "" {
		s.group.Add("broker", s.startBroker, s.stopBroker)
	}
	s.group.Add("connection", s.connect, s.disconnect)
	s.group.Add("streams", s.untilAnswered(s.declare), s.stopWatching)
	if o.Broker != nil || o.Store != "" {
		s.hub = &hub{service: s}
		s.group.Add("hub", s.untilAnswered(s.hub.start), s.hub.stop).Pending(s.hub.pending)
	}
	s.group.Add("phones", s.openFront, s.closeFront)
	monitor := admin.Join(s.group, s.Monitor, admin.Options{Addr: s.Admin, Metrics: s.Metrics, Log: s.Log},
		map[string]admin.Check{"ingest": s.group.Ready, "store": s.stored})
	if monitor != nil && s.Hub != "" {
		monitor.Target("the hub", s.hub.reached) // no target's name has a blank
	}
	return s.group.Run(ctx)
}

func (s *service) startBroker(context.Context) error {
	b, err := broker.Start(broker.Options{Dir: s.Store, Listen: s.NATSListen, Room: int64(s.StoreMax), Log: s.Log})
	if err != nil {
		return err
	}
	s.Broker = b
	s.Log.Info().Str("folder", s.Store).Str("nats", b.URL()).Msg("broker.started")
	return nil
}

func (s *service) stopBroker(context.Context) error { return s.Broker.Stop() }

func (s *service) connect(context.Context) (err error) {
	o := stream.ConnectOptions{Name: "ingest", URL: s.NATS, Creds: s.NATSCreds, CA: s.NATSCA, Notify: telemetry.Connection(s.Log)}
	if s.Broker != nil { // a nil *Broker in the interface would not be nil there
		o.Broker = s.Broker
	}
	if s.nc, err = s.dial(o); err != nil {
		return err
	}
	go stream.Roam(s.group.Context(), s.nc, o.Notify)
	s.publisher, err = stream.NewPublisher(s.nc, s.Site)
	return err
}

func (s *service) disconnect(context.Context) error {
	s.nc.Close()
	return nil
}

func (s *service) openFront(context.Context) error {
	l, err := net.Listen("tcp", s.HTTP)
	if err != nil {
		return fmt.Errorf("listen for phones: %w%s", err, hint(err))
	}
	if s.https, err = s.listenHTTPS(); err != nil {
		_ = l.Close()
		return err
	}
	s.front = httpfront.New(httpfront.Options{
		Region: s.Region, TrustedProxies: s.proxies, Guard: s.guard, Log: s.Log, Observe: observe(s.Metrics), Stored: s.book.see,
	}, s.publisher, newRejections(stream.NewRejections(s.nc), s.Metrics))
	if s.https != nil {
		go func() { s.group.Fail(s.front.ServeTLS(s.https, s.https.config())) }()
		s.Log.Info().Stringer("address", s.https.Addr()).Str("scheme", "https").Msg("phones.welcome")
	}
	go func() { s.group.Fail(s.front.Serve(l)) }()
	s.Log.Info().Stringer("address", l.Addr()).Str("scheme", "http").Msg("phones.welcome")
	if s.Ready != nil {
		s.Ready(l.Addr())
	}
	return nil
}

// hint says what to do about an address that cannot be listened on.
func hint(err error) string {
	var written *net.AddrError
	switch {
	case errors.As(err, &written):
		return " (want :8080, or 192.168.1.5:8080)"
	case errors.Is(err, fs.ErrPermission):
		return ""
	}
	return " (taken by another program, the web server of 1C say? Choose another port with --http, and in the phones)"
}

func (s *service) closeFront(ctx context.Context) error {
	if s.https != nil {
		defer s.https.stop()
	}
	return s.front.Shutdown(ctx)
}
