package ingest

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/config"
)

// A process runs for months: what was well at its start may be wrong today, and the log of its start is gone.
func TestACertificateIsWarnedOfEachDayUntilItIsRenewed(t *testing.T) {
	for _, c := range []struct {
		name            string
		begins, expires time.Duration // after the start
		want            string
	}{
		{"a good one", -time.Hour, 90 * day, "0h info"},
		{"one that is not renewed", -time.Hour, 14*day + 12*time.Hour, "0h info, 12h it expires soon, 36h it expires soon"},
		{"one that expires", -time.Hour, 12 * time.Hour, "0h it expires soon, 12h it has expired, 36h it has expired"},
		{"one from the future", 12 * time.Hour, 90 * day, "0h it is not valid yet, 12h info"},
	} {
		synctest.Test(t, func(t *testing.T) {
			start := time.Now()
			leaf := &x509.Certificate{NotBefore: start.Add(c.begins), NotAfter: start.Add(c.expires)}
			var log bytes.Buffer
			h := watched(t, leaf, zerolog.New(&log).Hook(zerolog.HookFunc(func(e *zerolog.Event, _ zerolog.Level, _ string) {
				e.Int("hour", int(time.Since(start).Hours()))
			})))
			ctx, stop := context.WithTimeout(t.Context(), 2*day)
			defer stop()
			h.tell(ctx)
			if diff := cmp.Diff(c.want, told(t, log.String())); diff != "" {
				t.Errorf("%s: the log (-want +got):\n%s", c.name, diff)
			}
		})
	}
}

const day = 24 * time.Hour

func watched(t *testing.T, leaf *x509.Certificate, log zerolog.Logger) *https {
	t.Helper()
	pair := &tls.Certificate{Leaf: leaf}
	fresh, err := config.NewFresh(func() (*tls.Certificate, error) { return pair, nil }, nil)
	if err != nil {
		t.Fatal(err)
	}
	return &https{pair: fresh, ends: prometheus.NewGauge(prometheus.GaugeOpts{Name: "x"}), log: log}
}

// told shortens the log to the hour of each line and what is wrong.
func told(t *testing.T, log string) string {
	t.Helper()
	var all []string
	for text := range strings.Lines(log) {
		var line struct {
			Level, Why string
			Hour       int
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatal(err)
		}
		if line.Why == "" {
			line.Why = line.Level
		}
		all = append(all, fmt.Sprintf("%dh %s", line.Hour, line.Why))
	}
	return strings.Join(all, ", ")
}
