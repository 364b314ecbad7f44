package transport

import (
	"context"
	"crypto/x509"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/callbus/callbus/internal/porttest"
)

// names are the parts that were gone, and whether the last one failed.
func names(hops []Hop) string {
	var all []string
	for _, h := range hops {
		mark := "+"
		if h.Err != nil {
			mark = "-"
		}
		all = append(all, mark+h.Name)
	}
	return strings.Join(all, " ")
}

func TestTheWayIsGoneAsFarAsItGoes(t *testing.T) {
	plain, secure := httptest.NewServer(http.NotFoundHandler()), httptest.NewTLSServer(http.NotFoundHandler())
	defer plain.Close()
	defer secure.Close()
	for url, want := range map[string]string{
		plain.URL + "/base":                      "+dns +tcp",
		secure.URL:                               "+dns +tcp -tls", // nobody knows its authority
		"https" + plain.URL[len("http"):]:        "+dns +tcp -tls",
		"http://" + porttest.Free(t):             "+dns -tcp",
		"http://no.such.invalid/base/ws/t.1cws":  "-dns",
		"https://no.such.invalid/base/ws/t.1cws": "-dns",
	} {
		if got := names(Reach(context.Background(), url)); got != want {
			t.Errorf("%s: got %s, want %s", url, got, want)
		}
	}
	hops := Reach(context.Background(), secure.URL)
	var unknown x509.UnknownAuthorityError
	if last := hops[len(hops)-1]; !errors.As(last.Err, &unknown) {
		t.Errorf("a certificate of nobody: got %v, want that the authority is not known", last.Err)
	}
}

func TestATLSPortIsKnownBehindAPlainURL(t *testing.T) {
	plain, secure := httptest.NewServer(http.NotFoundHandler()), httptest.NewTLSServer(http.NotFoundHandler())
	defer plain.Close()
	defer secure.Close()
	if url := "http" + secure.URL[len("https"):]; !SpeaksTLS(context.Background(), url) {
		t.Errorf("%s speaks TLS, and was not known", url)
	}
	if SpeaksTLS(context.Background(), plain.URL) {
		t.Errorf("%s does not speak TLS", plain.URL)
	}
}
