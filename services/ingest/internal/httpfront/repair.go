package httpfront

import (
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// headTime is how long a head may take from its first byte to its last. net/http's ReadHeaderTimeout starts counting
// on a kept connection only with the first byte that it sees, and it sees none before the head is whole.
const headTime = 5 * time.Second

// A refused client may still be sending. Closing on it would reset the connection and could destroy the answer that is
// under way to it, so its bytes are read and thrown away: this long and this many at most.
const (
	lingerTime  = 500 * time.Millisecond
	lingerBytes = 256 << 10
)

// Repair wraps a listener so that net/http accepts what phones send: its connections rewrite the head of each request,
// follow the requests from one to the next, and pass bodies through untouched. It never guesses where a request ends:
// what is ambiguous is refused (see refusal), and a refused connection closes after its answer.
//
// A connection costs no goroutine of its own and usually 3 KiB; at most some 90, where a head is as long as allowed and
// has to be escaped throughout. The server behind it must be a Front: it answers the refusals.
func Repair(l net.Listener) net.Listener { return &listener{l, &crowd{}} }

// listener also limits how many connections are open at once.
type listener struct {
	net.Listener
	crowd *crowd // a Front's listeners count together
}

// Accept returns the next connection.
func (l *listener) Accept() (net.Conn, error) {
	for {
		nc, err := l.Listener.Accept()
		if err != nil {
			return nil, err
		}
		c := &conn{Conn: nc, crowd: l.crowd}
		served, told := l.crowd.enter(nc)
		if told && !served {
			c.refuse(refuseCrowd)
		}
		if served || told {
			return c, nil
		}
		_ = c.Close()
	}
}

// conn is a repaired connection. Read belongs to one goroutine at a time, as net/http uses it; the deadlines and Close
// to any.
type conn struct {
	net.Conn
	crowd *crowd // that it is counted in

	scan scan
	buf  []byte // buf[r:w] is read and not yet judged. Not pooled: Close may come while Read still uses it
	r, w int
	out  []byte // judged, and not yet handed on
	body int64  // bytes of the body under way that are still to be handed on
	last bool   // nothing after out

	linger atomic.Bool
	closed atomic.Bool

	mu    sync.Mutex
	asked time.Time // the read deadline that net/http wants
	head  time.Time // when the head under way must be whole
}

// Read returns repaired bytes. It returns nothing of a head before it has all of it.
func (c *conn) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	for {
		switch {
		case len(c.out) > 0:
			return c.readHead(p), nil
		case c.last:
			return 0, io.EOF
		case c.body > 0:
			return c.readBody(p)
		}
		if c.judge() {
			continue
		}
		switch err := c.fill(); {
		case errors.Is(err, errPlain):
			c.refuse(refusePlain)
		case err != nil:
			return 0, err
		}
	}
}

func (c *conn) readHead(p []byte) int {
	n := copy(p, c.out)
	if c.out = c.out[n:]; len(c.out) == 0 {
		c.out = nil
	}
	return n
}

// readBody hands the body on: first what came with the head, then straight from the socket.
func (c *conn) readBody(p []byte) (n int, err error) {
	p = p[:min(int64(len(p)), c.body)]
	if c.r < c.w {
		n = copy(p, c.buf[c.r:c.w])
		c.r += n
	} else {
		n, err = c.Conn.Read(p)
	}
	c.body -= int64(n)
	return n, err
}

// judge looks for a whole head in what was read and turns it into out. It reports whether there is something to hand on.
func (c *conn) judge() bool {
	c.skipBlank()
	if c.r == c.w {
		return false
	}
	n, no := c.scan.head(c.buf[c.r:c.w])
	if no == nil && n == 0 {
		c.headBy(true)
		return false
	}
	c.headBy(false)
	if no == nil {
		no = c.take(c.buf[c.r : c.r+n])
	}
	if no != nil {
		c.refuse(no)
	}
	return true
}

// skipBlank drops the empty lines that some clients send after a body (RFC 9112 §2.2).
func (c *conn) skipBlank() {
	for c.scan.seen == 0 && c.r < c.w && (c.buf[c.r] == '\r' || c.buf[c.r] == '\n') {
		c.r++
	}
}

func (c *conn) take(head []byte) *refusal {
	done, no := repairHead(make([]byte, 0, len(head)+64), head)
	if no != nil {
		return no
	}
	c.r += len(head)
	c.scan = scan{}
	c.out, c.body, c.last = done.head, done.body, done.last
	if c.last {
		c.linger.Store(true)
	}
	return nil
}

// refuse makes the refusal the last request of the connection.
func (c *conn) refuse(no *refusal) {
	c.out, c.body, c.last = no.appendRequest(nil), 0, true
	c.buf, c.r, c.w = nil, 0, 0
	c.linger.Store(true)
}

// fill reads once. The buffer starts small, since a phone's request has some 500 bytes, and cannot outgrow the limits
// of a head, since judge refuses before.
func (c *conn) fill() error {
	if c.r == c.w {
		c.r, c.w = 0, 0
	}
	if c.w == len(c.buf) {
		c.makeRoom()
	}
	n, err := c.Conn.Read(c.buf[c.w:])
	c.w += n
	if n > 0 {
		return nil // an error that matters comes again
	}
	if err == nil {
		return io.ErrNoProgress
	}
	return err
}

func (c *conn) makeRoom() {
	to := c.buf
	if c.r == 0 {
		to = make([]byte, max(2<<10, 2*len(c.buf)))
	}
	c.w = copy(to, c.buf[c.r:c.w])
	c.buf, c.r = to, 0
}

// headBy starts the clock of a head that is incomplete, unless it runs already, or stops it.
func (c *conn) headBy(incomplete bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if incomplete == !c.head.IsZero() {
		return
	}
	c.head = time.Time{}
	if incomplete {
		c.head = time.Now().Add(headTime)
	}
	_ = c.arm() // a connection that takes no deadline fails on its next read
}

// SetReadDeadline keeps the earlier of t and the deadline of the head under way.
func (c *conn) SetReadDeadline(t time.Time) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.asked = t
	return c.arm()
}

func (c *conn) arm() error {
	if c.asked.IsZero() || !c.head.IsZero() && c.head.Before(c.asked) {
		return c.Conn.SetReadDeadline(c.head)
	}
	return c.Conn.SetReadDeadline(c.asked)
}

// SetDeadline sets both deadlines.
func (c *conn) SetDeadline(t time.Time) error {
	if err := c.SetReadDeadline(t); err != nil {
		return err
	}
	return c.SetWriteDeadline(t)
}

// CloseWrite lets net/http finish an answer before it closes on a client that is still sending.
func (c *conn) CloseWrite() error {
	if half, ok := c.Conn.(interface{ CloseWrite() error }); ok {
		return half.CloseWrite()
	}
	return nil
}

// Close closes the connection; after a refusal it first lets the answer arrive. A second Close cuts that short.
func (c *conn) Close() error {
	if !c.closed.CompareAndSwap(false, true) {
		return c.Conn.Close()
	}
	defer c.crowd.leave(c.Conn)
	if c.linger.Load() && c.CloseWrite() == nil {
		_ = c.Conn.SetReadDeadline(time.Now().Add(lingerTime))
		_, _ = io.CopyN(io.Discard, c.Conn, lingerBytes)
	}
	return c.Conn.Close()
}
