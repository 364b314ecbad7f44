package httpfront

import (
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// remote shows the other side in a log: all but the last four digits hidden.
func remote(p call.Party) string {
	if p.Number != "" {
		return p.Number.String()
	}
	return masked(p.URI)
}

// masked hides numbers in what is not known to be one. phone.Mask looks for runs of digits; one written with blanks or
// dashes has none, so there every digit counts.
func masked(s string) string {
	const external = 7 // digits; an internal number has up to 6
	s = short(s)
	if m := phone.Mask(s); m != s || digits(s) < external {
		return m
	}
	return phone.Number(s).String()
}

func digits(s string) (n int) {
	for _, c := range s {
		if '0' <= c && c <= '9' {
			n++
		}
	}
	return n
}

// short bounds what a client can write into a log line or a rejection.
func short(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "?")
}
