package doctor

import (
	"strings"

	"github.com/callbus/callbus/internal/call"
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

// Asked is the line that somebody asks for, or the MAC as the store has it.
func Asked(word string) call.Line {
	if mac := readMAC(word); mac != "" {
		return call.Line(mac)
	}
	return call.Line(word)
}

// isOf reports whether an event is of a line, or of the phone with that MAC.
func isOf(e call.Event, line call.Line) bool { return e.Line == line || e.Phone.MAC == string(line) }
