package onecadapter

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
	"github.com/callbus/callbus/services/onec-adapter/internal/transport"
)

// Step is one thing on the way to a call that may be wrong.
type Step string

// The steps, in the order in which they are gone. Each needs those before it.
const (
	DNS     Step = "dns"       // the server's name has an address
	TCP     Step = "tcp"       // somebody listens there
	TLS     Step = "tls"       // of https: there is a certificate, and it is to be trusted
	HTTP    Step = "http"      // a web server answers, and knows the path
	Session Step = "login"     // 1C lets us in
	WSDL    Step = "wsdl"      // it shows the description of a web service
	Service Step = "operation" // which has the operation
	Mapping Step = "mapping"   // it is known what goes where
	Trial   Step = "call"      // asked for: it takes a call
)

// Tried is what became of a step.
type Tried struct {
	Step  Step
	State State
	Took  time.Duration // 0: it was settled together with another step
	Found string        // where it has passed
}

// State is passed, failed or not tried.
type State string

// The states.
const (
	Passed   State = "passed"
	Failed   State = "failed"
	NotTried State = "not tried" // a step before has failed
)

// Inquiry says what is checked, and how far.
type Inquiry struct {
	Options
	Target string               // this one only; empty: all
	Call   *call.Event          // calls 1C once with this event; nil: no operation is called
	Tell   func(Checked, Tried) // hears of each step; nil: nobody does
}

// ErrNoTarget says that the options describe no such target.
var ErrNoTarget = errors.New("the settings have no such target")

// Examine goes step by step to each 1C that the options describe. Errors: ErrNoTarget, options that do not go together, a
// password file that cannot be read.
func (q Inquiry) Examine(ctx context.Context) (all []Checked, err error) {
	targets, err := q.targets()
	if err != nil {
		return nil, err
	}
	if q.Target != "" {
		if targets = slices.DeleteFunc(targets, func(t Target) bool { return t.Name != q.Target }); len(targets) == 0 {
			return nil, ErrNoTarget
		}
	}
	for _, t := range targets {
		client, err := t.client()
		if err != nil {
			return nil, err
		}
		x := exam{Inquiry: q, target: t, client: client, checked: t.checked(client)}
		x.run(ctx)
		client.Close()
		all = append(all, x.checked)
	}
	return all, nil
}

// exam is the way to one target.
type exam struct {
	Inquiry
	target  Target
	client  *onec.Client
	checked Checked
}

func (x *exam) run(ctx context.Context) {
	for _, part := range []func(context.Context) error{x.reach, x.describe, x.call} {
		if part(ctx) != nil {
			break
		}
	}
	for _, s := range x.steps() {
		if !slices.ContainsFunc(x.checked.Steps, func(t Tried) bool { return t.Step == s }) {
			x.note(Tried{Step: s, State: NotTried})
		}
	}
}

// steps are those that this target has.
func (x *exam) steps() []Step {
	all := []Step{DNS, TCP, TLS, HTTP, Session, WSDL, Service, Mapping, Trial}
	if x.target.Protocol == ProtocolHTTP {
		all = []Step{DNS, TCP, TLS, Mapping, Trial} // any request may be an event to it, so nothing is asked
	}
	return slices.DeleteFunc(all, func(s Step) bool {
		return s == TLS && !strings.HasPrefix(x.checked.URL, "https:") || s == Trial && x.Call == nil
	})
}

func (x *exam) note(t Tried) {
	x.checked.Steps = append(x.checked.Steps, t)
	if x.Tell != nil {
		x.Tell(x.checked, t)
	}
}

// fail ends the way at a step.
func (x *exam) fail(s Step, took time.Duration, err error) error {
	x.checked.Trouble = troubleOf(x.target, s, err)
	x.note(Tried{Step: s, State: Failed, Took: took})
	return err
}

// reach goes as far as can be gone without a word of HTTP.
func (x *exam) reach(ctx context.Context) error {
	for _, h := range transport.Reach(ctx, x.checked.URL) {
		if h.Err != nil {
			return x.fail(Step(h.Name), h.Took, onec.Unreached(h.Err))
		}
		x.note(Tried{Step(h.Name), Passed, h.Took, h.Found})
	}
	return nil
}

// describe asks for the WSDL: one answer that settles several steps.
func (x *exam) describe(ctx context.Context) error {
	begin := time.Now()
	plan, err := x.client.Describe(ctx)
	took := time.Since(begin)
	failed := Step("")
	if err != nil {
		err = x.clearer(ctx, err)
		failed = stepOf(err)
	}
	x.checked.planned(plan)
	if x.target.Protocol == ProtocolHTTP {
		if err != nil {
			return x.fail(Mapping, took, err)
		}
		x.note(Tried{Mapping, Passed, took, plan.Operation})
		return nil
	}
	for _, s := range []struct {
		step  Step
		found string
	}{{HTTP, ""}, {Session, x.target.User}, {WSDL, plan.Service}, {Service, plan.Operation}, {Mapping, ""}} {
		if s.step == failed {
			return x.fail(s.step, took, err)
		}
		x.note(Tried{s.step, Passed, took, s.found})
		took = 0
	}
	return nil
}

// checked is what is known of a target before it was asked.
func (t Target) checked(client *onec.Client) Checked {
	return Checked{Target: t.Name, URL: client.Shown(), Webhook: t.Protocol == ProtocolHTTP}
}

// planned takes over what a plan says.
func (c *Checked) planned(p onec.Plan) {
	if p.URL != "" {
		c.URL = p.URL
	}
	c.Service, c.Namespace, c.Operation, c.Version = p.Service, p.Namespace, p.Operation, p.Version.String()
	for _, m := range p.Parameters {
		c.Parameters = append(c.Parameters, Parameter{m.Name, string(m.From)})
	}
}

// clearer finds out what a web server that answers strangely may be.
func (x *exam) clearer(ctx context.Context, err error) error {
	step := stepOf(err)
	if (step == HTTP || step == WSDL) && ctx.Err() == nil && strings.HasPrefix(x.checked.URL, "http:") &&
		transport.SpeaksTLS(ctx, x.checked.URL) {
		return &wrongScheme{err}
	}
	return err
}

// wrongScheme is the failure of a URL that says http:// where TLS is spoken.
type wrongScheme struct{ error }

func (w *wrongScheme) Unwrap() error { return w.error }

// call brings the event to 1C, where that was asked for.
func (x *exam) call(ctx context.Context) error {
	if x.Call == nil {
		return nil
	}
	begin := time.Now()
	reply, err := x.client.Call(ctx, *x.Call)
	x.checked.Reply = reply
	if err != nil {
		return x.fail(Trial, time.Since(begin), x.clearer(ctx, err))
	}
	x.note(Tried{Trial, Passed, time.Since(begin), reply.Answer})
	return nil
}

// steps that the failures' labels belong to; a label that is not here means that 1C has answered, and not with a WSDL.
var steps = map[string]Step{
	"refused": TCP, "lookup": DNS, "tls": TLS, "unreached": TCP,
	"timeout": HTTP, "stopped": HTTP, "broken": HTTP, "gateway": HTTP, "unavailable": HTTP, "redirect": HTTP, "absent": HTTP,
	"proxy": HTTP, "throttled": HTTP, "unexpected": HTTP,
	"unauthorized": Session, "forbidden": Session, "locked": Session, "licence": Session, "session": Session, "full": Session, "updating": Session,
}

// stepOf says where the question for the WSDL has failed. A server that could be reached a moment ago, and now cannot, is
// none that answers.
func stepOf(err error) Step {
	var scheme *wrongScheme
	var missing *soap.MissingOperationError
	var mapping *onec.MappingError
	var failure *onec.Failure
	switch {
	case errors.As(err, &scheme):
		return HTTP
	case errors.As(err, &missing):
		return Service
	case errors.As(err, &mapping):
		return Mapping
	case !errors.As(err, &failure):
		return WSDL
	}
	switch s := steps[failure.Label]; {
	case s == DNS || s == TCP || s == TLS:
		return HTTP
	case s != "":
		return s
	case failure.Label == "description" && !strings.Contains(failure.Why, "WSDL"):
		return Service // "operation …", "the service does not offer SOAP 1.2"
	}
	return WSDL
}

// What can be told only by looking closer than for a call. They stand where the table's words are too wide.
const (
	saysTLS     = "this port speaks TLS: the URL must begin with https://"
	saysPlain   = "this port does not speak TLS: must the URL begin with http://"
	saysNoHTTP  = "somebody answers at this address, and does not speak HTTP"
	certExpired = "the certificate has expired, or is not valid yet"
	certUnknown = "nobody here knows who has signed the certificate"
	certOther   = "the certificate is for another name"
)

// closer is a phrase of these, or nothing.
func closer(err error) string {
	var scheme *wrongScheme
	var record tls.RecordHeaderError
	var invalid x509.CertificateInvalidError
	var unknown x509.UnknownAuthorityError
	var other x509.HostnameError
	switch {
	case errors.As(err, &scheme):
		return saysTLS
	case errors.As(err, &record):
		return saysPlain
	case errors.As(err, &invalid) && invalid.Reason == x509.Expired:
		return certExpired
	case errors.As(err, &unknown):
		return certUnknown
	case errors.As(err, &other):
		return certOther
	case strings.Contains(err.Error(), "malformed HTTP"):
		return saysNoHTTP
	}
	return ""
}
