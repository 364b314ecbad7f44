package httpfront

import (
	"net"
	"net/netip"
	"sync"
)

const (
	// crowdSpare is how many connections above the limit are told so; those above that are closed without a word.
	crowdSpare = 64
	// crowdShare is the part of all connections that one address may hold, so that nobody alone keeps the others out.
	// Phones behind a proxy have one address, so that a proxy that is trusted may hold them all.
	crowdShare = 4
	// crowdLeast is what one address may hold in any case: a phone opens a connection for each of its hits.
	crowdLeast = 8
)

// crowd counts the open connections of all listeners of a Front. The zero value has no limit.
type crowd struct {
	most    int // at once; 0: no limit
	proxies []netip.Prefix

	mu   sync.Mutex
	open int
	of   map[netip.Addr]int // those of one address
}

// enter counts a connection. It reports whether it is served, and if not, whether there is room to say so.
func (c *crowd) enter(nc net.Conn) (served, told bool) {
	addr := remoteAddr(nc)
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of == nil {
		c.of = map[netip.Addr]int{}
	}
	c.open++
	c.of[addr]++
	over := c.open - c.most
	if !within(addr, c.proxies) {
		over = max(over, c.of[addr]-max(c.most/crowdShare, crowdLeast))
	}
	return c.most == 0 || over <= 0, over <= crowdSpare
}

func (c *crowd) leave(nc net.Conn) {
	addr := remoteAddr(nc)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.open--
	if c.of[addr] > 1 {
		c.of[addr]--
		return
	}
	delete(c.of, addr)
}

func remoteAddr(nc net.Conn) netip.Addr {
	if nc.RemoteAddr() == nil {
		return netip.Addr{}
	}
	return parseAddr(nc.RemoteAddr().String())
}
