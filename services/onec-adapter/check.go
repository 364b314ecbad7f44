package onecadapter

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/deliver"
	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
)

// Checked is what Check found of one target: the plan, or what is wrong.
type Checked struct {
	Target, URL                            string
	Webhook                                bool // it is no 1C
	Service, Namespace, Operation, Version string
	Parameters                             []Parameter
	Steps                                  []Tried
	Reply                                  verdict.Reply // of a test call
	Trouble                                *Trouble
}

// Parameter is one of the operation's, and what goes into it: event, remote, line, "=a constant", or nothing.
type Parameter struct{ Name, From string }

// Cause says which of an operator's answers is to be mended.
type Cause string

// The causes.
const (
	Address    Cause = "address"    // nobody there, no web service there, or somebody else
	Login      Cause = "login"      // user or password
	Operation  Cause = "operation"  // the service has no such operation
	Parameters Cause = "parameters" // nobody knows what goes where
	Elsewhere  Cause = "elsewhere"  // all may be right: 1C is locked, full, slow
)

// Trouble is why events would not reach a target.
type Trouble struct {
	Step       Step
	Cause      Cause
	Why        string   // one of Meanings, and 1C's own words
	Operations []string // that there are, where Cause is Operation
	Targets    string   // a targets file to correct, where Cause is Parameters
}

// Error is Why.
func (t *Trouble) Error() string { return t.Why }

// Check asks each 1C that the options describe for its web service, and works out what would go where. It calls no operation.
// Errors: options that do not go together, a password file that cannot be read.
func Check(ctx context.Context, o Options) (all []Checked, err error) {
	return Inquiry{Options: o}.Examine(ctx)
}

// causes of the failures' labels; all others are Elsewhere.
var causes = map[string]Cause{
	"refused": Address, "lookup": Address, "tls": Address, "unreached": Address, "absent": Address, "redirect": Address,
	"proxy": Address, "page": Address, "description": Address, "unexpected": Address,
	"unauthorized": Login, "forbidden": Login,
}

func troubleOf(t Target, s Step, err error) *Trouble {
	trouble := &Trouble{Step: s, Cause: Elsewhere, Why: err.Error()}
	if _, why, asked := strings.Cut(trouble.Why, "?wsdl: "); asked {
		trouble.Why = why // where it was asked is known
	}
	var failure *onec.Failure
	if errors.As(err, &failure) {
		trouble.Cause = causes[failure.Label]
	}
	if trouble.Cause == "" {
		trouble.Cause = Elsewhere
	}
	if seen := closer(err); seen != "" {
		trouble.Cause, trouble.Why = Address, seen+": "+trouble.Why
	}
	var missing *soap.MissingOperationError
	var mapping *onec.MappingError
	switch {
	case errors.As(err, &missing):
		trouble.Cause, trouble.Operations, trouble.Why = Operation, missing.Have, missing.Error()
	case errors.As(err, &mapping):
		trouble.Cause, trouble.Targets = Parameters, t.file(mapping.Suggestion)
		trouble.Why = "the operation " + mapping.Operation + " " + mapping.Reason
	}
	return trouble
}

// Takes reports whether 1C is told of such events, unless a targets file says otherwise; the others stay on the bus.
func Takes(t call.EventType) bool {
	_, takes := mapping.TelData[t]
	return takes
}

// Stale reports whether an event was kept from a target for its age alone: why is its ending's.
func Stale(why string) bool { return deliver.Stale(why) }

// Meanings are the phrases that reasons begin with, in Trouble.Why, in the log and in what becomes of events: whoever speaks
// to an operator in another language has to know them all.
func Meanings() []string {
	looked := []string{saysTLS, saysPlain, saysNoHTTP, certExpired, certUnknown, certOther}
	return slices.Concat(onec.Meanings(), onec.Unfit(), deliver.Reasons(), mapping.Reasons(), looked)
}
