package access

import (
	"net/netip"
	"testing"
	"testing/synctest"
	"time"
)

func TestARateIsForEachAddressAndHasABurst(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := newLimits(3)
		one, two := netip.MustParseAddr("192.0.2.1"), netip.MustParseAddr("192.0.2.2")
		through := func(a netip.Addr) (n int) {
			for range 100 {
				if l.allow(a) {
					n++
				}
			}
			return n
		}
		if got := through(one); got != leastBurst {
			t.Errorf("at once: got %d, want %d", got, leastBurst)
		}
		if got := through(two); got != leastBurst {
			t.Errorf("another address: got %d, want %d", got, leastBurst)
		}
		time.Sleep(2 * time.Second)
		if got := through(one); got != 6 {
			t.Errorf("two seconds later: got %d, want 6", got)
		}
		if l := newLimits(50); l.burst != 100 {
			t.Errorf("the burst of 50 a second: got %d, want 100", l.burst)
		}
	})
}

func TestNoRateLimitsNothing(t *testing.T) {
	l := newLimits(0)
	for range 1000 {
		if !l.allow(netip.MustParseAddr("192.0.2.1")) {
			t.Fatal("refused")
		}
	}
}

func TestTheMemoryOfAddressesIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) { // time stands still: no rate comes back meanwhile
		l := newLimits(1)
		busy := netip.MustParseAddr("192.0.2.1")
		for l.allow(busy) {
		}
		a := netip.MustParseAddr("2001:db8::")
		for range 3 * rememberedAddresses {
			a = a.Next()
			l.allow(a)
			if l.allow(busy) {
				t.Fatal("an address that keeps coming was forgotten")
			}
		}
		if n := l.byAddr.Len(); n != rememberedAddresses {
			t.Errorf("%d addresses remembered, want %d", n, rememberedAddresses)
		}
	})
}
