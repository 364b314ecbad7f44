package stream

import (
	"encoding/json"
	"time"

	"github.com/nats-io/nats.go"
	"golang.org/x/time/rate"
)

// Rejection is a hit that could not be used, kept on hits.rejected so that an admin can see what a phone sends.
type Rejection struct {
	Time      time.Time `json:"time"`
	Reason    string    `json:"reason"`
	Status    int       `json:"status"`
	Addr      string    `json:"addr"`
	Dialect   string    `json:"dialect"`
	Event     string    `json:"event"` // as the path said it
	Query     string    `json:"query"` // secrets cut out
	UserAgent string    `json:"userAgent"`
}

// Rejections keeps rejected hits, at most ten a second: a broken phone, or a scanner, must not fill the store.
type Rejections struct {
	nc    *nats.Conn
	limit *rate.Limiter
	hands chan struct{} // who puts one on its way
}

// rejectionsAtOnce is how many may be on their way: the client is locked while it dials a server that is unplugged.
const rejectionsAtOnce = 10

// NewRejections makes the keeper; the stream HITS must have been declared for anything to be kept.
func NewRejections(nc *nats.Conn) *Rejections {
	return &Rejections{nc: nc, limit: rate.NewLimiter(10, 10), hands: make(chan struct{}, rejectionsAtOnce)}
}

// Keep stores the rejection without waiting for anything, and reports whether it was within the limits.
func (r *Rejections) Keep(x Rejection) bool {
	if !r.limit.Allow() {
		return false
	}
	data, err := json.Marshal(x)
	if err != nil {
		return false
	}
	select {
	case r.hands <- struct{}{}:
	default:
		return false
	}
	go func() {
		defer func() { <-r.hands }()
		_ = r.nc.Publish("hits.rejected", data) // at most once: it is for an admin's eyes
	}()
	return true
}
