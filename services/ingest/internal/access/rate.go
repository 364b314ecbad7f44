package access

import (
	"container/list"
	"net/netip"
	"sync"

	"golang.org/x/time/rate"
)

const (
	// leastBurst is what may come at once: a phone with six accounts that starts says so seven times.
	leastBurst = 10
	// rememberedAddresses bounds the memory. Whoever has more addresses than this is not held back by a rate anyway.
	rememberedAddresses = 4096
)

// limits is a rate for each address. A nil one limits nothing.
type limits struct {
	rate  rate.Limit
	burst int

	mu     sync.Mutex
	order  *list.List // of *spent, the latest used in front
	byAddr map[netip.Addr]*list.Element
}

type spent struct {
	addr    netip.Addr
	limiter *rate.Limiter
}

func newLimits(perSecond int) *limits {
	if perSecond == 0 {
		return nil
	}
	return &limits{rate: rate.Limit(perSecond), burst: max(leastBurst, 2*perSecond), order: list.New(), byAddr: map[netip.Addr]*list.Element{}}
}

func (l *limits) allow(addr netip.Addr) bool { return l == nil || l.of(addr).Allow() }

func (l *limits) of(addr netip.Addr) *rate.Limiter {
	l.mu.Lock()
	defer l.mu.Unlock()
	if at, ok := l.byAddr[addr]; ok {
		l.order.MoveToFront(at)
		return at.Value.(*spent).limiter
	}
	s := &spent{addr, rate.NewLimiter(l.rate, l.burst)}
	l.byAddr[addr] = l.order.PushFront(s)
	if l.order.Len() > rememberedAddresses {
		delete(l.byAddr, l.order.Remove(l.order.Back()).(*spent).addr)
	}
	return s.limiter
}
