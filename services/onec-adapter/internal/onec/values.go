package onec

import (
	"strconv"
	"strings"

	"github.com/callbus/callbus/internal/call"
)

// EventNumber is the number of an event in the original service, and whether it has one: 1 incoming, 2 answered,
// 3 outgoing, 4 the end of a call in any way. Other events do not exist for TelData.
func EventNumber(t call.EventType) (int, bool) {
	switch t {
	case call.Incoming:
		return 1, true
	case call.Answered:
		return 2, true
	case call.Outgoing:
		return 3, true
	case call.Ended, call.Missed, call.Rejected:
		return 4, true
	}
	return 0, false
}

// values gives each mapped parameter its text. Others are left out; the envelope writes them as nil or empty.
func (c *Client) values(p Plan, e call.Event, number int) map[string]string {
	values := make(map[string]string, len(p.Parameters))
	for _, m := range p.Parameters {
		switch m.From {
		case FromNobody:
		case FromEvent:
			values[m.Name] = strconv.Itoa(number)
		case FromRemote:
			values[m.Name] = e.Remote.URI
		case FromLine:
			values[m.Name] = c.line(e)
		default:
			values[m.Name], _ = m.From.constant()
		}
	}
	return values
}

// line is what 1C knows the extension by. The table comes first. Without an entry, the article's form stands for
// itself: its p2 is what the author of the 1C side has been comparing with for years, so it goes on unchanged.
func (c *Client) line(e call.Event) string {
	for _, login := range []string{string(e.Line), userPart(string(e.Line)), userPart(e.Local.URI)} {
		if number, found := c.config.Lines[login]; found && login != "" {
			return number
		}
	}
	if e.Source == "checkphone" && e.Local.URI != "" {
		return e.Local.URI
	}
	return string(e.Line)
}

// userPart is "101" of "sip:101@pbx;user=phone", of "101@pbx" and of "101".
func userPart(uri string) string {
	if _, inner, found := strings.Cut(uri, "<"); found {
		uri, _, _ = strings.Cut(inner, ">")
	}
	for _, scheme := range []string{"sip:", "sips:", "tel:"} {
		if len(uri) >= len(scheme) && strings.EqualFold(uri[:len(scheme)], scheme) {
			uri = uri[len(scheme):]
			break
		}
	}
	uri, _, _ = strings.Cut(uri, "@")
	uri, _, _ = strings.Cut(uri, ";")
	return strings.TrimSpace(uri)
}
