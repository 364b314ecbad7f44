package stream

import (
	"context"
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
// broker, which counts it then, and holds it for as long as the broker would have held what it has forgotten. Nobody is
// excepted, not even who had the lane last: an adapter cannot know whether it lost the lane before the broker died.
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
func (t *Target) startDoubt() *doubt {
	last := t.calls.CachedInfo().State.LastSeq
	if t.o.Memory != nil {
		last = t.o.Memory.before(t.nc.ConnectedServerId(), last)
	}
	return &doubt{upTo: last}
}

// Memory is where a process keeps, for one target, what its first opening of it in a run of the broker has found: that run
// has forgotten nothing since. Without it an event that comes in a pause would count as delivered before.
type Memory struct {
	run  string
	last uint64
}

// before is the last event that was stored when this process first opened the target in a run of the broker.
func (m *Memory) before(run string, last uint64) uint64 {
	if m.run != run {
		*m = Memory{run, last}
	}
	return m.last
}

// watchBroker notices that the broker was started anew, or that the lane's consumer is led by another server of a cluster: a
// new leader has not heard of the last deliveries of the one that was killed. It gives out a new pin, so it is looked for where
// the pin is new.
func (l *Lane) watchBroker(ctx context.Context, newPin bool) {
	leader, _ := leaderOf(l.consumer.CachedInfo())
	if run := l.target.nc.ConnectedServerId(); leader == "" && (run == "" || run == l.broker) || leader != "" && !newPin {
		return
	}
	info, err := l.consumer.Info(ctx)
	if err != nil {
		info = l.consumer.CachedInfo()
	}
	run := l.run(info)
	if run == l.broker && err == nil {
		return
	}
	_, since := leaderOf(info)
	if leader == "" {
		since = l.target.link.since(run)
	} else if err != nil {
		since = time.Now()
	}
	// Whoever has a message in hand gives its call up by then: no broker confirms any more that it is his.
	l.quiet = since.Add(info.Config.AckWait)
	l.broker, l.doubt = run, &doubt{before: since.Add(clocks), until: l.quiet}
}

// run names the run of the broker, or of the leader, that a consumer is with.
func (l *Lane) run(info *jetstream.ConsumerInfo) string {
	if leader, since := leaderOf(info); leader != "" {
		return leader + " since " + since.Format(time.RFC3339Nano)
	}
	return l.target.nc.ConnectedServerId()
}

// leaderOf is the server that leads a consumer, and since when; empty where there is one server only.
func leaderOf(info *jetstream.ConsumerInfo) (leader string, since time.Time) {
	if c := info.Cluster; c != nil && c.LeaderSince != nil {
		return c.Leader, *c.LeaderSince
	}
	return "", time.Time{}
}

// doubtful reports whether a message may be in somebody else's hands although the broker does not know it, and for how
// long it should wait. It is asked once the lane's cursor has been read, with the lane's first open message.
func (l *Lane) doubtful(meta *jetstream.MsgMetadata) (wait time.Duration, yes bool) {
	d := l.doubt
	l.doubt = nil
	if d == nil || !d.covers(meta) {
		return 0, false
	}
	// A count above 1 says that it was delivered before, and nothing of the last time: that may be forgotten as well.
	wait = time.Until(d.until)
	return max(0, wait), wait > 0 || meta.NumDelivered == 1
}

// link remembers since when the connection has been to this run of the broker.
type link struct {
	nc      *nats.Conn
	changes chan nats.Status
	last    atomic.Pointer[linked]
}

type linked struct {
	run string
	at  time.Time
}

func watchLink(nc *nats.Conn) *link {
	l := &link{nc: nc, changes: nc.StatusChanged(nats.CONNECTED)}
	go func() {
		for range l.changes {
			l.last.Store(&linked{nc.ConnectedServerId(), time.Now()})
		}
	}()
	return l
}

// close ends the watch.
func (l *link) close() { l.nc.RemoveStatusListener(l.changes) }

// since is now where the news has not come yet: a message may be faster.
func (l *link) since(run string) time.Time {
	if last := l.last.Load(); last != nil && last.run == run {
		return last.at
	}
	return time.Now()
}
