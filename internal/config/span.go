package config

import (
	"errors"
	"math"
	"strconv"
	"strings"
	"time"
)

// Span is a length of time as a flag value: "90m", "24h" or, which time.Duration does not know, "7d".
type Span time.Duration

// Day is 24 hours: what an operator means when he looks back.
const Day = 24 * time.Hour

// String writes whole days as days, and no units of which there are none: 7d, 1h, 1h30m.
func (s Span) String() string {
	d := time.Duration(s)
	if d != 0 && d%Day == 0 {
		return strconv.FormatInt(int64(d/Day), 10) + "d"
	}
	text := d.String()
	if strings.HasSuffix(text, "m0s") {
		text = strings.TrimSuffix(text, "0s")
	}
	if strings.HasSuffix(text, "h0m") {
		text = strings.TrimSuffix(text, "0m")
	}
	return text
}

// Set implements flag.Value.
func (s *Span) Set(text string) error {
	d, err := parseSpan(strings.TrimSpace(text))
	if err != nil || d < 0 {
		return errSpan
	}
	*s = Span(d)
	return nil
}

var errSpan = errors.New("want a time such as 90m, 24h or 7d")

func parseSpan(text string) (time.Duration, error) {
	digits, days := strings.CutSuffix(text, "d")
	if !days {
		return time.ParseDuration(text)
	}
	n, err := strconv.ParseUint(digits, 10, 63)
	if err != nil || n > uint64(math.MaxInt64/Day) {
		return 0, errSpan
	}
	return time.Duration(n) * Day, nil
}
