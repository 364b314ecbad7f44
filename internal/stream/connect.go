package stream

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
)

// ConnectOptions say how to reach NATS.
type ConnectOptions struct {
	Name   string                        // of the client, as the server's monitoring shows it
	URL    string                        // "nats://a,nats://b"; empty with Broker
	Creds  string                        // file: a .creds file (JWT and seed), or an nkey seed like the embedded broker's nats.creds
	CA     string                        // file with the certificate authority of a TLS server
	Notify func(event string, err error) // connected, disconnected, reconnected, closed, error; may be nil

	Broker Embedded // comes before URL and Creds; nil: none
}

// Embedded is a broker in this process: *broker.Broker. It is an interface so that an adapter, which has none of its
// own, does not carry a whole NATS server.
type Embedded interface {
	nats.InProcessConnProvider
	Creds() string
}

// Connect returns a connection that never gives up and never buffers: what could not be sent fails at once, so that
// nothing is sent later which a phone was told had failed. The server need not be there yet.
func Connect(o ConnectOptions) (*nats.Conn, error) {
	notify := o.Notify
	if notify == nil {
		notify = func(string, error) {}
	}
	var made atomic.Pointer[nats.Conn]
	opts := []nats.Option{
		nats.Name(o.Name),
		nats.MaxReconnects(-1),
		nats.IgnoreAuthErrorAbort(), // a key that is refused today may be known to the server tomorrow
		nats.CustomReconnectDelay(func(int) time.Duration { return rest(made.Load()) }),
		nats.ReconnectBufSize(-1),
		nats.RetryOnFailedConnect(true),
		// A frozen or unplugged server is noticed within 6 s: in a cluster others stand by, and phones get 503 until then.
		nats.PingInterval(2 * time.Second),
		nats.MaxPingsOutstanding(2),
		nats.ConnectHandler(func(*nats.Conn) { notify("connected", nil) }),
		nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { notify("disconnected", err) }),
		nats.ReconnectHandler(func(*nats.Conn) { notify("reconnected", nil) }),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { notify("error", err) }),
	}
	if o.Broker != nil {
		opts, o.Creds = append(opts, nats.InProcessServer(o.Broker)), o.Broker.Creds()
	}
	if o.CA != "" {
		opts = append(opts, nats.RootCAs(o.CA))
	}
	if o.Creds != "" {
		auth, err := credentials(o.Creds)
		if err != nil {
			return nil, err
		}
		opts = append(opts, auth)
	}
	nc, err := nats.Connect(o.URL, opts...)
	if err != nil {
		return nil, fmt.Errorf("connect to NATS: %w", err)
	}
	made.Store(nc)
	return nc, nil
}

// rest is how long a client that is looking for its server waits between two tries. One whose key is refused waits longer: the server
// writes an error into its log each time.
func rest(nc *nats.Conn) time.Duration {
	wait := 250 * time.Millisecond
	if nc != nil && errors.Is(nc.LastError(), nats.ErrAuthorization) {
		wait = 5 * time.Second
	}
	return wait + rand.N(100*time.Millisecond)
}

func credentials(file string) (nats.Option, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, fmt.Errorf("NATS credentials: %w", err)
	}
	if bytes.Contains(text, []byte("USER JWT")) {
		return nats.UserCredentials(file), nil
	}
	auth, err := nats.NkeyOptionFromSeed(file)
	if err != nil {
		return nil, fmt.Errorf("NATS credentials in %s: %w", file, err)
	}
	return auth, nil
}

// ErrAway says that NATS cannot be reached at the moment.
var ErrAway = errors.New("NATS is away")

// Unanswered reports whether an error says that a question did not reach NATS, or its answer not us, in time.
func Unanswered(err error) bool {
	return errors.Is(err, context.DeadlineExceeded) ||
		errors.Is(err, nats.ErrReconnectBufExceeded) || // there is no connection
		errors.Is(err, nats.ErrDisconnected)
}
