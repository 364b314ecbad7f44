package provision

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
)

// Call is what a hit tells.
type Call struct{ Remote, Name string }

// Hit is one request of a phone, before it is sent: raw, as the phone leaves it.
type Hit struct {
	Method string
	Target string // path and query
	Body   string // of a POST
}

// generic is any phone whose administrator types the values himself.
var generic = &Vendor{
	Name:    "phone",
	vars:    map[string]string{"mac": macItself, "remote": "$remote", "name": "$name"},
	address: "%s",
	encodes: true,
	events: func() (list []event) {
		for _, e := range slices.Concat(call.CallEvents, call.PhoneEvents) {
			list = append(list, event{is: e})
		}
		return list
	}(),
}

// Speaker is a vendor's phone, or any other by the name of phone; nil: there is none of that name.
func Speaker(name string) *Vendor {
	if name == generic.Name {
		return generic
	}
	return Find(name)
}

// Tells lists the events that the vendor's phones tell, each once.
func (v *Vendor) Tells() (list []call.EventType) {
	if v.tells != nil {
		return v.tells
	}
	for _, e := range v.events {
		if !slices.Contains(list, e.is) {
			list = append(list, e.is)
		}
	}
	return list
}

// Hit is what a phone of this vendor sends at an event: the URL of its file, with the variables filled in. What is not known
// of the phone is left out.
func (v *Vendor) Hit(o Office, p Phone, is call.EventType, c Call) (Hit, error) {
	if !slices.Contains(v.Tells(), is) {
		return Hit{}, fmt.Errorf("a phone of %s does not tell %q", v.Name, is)
	}
	e := v.events[0] // where one URL tells of all
	if i := slices.IndexFunc(v.events, func(e event) bool { return e.is == is }); i >= 0 {
		e = v.events[i]
	}
	target := strings.TrimPrefix(join(v.base(o, p, e), v.filled(p, e, c)), strings.TrimSuffix(o.URL, "/"))
	if v.body != nil {
		return Hit{Method: "POST", Target: target, Body: v.body(p, is, c)}, nil
	}
	return Hit{Method: "GET", Target: target}, nil
}

// filled puts values in the place of the vendor's variables.
func (v *Vendor) filled(p Phone, e event, c Call) (list []param) {
	values := map[string]string{"mac": p.MAC}
	if !e.is.OfPhone() {
		values["name"] = c.Name
		if c.Remote != "" {
			values["remote"] = fmt.Sprintf(v.address, c.Remote)
		}
	}
	if e.is == call.Unregistered {
		values["regstate"] = "UNREGISTERED" // Aastra's word
	}
	for _, q := range v.params(p, e) {
		switch value := values[q.name]; {
		case q.literal:
		case value == "":
			continue
		case v.encodes:
			q.value = encoded(value)
		default:
			q.value = value
		}
		list = append(list, q)
	}
	return list
}

// encoded keeps a value in its place in a query.
func encoded(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }
