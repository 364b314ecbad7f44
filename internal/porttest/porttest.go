// Package porttest gives ports to tests. It never ships.
package porttest

import (
	"fmt"
	"math/rand/v2"
	"net"
	"sync"
	"testing"
)

// Ports are given out in blocks. All lie below those that the system gives to outgoing connections and to port 0 (32768 and above on
// Linux): of a farm of phones each opens one after another, and took such a port before its server did (seen).
const (
	first  = 12000
	block  = 100
	blocks = 200
)

// mine are the ports of this process that nobody has been given yet.
var mine struct {
	sync.Mutex
	next, end int
	guards    []net.Listener
}

// Free is a loopback address on which nobody listens, for a server that must know its port before it runs or have it again later, and
// for a test that wants to find nobody there. Nothing else is given this port, in this process or in another one: a process owns a
// hundred ports by listening at the first of them as long as it lives.
func Free(t testing.TB) string {
	t.Helper()
	mine.Lock()
	defer mine.Unlock()
	for range 10 * block {
		if mine.next == mine.end {
			takeBlock(t)
		}
		addr := fmt.Sprint("127.0.0.1:", mine.next)
		mine.next++
		if l, err := net.Listen("tcp", addr); err == nil {
			l.Close()
			return addr
		}
	}
	t.Fatal("find a free port: none in a thousand tries")
	return ""
}

func takeBlock(t testing.TB) {
	t.Helper()
	for range 10 * blocks {
		port := first + block*rand.IntN(blocks)
		if l, err := net.Listen("tcp", fmt.Sprint("127.0.0.1:", port)); err == nil {
			mine.guards = append(mine.guards, l)
			mine.next, mine.end = port+1, port+block
			return
		}
	}
	t.Fatal("take a hundred ports: others have them all")
}
