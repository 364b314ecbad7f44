package onec

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
	"github.com/callbus/callbus/services/onec-adapter/internal/transport"
)

// message is one event as it goes to the target.
type message struct {
	transport.Request
	told  string                                    // for people: what the target was told
	taken func(status int, answer soap.Answer) bool // does this answer say that the target took it?
}

// message writes an event in the target's words.
func (c *Client) message(ctx context.Context, e call.Event) (message, error) {
	number, known := EventNumber(e.Type)
	if !known {
		return message{}, noNumber(e.Type)
	}
	plan, err := c.current(ctx)
	if err != nil {
		return message{}, err
	}
	values := c.values(plan, e, number)
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

func noNumber(t call.EventType) *Failure {
	return &Failure{
		Label: "event", blame: verdict.Message, err: errNoNumber,
		Why: fmt.Sprintf("the event %q has no number in the TelData service", string(t)),
	}
}

var errNoNumber = errors.New("no such event in TelData")
