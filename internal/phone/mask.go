package phone

import (
	"fmt"
	"log/slog"
	"strings"
)

// shown is how many digits of a number may be printed: enough to find a call in a log, too few to call back.
const shown = 4

// String masks the number but for its last four digits: "+*******4567", "**3456". A number of up to four digits is
// internal or a service ("101", "112") and is shown whole.
func (n Number) String() string {
	out := []byte(n)
	hide := countDigits(string(n)) - shown
	for i := 0; i < len(out) && hide > 0; i++ {
		if digit(out[i]) {
			out[i] = '*'
			hide--
		}
	}
	return string(out)
}

// Format masks under every verb and flag, %#v and %x included, so that no format string leaks a number. (A Number in
// an unexported field of a struct printed whole is out of its reach: fmt calls no methods there.)
func (n Number) Format(f fmt.State, verb rune) {
	fmt.Fprintf(f, fmt.FormatString(f, verb), n.String())
}

// LogValue masks in log/slog, whose JSON handler would not ask String.
// encoding/json writes the digits: it is a codec, not a print.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }

// Mask hides all but the last four digits of every run of seven or more digits in s: for the log line that shows
// a SIP URI. Digits with separators between them are not a run ("+7 495 123-45-67"), nor is an IP address.
func Mask(s string) string {
	const run = maxInternal + 1
	var b strings.Builder
	for s != "" {
		head := strings.IndexAny(s, "0123456789")
		if head < 0 {
			break
		}
		tail := head + len(s[head:]) - len(strings.TrimLeft(s[head:], "0123456789"))
		b.WriteString(s[:head])
		if tail-head >= run {
			b.WriteString(strings.Repeat("*", tail-head-shown))
			head = tail - shown
		}
		b.WriteString(s[head:tail])
		s = s[tail:]
	}
	b.WriteString(s)
	return b.String()
}
