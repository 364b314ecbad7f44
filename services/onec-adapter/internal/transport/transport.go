// Package transport carries requests to 1C over HTTP, and tells for certain whether anything of a failed one went out. What the
// bytes mean is soap's and onec's.
package transport

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"sync/atomic"
	"time"
)

// Time limits that are not the call's own. A call as a whole is limited by its context.
const (
	connectTimeout = 3 * time.Second
	tlsTimeout     = 5 * time.Second
	// Apache closes an idle connection after 5 s (KeepAliveTimeout). Ours goes first: a call on a connection that the
	// other side is closing looks like a call that may have been processed.
	idleTimeout = 4 * time.Second
	// maxIdle keeps the connections of as many lanes as a target may have.
	maxIdle = 64
)

// Options say how to reach 1C.
type Options struct {
	User string
	// Password is asked for each request, so that no copy of it is kept that could be printed. Nil is an empty password.
	Password func() string
	// Bearer is a token that goes in place of user and password, asked for likewise. Nil: none.
	Bearer func() string
	// Dial connects; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Client carries requests over HTTP/1.1 with keep-alive and Basic authentication. It follows no redirects (a POST would
// become a GET, the password could go to another host) and uses no proxy of the environment: 1C is in the office.
// It is safe for concurrent use.
type Client struct {
	http    *http.Client
	options Options
}

// Reply is an answer of HTTP, whatever its status.
type Reply struct {
	Status   int
	Body     []byte // at most the limit and one byte more, which says that there was more
	Location string // where a redirect points, without credentials or query
	Cookies  []*http.Cookie
}

// Error says that there was no answer, and whether the request may have reached the other side.
type Error struct {
	// Written reports that at least one byte of the request went out: 1C may have processed it.
	Written bool
	Err     error
}

// Error gives the cause without the URL, which the caller knows.
func (e *Error) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes a client of one 1C.
func New(o Options) *Client {
	if o.Dial == nil {
		dialer := net.Dialer{Timeout: connectTimeout, KeepAlive: 15 * time.Second}
		o.Dial = dialer.DialContext
	}
	return &Client{options: o, http: &http.Client{
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
		Transport: &http.Transport{
			DialContext:            counted(o.Dial),
			TLSHandshakeTimeout:    tlsTimeout,
			IdleConnTimeout:        idleTimeout,
			MaxIdleConnsPerHost:    maxIdle,
			MaxResponseHeaderBytes: 64 << 10,
			TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12},
		},
	}}
}

// Close drops the idle connections.
func (c *Client) Close() { c.http.CloseIdleConnections() }

// Request is one message to 1C.
type Request struct {
	Method string
	URL    string
	Header http.Header // Do adds to it; nil is none
	Body   []byte
	Limit  int // bytes of the answer's body that are read
}

// Do sends a request and reads the answer, whatever its status. The error is an *Error.
func (c *Client) Do(ctx context.Context, r Request) (Reply, error) {
	var sent sentBytes
	ctx = httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{GetConn: sent.forget, GotConn: sent.start})
	request, err := http.NewRequestWithContext(ctx, r.Method, r.URL, bytes.NewReader(r.Body))
	if err != nil {
		return Reply{}, &Error{Err: withoutURL(err)}
	}
	if r.Header != nil {
		request.Header = r.Header
	}
	request.Header.Set("User-Agent", "Callbus")
	c.authorise(request)
	response, err := c.http.Do(request)
	if err != nil {
		return Reply{}, &Error{Written: sent.any(ctx), Err: withoutURL(err)}
	}
	defer response.Body.Close()
	return read(response, r.Limit)
}

// authorise sends Basic at once: 1C answers a first request without it with 401, which would double every call.
// SetBasicAuth writes the bytes as they are, UTF-8: what real clients with Cyrillic users send.
func (c *Client) authorise(request *http.Request) {
	if c.options.Bearer != nil {
		request.Header.Set("Authorization", "Bearer "+c.options.Bearer())
		return
	}
	if c.options.User == "" {
		return
	}
	password := ""
	if c.options.Password != nil {
		password = c.options.Password()
	}
	request.SetBasicAuth(c.options.User, password)
}

// read keeps an answer whose status says enough even when its body breaks off: a 401 is a 401.
func read(response *http.Response, limit int) (Reply, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, int64(limit)+1))
	if err != nil && response.StatusCode < 300 {
		return Reply{}, &Error{Written: true, Err: fmt.Errorf("read the answer: %w", err)}
	}
	return Reply{
		Status: response.StatusCode, Body: body,
		Location: printableURL(response.Header.Get("Location")),
		Cookies:  response.Cookies(),
	}, nil
}

// printableURL drops what may be secret in a URL.
func printableURL(raw string) string {
	u, err := url.Parse(raw)
	if err != nil || raw == "" {
		return ""
	}
	u.User, u.RawQuery, u.Fragment = nil, "", ""
	return u.String()
}

// withoutURL takes the cause out of a *url.Error, which would print the whole URL.
func withoutURL(err error) error {
	if wrapped := (*url.Error)(nil); errors.As(err, &wrapped) {
		return wrapped.Err
	}
	return err
}

// countedConn counts what is written, below TLS. httptrace tells when a request has been written to a buffer only; the
// difference between "nothing went out" and "something did" is the one between a certain and an unsure failure.
type countedConn struct {
	net.Conn
	written atomic.Int64
}

// Write counts the bytes that the kernel took.
func (c *countedConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	c.written.Add(int64(n))
	return n, err
}

func counted(dial func(context.Context, string, string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &countedConn{Conn: conn}, nil
	}
}

// sentBytes watches one request. http.Transport repeats a request by itself only while nothing of it went out, so one
// request may get several connections; the last one decides.
type sentBytes struct{ now atomic.Pointer[sentMark] }

type sentMark struct {
	conn  *countedConn
	begin int64
}

// forget is httptrace's GetConn: another attempt begins, so nothing of the last one went out, or it was a GET.
func (s *sentBytes) forget(string) { s.now.Store(nil) }

// start is httptrace's GotConn: what the connection has written before is not ours.
func (s *sentBytes) start(info httptrace.GotConnInfo) {
	conn := info.Conn
	if secured, ok := conn.(*tls.Conn); ok {
		conn = secured.NetConn()
	}
	if counted, ok := conn.(*countedConn); ok {
		s.now.Store(&sentMark{conn: counted, begin: counted.written.Load()})
	}
}

// any leans to yes where the context ended: then the writing goroutine may be at it this very moment.
func (s *sentBytes) any(ctx context.Context) bool {
	mark := s.now.Load()
	return mark != nil && (ctx.Err() != nil || mark.conn.written.Load() > mark.begin)
}
