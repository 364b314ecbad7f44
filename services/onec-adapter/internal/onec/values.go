package onec

import (
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
)

// NotFor says why an event is not for this target, or nothing.
func (c *Client) NotFor(e call.Event) string { return c.mapping.NotFor(e) }

// Word is what the target calls an event.
func (c *Client) Word(t call.EventType) string { return c.mapping.Word(t) }

// values gives each mapped parameter its text. Others are left out; the envelope writes them as nil or empty.
func (p Plan) values(told *mapping.Told) map[string]string {
	values := make(map[string]string, len(p.Parameters))
	for _, m := range p.Parameters {
		if m.From == FromNobody {
			continue
		}
		if text, fixed := m.From.constant(); fixed {
			values[m.Name] = text
			continue
		}
		f, _ := mapping.ParseField(string(m.From)) // readSource has checked it
		values[m.Name] = told.Value(f)
	}
	return values
}

// Shown is as much of the target's URL as may be shown: without a query, and of a webhook the server only.
func (c *Client) Shown() string { return c.address.shown }
