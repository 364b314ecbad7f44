package dialect

import (
	"fmt"
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
	pDirection:  {"callDirection"},
}

// ignored is the meaning of a vendor's event that has none.
const ignored call.EventType = ""

// vendor is one dialect as data. The zero value of each field means that the vendor is as nearly all are.
type vendor struct {
	name string

	// like is the vendor whose firmware this one shares: what is not said here is as there. Its name, its
	// agents and what is known of its call ids are its own.
	like *vendor

	// agents are the beginnings of its User-Agents.
	agents []string

	// events holds the vendor's own names of events. A vendor that says it by path has the canonical names too; where
	// one name is both, the canonical meaning wins.
	events map[string]call.EventType

	// eventParam is the query parameter that names the event, where the path does not. Then only events counts.
	eventParam string

	// names holds the vendor's own parameter names, directed those that exist for one event only.
	names    aliases
	directed map[call.EventType]aliases

	// callIDs says that no two calls of one phone have the same call id within a second, by a source that the vendor's
	// file names. Without it a repeat is never taken for one.
	callIDs bool

	// reply is the XML that the phone wants with its 200.
	reply string

	// body takes the event and the parameters out of a body that is no form. The parameters of the query come first.
	body func(body string) (event string, values Values, err error)

	// quirk puts right what data cannot say. It may be nil, and may leave nothing to tell (ErrNothingNew).
	quirk func(*Said, Values, phone.Region) error
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
func (d *vendor) answer(agent string) string {
	for v := range d.eachLike {
		if v.reply != "" {
			return v.reply
		}
	}
	if v := byAgent(agent); v != nil {
		return v.reply
	}
	return ""
}

// eventType finds out what happened.
func (d *vendor) eventType(h Hit, values Values) (call.EventType, error) {
	if d.eventParam != "" {
		return d.eventByParam(values)
	}
	t, known := d.eventByName(h.Event)
	switch {
	case !known:
		return "", fmt.Errorf("%w: %s has no event %.40q", ErrUnknown, d.name, h.Event)
	case t == ignored:
		return "", fmt.Errorf("%w: %s/%.40q", ErrNoMeaning, d.name, h.Event)
	}
	return t, nil
}

// eventByParam masks what it cannot use: where two fields of a phone's template changed places, it is a number.
func (d *vendor) eventByParam(values Values) (call.EventType, error) {
	name := strings.TrimSpace(values.Get(d.eventParam))
	if t, known := d.events[name]; known {
		return t, nil
	}
	return "", &Unusable{Reason: fmt.Sprintf("%s=%.20q is no event of %s", d.eventParam, phone.Mask(name), d.name)}
}

// eventByName looks a path token up, however it is spelt: "incoming_call", "IncomingCall" (the keys of old Yealinks)
// and "incoming-call" are one name.
func (d *vendor) eventByName(token string) (t call.EventType, known bool) {
	if len(token) > maxName {
		return "", false
	}
	token = fold(token)
	for _, list := range [][]call.EventType{call.CallEvents, call.PhoneEvents} {
		for _, t := range list {
			if fold(string(t)) == token {
				return t, true
			}
		}
	}
	for v := range d.eachLike {
		for name, t := range v.events {
			if fold(name) == token {
				return t, true
			}
		}
	}
	return "", false
}

var folder = strings.NewReplacer("_", "", "-", "", ".", "")

func fold(name string) string { return folder.Replace(strings.ToLower(name)) }

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
func (d *vendor) said(h Hit, values Values, t call.EventType, region phone.Region) (Said, error) {
	get := func(param string) string { return d.value(values, t, param) }
	mac := parseMAC(get(pMAC))
	s := Said{
		Event: call.Event{
			Type:   t,
			Line:   line(get(pLine), get(pAccount), get(pLocal)),
			CallID: cut(strings.TrimSpace(get(pCallID)), maxCallID),
			Local:  party(get(pLocal), get(pLocalName), region),
			Remote: party(get(pRemote), get(pRemoteName), region),
			Phone: call.Phone{
				MAC:      firstOf(mac, h.MAC, findMAC(h.UserAgent)),
				IP:       firstOf(parseIP(get(pIP)), cut(valid(h.Addr), maxName)),
				Model:    cut(strings.TrimSpace(get(pModel)), maxDevice),
				Firmware: cut(strings.TrimSpace(get(pFirmware)), maxDevice),
			},
			Source: d.name,
			Raw:    Raw(joined(h.Query, h.Body)),
		},
		MAC:   mac,
		Reply: d.answer(h.UserAgent),
	}
	s.OneCall = d.callIDs && s.Event.CallID != ""
	for v := range d.eachLike {
		if v.quirk == nil {
			continue
		}
		if err := v.quirk(&s, values, region); err != nil {
			return s, err
		}
	}
	if e := &s.Event; e.Local.Number == "" {
		e.Local.Number = phone.Parse(string(e.Line), region)
	}
	return s, nil
}

func joined(query, body string) string {
	if query == "" || body == "" {
		return query + body
	}
	return query + "&" + body
}
