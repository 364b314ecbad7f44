package stream

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strconv"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
)

// Headers of an atomic batch (ADR-50 of NATS). They stay on what is stored.
const (
	headerBatch    = "Nats-Batch-Id"
	headerPlace    = "Nats-Batch-Sequence"
	headerCommit   = "Nats-Batch-Commit"
	maxGroup       = 500              // the server takes 1,000
	restAfterwards = 10 * time.Second // after a batch that was not stored
)

// group stores together, with one fsync, what comes while another publish to the same stream is under way. What comes
// alone is published alone.
type group struct {
	p     *Publisher
	least int // fewer than that are published one by one

	mu      sync.Mutex
	busy    int // publishes under way that the next group waits for
	waiting []*waiter
	rest    time.Time // until then nothing is put together
}

type waiter struct {
	it   *pending
	done chan outcome
}

// outcome is what the group made of an event.
type outcome int

const (
	single  outcome = iota // publish it, and leave the group
	apart                  // publish it: it was not stored
	unclear                // publish it: it may have been stored
	stored
)

// join is quick to say single, and otherwise waits for what the group makes of the event: as long as it may wait for a
// group, and no longer than that group's one try if there is one.
func (g *group) join(ctx context.Context, it *pending) outcome {
	w := g.enter(it)
	if w == nil {
		return single
	}
	ctx, cancel := context.WithTimeout(ctx, oneTry)
	defer cancel()
	select {
	case o := <-w.done:
		return o
	case <-ctx.Done():
	}
	if g.withdraw(w) {
		return apart // whatever is under way does not come back
	}
	return <-w.done
}

// enter returns nil where nobody is before the event.
func (g *group) enter(it *pending) *waiter {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy == 0 {
		g.busy = 1
		return nil
	}
	w := &waiter{it: it, done: make(chan outcome, 1)}
	g.waiting = append(g.waiting, w)
	return w
}

func (g *group) withdraw(w *waiter) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	i := slices.Index(g.waiting, w)
	if i >= 0 {
		g.waiting = slices.Delete(g.waiting, i, i+1)
	}
	return i >= 0
}

// leave is called after each publish that the next group waits for. The last one sends those who wait on their way.
func (g *group) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.busy--; g.busy > 0 || len(g.waiting) == 0 {
		return
	}
	n := min(len(g.waiting), maxGroup)
	next := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	if n >= g.least && time.Now().After(g.rest) {
		g.busy = 1
		go g.commit(next)
		return
	}
	g.busy = n
	for _, w := range next {
		w.done <- single
	}
}

func (g *group) commit(ws []*waiter) {
	o := g.batch(ws)
	for _, w := range ws {
		for _, name := range []string{headerBatch, headerPlace, headerCommit} {
			delete(w.it.msg.Header, name)
		}
	}
	if o != stored {
		g.mu.Lock()
		g.rest = time.Now().Add(restAfterwards)
		g.mu.Unlock()
	}
	g.leave() // first: the disk must not wait for those who are told
	for _, w := range ws {
		w.done <- o
	}
}

// batch publishes the group as one atomic batch. Nobody sees any of it before its fsync: the server's loop, which sends
// what consumers get, is the one that stores the batch.
func (g *group) batch(ws []*waiter) outcome {
	ctx, cancel := context.WithTimeout(context.Background(), oneTry)
	defer cancel()
	id, last := ws[0].it.msg.Header.Get(nats.MsgIdHdr), len(ws)-1
	for i, w := range ws {
		w.it.msg.Header[headerBatch] = []string{id}
		w.it.msg.Header[headerPlace] = []string{strconv.Itoa(i + 1)}
		if i == last {
			break
		}
		if g.p.nc.PublishMsg(w.it.msg) != nil {
			return apart // what is never committed is never stored
		}
	}
	commit := ws[last].it.msg
	commit.Header[headerCommit] = []string{"1"}
	reply, err := g.p.nc.RequestMsgWithContext(ctx, commit)
	switch {
	case errors.Is(err, nats.ErrNoResponders):
		return apart
	case err != nil:
		return unclear
	}
	return committed(reply.Data, id, len(ws))
}

// committed reads the server's answer to a batch. One that knows nothing of batches answers as to a single message.
func committed(answer []byte, id string, n int) outcome {
	var ack struct {
		Batch string          `json:"batch"`
		Count int             `json:"count"`
		Error json.RawMessage `json:"error"`
	}
	switch {
	case json.Unmarshal(answer, &ack) != nil:
		return unclear
	case ack.Error != nil:
		return apart
	case ack.Batch != id || ack.Count != n:
		return unclear
	}
	return stored
}
