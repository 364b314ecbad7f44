package onec

import (
	"context"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
	"github.com/callbus/callbus/services/onec-adapter/internal/transport"
	"github.com/callbus/callbus/services/onec-adapter/internal/webhook"
)

// request writes an event for a target of protocol http. There the status decides, whatever the body says: a webhook may
// answer with a page of thanks. But where 1C speaks of a failure of its own, it is one.
func (c *Client) request(e call.Event) (message, error) {
	r, err := c.hook.Request(c.mapping.Of(e))
	if err != nil {
		return message{}, unfit(err)
	}
	return message{
		Request: transport.Request{Method: r.Method, URL: r.URL, Header: r.Header, Body: r.Body, Limit: soap.MaxAnswer},
		told:    soap.Shorten(r.Told, maxTold),
		taken: func(status int, a soap.Answer) bool {
			return c.hook.Took(status) && a.Kind != soap.Fault && a.Kind != soap.Exception
		},
	}, nil
}

// hookPlan is the plan of a target of protocol http: nothing has to be found out.
func (c *Client) hookPlan() Plan {
	p := Plan{URL: c.hook.Server(), Operation: c.hook.Method(), mapping: c.mapping, hook: c.hook}
	for _, place := range c.hook.Places() {
		p.Parameters = append(p.Parameters, Mapped{Parameter: soap.Parameter{Name: place.Name}, From: Source(place.From)})
	}
	return p
}

func hookLines(h *webhook.Hook) []string {
	lines := []string{h.Method() + " " + h.Server()}
	for _, place := range h.Places() {
		lines = append(lines, "  "+place.Name+" ← "+place.From)
	}
	return lines
}

// reach connects, with TLS where the URL says so, and says nothing: that is all that proves without an effect that a
// webhook lives. A GET or even an OPTIONS may be an event to it.
func (c *Client) reach(ctx context.Context) error {
	for _, hop := range transport.Reach(ctx, c.hook.Server()) {
		if hop.Err != nil {
			return c.failure(evidence{cause: causeOf(hop.Err), err: hop.Err})
		}
	}
	return nil
}
