package httpfront

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// pair is the certificate that net/http/httptest carries for 127.0.0.1, and a client's configuration that trusts it.
func pair() (server, client *tls.Config) {
	s := httptest.NewUnstartedServer(nil)
	s.StartTLS()
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	return &tls.Config{Certificates: s.TLS.Certificates, MinVersion: tls.VersionTLS12}, &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// secureHouse is a house with a second door, of TLS.
type secureHouse struct {
	*house
	secure string // its address
	client *tls.Config
}

func openSecure(t testing.TB, o Options) secureHouse {
	t.Helper()
	h := open(t, o)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	server, client := pair()
	served := make(chan error, 1)
	go func() { served <- h.ServeTLS(l, server) }()
	t.Cleanup(func() {
		_ = h.Shutdown(t.Context())
		if err := <-served; err != nil {
			t.Errorf("serve TLS: %v", err)
		}
	})
	return secureHouse{h, l.Addr().String(), client}
}

func (h secureHouse) dial(t testing.TB) *tls.Conn {
	t.Helper()
	c := tls.Client(dial(t, h.secure), h.client)
	if err := c.Handshake(); err != nil {
		t.Fatalf("handshake: %v", err)
	}
	return c
}

func (h secureHouse) say(t testing.TB, raw string) answer {
	t.Helper()
	c := h.dial(t)
	go io.WriteString(c, raw)
	return hear(t, bufio.NewReader(c))
}

func TestBehindTLSARequestIsRepairedAndRefusedAsWithout(t *testing.T) {
	h := openSecure(t, Options{})
	for raw, want := range map[string]int{
		"GET /phone/incoming?line=101&name=John Doe HTTP/1.1\r\n\r\n":                200,
		"GET /phone/incoming?line=101&name=John Doe\r\n":                             200,
		"GET /phone/incoming?name=" + strings.Repeat("a", 100<<10) + " HTTP/1.1\r\n": 414,
		"GET / HTTP/1.1\r\nA: " + strings.Repeat("a", 100<<10) + "\r\n\r\n":          431,
		"\x16\x03\x01\x02\x00\x01\x00":                                               400,
		"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n":                                           505,
	} {
		got := h.say(t, raw)
		if got.Status != want {
			t.Errorf("%.60q: got %d %q, want %d", raw, got.Status, got.Body, want)
		}
		if want == 200 && h.last(t).Remote.Name != "John Doe" {
			t.Errorf("%.60q: stored %+v", raw, h.last(t))
		}
	}
}

func TestAKeptTLSConnectionServesManyRequests(t *testing.T) {
	h := openSecure(t, Options{})
	c := h.dial(t)
	b := bufio.NewReader(c)
	for range 3 {
		_, _ = io.WriteString(c, "GET /phone/incoming?line=101&name=a b HTTP/1.1\r\n\r\n")
		if got := hear(t, b); got.Status != 200 {
			t.Fatalf("got %d %q", got.Status, got.Body)
		}
	}
}

func TestOldVersionsOfTLSAreRefused(t *testing.T) {
	h := openSecure(t, Options{})
	for version, want := range map[uint16]bool{tls.VersionTLS10: false, tls.VersionTLS11: false, tls.VersionTLS12: true, tls.VersionTLS13: true} {
		c := h.client.Clone()
		c.MinVersion, c.MaxVersion = version, version
		err := tls.Client(dial(t, h.secure), c).Handshake()
		if (err == nil) != want {
			t.Errorf("%s: got %v, want it taken: %v", tls.VersionName(version), err, want)
		}
	}
}

// A phone whose URL says http:// with the port of HTTPS shows nothing; the answer is for who tries it with a browser,
// and the line in the log for everybody else.
func TestPlainHTTPOnTheTLSPortIsToldSo(t *testing.T) {
	h := openSecure(t, Options{})
	for _, raw := range []string{
		"GET /phone/incoming?line=101 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /phone/incoming?line=101 HTTP/1.1\r\nContent-Length: 60000\r\n\r\n" + strings.Repeat("a", 60000),
	} {
		c := dial(t, h.secure)
		go io.WriteString(c, raw)
		b := bufio.NewReader(c)
		got := hear(t, b)
		if got.Status != 400 || got.Body != refusePlain.text+"\n" || !got.Close {
			t.Errorf("got %d %q, want 400 %q", got.Status, got.Body, refusePlain.text)
		}
		if n, err := b.Read(make([]byte, 1)); !errors.Is(err, io.EOF) {
			t.Errorf("read %d bytes, %v after the answer, want the end", n, err)
		}
	}
	if _, _, log := h.told(); strings.Count(log, refusePlain.text) != 2 || len(h.all()) != 0 {
		t.Errorf("want two refusals in the log and nothing stored, got %s, %v", log, h.all())
	}
}

func TestAHandshakeThatFailsIsCountedAndNotShouted(t *testing.T) {
	h := openSecure(t, Options{})
	h.client = &tls.Config{ServerName: "127.0.0.1"} // trusts nobody of ours
	if err := tls.Client(dial(t, h.secure), h.client).Handshake(); err == nil {
		t.Fatal("the client took a certificate that it cannot know")
	}
	noise := dial(t, h.secure)
	_, _ = io.WriteString(noise, "\x00\x01\x02\x03\x04\x05\x06\x07")
	_, _ = io.Copy(io.Discard, noise)
	_ = dial(t, h.secure).Close() // a monitor
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(time.Millisecond) {
		_, outcomes, log := h.told()
		if fmt.Sprint(outcomes) == "[handshake/ handshake/]" && strings.Count(log, "\n") == 2 && strings.Count(log, `"level":"debug"`) == 2 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("outcomes %q, log %s; want two handshakes, for those who debug", outcomes, log)
		}
	}
}

func TestASilentHandshakeEndsAfterFiveSeconds(t *testing.T) {
	certificate, _ := pair()
	for name, hello := range map[string]string{"silence": "", "half a hello": "\x16\x03\x01\x02"} {
		synctest.Test(t, func(t *testing.T) {
			phone, server := net.Pipe()
			l := &oneConn{c: make(chan net.Conn, 1)}
			l.c <- server
			h := newHouse(Options{})
			go h.ServeTLS(l, certificate)
			start := time.Now()
			_, _ = io.WriteString(phone, hello)
			if _, err := phone.Read(make([]byte, 1)); err == nil || time.Since(start) != readHeaderTimeout {
				t.Errorf("%s: got %v after %v, want the end after %v", name, err, time.Since(start), readHeaderTimeout)
			}
			_ = phone.Close()
			_ = h.Shutdown(t.Context())
		})
	}
}

func TestBothDoorsShareTheLimitOfConnections(t *testing.T) {
	h := openSecure(t, Options{MaxConns: 2})
	const hit = "GET /phone/incoming?line=101 HTTP/1.1\r\n\r\n"
	plain, secure := dial(t, h.addr), h.dial(t)
	for _, c := range []net.Conn{plain, secure} {
		_, _ = io.WriteString(c, hit)
		if got := hear(t, bufio.NewReader(c)); got.Status != 200 {
			t.Fatalf("one of two: got %d", got.Status)
		}
	}
	for door, say := range map[string]func(testing.TB, string) answer{"http": h.house.say, "https": h.say} {
		if got := say(t, hit); got.Status != 503 {
			t.Errorf("the third of two, by %s: got %d, want 503", door, got.Status)
		}
	}
}

func TestAStopAnswersTheRequestsUnderWayAtBothDoors(t *testing.T) {
	const phones = 20 // at each
	h := newHouse(Options{})
	var arrived sync.WaitGroup
	arrived.Add(2 * phones)
	release := make(chan struct{})
	h.before = func(context.Context) error { arrived.Done(); <-release; return nil }
	server, client := pair()
	plain, secure := listen(t), listen(t)
	ended := make(chan error, 2)
	go func() { ended <- h.Serve(plain) }()
	go func() { ended <- h.ServeTLS(secure, server) }()
	answers := make(chan answer, 2*phones)
	call := func(c net.Conn) {
		_, _ = io.WriteString(c, "GET /phone/incoming?line=101&name=John Doe HTTP/1.1\r\n\r\n")
		answers <- hear(t, bufio.NewReader(c))
	}
	for range phones {
		go call(dial(t, plain.Addr().String()))
		go call(tls.Client(dial(t, secure.Addr().String()), client))
	}
	arrived.Wait()
	down := make(chan error, 1)
	go func() { down <- h.Shutdown(t.Context()) }()
	for range 2 {
		if err := <-ended; err != nil {
			t.Errorf("serve: %v", err)
		}
	}
	for _, l := range []net.Listener{plain, secure} {
		if c, err := net.Dial("tcp", l.Addr().String()); err == nil {
			_ = c.Close()
			t.Error("a new connection was accepted while shutting down")
		}
	}
	close(release)
	for range 2 * phones {
		if got := <-answers; got.Status != 200 {
			t.Errorf("got %d %q, want 200", got.Status, got.Body)
		}
	}
	if err := <-down; err != nil || len(h.all()) != 2*phones {
		t.Errorf("shut down: %v; stored %d, want %d", err, len(h.all()), 2*phones)
	}
}

// A phone that is in the middle of its handshake when the stop comes is heard, like one in the middle of its request.
func TestAHandshakeUnderWayIsHeardOutOnShutdown(t *testing.T) {
	h := newHouse(Options{})
	server, client := pair()
	secure := listen(t)
	ended := make(chan error, 1)
	go func() { ended <- h.ServeTLS(secure, server) }()
	c := dial(t, secure.Addr().String())
	for h.arrivals.waiting() < 1 {
		time.Sleep(time.Millisecond) // the kernel has it, the server has not accepted it yet
	}
	down := make(chan error, 1)
	go func() { down <- h.Shutdown(t.Context()) }()
	if err := <-ended; err != nil {
		t.Errorf("serve: %v", err)
	}
	phone := tls.Client(c, client)
	_, _ = io.WriteString(phone, "GET /phone/incoming?line=101 HTTP/1.1\r\n\r\n")
	if got := hear(t, bufio.NewReader(phone)); got.Status != 200 {
		t.Errorf("got %d %q, want 200", got.Status, got.Body)
	}
	if err := <-down; err != nil {
		t.Errorf("shut down: %v", err)
	}
}

func listen(t testing.TB) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	return l
}
