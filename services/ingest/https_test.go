package ingest_test

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/json"
	"encoding/pem"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/natstest"
	"github.com/callbus/callbus/services/ingest"
)

// authority is a certificate authority of the test's own.
type authority struct {
	t    *testing.T
	cert *x509.Certificate
	key  *ecdsa.PrivateKey
}

func newAuthority(t *testing.T) authority {
	a := authority{t: t}
	a.cert = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Office CA"}, NotAfter: time.Now().AddDate(10, 0, 0),
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	a.key = newKey(t)
	_ = a.sign(a.cert, &a.key.PublicKey)
	return a
}

func newKey(t *testing.T) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

func (a authority) sign(cert *x509.Certificate, key *ecdsa.PublicKey) []byte {
	a.t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, a.cert, key, a.key)
	if err != nil {
		a.t.Fatal(err)
	}
	if cert == a.cert {
		cert.Raw = der
	}
	return der
}

// issue makes the chain and the key of a server's certificate, PEM.
func (a authority) issue(serial int64, notAfter time.Time) (chain, key []byte) {
	a.t.Helper()
	k := newKey(a.t)
	der := a.sign(&x509.Certificate{
		SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: "calls.office.example"}, NotAfter: notAfter,
		DNSNames: []string{"calls.office.example"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}, &k.PublicKey)
	raw, err := x509.MarshalPKCS8PrivateKey(k)
	if err != nil {
		a.t.Fatal(err)
	}
	block := func(kind string, der []byte) []byte { return pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}) }
	return append(block("CERTIFICATE", der), block("CERTIFICATE", a.cert.Raw)...), block("PRIVATE KEY", raw)
}

// client trusts the authority, as a phone into which it was put.
func (a authority) client() *tls.Config {
	ca, err := x509.ParseCertificate(a.cert.Raw)
	if err != nil {
		a.t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AddCert(ca)
	return &tls.Config{RootCAs: roots, ServerName: "127.0.0.1"}
}

// secure is an ingest with HTTPS.
type secure struct {
	authority
	cert, key string // files
	addr      string
	plain     string // URL
	log       *lines
	metrics   *prometheus.Registry
	stop      func() error
}

func runSecure(t *testing.T, notAfter time.Time) secure {
	t.Helper()
	dir := t.TempDir()
	s := secure{
		authority: newAuthority(t), log: &lines{}, metrics: prometheus.NewRegistry(),
		cert: filepath.Join(dir, "chain.pem"), key: filepath.Join(dir, "key.pem"),
	}
	chain, key := s.issue(1, notAfter)
	renew(t, s.cert, chain)
	renew(t, s.key, key)
	s.plain, s.stop = run(t, ingest.Options{
		Store: t.TempDir(), HTTPS: "127.0.0.1:0", TLSCert: s.cert, TLSKey: s.key, Log: zerolog.New(s.log), Metrics: s.metrics,
	})
	for _, line := range s.log.named("phones.welcome") {
		if line["scheme"] == "https" {
			s.addr = line["address"].(string)
		}
	}
	return s
}

// renew replaces a file as careful programs do: beside it, then renamed.
func renew(t *testing.T, path string, data []byte) {
	t.Helper()
	if err := os.WriteFile(path+".new", data, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		t.Fatal(err)
	}
}

// serial is that of the certificate which a new connection is shown; it is trusted, or the test ends.
func (s secure) serial() int64 {
	s.t.Helper()
	c, err := tls.Dial("tcp", s.addr, s.client())
	if err != nil {
		s.t.Fatal(err)
	}
	defer c.Close()
	return c.ConnectionState().PeerCertificates[0].SerialNumber.Int64()
}

// lines is a log that can be asked for its lines.
type lines struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) named(name string) (found []map[string]any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for text := range strings.Lines(l.text.String()) {
		var line map[string]any
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			continue
		}
		if message, _ := line["message"].(string); strings.HasPrefix(message, name) {
			found = append(found, line)
		}
	}
	return found
}

// until looks until the condition holds.
func until(t *testing.T, what string, holds func() bool) {
	t.Helper()
	for deadline := time.Now().Add(natstest.Patience); !holds(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %v for %s", natstest.Patience, what)
		}
	}
}

var inAYear = time.Now().AddDate(1, 0, 0).Truncate(time.Second)

func TestPhonesAreServedByHTTPAndHTTPSAtOnce(t *testing.T) {
	t.Parallel()
	s := runSecure(t, inAYear)
	transport := &http.Transport{TLSClientConfig: s.client()}
	defer transport.CloseIdleConnections()
	r, err := (&http.Client{Transport: transport}).Get("https://" + s.addr + "/phone/incoming?line=101&remote=74951230000")
	if err != nil || r.StatusCode != 200 || r.ProtoMajor != 1 {
		t.Errorf("HTTPS: got %v, %v, want 200 in HTTP/1.1", r, err)
	}
	if code := get(t, s.plain+"/phone/incoming?line=102&remote=74951230000"); code != 200 {
		t.Errorf("HTTP: got %d, want 200", code)
	}
	if got := len(s.log.named("call.accepted")); got != 2 {
		t.Errorf("%d hits were accepted, want 2", got)
	}
	if err := s.stop(); err != nil {
		t.Errorf("stop: %v", err)
	}
}

func TestARenewedCertificateIsServedWithoutARestart(t *testing.T) {
	t.Parallel()
	s := runSecure(t, inAYear)
	if got := s.serial(); got != 1 {
		t.Fatalf("serial %d, want 1", got)
	}
	chain, key := s.issue(2, inAYear.AddDate(1, 0, 0))
	renew(t, s.cert, chain)
	renew(t, s.key, key)
	until(t, "the renewed certificate", func() bool { return s.serial() == 2 })
	until(t, "two lines about certificates", func() bool { return len(s.log.named("tls.certificate")) == 2 })
	last := s.log.named("tls.certificate")[1]
	if last["level"] != "info" || !strings.Contains(last["subject"].(string), "calls.office.example") || last["days_left"].(float64) < 700 {
		t.Errorf("the log says %v", last)
	}
	if got, want := gauge(t, s.metrics, "callbus_certificate_expires_seconds"), inAYear.AddDate(1, 0, 0).Unix(); got != float64(want) {
		t.Errorf("the metric is %v, want %d", got, want)
	}
}

// Whatever renews a certificate writes two files, one after the other.
func TestAHalfRenewedPairLeavesTheOldOneInForce(t *testing.T) {
	t.Parallel()
	s := runSecure(t, inAYear)
	chain, key := s.issue(2, inAYear)
	renew(t, s.key, key)
	until(t, "a line about the half-renewed pair", func() bool { return len(s.log.named("tls.unusable")) > 0 })
	for start := time.Now(); time.Since(start) < 2*time.Second; { // it is looked at twice more
		if got := s.serial(); got != 1 {
			t.Fatalf("with half of the new pair: serial %d, want 1", got)
		}
	}
	if got := s.log.named("tls.unusable"); len(got) != 1 || got[0]["level"] != "warn" {
		t.Errorf("the log says %v, want one line", got)
	}
	renew(t, s.cert, chain)
	until(t, "the whole pair", func() bool { return s.serial() == 2 })
}

func TestACertificateThatPhonesWillSoonRefuseIsWarnedOf(t *testing.T) {
	t.Parallel()
	for why, notAfter := range map[string]time.Time{
		"it expires soon": time.Now().Add(13 * 24 * time.Hour),
		"it has expired":  time.Now().Add(-time.Hour),
	} {
		s := runSecure(t, notAfter)
		until(t, "a line about the certificate", func() bool { return len(s.log.named("tls.certificate")) > 0 })
		if got := s.log.named("tls.certificate")[0]; got["level"] != "warn" || got["why"] != why {
			t.Errorf("got %v, want a warning that %s", got, why)
		}
		s.stop()
	}
}

func TestHTTPSOptionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	a := newAuthority(t)
	chain, _ := a.issue(1, inAYear)
	_, otherKey := a.issue(2, inAYear)
	cert, key := filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem")
	renew(t, cert, chain)
	renew(t, key, otherKey)
	for want, o := range map[string]ingest.Options{
		"--https needs a certificate": {HTTPS: ":0", TLSCert: cert},
		"belong to --https":           {TLSCert: cert, TLSKey: key},
		"does not match":              {HTTPS: "127.0.0.1:0", TLSCert: cert, TLSKey: key},
		"no such file":                {HTTPS: "127.0.0.1:0", TLSCert: cert, TLSKey: key + "x"},
	} {
		o.HTTP, o.Store, o.StoreMax = "127.0.0.1:0", t.TempDir(), 16<<20
		if err := ingest.Run(context.Background(), o); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one that says %q", err, want)
		}
	}
}

// gauge reads a metric without labels.
func gauge(t *testing.T, reg *prometheus.Registry, name string) float64 {
	t.Helper()
	all, err := reg.Gather()
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range all {
		if m.GetName() == name {
			return m.GetMetric()[0].GetGauge().GetValue()
		}
	}
	t.Fatalf("no metric is called %s", name)
	return 0
}
