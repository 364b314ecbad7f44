package e2e

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// What a phone writes that fills its variables in and encodes nothing: raw blanks, quotes, angle brackets, a raw plus,
// Cyrillic bytes, a semicolon, and HTTP/1.1 without a Host. A strict server answers 400.
const rawRequest = "GET /yealink/incoming?remote=\"Иван Петров\" <sip:+74951234567@pbx;user=phone>&acc=101 HTTP/1.1\r\n\r\n"

func TestARawRequestOfAPhoneIsStoredAndDelivered(t *testing.T) {
	onec := standin(t, onectest.Options{})
	in := rig.StartIngest(t)
	rig.StartAdapter(t, in, onecadapter.Target{URL: onec.URL()})

	c, err := net.Dial("tcp", in.Phones)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := io.WriteString(c, rawRequest); err != nil {
		t.Fatal(err)
	}
	if got := status(c); got != 200 {
		t.Errorf("answer: got %d, want 200", got)
	}
	events := rig.Stored(t, rig.Connect(t, in.NATS, in.Creds))
	if len(events) != 1 {
		t.Fatalf("CALLS: got %+v, want one event", events)
	}
	e := events[0]
	got := []string{string(e.Type), string(e.Line), e.Source, string(e.Remote.Number), e.Remote.Name}
	want := []string{"incoming", "101", "yealink", "+74951234567", "Иван Петров"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the event's type, line, source, number and name (-want +got):\n%s", diff)
	}
	wantCalls := []string{`1 "Иван Петров" <sip:+74951234567@pbx;user=phone> 101`}
	if diff := cmp.Diff(wantCalls, called(t, onec, 1)); diff != "" {
		t.Errorf("calls of 1C (-want +got):\n%s", diff)
	}
}

// status is the answer on a raw connection, 0 where none comes.
func status(c net.Conn) int {
	_ = c.SetReadDeadline(time.Now().Add(rig.Patience))
	answer, err := http.ReadResponse(bufio.NewReader(c), nil)
	if err != nil {
		return 0
	}
	answer.Body.Close()
	return answer.StatusCode
}
