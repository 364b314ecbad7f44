// Package broker is the embedded NATS server: its options, its lock, its limits, its start and its stop.
//
// It promises that an acknowledged message has been fsynced (SyncAlways: with the server's default a power cut lost
// every acknowledged message and the stream itself), that one store has one server, and that a store which can no
// longer write is noticed.
package broker

import (
	"errors"
	"fmt"
	"net"
	"path/filepath"
	"time"

	"github.com/gofrs/flock"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/config"
)

// Options of the embedded server.
type Options struct {
	Dir    string // the data folder: store, lock and credentials are inside
	Listen string // "host:port" for other clients, empty for none. Guests are let in on loopback addresses only
	Room   int64  // bytes for CALLS, and as many for its endings; lowered where the disk is smaller
	Log    zerolog.Logger
}

// Broker is a running server.
type Broker struct {
	server *server.Server
	lock   *flock.Flock
	room   int64
	guests bool
	creds  string
	store  string
	stage  *flock.Flock // folder in memory; nil: none
	staged []string     // streams that it is for
}

// ErrLocked says that another process works on the same data folder. The server itself has no such lock: two of
// them opened one store without any error (tried).
var ErrLocked = errors.New("another Callbus works in this data folder")

// Name is what the server calls itself: a NATS that is called otherwise is another process.
const Name = "callbus"

// Start opens the store in o.Dir and returns once clients can connect. Errors: ErrLocked, no room on the disk, an
// address that is taken, a store that cannot be read.
func Start(o Options) (*Broker, error) {
	if err := config.MakeFolder(o.Dir, 0o700); err != nil {
		return nil, fmt.Errorf("make the data folder: %w", err)
	}
	lock, err := acquire(o.Dir)
	if err != nil {
		return nil, err
	}
	b, err := start(o, lock)
	if err != nil {
		return nil, errors.Join(err, lock.Unlock())
	}
	return b, nil
}

func acquire(dir string) (*flock.Flock, error) {
	lock := flock.New(filepath.Join(dir, "lock"))
	ok, err := lock.TryLock()
	if err != nil {
		return nil, fmt.Errorf("lock %s: %w", dir, err)
	}
	if !ok {
		return nil, fmt.Errorf("%w: %s", ErrLocked, dir)
	}
	return lock, nil
}

func start(o Options, lock *flock.Flock) (*Broker, error) {
	store := filepath.Join(o.Dir, "nats")
	space, err := diskSpace(o.Dir, store)
	if err != nil {
		return nil, fmt.Errorf("measure the disk of %s: %w", o.Dir, err)
	}
	if err := errors.Join(dropUnfinished(store), syncBlocks(store)); err != nil {
		return nil, err
	}
	room, err := fit(o.Room, space)
	if err != nil {
		return nil, err
	}
	creds := filepath.Join(o.Dir, CredsFile)
	service, err := serviceKey(creds)
	if err != nil {
		return nil, err
	}
	opts := &server.Options{
		ServerName: Name,
		DontListen: true,
		NoSigs:     true,
		JetStream:  true,
		StoreDir:   store,
		SyncAlways: true,
		// Below the disk's size, so that a full store is a clean error and not a frozen stream.
		JetStreamMaxStore:  space / 100 * 95,
		JetStreamMaxMemory: 16 << 20,
		AlwaysEnableNonce:  true, // for the porter
	}
	porter := &porter{dir: o.Dir, service: service, accounts: map[string]*server.Account{}}
	if porter.guests, err = listen(opts, o.Listen); err != nil {
		return nil, err
	}
	dropStaged(store)
	s, err := run(opts, porter, o.Log)
	if err != nil {
		return nil, err
	}
	go porter.watch()
	return &Broker{server: s, lock: lock, room: room, guests: porter.guests, creds: creds, store: store}, nil
}

// listen opens the server to other clients. On loopback everybody may listen to calls, and do nothing else: 1C
// offices share terminal servers. Anywhere else only the credentials open it.
func listen(opts *server.Options, addr string) (guests bool, err error) {
	if addr == "" {
		return false, nil
	}
	a, err := net.ResolveTCPAddr("tcp", addr)
	if err != nil {
		return false, fmt.Errorf("NATS listen address %q: %w", addr, err)
	}
	opts.DontListen = false
	opts.Host, opts.Port = "0.0.0.0", a.Port
	if a.IP != nil {
		opts.Host = a.IP.String()
	}
	if a.Port == 0 {
		opts.Port = server.RANDOM_PORT
	}
	if a.IP == nil || !a.IP.IsLoopback() {
		return false, nil
	}
	return true, nil
}

// startTimeout is what recovering a large store may take: 129,000 events took 130 ms.
const startTimeout = 60 * time.Second

func run(opts *server.Options, porter *porter, log zerolog.Logger) (*server.Server, error) {
	opts.CustomClientAuthentication = porter
	s, err := server.NewServer(opts)
	if err == nil {
		porter.server = s
		err = porter.open()
	}
	if err != nil {
		return nil, fmt.Errorf("set up the embedded NATS server: %w", err)
	}
	l := serverLog{log: log.With().Str("part", "nats").Logger(), fatal: make(chan string, 1)}
	s.SetLoggerV2(l, false, false, false)
	s.Start()
	ready := make(chan bool, 1)
	go func() { ready <- s.ReadyForConnections(startTimeout) }()
	why := "not ready within " + startTimeout.String()
	select {
	case ok := <-ready:
		if ok {
			return s, nil
		}
	case why = <-l.fatal:
	}
	s.Shutdown()
	return nil, errors.New("start the embedded NATS server: " + why)
}

// InProcessConn is a connection that needs no port; nats.InProcessServer(b) uses it.
func (b *Broker) InProcessConn() (net.Conn, error) { return b.server.InProcessConn() }

// Room is how many bytes CALLS may hold: what was asked for, or less on a small disk.
func (b *Broker) Room() int64 { return b.room }

// Creds is the file with the key of services and commands.
func (b *Broker) Creds() string { return b.creds }

// Guests reports whether clients without credentials may listen to calls.
func (b *Broker) Guests() bool { return b.guests }

// URL is where other clients connect, empty where the server does not listen.
func (b *Broker) URL() string {
	if a := b.server.Addr(); a != nil {
		return "nats://" + a.String()
	}
	return ""
}

// Health is nil while the store can write. A stream that met an I/O error (a full disk) is frozen until the server
// is started anew; publishing to it only times out, so this is the one place that says why.
//
// A stream that is just being created looks for a moment as if it "could not be recovered" (seen: it ended a process), so
// that what is wrong must still be wrong, in the same words, a little later.
func (b *Broker) Health() error {
	wrong, same := "", 0
	for range looks {
		h := b.server.Healthz(&server.HealthzOptions{})
		if h.Error == "" || h.Status == "ok" {
			return nil
		}
		if h.Error != wrong {
			wrong, same = h.Error, 0
		}
		if same++; same == enough {
			return errors.New(wrong)
		}
		time.Sleep(lookAgain)
	}
	return nil // something else each time: streams are being made
}

// Under load the making of one stream has been seen for a fifth of a second.
const (
	looks     = 12
	enough    = 5
	lookAgain = 200 * time.Millisecond
)

// Stop shuts the server down and frees the data folder. Clients must have been closed before: what they publish
// afterwards is neither stored nor refused.
func (b *Broker) Stop() error {
	b.server.Shutdown()
	b.server.WaitForShutdown()
	b.unstage()
	return b.lock.Unlock()
}
