package httpfront

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/callbus/callbus/internal/call"
)

// rememberedPhones is how many phones a front remembers the line of. An office has fewer; the limit is for what an
// open port may meet.
const rememberedPhones = 4096

// lineMemory remembers the line that each phone named last. Some phones name their line when a call begins and leave it
// out when it ends (Snom, with an empty $local), and an end without its line would stay apart from its call.
//
// A phone is known by its MAC, or else by its address. Behind one address there may be many phones, so what is known by
// address alone is never said of a phone with another MAC.
type lineMemory struct{ phones *lru.Cache[phoneKey, known] }

// phoneKey has either of the two.
type phoneKey struct{ mac, addr string }

type known struct {
	mac  string // the phone's, if it said it
	line call.Line
}

// newLineMemory remembers up to max phones, each under its MAC and its address.
func newLineMemory(max int) lineMemory { return lineMemory{newLRU[phoneKey, known](2 * max)} }

// newLRU makes a memory that forgets what was not asked for longest. The size is a constant of ours above zero, the only
// thing that the library finds fault with.
func newLRU[K comparable, V any](size int) *lru.Cache[K, V] {
	cache, err := lru.New[K, V](size)
	if err != nil {
		panic(err)
	}
	return cache
}

// remember keeps the line of a stored hit that named it.
func (m lineMemory) remember(mac, addr string, line call.Line) {
	if mac != "" {
		m.phones.Add(phoneKey{mac: mac}, known{mac, line})
	}
	if addr != "" {
		m.phones.Add(phoneKey{addr: addr}, known{mac, line})
	}
}

// recall returns the line last seen from a phone, or "".
func (m lineMemory) recall(mac, addr string) call.Line {
	if k, ok := m.phones.Get(phoneKey{mac: mac}); ok && mac != "" {
		return k.line
	}
	k, ok := m.phones.Get(phoneKey{addr: addr})
	if !ok || addr == "" || mac != "" && k.mac != "" && k.mac != mac {
		return ""
	}
	return k.line
}
