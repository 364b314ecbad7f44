package onec

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
	"github.com/callbus/callbus/services/onec-adapter/internal/webhook"
)

// DefaultOperation is the operation of the original service.
const DefaultOperation = "TelData"

// DefaultTimeout is the limit of one call: twice what 1C waits for a free session (poolTimeout, 5 s), and what MIKO's
// own daemon allows.
const DefaultTimeout = 10 * time.Second

// Config describes one target.
type Config struct {
	// HTTP describes a target of protocol http; its URL is the one below. Nil: SOAP.
	HTTP *webhook.Config
	// URL of the publication, such as http://server/base/ws/teldata.1cws; it may end in ?wsdl. Credentials in it are
	// refused: an URL goes into logs.
	URL string
	// User of the infobase; empty for a publication that has one in its connection string.
	User string
	// Password is a function so that no way of printing a Config can show it.
	// Nil is an empty password.
	Password func() string
	// Bearer is a token that goes in place of user and password. Nil: none.
	Bearer func() string
	// Operation is DefaultOperation if empty.
	Operation string
	// SOAP12 speaks SOAP 1.2 instead of 1.1.
	SOAP12 bool
	// Timeout of one call, DefaultTimeout if 0.
	Timeout time.Duration
	// Parameters says where the service's parameters come from, by name: a field of the event ("event", "remote|ru8"), or a
	// constant after an equals sign ("=office"). It comes before what the client finds out by itself.
	Parameters map[string]string
	// Session says how calls come to sessions of 1C; Auto if empty.
	Session Mode
	// Log hears what is found out of sessions and room.
	Log zerolog.Logger
	// Dial connects; nil is TCP.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Mapping is what the target gets, in which words. Without Events these are TelData's, and all for HTTP.
	Mapping mapping.Config
}

// address is a configured URL, taken apart once.
type address struct {
	post, wsdl, shown string
}

// where is the address of the service, or the webhook.
func (c Config) where() (address, *webhook.Hook, error) {
	if c.HTTP == nil {
		a, err := readURL(c.URL)
		return a, nil, err
	}
	h := *c.HTTP
	h.URL = c.URL
	hook, err := webhook.New(h)
	if err != nil {
		return address{}, nil, err
	}
	return address{shown: hook.Server()}, hook, nil
}

// readURL never repeats the URL in an error: a password may stand in it.
func readURL(raw string) (address, error) {
	u, err := url.Parse(strings.TrimSpace(raw))
	if err != nil {
		return address{}, errors.New("the URL of 1C cannot be read; want http://server/base/ws/teldata.1cws")
	}
	if u.User != nil {
		return address{}, errors.New("the URL of 1C must not hold a user or a password, because URLs go into logs; " +
			"give them as user and password file")
	}
	if u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" {
		return address{}, errors.New("the URL of 1C must begin with http:// or https:// and name a server; " +
			"want http://server/base/ws/teldata.1cws")
	}
	return addressOf(u), nil
}

// addressOf drops a ?wsdl from the address of the calls, in any case, and keeps any other query.
func addressOf(u *url.URL) address {
	var rest []string
	for _, part := range strings.Split(u.RawQuery, "&") {
		if name, _, _ := strings.Cut(part, "="); part != "" && !strings.EqualFold(name, "wsdl") {
			rest = append(rest, part)
		}
	}
	u.Fragment, u.RawFragment = "", ""
	u.RawQuery = strings.Join(rest, "&")
	a := address{post: u.String()}
	u.RawQuery = strings.Join(append(rest, "wsdl"), "&")
	a.wsdl = u.String()
	u.RawQuery = ""
	a.shown = u.String()
	return a
}

func (c Config) withDefaults() Config {
	if c.Operation == "" {
		c.Operation = DefaultOperation
	}
	if c.Timeout <= 0 {
		c.Timeout = DefaultTimeout
	}
	switch {
	case c.Mapping.Events != nil:
	case c.HTTP != nil:
		c.Mapping.Events = mapping.Names
	default:
		c.Mapping.Events = mapping.TelData
	}
	if c.Session == "" {
		c.Session = Auto
	}
	return c
}

func (c Config) check() error {
	if c.Bearer != nil && (c.User != "" || c.Password != nil) {
		return errors.New("bearer_file and user exclude each other")
	}
	if strings.Contains(c.User, ":") {
		return fmt.Errorf("the user %q has a colon, which Basic authentication cannot carry", c.User)
	}
	if err := c.Session.Check(); err != nil {
		return err
	}
	for name, value := range c.Parameters {
		if _, err := readSource(value); err != nil {
			return fmt.Errorf("parameters: %s: %w", name, err)
		}
	}
	return nil
}
