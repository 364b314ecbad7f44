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
}

// NewRejections makes the keeper; the stream HITS must have been declared for anything to be kept.
func NewRejections(nc *nats.Conn) *Rejections {
	return &Rejections{nc: nc, limit: rate.NewLimiter(10, 10)}
}

// Keep stores the rejection without waiting for it, and reports whether it was within the limit.
func (r *Rejections) Keep(x Rejection) bool {
	if !r.limit.Allow() {
		return false
	}
	data, err := json.Marshal(x)
	if err != nil {
		return false
	}
	return r.nc.Publish("hits.rejected", data) == nil
}
