package main

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"time"
)

// paced are hits at random moments, each over a connection of its own.
type paced struct {
	mu       sync.Mutex
	answered times
	sent     map[string]time.Time // first byte of the hit, by the other side
	told     map[string]bool      // answered 200
	late     time.Duration        // the longest that a hit was sent after its moment: the generator's own fault
}

// pace sends hits to a phone's door at a rate, whoever is still waiting for an answer.
func (b *bench) pace(ctx context.Context, addr string, first, hits int, rate float64) *paced {
	p := &paced{sent: map[string]time.Time{}, told: map[string]bool{}}
	dice := rand.New(rand.NewPCG(b.seed, uint64(first)))
	next := time.Now()
	var wg sync.WaitGroup
	for i := range hits {
		next = next.Add(time.Duration(dice.ExpFloat64() / rate * float64(time.Second)))
		select {
		case <-ctx.Done():
			return p
		case <-time.After(time.Until(next)):
		}
		p.late = max(p.late, time.Since(next))
		wg.Go(func() { p.hit(addr, first+i) })
	}
	wg.Wait()
	p.answered.sorted()
	return p
}

func (p *paced) hit(addr string, n int) {
	one := phone{job: job{Addr: addr, Lines: 200, Article: true}, from: net.IPv4(127, 78, byte(n/200%200), byte(1+n%200))}
	begin, err := one.sayAt(uint64(n))
	took := time.Since(begin)
	p.mu.Lock()
	defer p.mu.Unlock()
	p.sent[remote(n)] = begin
	if p.told[remote(n)] = err == nil; err == nil {
		p.answered = append(p.answered, took)
	}
}

// sayAt is a hit whose time begins with its first byte.
func (p *phone) sayAt(n uint64) (begin time.Time, err error) {
	if err := p.dial(); err != nil {
		return time.Now(), err
	}
	begin = time.Now()
	return begin, p.say(n)
}

// reached are how long hits took to 1C, of those that did, within a limit.
func (p *paced) reached(ctx context.Context, o *onec, limit time.Duration) (took times) {
	deadline := time.Now().Add(limit)
	for ctx.Err() == nil && o.hasOf(p) < len(p.sent) && time.Now().Before(deadline) {
		time.Sleep(20 * time.Millisecond)
	}
	for other, sent := range p.sent {
		if got, there := o.when(other); there {
			took = append(took, got.Sub(sent))
		}
	}
	return took.sorted()
}

func (o *onec) hasOf(p *paced) (n int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	for other := range p.sent {
		if _, there := o.got[other]; there {
			n++
		}
	}
	return n
}

// each is an error unless all hits were answered 200 and have reached 1C.
func (p *paced) each(took times) error {
	if len(p.answered) < len(p.sent) || len(took) < len(p.sent) {
		return fmt.Errorf("of %d hits %d were answered 200, and %d have reached 1C", len(p.sent), len(p.answered), len(took))
	}
	return nil
}

func spread(t times) string {
	if len(t) == 0 {
		return "-"
	}
	return ms(t.at(0.5)) + ", " + ms(t.at(0.99)) + " ms"
}
