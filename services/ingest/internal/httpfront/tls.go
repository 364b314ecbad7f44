package httpfront

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync/atomic"
	"time"
)

// ServeTLS is Serve for phones that speak HTTPS. A handshake has as long as a head. No protocol is negotiated (ALPN):
// a phone that offers something odd gets HTTP/1.1 all the same.
func (f *Front) ServeTLS(l net.Listener, c *tls.Config) error {
	return f.Serve(secureListener{Listener: l, config: c, front: f})
}

type secureListener struct {
	net.Listener
	config *tls.Config
	front  *Front
}

func (l secureListener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	return &secureConn{Conn: tls.Server(c, l.config), front: l.front, accepted: time.Now()}, nil
}

// secureConn is a TLS connection. A client that turns out to speak plain HTTP can be answered so: nobody sees what
// a phone shows for a broken handshake, if it shows anything, and the URL of such a phone is easily mended.
type secureConn struct {
	*tls.Conn
	front    *Front
	accepted time.Time
	plain    atomic.Bool // from now on without TLS
}

// errPlain is what Read says of a client that speaks plain HTTP.
var errPlain = errors.New("plain HTTP where TLS is spoken")

func (c *secureConn) Read(p []byte) (int, error) {
	if c.plain.Load() {
		return c.NetConn().Read(p)
	}
	if err := c.Handshake(); err != nil { // nil at once when it has been made
		return 0, c.failed(err)
	}
	return c.Conn.Read(p)
}

// failed tells of a handshake that failed. A client without a word (a monitor that looks whether the port is open) is no news.
func (c *secureConn) failed(err error) error {
	var noTLS tls.RecordHeaderError
	switch {
	case errors.Is(err, io.EOF):
	case errors.As(err, &noTLS) && noTLS.Conn != nil && tokenBytes[noTLS.RecordHeader[0]]:
		c.plain.Store(true)
		return errPlain
	default:
		c.front.opts.Observe(OutcomeHandshake, "", time.Since(c.accepted).Seconds())
		c.front.opts.Log.Debug().Str("addr", text(parseAddr(c.RemoteAddr().String()))).Err(err).Msg("tls.handshake")
	}
	return err
}

func (c *secureConn) Write(p []byte) (int, error) {
	if c.plain.Load() {
		return c.NetConn().Write(p)
	}
	return c.Conn.Write(p)
}

// CloseWrite ends what we say: in TLS with a word, below it with a FIN.
func (c *secureConn) CloseWrite() error {
	if half, ok := c.NetConn().(interface{ CloseWrite() error }); ok && c.plain.Load() {
		return half.CloseWrite()
	}
	return c.Conn.CloseWrite()
}
