package stream

import (
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// doubt is what a broker that was killed leaves behind. It writes down what it has delivered ten times a second and
// without fsync (nobody can make it do otherwise), so the message that somebody is calling the target with may come to
// another adapter as if nobody had it. Reproduced: in 40 kills of a broker with two adapters at work, 19 repeats
// that no ending told of, and five calls at once in a target of four.
//
// Only the first open message of a lane can be meant, because a lane has one in hand at a time. It goes back to the
// broker, which counts it then, and holds it for as long as it would have held what it has forgotten.
type doubt struct {
	upTo   uint64    // what came later, or
	before time.Time // was stored later, has never been delivered by the broker's last run
	until  time.Time // whoever had it in hand has ended it, or its call has
}

func (d *doubt) covers(meta *jetstream.MsgMetadata) bool {
	return meta.Sequence.Stream <= d.upTo || !meta.Timestamp.After(d.before)
}

// clocks is by how much the clocks of broker and adapter may differ.
const clocks = time.Second

// startDoubt is that of a lane whose consumer was there before: its owner may have been this program's last run, killed
// together with the broker. It does not wait, or every upgrade would cost a pause; so a lane that is opened within
// seconds after a kill of the broker may call while another adapter's last call is still under way.
func (t *Target) startDoubt() *doubt { return &doubt{upTo: t.calls.CachedInfo().State.LastSeq} }

// watchBroker notices that the broker was started anew.
func (l *Lane) watchBroker() {
	run := l.target.nc.ConnectedServerId()
	if run == "" || run == l.broker {
		return
	}
	lost := l.target.outage.last()
	l.broker, l.doubt = run, &doubt{before: lost.Add(clocks), until: lost.Add(l.consumer.CachedInfo().Config.AckWait)}
}

// doubtful reports whether a message may be in somebody else's hands although the broker does not know it, and for how
// long it should wait. It is asked once the lane's cursor has been read, with the lane's first open message.
func (l *Lane) doubtful(meta *jetstream.MsgMetadata) (wait time.Duration, yes bool) {
	d := l.doubt
	l.doubt = nil
	switch {
	case d == nil, !d.covers(meta):
		return 0, false
	case l.had == meta.Sequence.Stream, l.had > 0 && l.had == l.cursor.calls:
		return 0, false // the last one who had this lane's messages in hand is this lane
	}
	// A count above 1 says that it was delivered before, and nothing of the last time: that may be forgotten as well.
	wait = time.Until(d.until)
	return max(0, wait), wait > 0 || meta.NumDelivered == 1
}

// outage remembers when a connection was lost last.
type outage struct{ at atomic.Pointer[time.Time] }

// last is the zero time where the connection has never been lost.
func (o *outage) last() time.Time {
	if at := o.at.Load(); at != nil {
		return *at
	}
	return time.Time{}
}

// watch works until the connection is closed. Tries to connect again that fail are part of the same outage.
func (o *outage) watch(nc *nats.Conn) {
	changes := nc.StatusChanged(nats.CONNECTED, nats.RECONNECTING, nats.CLOSED)
	go func() {
		connected := true
		for status := range changes {
			switch {
			case status == nats.CLOSED:
				return
			case status == nats.RECONNECTING && connected:
				now := time.Now()
				o.at.Store(&now)
			}
			connected = status == nats.CONNECTED
		}
	}()
}
