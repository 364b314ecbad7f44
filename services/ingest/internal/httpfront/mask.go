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

// masked hides numbers in what a client wrote.
func masked(s string) string { return phone.Mask(short(s)) }

// short bounds what a client can write into a log line or a rejection.
func short(s string) string {
	const most = 200
	if len(s) > most {
		s = s[:most]
	}
	return strings.ToValidUTF8(s, "?")
}
