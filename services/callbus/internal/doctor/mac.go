package doctor

import (
	"net/url"
	"regexp"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

var macSeparators = strings.NewReplacer(":", "", "-", "", ".", "", " ", "")

// readMAC gives a MAC, however it is written, in the one form of the store, or nothing: as ingest does.
func readMAC(s string) string {
	mac := strings.ToLower(macSeparators.Replace(s))
	if len(mac) != 12 || strings.Trim(mac, "0123456789abcdef") != "" || mac == "000000000000" || mac == "ffffffffffff" {
		return ""
	}
	return mac
}

// agentMAC is a MAC that stands alone in a User-Agent: most vendors' carry it.
var agentMAC = regexp.MustCompile(`(?i)(?:^|[^0-9a-z])([0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5})(?:[^0-9a-z]|$)`)

// macOf is the MAC by which a refused hit names its phone: that of the query, else of the User-Agent.
func macOf(r stream.Rejection) string {
	query, _ := url.ParseQuery(r.Query) // what can be read of it
	for name, values := range query {
		if strings.EqualFold(name, "mac") {
			if mac := readMAC(values[0]); mac != "" {
				return mac
			}
		}
	}
	if found := agentMAC.FindStringSubmatch(r.UserAgent); found != nil {
		return readMAC(found[1])
	}
	return ""
}

// Asked is the line that somebody asks for, or the MAC as the store has it.
func Asked(word string) call.Line {
	if mac := readMAC(word); mac != "" {
		return call.Line(mac)
	}
	return call.Line(word)
}

// isOf reports whether an event is of a line, or of the phone with that MAC.
func isOf(e call.Event, line call.Line) bool { return e.Line == line || e.Phone.MAC == string(line) }
