package provision

import (
	"encoding/xml"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

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
	if v == polycom {
		return polycomTells
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
	e := v.events[0] // Polycom's only one
	if i := slices.IndexFunc(v.events, func(e event) bool { return e.is == is }); i >= 0 {
		e = v.events[i]
	}
	target := strings.TrimPrefix(join(v.base(o, p, e), v.filled(p, e, c)), strings.TrimSuffix(o.URL, "/"))
	if v == polycom {
		return Hit{Method: "POST", Target: target, Body: polycomBody(p, is, c)}, nil
	}
	if v == microsip {
		sign := "?"
		if strings.Contains(target, "?") {
			sign = "&"
		}
		target += sign + encoded(c.Remote) // curl -G --data-urlencode NUMBER
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

// encoded is how curl encodes.
func encoded(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

// polycomTells is what telephony notification has, in the order of docs/wire.md §1.
var polycomTells = []call.EventType{
	call.Incoming, call.Outgoing, call.Answered, call.Ended, call.Held, call.Registered, call.Unregistered, call.Boot,
}

// polycomEvents are the elements that name an event, polycomStates the states of a call that do.
var (
	polycomEvents = map[call.EventType]string{
		call.Incoming: "IncomingCallEvent", call.Outgoing: "OutgoingCallEvent", call.Registered: "LineRegistrationEvent",
		call.Unregistered: "LineUnregistrationEvent", call.Boot: "AppInitializationEvent",
	}
	polycomStates = map[call.EventType]string{call.Answered: "Connected", call.Ended: "Disconnected", call.Held: "Hold"}
)

// polycomBody is a message of UC software (Web Application guide, pp. 27-32). A call that is past its ring is taken for an
// incoming one.
func polycomBody(p Phone, is call.EventType, c Call) string {
	type info struct{ CallState, CallType, CallingPartyName, CallingPartyDirNum string }
	type lineInfo struct {
		LineDirNum string `xml:",omitempty"`
		CallInfo   info
	}
	message := struct {
		XMLName            xml.Name
		CallState          string `xml:",attr,omitempty"`
		MACAddress         string `xml:",omitempty"`
		CallingPartyName   string `xml:",omitempty"`
		CallingPartyNumber string `xml:",omitempty"`
		CalledPartyName    string `xml:",omitempty"`
		CalledPartyNumber  string `xml:",omitempty"`
		TimeStamp          string
		CallLineInfo       *lineInfo `xml:",omitempty"`
	}{MACAddress: p.MAC, TimeStamp: time.Now().Format(time.RFC3339)}
	address := ""
	if c.Remote != "" {
		address = fmt.Sprintf(polycom.address, c.Remote)
	}
	message.XMLName.Local = polycomEvents[is]
	switch is {
	case call.Incoming:
		message.CallingPartyName, message.CallingPartyNumber, message.CalledPartyNumber = c.Name, address, p.Line
	case call.Outgoing:
		message.CalledPartyName, message.CalledPartyNumber, message.CallingPartyNumber = c.Name, address, p.Line
	case call.Answered, call.Ended, call.Held:
		message.XMLName.Local, message.CallState = "CallStateChangeEvent", polycomStates[is]
		message.CallLineInfo = &lineInfo{p.Line, info{polycomStates[is], "Incoming", c.Name, address}}
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"PolycomIPPhone"`
		Event   any
	}{Event: message})
	if err != nil {
		panic(err) // the types are ours
	}
	return string(body)
}
