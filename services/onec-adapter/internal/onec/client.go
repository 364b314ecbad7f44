package onec

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
	"github.com/callbus/callbus/services/onec-adapter/internal/transport"
	"github.com/callbus/callbus/services/onec-adapter/internal/webhook"
)

// aliveTimeout limits the question whether 1C is there: its answer decides about another call, so it must be quick.
const aliveTimeout = 3 * time.Second

// maxReturn and maxTold bound in runes what a reply keeps of a return value (authors return whole JSON documents) and of what
// the target was told.
const (
	maxReturn = 500
	maxTold   = 500
)

// Client calls one TelData service. It is safe for concurrent use.
type Client struct {
	config  Config
	address address
	mapping *mapping.Mapping
	hook    *webhook.Hook // nil: SOAP
	http    *transport.Client
	room    *room
	denial  denial

	describing singleflight.Group
	mutex      sync.Mutex
	plan       *Plan
}

// New checks the configuration. It does not speak to 1C.
func New(config Config) (*Client, error) {
	config = config.withDefaults()
	if err := config.check(); err != nil {
		return nil, err
	}
	words, err := mapping.New(config.Mapping)
	if err != nil {
		return nil, err
	}
	address, hook, err := config.where()
	if err != nil {
		return nil, err
	}
	options := transport.Options{User: config.User, Password: config.Password, Bearer: config.Bearer, Dial: config.Dial}
	c := &Client{config: config, address: address, mapping: words, hook: hook, http: transport.New(options)}
	c.room = newRoom(c.config, c.finish)
	return c, nil
}

// Close ends the sessions that are kept, which may take three seconds, and drops idle connections. Calls under way go on.
func (c *Client) Close() {
	c.room.close()
	c.http.Close()
}

// Describe reads the WSDL anew and works out the plan; a plan that works replaces the one in use. The error is a
// *Failure; where the parameters are the reason it wraps a *MappingError, whose text has an override to paste.
func (c *Client) Describe(ctx context.Context) (Plan, error) {
	return c.together(ctx, "anew", c.describe)
}

// current gives the plan in use. If there is none, one caller reads the WSDL, and all wait for it.
func (c *Client) current(ctx context.Context) (Plan, error) {
	if plan := c.inUse(); plan != nil {
		return *plan, nil
	}
	return c.together(ctx, "first", func(ctx context.Context) (Plan, error) {
		if plan := c.inUse(); plan != nil { // it was read between our look and our turn
			return *plan, nil
		}
		return c.describe(ctx)
	})
}

func (c *Client) inUse() *Plan {
	c.mutex.Lock()
	defer c.mutex.Unlock()
	return c.plan
}

// together shares one reading among all who want it at the same time, so it must not die with the first of them.
func (c *Client) together(ctx context.Context, key string, read func(context.Context) (Plan, error)) (Plan, error) {
	shared := context.WithoutCancel(ctx)
	result := c.describing.DoChan(key, func() (any, error) { return read(shared) })
	select {
	case <-ctx.Done():
		return Plan{}, c.failure(evidence{cause: unreached, reading: true, err: ctx.Err()})
	case r := <-result:
		if r.Err != nil {
			return Plan{}, r.Err
		}
		return r.Val.(Plan), nil
	}
}

func (c *Client) describe(ctx context.Context) (Plan, error) {
	ctx, cancel := context.WithTimeout(ctx, c.config.Timeout)
	defer cancel()
	if c.hook != nil {
		return c.hookPlan(), c.reach(ctx)
	}
	document, err := c.readWSDL(ctx)
	if err != nil {
		return Plan{}, err
	}
	plan, err := c.planOf(document)
	if err != nil {
		return Plan{}, c.failure(evidence{cause: misread, reading: true, err: err})
	}
	c.mutex.Lock()
	c.plan = &plan
	c.mutex.Unlock()
	return plan, nil
}

func (c *Client) planOf(document []byte) (Plan, error) {
	operation, err := soap.ParseWSDL(document, c.config.Operation)
	if err != nil {
		return Plan{}, err
	}
	version := soap.V11
	if c.config.SOAP12 {
		version = soap.V12
	}
	if !operation.Offers(version) {
		return Plan{}, fmt.Errorf("the service does not offer %s, only the other version", version)
	}
	plan, err := newPlan(operation, c.config.Parameters, c.mapping)
	plan.URL, plan.Version = c.address.shown, version
	return plan, err
}

// readWSDL gives the document, or says why the answer is none. Whether a publication with reuseSessions="use" gives its WSDL
// without a session is not known; where it does not, one is started for the reading alone.
func (c *Client) readWSDL(ctx context.Context) ([]byte, error) {
	reply, failure := c.look(ctx, nil)
	if failure != nil && failure.wantsSession() && c.config.Session != None {
		reply, failure = c.look(ctx, http.Header{sessionHeader: {"start"}})
		if cookie := cookieOf(reply); cookie != "" {
			c.finish(cookie)
		}
	}
	if failure != nil {
		return nil, failure
	}
	return reply.Body, nil
}

// wantsSession reports that 1C asked for a session, and not that it has none to give.
func (f *Failure) wantsSession() bool {
	return f.Label == "session" && (f.status == http.StatusBadRequest || f.status == http.StatusNotFound)
}

func (c *Client) look(ctx context.Context, header http.Header) (transport.Reply, *Failure) {
	password := c.password()
	if denied := c.denial.of(password); denied != nil {
		return transport.Reply{}, denied
	}
	reply, err := c.http.Do(ctx, transport.Request{Method: http.MethodGet, URL: c.address.wsdl, Header: header, Limit: soap.MaxWSDL})
	if err != nil {
		return reply, c.failure(evidence{cause: causeOf(err), reading: true, err: err})
	}
	if reply.Status == http.StatusOK && isWSDL(reply.Body) {
		return reply, nil
	}
	answer := soap.ReadAnswer(reply.Body)
	failure := c.failure(evidence{cause: answered, status: reply.Status, answer: answer, hint: reply.Location, reading: true})
	c.denial.note(password, failure)
	return reply, failure
}

// forget makes the next call read the WSDL again.
func (c *Client) forget() {
	c.mutex.Lock()
	c.plan = nil
	c.mutex.Unlock()
}

// outdated reports that the service may have changed under us: after an update (409), or where a Fault blames the
// request. 1C's own words for that could not be confirmed, so the test is a wide one; being wrong costs one GET.
func outdated(status int, a soap.Answer) bool {
	if status == http.StatusConflict {
		return true
	}
	return a.Kind == soap.Fault && (a.Code == "Client" || a.Code == "Sender" || containsAny(a.Text, []string{
		"xdto", "параметр", "операци", "несоответствие тип", "не соответствует тип", "parameter", "operation", "type mismatch",
	}))
}

// Alive asks for the WSDL and is content if it is one: the cheapest proof that web server, 1C and password are in
// order, and it takes no part in anybody's calls. A target of protocol http is only connected to.
func (c *Client) Alive(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, aliveTimeout)
	defer cancel()
	if c.hook != nil {
		return c.reach(ctx)
	}
	_, err := c.readWSDL(ctx)
	return err
}

// password is what the target knows us by: the user's, or the token.
func (c *Client) password() string {
	switch {
	case c.config.Bearer != nil:
		return c.config.Bearer()
	case c.config.Password != nil:
		return c.config.Password()
	}
	return ""
}
