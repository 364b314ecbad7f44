package onectest

import (
	"context"
	"io"
	"net"
	"net/http"
)

// Dial connects to the stand-in in memory, whatever the address, and whether it was started or not. It is for tests in a bubble of
// testing/synctest: its clock stands while a real network is waited for.
func (s *Server) Dial(context.Context, string, string) (net.Conn, error) {
	client, server := net.Pipe()
	go http.Serve(&listener{conn: server}, s) //nolint:errcheck // it ends with io.EOF
	return client, nil
}

// listener hands out one connection.
type listener struct{ conn net.Conn }

func (l *listener) Accept() (conn net.Conn, err error) {
	if conn, l.conn = l.conn, nil; conn == nil {
		return nil, io.EOF
	}
	return conn, nil
}

func (l *listener) Close() error   { return nil }
func (l *listener) Addr() net.Addr { return &net.UnixAddr{Name: "onectest", Net: "pipe"} }
