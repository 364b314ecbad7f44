package httpfront

import (
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/time/rate"
)

// refusalLines is how many refused hits a second get a line of their own. A scanner makes thousands, and would fill the
// disk that the calls are on; an office whose phones are all set up wrong makes fewer.
const refusalLines = 20

// quiet bounds the lines about refused hits. The hits without a line are counted, and once a second the log says how
// many they were.
type quiet struct {
	log   zerolog.Logger
	limit *rate.Limiter
	more  atomic.Int64
}

func newQuiet(log zerolog.Logger) *quiet {
	return &quiet{log: log, limit: rate.NewLimiter(refusalLines, refusalLines)}
}

// line is the line for one more refused hit, or nil (which zerolog lets be written to) where it gets none.
func (q *quiet) line() *zerolog.Event {
	if q.limit.Allow() {
		return q.log.Warn()
	}
	if q.more.Add(1) == 1 {
		time.AfterFunc(time.Second, q.tell)
	}
	return nil
}

// tell says how many hits got no line since it was said last.
func (q *quiet) tell() {
	if n := q.more.Swap(0); n > 0 {
		q.log.Warn().Int64("hits", n).Msg("call.refused_more: these were refused without a line of their own")
	}
}
