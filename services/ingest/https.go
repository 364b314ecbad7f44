package ingest

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/config"
)

// expiresSoon is when the log begins to warn of a certificate's end, once a day. Whatever renews certificates by itself
// does so with a third of their life left, 30 days of 90: with 14 left it has failed for two weeks.
const expiresSoon = 14 * 24 * time.Hour

// checkHTTPS says what does not go together.
func (o Options) checkHTTPS() error {
	switch pair := o.TLSCert != "" && o.TLSKey != ""; {
	case o.HTTPS != "" && !pair:
		return errors.New("--https needs a certificate: --tls-cert FILE and --tls-key FILE")
	case o.HTTPS == "" && (o.TLSCert != "" || o.TLSKey != ""):
		return errors.New("--tls-cert and --tls-key belong to --https")
	}
	return nil
}

// https is the door for phones that speak TLS.
type https struct {
	net.Listener
	pair  *config.Fresh[*tls.Certificate]
	ends  prometheus.Gauge
	log   zerolog.Logger
	watch sync.WaitGroup
	stop  func() // ends the watch
}

// listenHTTPS returns nil where no HTTPS is asked for.
func (s *service) listenHTTPS() (*https, error) {
	if s.HTTPS == "" {
		return nil, nil
	}
	pair, err := config.NewFresh(func() (*tls.Certificate, error) {
		pair, err := tls.LoadX509KeyPair(s.TLSCert, s.TLSKey)
		return &pair, err
	}, func(err error) {
		if err != nil {
			s.Log.Warn().Err(err).Msg("tls.unusable: the renewed certificate cannot be used, the old one stays")
		}
	}, s.TLSCert, s.TLSKey)
	if err != nil {
		return nil, fmt.Errorf("--tls-cert, --tls-key: %w", err)
	}
	l, err := net.Listen("tcp", s.HTTPS)
	if err != nil {
		return nil, fmt.Errorf("listen for phones that speak HTTPS: %w", err)
	}
	h := &https{Listener: l, pair: pair, log: s.Log, ends: prometheus.NewGauge(prometheus.GaugeOpts{
		Name: "callbus_certificate_expires_seconds", Help: "When the certificate of --https expires, in Unix time.",
	})}
	s.Metrics.MustRegister(h.ends)
	ctx, cancel := context.WithCancel(s.group.Context())
	h.stop = func() { cancel(); h.watch.Wait() }
	h.watch.Go(func() { h.tell(ctx) })
	return h, nil
}

// config takes up a renewed certificate with the next handshake.
func (h *https) config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS12,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return h.pair.Get(), nil },
	}
}

// tell tells the log of each certificate, and each day of one that phones refuse or soon will.
func (h *https) tell(ctx context.Context) {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	var told *tls.Certificate
	var why string
	var when time.Time
	for {
		pair, now := h.pair.Get(), time.Now()
		wrong := trouble(pair.Leaf, now)
		if pair != told || wrong != why || wrong != "" && now.Sub(when) >= 24*time.Hour {
			told, why, when = pair, wrong, now
			h.ends.Set(float64(pair.Leaf.NotAfter.Unix()))
			h.say(pair.Leaf, now, wrong)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func (h *https) say(leaf *x509.Certificate, now time.Time, why string) {
	line := h.log.Info()
	if why != "" {
		line = h.log.Warn().Str("why", why)
	}
	names := leaf.DNSNames
	for _, ip := range leaf.IPAddresses {
		names = append(names, ip.String())
	}
	line.Str("subject", leaf.Subject.String()).Strs("names", names).Time("not_after", leaf.NotAfter.UTC()).
		Int("days_left", int(leaf.NotAfter.Sub(now)/(24*time.Hour))).Msg("tls.certificate")
}

// trouble is what a phone that looks at its clock has against a certificate, or soon will have.
func trouble(leaf *x509.Certificate, now time.Time) string {
	switch {
	case now.Before(leaf.NotBefore):
		return "it is not valid yet"
	case now.After(leaf.NotAfter):
		return "it has expired"
	case now.Add(expiresSoon).After(leaf.NotAfter):
		return "it expires soon"
	}
	return ""
}
