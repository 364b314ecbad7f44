package transport

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"net/url"
	"strings"
	"time"
)

// Hop is one part of the way to a server, before the first word of HTTP.
type Hop struct {
	Name  string // "dns", "tcp", or "tls" for https
	Took  time.Duration
	Found string // addresses; the one that listens; the certificate
	Err   error
}

// Reach goes the way that a call goes, part by part, and ends with the first that fails. It says nothing to the server.
func Reach(ctx context.Context, rawURL string) (hops []Hop) {
	u, err := url.Parse(rawURL)
	if err != nil {
		return []Hop{{Name: "dns", Err: withoutURL(err)}}
	}
	w := way{host: u.Hostname(), port: portOf(u)}
	defer w.close()
	for _, part := range []struct {
		name string
		goes func(context.Context) (string, error)
	}{{"dns", w.lookup}, {"tcp", w.connect}, {"tls", w.secure}} {
		if part.name == "tls" && u.Scheme != "https" {
			break
		}
		begin := time.Now()
		found, err := part.goes(ctx)
		hops = append(hops, Hop{part.name, time.Since(begin), found, err})
		if err != nil {
			break
		}
	}
	return hops
}

// SpeaksTLS reports whether a server at a URL of http:// speaks TLS instead. It trusts it with nothing.
func SpeaksTLS(ctx context.Context, rawURL string) bool {
	u, err := url.Parse(rawURL)
	if err != nil {
		return false
	}
	w := way{host: u.Hostname(), port: portOf(u)}
	defer w.close()
	if _, err := w.connect(ctx); err != nil {
		return false
	}
	return handshake(ctx, tls.Client(w.conn, &tls.Config{InsecureSkipVerify: true})) == nil //nolint:gosec // nothing is said to it
}

func portOf(u *url.URL) string {
	if u.Port() == "" {
		return map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return u.Port()
}

// way is one connection in the making.
type way struct {
	host, port string
	conn       net.Conn
}

func (w *way) close() {
	if w.conn != nil {
		w.conn.Close()
	}
}

// lookup finds the addresses of a name; an address is its own.
func (w *way) lookup(ctx context.Context) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, connectTimeout)
	defer cancel()
	addresses, err := net.DefaultResolver.LookupHost(ctx, w.host)
	return strings.Join(addresses, ", "), err
}

func (w *way) connect(ctx context.Context) (found string, err error) {
	dialer := net.Dialer{Timeout: connectTimeout}
	if w.conn, err = dialer.DialContext(ctx, "tcp", net.JoinHostPort(w.host, w.port)); err != nil {
		return "", err
	}
	return w.conn.RemoteAddr().String(), nil
}

func (w *way) secure(ctx context.Context) (string, error) {
	secured := tls.Client(w.conn, &tls.Config{MinVersion: tls.VersionTLS12, ServerName: w.host})
	if err := handshake(ctx, secured); err != nil {
		return "", err
	}
	state := secured.ConnectionState()
	if len(state.PeerCertificates) == 0 {
		return "", errors.New("tls: the server shows no certificate")
	}
	leaf := state.PeerCertificates[0]
	return tls.VersionName(state.Version) + ", " + leaf.Subject.CommonName + ", " + leaf.NotAfter.Format(time.DateOnly), nil
}

func handshake(ctx context.Context, conn *tls.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, tlsTimeout)
	defer cancel()
	return conn.HandshakeContext(ctx)
}
