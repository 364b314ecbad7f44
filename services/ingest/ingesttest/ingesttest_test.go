package ingesttest_test

import (
	"io"
	"net"
	"net/http"
	"testing"

	"github.com/callbus/callbus/services/ingest/ingesttest"
)

// A limit that does not parse would be no limit of ours: what ingest refuses is refused here too.
func TestTheLimitReadsWhatPhonesSay(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	go ingesttest.Serve(l, io.Discard) //nolint:errcheck // it ends with the listener
	for query, want := range map[string]int{
		"/yealink/incoming?line=101&remote=74951230000": 200,
		"/yealink/nonsense?line=101":                    404,
	} {
		answer, err := http.Get("http://" + l.Addr().String() + query)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		if answer.StatusCode != want {
			t.Errorf("%s: got %d, want %d", query, answer.StatusCode, want)
		}
	}
}
