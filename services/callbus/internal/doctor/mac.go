package doctor

import (
	"net/url"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

// macOf is the MAC by which a refused hit names its phone: that of the query, else of the User-Agent.
func macOf(r stream.Rejection) string {
	query, _ := url.ParseQuery(r.Query) // what can be read of it
	for name, values := range query {
		if strings.EqualFold(name, "mac") {
			if mac := call.ParseMAC(values[0]); mac != "" {
				return mac
			}
		}
	}
	return call.FindMAC(r.UserAgent)
}

// Asked is the line that somebody asks for, or the MAC as the store has it.
func Asked(word string) call.Line {
	if mac := call.ParseMAC(word); mac != "" {
		return call.Line(mac)
	}
	return call.Line(word)
}

// isOf reports whether an event is of a line, or of the phone with that MAC.
func isOf(e call.Event, line call.Line) bool { return e.Line == line || e.Phone.MAC == string(line) }
