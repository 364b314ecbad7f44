package onec

import (
	"strconv"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
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

// line is what 1C knows the extension by. The table comes first. ingest reads addresses with the same parser when it looks
// whether a phone may speak for a line: with two, a phone could be one for the one and another for the other. Without an entry, the article's form stands for
// itself: its p2 is what the author of the 1C side has been comparing with for years, so it goes on unchanged.
func (c *Client) line(e call.Event) string {
	for _, login := range []string{string(e.Line), phone.ParseAddress(string(e.Line)).User, phone.ParseAddress(e.Local.URI).User} {
		if number, found := c.config.Lines[login]; found && login != "" {
			return number
		}
	}
	if e.Source == "checkphone" && e.Local.URI != "" {
		return e.Local.URI
	}
	return string(e.Line)
}
