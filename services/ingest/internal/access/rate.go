package access

import (
	"net/netip"

	lru "github.com/hashicorp/golang-lru/v2"
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
	rate   rate.Limit
	burst  int
	byAddr *lru.Cache[netip.Addr, *rate.Limiter]
}

func newLimits(perSecond int) *limits {
	if perSecond == 0 {
		return nil
	}
	byAddr, err := lru.New[netip.Addr, *rate.Limiter](rememberedAddresses)
	if err != nil {
		panic(err) // of a size that is not above zero
	}
	return &limits{rate: rate.Limit(perSecond), burst: max(leastBurst, 2*perSecond), byAddr: byAddr}
}

func (l *limits) allow(addr netip.Addr) bool {
	if l == nil {
		return true
	}
	fresh := rate.NewLimiter(l.rate, l.burst)
	if known, was, _ := l.byAddr.PeekOrAdd(addr, fresh); was {
		l.byAddr.Get(addr) // it is in use: others are forgotten first
		return known.Allow()
	}
	return fresh.Allow()
}
