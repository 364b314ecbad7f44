package handset

import (
	"bufio"
	"context"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/porttest"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/provision"
)

func TestAHitGoesOutByteForByte(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	head := make(chan string, 1)
	go func() {
		conn, err := l.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		line, _ := bufio.NewReader(conn).ReadString('\n')
		head <- line
		_, _ = conn.Write([]byte("HTTP/1.1 400 Bad Request\r\nContent-Length: 9\r\n\r\nno line\r\n"))
	}()
	a, err := Send(context.Background(), "http://"+l.Addr().String(), "Phone 1", provision.Hit{Method: "GET", Target: "/yealink/incoming?name=Ivan Petrov&remote=+7"})
	if err != nil || a.Status != 400 || a.Body != "no line" || a.Took <= 0 {
		t.Errorf("got %+v, %v", a, err)
	}
	if got := <-head; got != "GET /yealink/incoming?name=Ivan Petrov&remote=+7 HTTP/1.1\r\n" {
		t.Errorf("got %q", got)
	}
}

func TestABodyIsPosted(t *testing.T) {
	got := string(Request("http://callbus:8080/", "Phone 1", provision.Hit{Method: "POST", Target: "/polycom", Body: "<x/>"}))
	if !strings.HasPrefix(got, "POST /polycom HTTP/1.1\r\nHost: callbus:8080\r\nUser-Agent: Phone 1\r\n") || !strings.HasSuffix(got, "Content-Length: 4\r\n\r\n<x/>") {
		t.Errorf("got %q", got)
	}
}

// Each way to fail, met for real, has its words.
func TestWhatWentWrongIsSaidInPlainWords(t *testing.T) {
	secret := httptest.NewTLSServer(http.NotFoundHandler())
	defer secret.Close()
	gone := "http://" + porttest.Free(t)
	deaf, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		if conn, err := deaf.Accept(); err == nil {
			conn.Close()
		}
	}()
	defer deaf.Close()
	for to, want := range map[string]lang.Text{
		gone:                             nobody,
		secret.URL:                       untrusted,
		"http://" + deaf.Addr().String(): broken,
		"http://nobody.invalid":          unnamed,
	} {
		if a, err := Send(context.Background(), to, "Phone 1", provision.Hit{Method: "GET", Target: "/"}); err == nil || Meaning(call.Incoming, a, err) != want {
			t.Errorf("%s: %v means %q, want %q", to, err, Meaning(call.Incoming, a, err).En, want.En)
		}
	}
	ctx, cancel := context.WithDeadline(context.Background(), time.Now().Add(-time.Second))
	defer cancel()
	if _, err := Send(ctx, gone, "Phone 1", provision.Hit{}); Meaning(call.Incoming, Answer{}, err) != silent {
		t.Errorf("%v means %q", err, Meaning(call.Incoming, Answer{}, err).En)
	}
	if Meaning(call.Incoming, Answer{}, os.ErrDeadlineExceeded) != silent || Meaning(call.Incoming, Answer{Status: 302}, nil) != foreign {
		t.Error("a silence or a redirect has no words")
	}
}

// docs/wire.md §1 has the statuses that a phone can meet; a broken head is not one that this phone sends.
func TestEveryStatusThatAPhoneCanMeetHasItsWords(t *testing.T) {
	for _, status := range []int{200, 400, 401, 403, 404, 429, 503} {
		m := Meaning(call.Incoming, Answer{Status: status}, nil)
		if m == foreign || m.En == "" || m.Ru == "" {
			t.Errorf("%d: %+v", status, m)
		}
	}
}

func TestOnlyWhat1CIsToldOfIsSaidToReachIt(t *testing.T) {
	for is, on := range map[call.EventType]bool{call.Incoming: true, call.Rejected: true, call.Held: false, call.Registered: false} {
		m := Meaning(is, Answer{Status: 200}, nil)
		if strings.Contains(m.En, "1C will be told") != on || strings.Contains(m.Ru, "будет передано в 1С") != on {
			t.Errorf("%s: %+v", is, m)
		}
	}
	if m := Meaning(call.Held, Answer{Status: 503}, nil); m == kept {
		t.Error("a refused event is said to be on disk")
	}
}
