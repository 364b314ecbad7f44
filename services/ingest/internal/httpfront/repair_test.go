package httpfront

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// script is a connection whose client says what is in it, a piece at a time, and then hangs up.
type script struct {
	net.Conn // nil: what is not overridden must not be used
	in       *bytes.Reader
	piece    int // bytes per Read, 0: as many as fit
	wrote    bytes.Buffer
	closed   chan struct{}
}

func newScript(in []byte, piece int) *script {
	return &script{in: bytes.NewReader(in), piece: piece, closed: make(chan struct{})}
}

func (s *script) Read(p []byte) (int, error) {
	if s.piece > 0 {
		p = p[:min(len(p), s.piece)]
	}
	return s.in.Read(p)
}

func (s *script) Write(p []byte) (int, error)      { return s.wrote.Write(p) }
func (s *script) SetDeadline(time.Time) error      { return nil }
func (s *script) SetReadDeadline(time.Time) error  { return nil }
func (s *script) SetWriteDeadline(time.Time) error { return nil }
func (s *script) RemoteAddr() net.Addr             { return &net.TCPAddr{IP: net.IPv4(192, 0, 2, 1), Port: 5060} }
func (s *script) LocalAddr() net.Addr              { return s.RemoteAddr() }
func (s *script) Close() error {
	select {
	case <-s.closed:
	default:
		close(s.closed)
	}
	return nil
}

// repairedBytes is what net/http would see of in.
func repairedBytes(t testing.TB, in string, piece int) string {
	t.Helper()
	c := &conn{Conn: newScript([]byte(in), piece), crowd: &crowd{}}
	out, err := io.ReadAll(c)
	if err != nil {
		t.Fatalf("read %.200q: %v", in, err)
	}
	return string(out)
}

// refusalsIn are the names of the refusals in a repaired stream.
func refusalsIn(t testing.TB, out string) (names []string) {
	t.Helper()
	b := bufio.NewReader(strings.NewReader(out))
	for {
		r, err := http.ReadRequest(b)
		if errors.Is(err, io.EOF) {
			return names
		}
		if err != nil {
			t.Fatalf("the repaired stream %.300q does not parse: %v", out, err)
		}
		if r.Method == refusedMethod {
			names = append(names, strings.TrimPrefix(r.URL.Path, "/"))
		}
		_, _ = io.Copy(io.Discard, r.Body)
	}
}

func TestRequestLinesAreRepaired(t *testing.T) {
	const end = "\r\nHost: x\r\n\r\n"
	for name, c := range map[string]struct{ in, want string }{
		"a strict one stays":      {"GET /a%20b?c=d%26e+f;g HTTP/1.1", "GET /a%20b?c=d%26e+f;g HTTP/1.1"},
		"raw blank":               {"GET /x?dr=John Doe HTTP/1.1", "GET /x?dr=John%20Doe HTTP/1.1"},
		"several blanks":          {"GET  /x?dr=a  b   HTTP/1.1 ", "GET /x?dr=a%20%20b HTTP/1.1"},
		"tab":                     {"GET /x?dr=a\tb HTTP/1.1", "GET /x?dr=a%09b HTTP/1.1"},
		"HTTP/ inside a name":     {"GET /x?dr=speaks HTTP/2 well HTTP/1.0", "GET /x?dr=speaks%20HTTP/2%20well HTTP/1.0"},
		"control bytes":           {"GET /x?a=\x00\x01\x1f\x7f\r! HTTP/1.1", "GET /x?a=%00%01%1F%7F%0D! HTTP/1.1"},
		"UTF-8":                   {"GET /x?n=Ёж HTTP/1.1", "GET /x?n=%D0%81%D0%B6 HTTP/1.1"},
		"cp1251":                  {"GET /x?n=\xcf\xb8\xf2\xf0 HTTP/1.1", "GET /x?n=%CF%B8%F2%F0 HTTP/1.1"},
		"plus and semicolon":      {"GET /x?r=+7495123;user=phone HTTP/1.1", "GET /x?r=+7495123;user=phone HTTP/1.1"},
		"bad percent":             {"GET /x?a=100%&b=5%zz&c=%4 HTTP/1.1", "GET /x?a=100%25&b=5%25zz&c=%254 HTTP/1.1"},
		"bad percent in the path": {"GET /a%/b%zz?c HTTP/1.1", "GET /a%25/b%25zz?c HTTP/1.1"},
		"hash":                    {"GET /x?r=sip:#31#100@pbx HTTP/1.1", "GET /x?r=sip:%2331%23100@pbx HTTP/1.1"},
		"quotes in the query":     {`GET /x?r="Bob"<sip:100@pbx>{|}\^ HTTP/1.1`, `GET /x?r="Bob"<sip:100@pbx>{|}\^ HTTP/1.1`},
		"quotes in the path":      {`GET /x/r="Bob"<sip:1%26@pbx> HTTP/1.1`, `GET /x/r=%22Bob%22%3Csip:1%26@pbx%3E HTTP/1.1`},
		"no slash":                {"GET checkphone.php?event=1 HTTP/1.1", "GET /checkphone.php?event=1 HTTP/1.1"},
		"absolute":                {"GET HTTP://pbx:80/x?y HTTP/1.1", "GET /x?y HTTP/1.1"},
		"absolute without a path": {"GET http://pbx?y HTTP/1.1", "GET /?y HTTP/1.1"},
		"two slashes":             {"GET //x//y HTTP/1.1", "GET //x//y HTTP/1.1"},
		"the asterisk":            {"OPTIONS * HTTP/1.1", "OPTIONS * HTTP/1.1"},
		"lower-case version":      {"GET /x http/1.1", "GET /x HTTP/1.1"},
		"lower-case method stays": {"get /x HTTP/1.1", "get /x HTTP/1.1"},
		"blank lines before":      {"\r\n\n\r\nGET /x HTTP/1.1", "GET /x HTTP/1.1"},
	} {
		for _, piece := range []int{0, 1, 7} {
			if got := repairedBytes(t, c.in+end, piece); got != c.want+end {
				t.Errorf("%s, %d bytes at a time: got %q, want %q", name, piece, got, c.want+end)
			}
		}
	}
}

func TestHeadsAreRepaired(t *testing.T) {
	for name, c := range map[string]struct{ in, want string }{
		"1.1 without Host":       {"GET /x HTTP/1.1\r\nA: b\r\n\r\n", "GET /x HTTP/1.1\r\nA: b\r\nHost: \r\n\r\n"},
		"1.0 without Host":       {"GET /x HTTP/1.0\r\n\r\n", "GET /x HTTP/1.0\r\n\r\n"},
		"a host that is none":    {"GET /x HTTP/1.1\r\nHost: a b\xff\r\n\r\n", "GET /x HTTP/1.1\r\nHost: \r\n\r\n"},
		"bare LF":                {"GET /x HTTP/1.1\nHost: x\n\n", "GET /x HTTP/1.1\r\nHost: x\r\n\r\n"},
		"no version":             {"GET /x?n=John Doe\r\n", "GET /x?n=John%20Doe HTTP/1.0\r\n\r\n"},
		"nothing follows 0.9":    {"GET /x HTTP/0.9\nA: b\n\nGET /y HTTP/1.1\n\n", "GET /x HTTP/1.0\r\n\r\n"},
		"control bytes":          {"GET /x HTTP/1.0\r\nA: b\x00c\rd\xff\r\n\r\n", "GET /x HTTP/1.0\r\nA: b c d\xff\r\n\r\n"},
		"the same length twice":  {"POST /x HTTP/1.0\r\ncontent-length: 03\r\nContent-Length:3\r\n\r\na b", "POST /x HTTP/1.0\r\ncontent-length: 3\r\n\r\na b"},
		"Expect 100-continue":    {"POST /x HTTP/1.0\r\nExpect: 100-Continue\r\n\r\n", "POST /x HTTP/1.0\r\nExpect: 100-Continue\r\n\r\n"},
		"Expect something else":  {"POST /x HTTP/1.0\r\nExpect: rain\r\n\r\n", "POST /x HTTP/1.0\r\n\r\n"},
		"a head that never ends": {"GET /x HTTP/1.1\r\nA: b\r\n", ""},
	} {
		for _, piece := range []int{0, 1, 7} {
			if got := repairedBytes(t, c.in, piece); got != c.want {
				t.Errorf("%s, %d bytes at a time: got %q, want %q", name, piece, got, c.want)
			}
		}
	}
}

func TestRequestsAreFollowedFromOneToTheNext(t *testing.T) {
	const in = "POST /a b HTTP/1.1\r\nHost: x\r\nContent-Length: 22\r\n\r\nGET /not a request\r\n\r\n" +
		"\r\nGET /c d HTTP/1.1\nHost: x\n\n" +
		"HEAD /e\tf HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	const want = "POST /a%20b HTTP/1.1\r\nHost: x\r\nContent-Length: 22\r\n\r\nGET /not a request\r\n\r\n" +
		"GET /c%20d HTTP/1.1\r\nHost: x\r\n\r\n" +
		"HEAD /e%09f HTTP/1.1\r\nHost: x\r\nContent-Length: 0\r\n\r\n"
	for piece := range 40 {
		if diff := cmp.Diff(want, repairedBytes(t, in, piece)); diff != "" {
			t.Errorf("%d bytes at a time (-want +got):\n%s", piece, diff)
		}
	}
}

func TestWhatIsAmbiguousOrTooLargeIsRefused(t *testing.T) {
	long := func(n int) string { return strings.Repeat("a", n) }
	for name, c := range map[string]struct {
		in   string
		want *refusal
	}{
		"TLS greeting":                {"\x16\x03\x01\x02\x00\x01\x00", refuseNoise},
		"no target":                   {"GET HTTP/1.1\r\n\r\n", refuseLine},
		"a word":                      {"hello\r\n\r\n", refuseLine},
		"a method that is none":       {"G(T /x HTTP/1.1\r\n\r\n", refuseLine},
		"POST without a version":      {"POST /x\r\n", refuseLine},
		"HTTP/2":                      {"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", refuseVersion},
		"HTTP/1.1x":                   {"GET / HTTP/1.1x\r\n\r\n", refuseVersion},
		"line of 8 KiB and one":       {"GET /" + long(8<<10-len("GET / HTTP/1.1\r\n")+1) + " HTTP/1.1\r\n\r\n", refuseLongLine},
		"line without end":            {"GET /" + long(100<<10), refuseLongLine},
		"headers of 16 KiB and one":   {"GET / HTTP/1.1\r\nA: " + long(16<<10-len("A: \r\n\r\n")+1) + "\r\n\r\n", refuseLargeHead},
		"headers without end":         {"GET / HTTP/1.1\r\n" + strings.Repeat("A: b\r\n", 10000), refuseLargeHead},
		"no colon":                    {"GET / HTTP/1.1\r\nHost\r\n\r\n", refuseHeader},
		"no name":                     {"GET / HTTP/1.1\r\n: x\r\n\r\n", refuseHeader},
		"blank before the colon":      {"POST / HTTP/1.1\r\nContent-Length : 5\r\n\r\nhello", refuseHeader},
		"folded line":                 {"GET / HTTP/1.1\r\nA: b\r\n c\r\n\r\n", refuseHeader},
		"CR CR LF":                    {"GET / HTTP/1.1\r\nA: b\r\n\r\r\nContent-Length: 5\r\n\r\n", refuseHeader},
		"two hosts":                   {"GET / HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n", refuseHosts},
		"two lengths":                 {"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello", refuseLength},
		"a list of lengths":           {"POST / HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nhello", refuseLength},
		"a length with a sign":        {"POST / HTTP/1.1\r\nContent-Length: +5\r\n\r\nhello", refuseLength},
		"a negative length":           {"POST / HTTP/1.1\r\nContent-Length: -5\r\n\r\nhello", refuseLength},
		"a length beyond 63 bits":     {"POST / HTTP/1.1\r\nContent-Length: 9223372036854775808\r\n\r\n", refuseLength},
		"an empty length":             {"POST / HTTP/1.1\r\nContent-Length:\r\n\r\n", refuseLength},
		"length and chunks":           {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n", refuseLength},
		"chunks":                      {"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", refuseChunked},
		"chunks in disguise":          {"POST / HTTP/1.0\r\ntransfer-encoding: \x0bchunked\r\n\r\n0\r\n\r\n", refuseChunked},
		"body of 64 KiB and one byte": {"POST / HTTP/1.1\r\nContent-Length: 65537\r\n\r\n", refuseBody},
	} {
		for _, piece := range []int{0, 1000, 1} {
			const before = "GET /before HTTP/1.1\r\nHost: x\r\n\r\n"
			const after = "\r\nGET /smuggled HTTP/1.1\r\nHost: x\r\n\r\n"
			out := repairedBytes(t, before+c.in+after, piece)
			if diff := cmp.Diff([]string{c.want.name}, refusalsIn(t, out)); diff != "" {
				t.Errorf("%s, %d bytes at a time (-want +got):\n%s", name, piece, diff)
			}
			if !strings.HasPrefix(out, before) || strings.Contains(out, "smuggled") {
				t.Errorf("%s, %d bytes at a time: what comes before must pass and what follows must not: %q", name, piece, out)
			}
		}
	}
}

func TestWhatIsAtTheLimitsPasses(t *testing.T) {
	line := "GET /" + strings.Repeat(" ", 8<<10-len("GET /? HTTP/1.1\r\n")) + "? HTTP/1.1\r\n"
	fields := "A: " + strings.Repeat("b", 16<<10-len("A: \r\n\r\n")) + "\r\n\r\n"
	post := "POST / HTTP/1.1\r\nContent-Length: 65536\r\n\r\n" + strings.Repeat("b", 64<<10)
	for name, in := range map[string]string{"line": line + "\r\n", "headers": "GET / HTTP/1.1\r\n" + fields, "both": line + fields, "body": post} {
		out := repairedBytes(t, in, 0)
		if got := refusalsIn(t, out); got != nil || out == "" {
			t.Errorf("%s: refused with %q", name, got)
		}
		if head := len(out) - strings.Count(out, "b"); head > maxRepairedHead {
			t.Errorf("%s: the repaired head has %d bytes, net/http takes %d", name, head, maxRepairedHead)
		}
	}
}

func TestASlowHeadEndsAfterFiveSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		phone, server := net.Pipe()
		c := &conn{Conn: server, crowd: &crowd{}}
		var dripping sync.WaitGroup
		defer dripping.Wait()
		defer c.Close()
		dripping.Go(func() { // a byte a second, as long as anybody listens
			for {
				if _, err := phone.Write([]byte("G")); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		})
		_ = c.SetReadDeadline(time.Now().Add(time.Minute))
		start := time.Now()
		_, err := c.Read(make([]byte, 1))
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Since(start) != headTime {
			t.Errorf("got %v after %v, want a time-out after %v", err, time.Since(start), headTime)
		}
	})
}

func TestNetHTTPCanInterruptAReadAndGoOn(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		phone, server := net.Pipe()
		defer phone.Close()
		c := &conn{Conn: server, crowd: &crowd{}}
		defer c.Close()
		go phone.Write([]byte("GET /x HTTP/1.0\r\n"))
		go func() {
			time.Sleep(time.Second)
			_ = c.SetReadDeadline(time.Unix(1, 0)) // as net/http does when a handler returns
		}()
		if _, err := c.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
			t.Fatalf("got %v, want a time-out", err)
		}
		_ = c.SetReadDeadline(time.Time{})
		go phone.Write([]byte("\r\n"))
		b := make([]byte, 100)
		n, err := c.Read(b)
		if got, want := string(b[:n]), "GET /x HTTP/1.0\r\n\r\n"; got != want || err != nil {
			t.Errorf("got %q, %v, want %q", got, err, want)
		}
	})
}

func TestAboveTheLimitOfConnectionsIsToldSo(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := &listener{inner, &crowd{most: 1}}
	defer l.Close()
	accept := func() net.Conn {
		phone, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = phone.Close() })
		c, err := l.Accept()
		if err != nil {
			t.Fatal(err)
		}
		return c
	}
	first, second := accept(), accept()
	out, err := io.ReadAll(second)
	if got := refusalsIn(t, string(out)); err != nil || !cmp.Equal(got, []string{refuseCrowd.name}) {
		t.Errorf("the second of one: got %q, %v", got, err)
	}
	_, _ = first.Close(), second.Close()
	if n := l.crowd.open; n != 0 {
		t.Errorf("%d connections are counted after all are closed", n)
	}
}
