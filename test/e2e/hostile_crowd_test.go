package e2e

import (
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/callbus/callbus/test/rig"
)

// callers are well-behaved phones that call all the while, each call with an id of its own.
type callers struct {
	wait    sync.WaitGroup
	cancel  func()
	mu      sync.Mutex
	ids     []string
	longest time.Duration
	faults  []string
}

func callAllTheWhile(t *testing.T, phones string) *callers {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	c := &callers{cancel: cancel}
	t.Cleanup(cancel)
	for phone := range goodPhones {
		c.wait.Go(func() {
			tick := time.NewTicker(200 * time.Millisecond)
			defer tick.Stop()
			for n := 0; ; n++ {
				select {
				case <-ctx.Done():
					return
				case <-tick.C:
					c.call(phones, fmt.Sprintf("good-%d-%d", phone, n), 200+phone)
				}
			}
		})
	}
	return c
}

func (c *callers) call(phones, id string, line int) {
	start := time.Now()
	status := try(phones, fmt.Sprintf("/phone/incoming?line=%d&remote=74951230000&cid=%s", line, id))
	took := time.Since(start)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.longest = max(c.longest, took)
	if status != 200 {
		c.faults = append(c.faults, fmt.Sprintf("%s: %d after %v", id, status, took))
		return
	}
	c.ids = append(c.ids, id)
}

func (c *callers) until(t *testing.T, n int) {
	t.Helper()
	rig.Until(t, fmt.Sprintf("%d good calls", n), func() (any, bool) {
		c.mu.Lock()
		defer c.mu.Unlock()
		return len(c.ids), len(c.ids) >= n
	})
}

func (c *callers) stop(t *testing.T) (ids []string, longest time.Duration) {
	t.Helper()
	c.cancel()
	c.wait.Wait()
	for _, f := range c.faults {
		t.Errorf("a good phone got no 200: %s", f)
	}
	return c.ids, c.longest
}

// slow are connections that say little or nothing, and come again as soon as they are cut off.
type slow struct {
	ctx    context.Context
	cancel context.CancelFunc
	wait   sync.WaitGroup
	cut    [slowConns]atomic.Int64
	opened atomic.Int64
}

func startSlow(t *testing.T, in fortress) *slow {
	t.Helper()
	s := &slow{}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	t.Cleanup(s.stop)
	for i := range slowConns {
		s.wait.Go(func() {
			for s.ctx.Err() == nil {
				s.hold(i, in)
			}
		})
	}
	return s
}

// hold keeps one connection open until it is cut off.
func (s *slow) hold(i int, in fortress) {
	const request = "GET /phone/incoming?line=101&name=slow HTTP/1.1\r\nX: "
	dial, first, drip := in.dial, "", true
	switch i % 5 {
	case 0: // silent
		drip = false
	case 1: // half a request, then silent
		first, drip = request, false
	case 2: // half a TLS handshake
		dial, first, drip = func() (net.Conn, error) { return net.Dial("tcp", in.secure) }, "\x16\x03\x01\x02\x00\x01", false
	case 3: // a byte at a time behind TLS
		dial = in.dialSecure
	}
	c, err := dial()
	if err != nil {
		return
	}
	s.opened.Add(1)
	defer context.AfterFunc(s.ctx, func() { _ = c.Close() })()
	if first != "" {
		_, _ = io.WriteString(c, first)
	}
	if drip {
		go s.drip(c, request)
	}
	_, _ = io.Copy(io.Discard, c)
	_ = c.Close()
	s.cut[i].Add(1)
}

// drip sends a byte each 100 ms, and no end.
func (s *slow) drip(c net.Conn, request string) {
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for n := 0; ; n++ {
		b := []byte{'a'}
		if n < len(request) {
			b[0] = request[n]
		}
		if _, err := c.Write(b); err != nil {
			return
		}
		<-tick.C
	}
}

// untilAllWereCut: none of them is kept for longer than its head may take.
func (s *slow) untilAllWereCut(t *testing.T) {
	t.Helper()
	rig.Until(t, "every slow connection to be cut off", func() (any, bool) {
		left := 0
		for i := range s.cut {
			if s.cut[i].Load() == 0 {
				left++
			}
		}
		return fmt.Sprintf("%d are left", left), left == 0
	})
}

func (s *slow) stop() {
	s.cancel()
	s.wait.Wait()
}
