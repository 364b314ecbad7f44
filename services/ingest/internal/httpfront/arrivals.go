package httpfront

import (
	"context"
	"net"
	"net/http"
	"sync"
	"time"
)

const (
	// lastWords is how long a stop waits for phones that have connected and are still saying what happened. net/http
	// drops a request whose head it has read after its Shutdown began (seen: 0 of 40 half-sent requests answered), and
	// a phone never asks again. One packet is all that most phones send.
	lastWords = time.Second
	lookAgain = 5 * time.Millisecond
)

// arrivals are the connections that have not said anything yet, as net/http sees them: behind Repair a head is heard
// whole or not at all.
type arrivals struct {
	mu    sync.Mutex
	fresh map[net.Conn]struct{}
}

// watch is an http.Server's ConnState.
func (a *arrivals) watch(c net.Conn, s http.ConnState) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s != http.StateNew {
		delete(a.fresh, c)
		return
	}
	if a.fresh == nil {
		a.fresh = map[net.Conn]struct{}{}
	}
	a.fresh[c] = struct{}{}
}

func (a *arrivals) waiting() int {
	a.mu.Lock()
	defer a.mu.Unlock()
	return len(a.fresh)
}

// heard waits until all arrivals have been heard, for lastWords at most: a scanner may connect and say nothing.
func (a *arrivals) heard(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, lastWords)
	defer cancel()
	for a.waiting() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-time.After(lookAgain):
		}
	}
}
