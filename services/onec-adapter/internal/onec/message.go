package onec

import (
	"context"
	"errors"
	"net/http"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
	"github.com/callbus/callbus/services/onec-adapter/internal/transport"
	"github.com/callbus/callbus/services/onec-adapter/internal/webhook"
)

// message is one event as it goes to the target.
type message struct {
	transport.Request
	told  string                                    // for people: what the target was told
	taken func(status int, answer soap.Answer) bool // does this answer say that the target took it?
	said  string                                    // what the phone said of its own: an answer may repeat it
}

// said joins what a phone, or whoever calls it, may choose.
func said(e call.Event) string {
	return soap.Shorten(strings.Join([]string{
		e.Remote.URI, e.Remote.Name, e.Local.URI, e.Local.Name, string(e.Line), e.CallID, e.Phone.Model, e.Phone.Firmware, e.Raw,
	}, " "), maxSaid)
}

// maxSaid is beyond what an event may hold, in runes.
const maxSaid = 64 << 10

// message writes an event in the target's words.
func (c *Client) message(ctx context.Context, e call.Event) (message, error) {
	if c.mapping.Word(e.Type) == "" {
		return message{}, unfit(errNoWord) // an operator has sent it again, past the rules
	}
	if c.hook != nil {
		return c.request(e)
	}
	plan, err := c.current(ctx)
	if err != nil {
		return message{}, err
	}
	told := c.mapping.Of(e)
	values := plan.values(told)
	if err := told.Err(); err != nil {
		return message{}, unfit(err)
	}
	action := plan.operation.Actions[plan.Version]
	return message{
		Request: transport.Request{
			Method: http.MethodPost, URL: c.address.post, Limit: soap.MaxAnswer,
			Header: soap.Header(plan.Version, action), Body: soap.Envelope(plan.Version, plan.operation, values),
		},
		told:  plan.told(values),
		taken: func(status int, a soap.Answer) bool { return a.Kind == soap.Returned && status >= 200 && status < 300 },
	}, nil
}

// told is the call as a programmer would write it: "TelData(Nomer_Sobitia: 1, Nomer_sip: +74951234567, moi_nomer: 101)".
func (p Plan) told(values map[string]string) string {
	var words []string
	for _, m := range p.Parameters {
		if m.From != FromNobody {
			words = append(words, m.Name+": "+values[m.Name])
		}
	}
	return soap.Shorten(p.Operation+"("+strings.Join(words, ", ")+")", maxTold)
}

// unfit is the failure of an event that cannot be said to the target at all.
func unfit(err error) *Failure {
	return &Failure{Label: "event", blame: verdict.Message, err: err, Why: err.Error()}
}

var errNoWord = errors.New("the target has no word for this event")

// Unfit are the reasons why an event cannot be said to a target.
func Unfit() []string { return []string{errNoWord.Error(), webhook.ErrElsewhere.Error()} }
