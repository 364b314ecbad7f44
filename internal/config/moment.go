package config

import (
	"errors"
	"strings"
	"time"
)

// Moment is a point in time as a flag value: "3h" or "7d" ago, "03:00" today, "2026-11-22", "2026-11-22 03:00". It is read in the
// zone of this machine; the zero Moment says nothing.
type Moment struct{ time.Time }

// layouts of a whole point in time; a T may stand for the blank.
var layouts = []string{time.RFC3339Nano, "2006-01-02 15:04:05", "2006-01-02 15:04", time.DateOnly}

// String writes what Set reads as the same moment, but for parts of a second.
func (m Moment) String() string {
	if m.IsZero() {
		return ""
	}
	return m.Local().Format("2006-01-02 15:04:05")
}

// Set implements flag.Value.
func (m *Moment) Set(text string) error { return m.set(strings.TrimSpace(text), time.Now()) }

var errMoment = errors.New("want a point in time such as 3h or 7d (ago), 03:00 (today) or 2026-11-22 03:00")

func (m *Moment) set(text string, now time.Time) error {
	if ago, err := parseSpan(text); err == nil && ago >= 0 {
		m.Time = now.Add(-ago).Truncate(time.Second) // so that String is the same moment
		return nil
	}
	for _, day := range []string{"", now.Format(time.DateOnly) + " "} {
		for _, layout := range layouts {
			for _, form := range []string{layout, strings.Replace(layout, " ", "T", 1)} {
				if t, err := time.ParseInLocation(form, day+text, now.Location()); err == nil {
					m.Time = t
					return nil
				}
			}
		}
	}
	return errMoment
}
