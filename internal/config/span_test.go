package config_test

import (
	"testing"
	"time"

	"github.com/callbus/callbus/internal/config"
)

func TestASpanMayBeDays(t *testing.T) {
	for text, want := range map[string]time.Duration{
		"1d": 24 * time.Hour, "7d": 7 * 24 * time.Hour, "0d": 0, "24h": 24 * time.Hour, "90m": 90 * time.Minute, "1h30m": 90 * time.Minute,
		"0": 0, "0s": 0, " 2d ": 48 * time.Hour, "106751d": 106751 * 24 * time.Hour,
	} {
		var s config.Span
		if err := s.Set(text); err != nil || time.Duration(s) != want {
			t.Errorf("%q: %v, %v; want %v", text, time.Duration(s), err, want)
		}
	}
	for _, text := range []string{"", "d", "-1d", "-1h", "1.5d", "1 d", "7", "week", "1d12h", "106752d", "99999999999999999999d"} {
		s := config.Span(time.Hour)
		if err := s.Set(text); err == nil || s != config.Span(time.Hour) {
			t.Errorf("%q: got %v, want an error", text, s)
		}
	}
}

func TestASpanIsWrittenShortAndReadBack(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Hour: "1h", 24 * time.Hour: "1d", 336 * time.Hour: "14d", 36 * time.Hour: "36h", 90 * time.Minute: "1h30m", 10 * time.Minute: "10m",
		time.Hour + time.Second: "1h0m1s", 0: "0s", 20 * time.Second: "20s", 1500 * time.Millisecond: "1.5s",
	} {
		if got := config.Span(d).String(); got != want {
			t.Errorf("%v: %q, want %q", d, got, want)
		}
	}
}

func FuzzSpanIsReadBack(f *testing.F) {
	for _, s := range []string{"1d", "90m", "1h0m1s", "0", "36h"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var s, back config.Span
		if s.Set(text) != nil {
			return
		}
		if err := back.Set(s.String()); err != nil || back != s {
			t.Errorf("%q is %v, written %q, read back %v, %v", text, time.Duration(s), s, time.Duration(back), err)
		}
	})
}
