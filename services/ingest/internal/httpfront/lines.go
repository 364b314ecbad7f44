package httpfront

import (
	"container/list"
	"sync"

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
type lineMemory struct {
	mu    sync.Mutex
	max   int
	order *list.List // of *known, the latest used in front
	byKey map[phoneKey]*list.Element
}

// phoneKey has either of the two.
type phoneKey struct{ mac, addr string }

type known struct {
	key  phoneKey
	mac  string // the phone's, if it said it
	line call.Line
}

// newLineMemory remembers up to max phones, each under its MAC and its address.
func newLineMemory(max int) *lineMemory {
	return &lineMemory{max: 2 * max, order: list.New(), byKey: make(map[phoneKey]*list.Element)}
}

// remember keeps the line of a stored hit that named it.
func (m *lineMemory) remember(mac, addr string, line call.Line) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if mac != "" {
		m.put(known{key: phoneKey{mac: mac}, mac: mac, line: line})
	}
	if addr != "" {
		m.put(known{key: phoneKey{addr: addr}, mac: mac, line: line})
	}
}

func (m *lineMemory) put(k known) {
	if at, ok := m.byKey[k.key]; ok {
		*at.Value.(*known) = k
		m.order.MoveToFront(at)
		return
	}
	m.byKey[k.key] = m.order.PushFront(&k)
	if m.order.Len() > m.max {
		oldest := m.order.Remove(m.order.Back()).(*known)
		delete(m.byKey, oldest.key)
	}
}

// recall returns the line last seen from a phone, or "".
func (m *lineMemory) recall(mac, addr string) call.Line {
	m.mu.Lock()
	defer m.mu.Unlock()
	if k := m.get(phoneKey{mac: mac}); mac != "" && k != nil {
		return k.line
	}
	k := m.get(phoneKey{addr: addr})
	if addr == "" || k == nil || mac != "" && k.mac != "" && k.mac != mac {
		return ""
	}
	return k.line
}

func (m *lineMemory) get(key phoneKey) *known {
	at, ok := m.byKey[key]
	if !ok {
		return nil
	}
	m.order.MoveToFront(at)
	return at.Value.(*known)
}
