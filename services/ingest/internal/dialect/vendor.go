package dialect

import (
	"cmp"
	"regexp"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// Our own parameter names (docs/wire.md §1). They are accepted from every vendor, since nearly all of them let the
// operator choose the names and only the variables on the right-hand side are theirs.
const (
	pMAC        = "mac"
	pIP         = "ip"
	pModel      = "model"
	pFirmware   = "fw"
	pLine       = "line"
	pAccount    = "acc"
	pHost       = "host"
	pLocal      = "local"
	pRemote     = "remote"
	pRemoteName = "name"
	pLocalName  = "lname"
	pCallID     = "cid"
	pDuration   = "dur"
	pDirection  = "dir"
)

var ours = []string{pMAC, pIP, pModel, pFirmware, pLine, pAccount, pHost, pLocal, pRemote, pRemoteName, pLocalName, pCallID, pDuration, pDirection}

// aliases gives the vendor's own names of our parameters, the best first.
type aliases map[string][]string

// shared holds the variable names that Yealink, Fanvil, Akuvox, Htek and their white labels have in common, for the
// operator who names a parameter after the variable (active_user=$active_user).
var shared = aliases{
	pFirmware:   {"firmware"},
	pAccount:    {"active_user"},
	pHost:       {"active_host"},
	pLocal:      {"active_url"},
	pRemoteName: {"display_remote"},
	pLocalName:  {"display_local"},
	pCallID:     {"call_id"},
	pDuration:   {"duration"},
	pDirection:  {"calldirection"},
}

// vendor is one dialect as data. The zero value of each field means that the vendor is as nearly all are.
type vendor struct {
	name string

	// like is the vendor whose firmware this one shares: what is not said here is as there. Its name, its User-Agent
	// and what is known of its call ids are its own.
	like *vendor

	// agent is what its User-Agents begin with. Its two groups are the model and the firmware.
	agent *regexp.Regexp

	// events holds the vendor's own names of events, beside the canonical ones and sharedEvents. Each may be spelt as
	// the phone's configuration spells it (see fold).
	events map[string]call.EventType

	// eventParam is the query parameter that names the event, where the path does not. Then only events counts.
	eventParam string

	// oneSwitch says that a phone cannot be told to keep its ignored events to itself. They are answered 200.
	oneSwitch bool

	// names holds the vendor's own parameter names, in lower case, directed those that mean it at some events only.
	names    aliases
	directed map[call.EventType]aliases

	// callIDs says that no two calls of one phone have the same call id within a second, by a source that the vendor's
	// file names. Without it a repeat is never taken for one.
	callIDs bool

	// reply is the XML that the phone wants with its 200.
	reply string

	// body takes the event and the parameters out of a body that is no form. The parameters of the query come first.
	body func(body string) (event string, values Values, err error)

	// quirk puts right what data cannot say. It may be nil.
	quirk func(*Said, Values, phone.Region)
}

// eachLike calls yield with the vendor, and with those that it is like.
func (d *vendor) eachLike(yield func(*vendor) bool) {
	for v := d; v != nil && yield(v); v = v.like {
	}
}

// values reads the parameters of the query and of the body, which may also name the event.
func (d *vendor) values(h *Hit) (Values, error) {
	values := ParseQuery(h.Query)
	if h.Body == "" {
		return values, nil
	}
	if d.body == nil {
		return nil, &Unusable{Reason: "a body must be a form: application/x-www-form-urlencoded"}
	}
	event, more, err := d.body(h.Body)
	if err != nil {
		return nil, err
	}
	h.Event = event
	for name, value := range more {
		if values[name] == "" {
			values[name] = value
		}
	}
	return values, nil
}

// answer is what the phone wants to read: the vendor's word, or that of the phone which speaks another's dialect.
func (d *vendor) answer(speaker *vendor) string {
	for v := range d.eachLike {
		if v.reply != "" {
			return v.reply
		}
	}
	if speaker != nil {
		return speaker.reply
	}
	return ""
}

// value is the first filled one of a parameter's names: ours, the shared ones, the vendor's, those of this event.
func (d *vendor) value(values Values, t call.EventType, param string) string {
	if v := values.Get(param); v != "" {
		return v
	}
	if v := values.Get(shared[param]...); v != "" {
		return v
	}
	for like := range d.eachLike {
		if v := values.Get(slices.Concat(like.names[param], like.directed[t][param])...); v != "" {
			return v
		}
	}
	return ""
}

// said puts the event together.
func (d *vendor) said(h Hit, agent device, values Values, t call.EventType, region phone.Region) Said {
	get := func(param string) string { return d.value(values, t, param) }
	mac := call.ParseMAC(get(pMAC))
	s := Said{
		Event: call.Event{
			Type:   t,
			Line:   line(get(pLine), get(pAccount), get(pLocal)),
			CallID: cut(strings.TrimSpace(get(pCallID)), maxCallID),
			Local:  party(get(pLocal), get(pLocalName), region),
			Remote: party(get(pRemote), get(pRemoteName), region),
			Phone: call.Phone{
				MAC:      cmp.Or(mac, h.MAC, call.FindMAC(cut(h.UserAgent, maxAgent))),
				IP:       cmp.Or(parseIP(get(pIP)), cut(valid(h.Addr), maxName)),
				Model:    cut(cmp.Or(strings.TrimSpace(get(pModel)), agent.model), maxDevice),
				Firmware: cut(cmp.Or(strings.TrimSpace(get(pFirmware)), agent.firmware), maxDevice),
			},
			Source: d.name,
			Raw:    Raw(joined(h.Query, h.Body)),
		},
		MAC:   mac,
		Reply: d.answer(agent.vendor),
	}
	s.OneCall = d.callIDs && s.Event.CallID != "" && (agent.vendor == nil || agent.vendor == d) // not another vendor's in its URLs
	for v := range d.eachLike {
		if v.quirk != nil {
			v.quirk(&s, values, region)
		}
	}
	if e := &s.Event; e.Local.Number == "" {
		e.Local.Number = phone.Parse(string(e.Line), region)
	}
	return s
}

func joined(query, body string) string {
	if query == "" || body == "" {
		return query + body
	}
	return query + "&" + body
}
