package httpfront

import (
	"net"
	"net/netip"
	"testing"
)

// addressed is a connection of which only the address matters.
type addressed struct {
	net.Conn
	addr net.Addr
}

func (a addressed) RemoteAddr() net.Addr { return a.addr }

func from(addr string) net.Conn {
	return addressed{addr: net.TCPAddrFromAddrPort(netip.AddrPortFrom(netip.MustParseAddr(addr), 40000))}
}

// Bug: one address with 4,200 idle connections kept every phone out for a minute.
func TestOneAddressHoldsAQuarterOfAllConnections(t *testing.T) {
	c := &crowd{most: 400, proxies: []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}}
	enter := func(addr string, n int) (served, told int) {
		for range n {
			s, tell := c.enter(from(addr))
			if s {
				served++
			} else if tell {
				told++
			}
		}
		return served, told
	}
	if served, told := enter("192.0.2.1", 300); served != 100 || told != crowdSpare {
		t.Errorf("of 300 from one address %d were served and %d told, want 100 and %d", served, told, crowdSpare)
	}
	for range 200 {
		c.leave(from("192.0.2.1"))
	}
	if served, _ := enter("192.0.2.2", 50); served != 50 {
		t.Errorf("another address was served %d times of 50", served)
	}
	if served, told := enter("10.0.0.1", 400); served != 250 || told != crowdSpare {
		t.Errorf("a proxy was served %d times and told %d, want all the 250 that were left", served, told)
	}
	for range 400 {
		c.leave(from("10.0.0.1"))
	}
	for range 100 {
		c.leave(from("192.0.2.1"))
	}
	for range 50 {
		c.leave(from("192.0.2.2"))
	}
	if c.open != 0 || len(c.of) != 0 {
		t.Errorf("%d connections of %d addresses are left over", c.open, len(c.of))
	}
}
