package transport

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/porttest"
)

func serve(t *testing.T, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

const limit = 256 << 10

func request(url string) Request {
	return Request{Method: http.MethodPost, URL: url, Body: []byte("<a/>"), Limit: limit}
}

func post(t *testing.T, c *Client, url string) (Reply, error) {
	t.Helper()
	t.Cleanup(c.Close)
	return c.Do(t.Context(), request(url))
}

func TestBasicIsSentAtOnceInUTF8(t *testing.T) {
	seen := make(chan string, 2)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		user, password, _ := r.BasicAuth()
		seen <- user + "/" + password
	})
	c := New(Options{User: "Сайт", Password: func() string { return "пароль" }})
	if _, err := post(t, c, server.URL); err != nil {
		t.Fatal(err)
	}
	if got, want := <-seen, "Сайт/пароль"; got != want || len(seen) > 0 {
		t.Errorf("got %q and %d more requests, want one with %q", got, len(seen), want)
	}
}

func TestConnectionsAreKept(t *testing.T) {
	var opened atomic.Int32
	server := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") }))
	server.Config.ConnState = func(_ net.Conn, s http.ConnState) {
		if s == http.StateNew {
			opened.Add(1)
		}
	}
	server.Start()
	t.Cleanup(server.Close)
	c := New(Options{})
	for range 5 {
		if _, err := post(t, c, server.URL); err != nil {
			t.Fatal(err)
		}
	}
	if n := opened.Load(); n != 1 {
		t.Errorf("%d connections for 5 calls, want 1", n)
	}
}

func TestARedirectIsNotFollowed(t *testing.T) {
	var hits atomic.Int32
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		hits.Add(1)
		w.Header().Set("Location", "http://u:p@elsewhere.invalid/login?token=secret")
		w.WriteHeader(http.StatusFound)
	})
	reply, err := post(t, New(Options{}), server.URL)
	if err != nil || reply.Status != 302 || hits.Load() != 1 {
		t.Fatalf("got %d, %v after %d requests; want 302 after one", reply.Status, err, hits.Load())
	}
	if want := "http://elsewhere.invalid/login"; reply.Location != want {
		t.Errorf("Location is %q, want %q", reply.Location, want)
	}
}

func TestAnAnswerIsReadUpToItsLimit(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		chunk := []byte(strings.Repeat("x", 64<<10))
		for range 1024 { // 64 MiB, if anybody took them
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	reply, err := post(t, New(Options{}), server.URL)
	if err != nil || len(reply.Body) != limit+1 {
		t.Errorf("got %d bytes, %v; want %d", len(reply.Body), err, limit+1)
	}
}

func TestARefusedConnectionHasSentNothing(t *testing.T) {
	url := "http://" + porttest.Free(t)
	_, err := post(t, New(Options{}), url)
	var failed *Error
	if !errors.As(err, &failed) || failed.Written || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want a refused connection with nothing written", err)
	}
	if strings.Contains(err.Error(), url) {
		t.Errorf("the error %q repeats the URL", err)
	}
}

func TestABrokenConnectionTellsWhetherTheRequestHadGoneOut(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) { panic(http.ErrAbortHandler) })
	_, err := post(t, New(Options{}), server.URL)
	var failed *Error
	if !errors.As(err, &failed) || !failed.Written {
		t.Errorf("got %#v, want an error after writing", err)
	}
}

func TestAnEndedContextBeforeConnectingHasSentNothing(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	c := New(Options{})
	_, err := c.Do(ctx, request("http://127.0.0.1:1/"))
	var failed *Error
	if !errors.As(err, &failed) || failed.Written || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v, want context.Canceled with nothing written", err)
	}
}

func TestASilentServerEndsWithTheContext(t *testing.T) {
	arrived := make(chan bool)
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		io.Copy(io.Discard, r.Body) // a server sees a client go only after it has read the body
		close(arrived)
		<-r.Context().Done()
	})
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	go func() { <-arrived; cancel() }()
	_, err := New(Options{}).Do(ctx, request(server.URL))
	var failed *Error
	if !errors.As(err, &failed) || !failed.Written {
		t.Errorf("got %v, want an error after writing", err)
	}
}

// A 401 whose body breaks off is still a 401; a 200 whose body breaks off is nothing.
func TestABodyThatBreaksOff(t *testing.T) {
	server := serve(t, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100")
		if r.URL.Path == "/401" {
			w.WriteHeader(http.StatusUnauthorized)
		}
		fmt.Fprint(w, "x")
	})
	c := New(Options{})
	if reply, err := post(t, c, server.URL+"/401"); err != nil || reply.Status != 401 {
		t.Errorf("got %d, %v; want 401", reply.Status, err)
	}
	_, err := post(t, c, server.URL+"/200")
	var failed *Error
	if !errors.As(err, &failed) || !failed.Written {
		t.Errorf("got %v, want an error after writing", err)
	}
}

// A kept connection that died in the meantime, and then a server that is not there: nothing of this call went out.
func TestAServerThatWentAwayIsRefusedAlsoAfterACall(t *testing.T) {
	server := &httptest.Server{Config: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, "x") })}}
	var err error
	if server.Listener, err = net.Listen("tcp", porttest.Free(t)); err != nil {
		t.Fatal(err)
	}
	server.Start()
	c := New(Options{})
	t.Cleanup(c.Close)
	if _, err := c.Do(t.Context(), Request{Method: http.MethodGet, URL: server.URL, Limit: 10}); err != nil {
		t.Fatal(err)
	}
	server.Close()
	_, err = c.Do(t.Context(), Request{Method: http.MethodGet, URL: server.URL, Limit: 10})
	var failed *Error
	if !errors.As(err, &failed) || failed.Written || !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("got %v, want a refused connection with nothing written", err)
	}
}
