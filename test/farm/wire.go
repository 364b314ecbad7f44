package farm

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// Hit is one request of a phone, before it is sent.
type Hit struct {
	Says   Says
	Addr   string // host:port
	Target []byte // path and query, as raw as the phone leaves them
	Body   []byte // of a POST, else nil
}

func (p *Phone) hit(s Says, template string, m Moment, call *Call) Hit {
	// Guides of Grandstream's print URLs without a scheme.
	rest := strings.TrimPrefix(template, "http://")
	addr, path, _ := strings.Cut(rest, "/")
	h := Hit{Says: s, Addr: addr, Target: p.fill("/"+path, s.Key, m, call)}
	if p.Make.Body != nil {
		h.Body = p.Make.Body(p, s, call)
	}
	return h
}

// Answer is what came back.
type Answer struct {
	Status int
	Body   string
}

// wire is the phone's connection, where it keeps one.
type wire struct {
	conn net.Conn
	addr string
	used time.Time
}

// patience: how long phones wait is not documented.
const patience = 10 * time.Second

// reuse is how long a phone that keeps its connection trusts that the other end has kept it too.
const reuse = 2 * time.Second

// Send sends a hit from the phone's own address and waits for the answer. A phone sends one after another.
func (p *Phone) Send(h Hit) (Answer, error) {
	conn, err := p.connect(h.Addr)
	if err != nil {
		return Answer{}, fmt.Errorf("phone %s: %w", p.IP, err)
	}
	_ = conn.SetDeadline(time.Now().Add(patience))
	answer, keep, err := exchange(conn, p.request(h))
	if err != nil || !keep || !p.Make.KeepsAlive {
		p.wire.drop()
	}
	if err != nil {
		return Answer{}, fmt.Errorf("phone %s: %w", p.IP, err)
	}
	p.wire.used = time.Now()
	return answer, nil
}

func (p *Phone) connect(addr string) (net.Conn, error) {
	if p.wire.conn != nil && p.wire.addr == addr && time.Since(p.wire.used) < reuse {
		return p.wire.conn, nil
	}
	p.wire.drop()
	dialer := net.Dialer{Timeout: patience, LocalAddr: &net.TCPAddr{IP: net.ParseIP(p.IP)}}
	conn, err := dialer.Dial("tcp", addr)
	if err != nil {
		return nil, err
	}
	p.wire = wire{conn: conn, addr: addr}
	return conn, nil
}

func (w *wire) drop() {
	if w.conn != nil {
		w.conn.Close()
	}
	*w = wire{}
}

// request is what goes over the wire, byte for byte: raw blanks, raw plus signs and all.
func (p *Phone) request(h Hit) []byte {
	var b bytes.Buffer
	method := http.MethodGet
	if h.Body != nil {
		method = http.MethodPost
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\n", method, h.Target)
	if !p.Make.NoHost {
		fmt.Fprintf(&b, "Host: %s\r\n", h.Addr)
	}
	if agent := p.userAgent(); agent != "" {
		fmt.Fprintf(&b, "User-Agent: %s\r\n", agent)
	}
	if h.Body != nil {
		fmt.Fprintf(&b, "Content-Type: text/xml\r\nContent-Length: %d\r\n", len(h.Body))
	}
	if !p.Make.KeepsAlive {
		b.WriteString("Connection: close\r\n")
	}
	b.WriteString("\r\n")
	b.Write(h.Body)
	return b.Bytes()
}

func exchange(conn net.Conn, request []byte) (answer Answer, keep bool, err error) {
	if _, err := conn.Write(request); err != nil {
		return Answer{}, false, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return Answer{}, false, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return Answer{Status: response.StatusCode, Body: string(body)}, !response.Close, err
}
