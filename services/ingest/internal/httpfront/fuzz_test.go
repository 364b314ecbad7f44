package httpfront

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// lenient decodes each valid %XX and keeps everything else: what a query means to the dialects.
func lenient(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && escapeAt([]byte(s[i:])) {
			c, _ := url.PathUnescape(s[i : i+3])
			b.WriteString(c)
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// seen is what a handler can see of a request.
type seen struct {
	Method, Path, Query, Proto, Host string
	Header                           http.Header
	Body                             string
}

// readAll parses requests until the end of the stream.
func readAll(stream string) (all []seen, err error) {
	b := bufio.NewReader(strings.NewReader(stream))
	for {
		r, err := http.ReadRequest(b)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return all, err
		}
		body, err := io.ReadAll(r.Body)
		if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
			return all, err
		}
		all = append(all, seen{r.Method, r.URL.Path, lenient(r.URL.RawQuery), r.Proto, r.Host, r.Header, string(body)})
	}
}

func FuzzAStrictClientIsHeardAsItSpoke(f *testing.F) {
	f.Add("GET", "/yealink/incoming", "mac=001565aabbcc&remote=sip:%2B7495123@pbx;user=phone", "User-Agent", "Yealink SIP-T46S", "", 3)
	f.Add("POST", "/a b/c%2Fd", "x=100%25&y=1+2", "Content-Type", "application/x-www-form-urlencoded", "line=101&remote=102", 0)
	f.Add("HEAD", "//", "#\"<>", "X", "\t\xff", "\r\n\r\nGET / HTTP/1.1\r\n\r\n", 1)
	f.Fuzz(func(t *testing.T, method, path, query, name, value, body string, piece int) {
		if strings.EqualFold(name, "Expect") || method == "CONNECT" || piece < 0 {
			t.Skip() // an Expect other than 100-continue is dropped on purpose; CONNECT has no path
		}
		r, err := http.NewRequest(method, "http://pbx.example", strings.NewReader(body))
		if err != nil {
			t.Skip()
		}
		r.URL.Path, r.URL.RawQuery = path, query
		r.Header[name] = []string{value}
		var one bytes.Buffer
		if r.Write(&one) != nil {
			t.Skip()
		}
		two := one.String() + one.String()
		want, err := readAll(two)
		if err != nil || len(want) != 2 || tooLarge(one.String()) || !strings.HasPrefix(one.String(), method+" /") {
			t.Skip() // not well-formed after all: a raw blank in the query, say, or a path without a slash
		}
		out := repairedBytes(t, two, piece)
		got, err := readAll(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", two, out, err)
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%q became %q (-want +got):\n%s", two, out, diff)
		}
	})
}

func tooLarge(request string) bool {
	head, body, _ := strings.Cut(request, "\r\n\r\n")
	line, _, _ := strings.Cut(head, "\r\n")
	return len(line) > maxLine-2 || len(head)-len(line) > maxHeaders-4 || len(body) > maxBody
}

var anyBytes = []string{
	"GET /x?dr=John Doe HTTP/1.1\r\n\r\n",
	"GET /x\n",
	"POST /x HTTP/1.1\r\nContent-Length: 3\r\n\r\nabcGET http://h/ HTTP/1.0\n\n",
	"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n",
	"GET / HTTP/1.1\r\nHost: [::1]:80\r\nExpect: x\r\nTrailer: Content-Length\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n\r\n",
	"\r\n\n\x16\x03\x01",
	"OPTIONS * HTTP/1.1\r\n\r\nCONNECT a:b HTTP/1.1\r\n\r\n",
	"CALLBUS-REFUSED /crowd HTTP/1.1\r\n\r\nGET /%2 HTTP/1.1\r\nA:\x00\r\n\r\n",
}

func FuzzAnyBytesParseOrAreRefused(f *testing.F) {
	for _, s := range anyBytes {
		f.Add([]byte(s), 0)
	}
	f.Fuzz(func(t *testing.T, in []byte, piece int) {
		if piece < 0 {
			t.Skip()
		}
		out := repairedBytes(t, string(in), piece)
		requests, err := readAll(out)
		if err != nil {
			t.Fatalf("%q became %q: %v", in, out, err)
		}
		if most := 3*len(in) + 100*(1+len(requests)); len(out) > most {
			t.Errorf("%d bytes became %d, want at most %d", len(in), len(out), most)
		}
	})
}

// oneConn is a listener that has one connection.
type oneConn struct {
	c    chan net.Conn
	once sync.Once
}

func (l *oneConn) Accept() (net.Conn, error) {
	if c, ok := <-l.c; ok {
		return c, nil
	}
	return nil, net.ErrClosed
}
func (l *oneConn) Close() error   { l.once.Do(func() { close(l.c) }); return nil }
func (l *oneConn) Addr() net.Addr { return &net.TCPAddr{} }

func FuzzNetHTTPNeverRefusesWhatWasRepaired(f *testing.F) {
	for _, s := range anyBytes {
		f.Add([]byte(s))
	}
	const mark = "X-Ours"
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set(mark, "1")
		_, _ = io.Copy(io.Discard, r.Body)
	})
	f.Fuzz(func(t *testing.T, in []byte) {
		s := newScript(in, 0)
		l := &oneConn{c: make(chan net.Conn, 1)}
		l.c <- s
		server := &http.Server{Handler: handler, MaxHeaderBytes: maxRepairedHead, DisableGeneralOptionsHandler: true}
		go server.Serve(Repair(l))
		<-s.closed
		_ = server.Close()
		b := bufio.NewReader(&s.wrote)
		for {
			r, err := http.ReadResponse(b, nil)
			if err != nil {
				break
			}
			if r.StatusCode != http.StatusContinue && r.Header.Get(mark) == "" {
				t.Fatalf("%q was answered %q by net/http itself", in, r.Status)
			}
			_, _ = io.Copy(io.Discard, r.Body)
		}
	})
}
