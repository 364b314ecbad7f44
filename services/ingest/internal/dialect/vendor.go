package dialect

import (
	"fmt"
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

// vendor is one dialect as data.
type vendor struct {
	name string

	// events holds the vendor's own names of events. A vendor that says it by path has the canonical names too; where
	// one name is both, the canonical meaning wins.
	events map[string]call.EventType

	// eventParam is the query parameter that names the event, where the path does not. Then only events counts.
	eventParam string

	// names holds the vendor's own parameter names, directed those that exist for one event only.
	names    aliases
	directed map[call.EventType]aliases

	// quirk puts right what data cannot say. It may be nil.
	quirk func(*call.Event, Values, phone.Region)
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
	for name, t := range d.events {
		if fold(name) == token {
			return t, true
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
	for _, names := range []aliases{shared, d.names, d.directed[t]} {
		if v := values.Get(names[param]...); v != "" {
			return v
		}
	}
	return ""
}

// event puts the event together.
func (d *vendor) event(h Hit, values Values, t call.EventType, region phone.Region) call.Event {
	get := func(param string) string { return d.value(values, t, param) }
	e := call.Event{
		Type:   t,
		Line:   line(get(pLine), get(pAccount), get(pLocal)),
		CallID: cut(strings.TrimSpace(get(pCallID)), maxCallID),
		Local:  party(get(pLocal), get(pLocalName), region),
		Remote: party(get(pRemote), get(pRemoteName), region),
		Phone: call.Phone{
			MAC:      firstOf(parseMAC(get(pMAC)), findMAC(h.UserAgent)),
			IP:       firstOf(parseIP(get(pIP)), cut(valid(h.Addr), maxName)),
			Model:    cut(strings.TrimSpace(get(pModel)), maxDevice),
			Firmware: cut(strings.TrimSpace(get(pFirmware)), maxDevice),
		},
		Source: d.name,
		Raw:    Raw(h.Query),
	}
	if d.quirk != nil {
		d.quirk(&e, values, region)
	}
	if e.Local.Number == "" {
		e.Local.Number = phone.Parse(string(e.Line), region)
	}
	return e
}
