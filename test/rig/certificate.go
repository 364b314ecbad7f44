package rig

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"
)

// Certificate is for 127.0.0.1, from an authority that nobody knows but the test: paths of PEM files.
type Certificate struct{ Authority, Chain, Key string }

// NewCertificate makes the authority, and a certificate that is good for a year.
func NewCertificate(t testing.TB) Certificate {
	t.Helper()
	return CertificateUntil(t, time.Now().AddDate(1, 0, 0))
}

// CertificateUntil makes the authority, and a certificate that is good until a day.
func CertificateUntil(t testing.TB, until time.Time) Certificate {
	t.Helper()
	dir := t.TempDir()
	authority := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "Office CA"}, NotAfter: until,
		IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign,
	}
	server := &x509.Certificate{
		SerialNumber: big.NewInt(2), Subject: pkix.Name{CommonName: "Callbus"}, NotAfter: authority.NotAfter,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	authorityKey, serverKey := newKey(t), newKey(t)
	root, leaf := sign(t, authority, authorityKey, authority, authorityKey), sign(t, server, serverKey, authority, authorityKey)
	key, err := x509.MarshalPKCS8PrivateKey(serverKey)
	if err != nil {
		t.Fatalf("write a key: %v", err)
	}
	return Certificate{
		Authority: writePEM(t, dir, "authority.pem", block{"CERTIFICATE", root}),
		Chain:     writePEM(t, dir, "chain.pem", block{"CERTIFICATE", leaf}, block{"CERTIFICATE", root}),
		Key:       writePEM(t, dir, "key.pem", block{"PRIVATE KEY", key}),
	}
}

func newKey(t testing.TB) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatalf("make a key: %v", err)
	}
	return key
}

func sign(t testing.TB, cert *x509.Certificate, key *ecdsa.PrivateKey, by *x509.Certificate, with *ecdsa.PrivateKey) []byte {
	t.Helper()
	der, err := x509.CreateCertificate(rand.Reader, cert, by, &key.PublicKey, with)
	if err != nil {
		t.Fatalf("sign a certificate: %v", err)
	}
	return der
}

type block struct {
	kind string
	der  []byte
}

func writePEM(t testing.TB, dir, name string, blocks ...block) string {
	t.Helper()
	var text []byte
	for _, b := range blocks {
		text = append(text, pem.EncodeToMemory(&pem.Block{Type: b.kind, Bytes: b.der})...)
	}
	path := filepath.Join(dir, name)
	if err := os.WriteFile(path, text, 0o600); err != nil {
		t.Fatalf("write %s: %v", name, err)
	}
	return path
}
