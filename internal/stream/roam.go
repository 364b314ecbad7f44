package stream

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

const (
	// roamLook is how often a server is asked whether it still belongs to a cluster that works, and how long that may take.
	roamLook = time.Second
	// A server that has had no answer for roamFirst is left; an election takes as long. Where moving has brought nothing, the
	// next move takes twice as long, up to roamMost.
	roamFirst, roamMost = 3 * time.Second, time.Minute
	// silent is how long a leader has not heard from a server that it counts as gone. They speak every second.
	silent = 3 * time.Second
)

var (
	errNoAnswer = errors.New("the server has no answer about CALLS")
	errAlone    = errors.New("the server leads CALLS and does not reach the others")
)

// Roam moves a connection to another server of its cluster when its own has been cut off from the rest: such a server takes
// what it is sent and stores nothing, and the client would stay with it for as long as that lasts. Where no server has an answer
// moving helps nobody, so it is tried ever less often. It works until ctx ends, and tells of each move ("moved", and why).
//
// It asks, and does not wait for publishes to fail: an adapter that is handed no calls has nothing to publish.
func Roam(ctx context.Context, nc *nats.Conn, tell func(event string, err error)) {
	js, err := jetstream.New(nc)
	if err != nil {
		return // a nil connection
	}
	roam(ctx, nc, tell, func(ctx context.Context) (jetstream.Stream, error) { return js.Stream(ctx, Calls) })
}

func roam(ctx context.Context, nc *nats.Conn, tell func(string, error), calls func(context.Context) (jetstream.Stream, error)) {
	r := newRestless(time.Now())
	each(ctx, roamLook, func() {
		if len(nc.Servers()) < 2 || !nc.IsConnected() {
			r.since = time.Now()
			return
		}
		if why := ask(ctx, calls); r.had(time.Now(), why) && ctx.Err() == nil {
			tell("moved", why)
			_ = nc.ForceReconnect() // it fails where the connection has been closed
		}
	})
}

// each does something again and again until ctx ends, the first time after one pause.
func each(ctx context.Context, pause time.Duration, do func()) {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			do()
		}
	}
}

// ask looks whether whoever leads CALLS can be reached, and can store. A server that says what is wrong with the stream is not cut off.
func ask(ctx context.Context, calls func(context.Context) (jetstream.Stream, error)) error {
	ctx, cancel := context.WithTimeout(ctx, roamLook)
	defer cancel()
	s, err := calls(ctx)
	var api *jetstream.APIError
	switch {
	case errors.As(err, &api) && api.Code < 500:
		return nil
	case err != nil:
		return errNoAnswer
	}
	if alone(s.CachedInfo().Cluster) {
		return errAlone
	}
	return nil
}

// alone reports whether a leader hears from too few of the others to store anything. It goes on as leader for some ten seconds.
func alone(group *jetstream.ClusterInfo) bool {
	if group == nil {
		return false
	}
	there := 1
	for _, p := range group.Replicas {
		if !p.Offline && p.Active < silent {
			there++
		}
	}
	return 2*there <= 1+len(group.Replicas)
}

// restless decides when a server has had no answer for long enough.
type restless struct {
	since time.Time // of the last answer, or the last move
	wait  time.Duration
}

func newRestless(now time.Time) restless { return restless{now, roamFirst} }

// had takes what was asked, and reports whether to move.
func (r *restless) had(now time.Time, why error) bool {
	if why == nil {
		*r = newRestless(now)
		return false
	}
	if now.Sub(r.since) < r.wait {
		return false
	}
	r.since, r.wait = now, min(2*r.wait, roamMost)
	return true
}
