package dialect

import (
	"fmt"
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

// sharedEvents holds the names of events that several vendors have in common. They are accepted from every vendor:
// no vendor means anything else by one of them (TestVendorsDataIsSound).
var sharedEvents = map[string]call.EventType{
	"incoming_call":            call.Incoming,
	"outgoing_call":            call.Outgoing,
	"connected":                call.Answered,
	"established":              call.Answered,
	"call_established":         call.Answered,
	"answer_new_in_call":       call.Answered, // a second call; may come beside the vendor's usual event
	"answer_new_incoming_call": call.Answered,
	"disconnected":             call.Ended,
	"terminated":               call.Ended,
	"call_terminated":          call.Ended,
	"call_remote_canceled":     call.Ended, // the caller gave up: then no call_terminated comes
	"cancel_callout":           call.Ended, // gave up our own call
	"remote_busy":              call.Ended, // our own call was refused
	"forward_incoming_call":    call.Ended, // sent elsewhere while ringing: over for this line
	"missed_call":              call.Missed,
	"reject_incoming_call":     call.Rejected,
	"hold":                     call.Held,
	"unhold":                   call.Resumed,
	"transfer":                 call.Transferred,
	"transfer_call":            call.Transferred, // an attempt, as are the next two; its result is not always told
	"blind_transfer":           call.Transferred,
	"attended_transfer":        call.Transferred,
	"transfer_finished":        call.Transferred,
	"transfer_failed":          ignored, // the call goes on as before
	"setup_completed":          call.Boot,
	"log_on":                   call.Registered,
	"log_off":                  call.Unregistered,
	"open_dnd":                 call.DNDOn,
	"close_dnd":                call.DNDOff,
	"always_fwd_on":            call.ForwardOn,
	"always_fwd_off":           call.ForwardOff,
	"busy_fwd_on":              call.ForwardOn,
	"busy_fwd_off":             call.ForwardOff,
	"open_always_forward":      call.ForwardOn,
	"close_always_forward":     call.ForwardOff,
	"open_busy_forward":        call.ForwardOn,
	"close_busy_forward":       call.ForwardOff,
	"open_no_answer_forward":   call.ForwardOn,
	"close_no_answer_forward":  call.ForwardOff,
	"off_hook":                 ignored,
	"on_hook":                  ignored,
	"mute":                     ignored,
	"unmute":                   ignored,
	"idle_to_busy":             ignored,
	"busy_to_idle":             ignored, // names no call
	"autop_finish":             ignored,
	"ip_change":                ignored,
	"ip_changed":               ignored,
	"vpn_ip":                   ignored,
}

// ignored is the meaning of a vendor's event that has none.
const ignored call.EventType = ""

// vendor is one dialect as data. The zero value of each field means that the vendor is as nearly all are.
type vendor struct {
	name string

	// like is the vendor whose firmware this one shares: what is not said here is as there. Its name, its
	// agents and what is known of its call ids are its own.
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

	// names holds the vendor's own parameter names, in lower case, directed those that exist for one event only.
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

// eventType finds out what happened.
func (d *vendor) eventType(h Hit, values Values) (call.EventType, error) {
	if d.eventParam != "" {
		return d.eventByParam(values)
	}
	t, known := d.eventByName(h.Event)
	switch {
	case !known:
		return "", fmt.Errorf("%w: %s has no event %.40q", ErrUnknown, d.name, h.Event)
	case t == ignored && d.oneSwitch:
		return "", fmt.Errorf("%w: %s/%.40q", ErrNothingNew, d.name, h.Event)
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

// eventByName looks a path token up, however it is spelt.
func (d *vendor) eventByName(token string) (t call.EventType, known bool) {
	if len(token) > maxName {
		return "", false
	}
	t, known = eventNames[d][fold(token)]
	return t, known
}

// eventNames holds every name that a vendor's events have, folded. The canonical meaning of a name wins, then the
// vendor's own, then that of those which it is like.
var eventNames = func() map[*vendor]map[string]call.EventType {
	all := make(map[*vendor]map[string]call.EventType)
	for _, d := range vendors {
		names := make(map[string]call.EventType)
		addNames(names, canonical())
		for v := range d.eachLike {
			addNames(names, v.events)
		}
		addNames(names, sharedEvents)
		all[d] = names
	}
	return all
}()

func canonical() map[string]call.EventType {
	names := make(map[string]call.EventType)
	for _, t := range slices.Concat(call.CallEvents, call.PhoneEvents) {
		names[string(t)] = t
	}
	return names
}

// addNames keeps the meaning that a name has already.
func addNames(names, more map[string]call.EventType) {
	for name, t := range more {
		if _, taken := names[fold(name)]; !taken {
			names[fold(name)] = t
		}
	}
}

var folder = strings.NewReplacer("_", "", "-", "", ".", "", " ", "")

// fold leaves of an event's name what all its spellings have in common: "incoming_call", "IncomingCallUrl",
// "action_url.incoming_call", "ons.actionUrl.incomingCall", "ActionURL.IncomingCall" are one name, and so are
// "action uri connected" and "action_connected_url". Phones' configurations spell their keys in all these ways, and the
// key is what an operator has before his eyes.
func fold(name string) string {
	name = strings.TrimSuffix(folder.Replace(strings.ToLower(name)), "url")
	for _, wrapper := range []string{"actionurl", "actionuri", "action"} {
		if i := strings.LastIndex(name, wrapper); i == 0 || i > 0 && wrapper != "action" {
			return name[i+len(wrapper):]
		}
	}
	return name
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
func (d *vendor) said(h Hit, agent device, values Values, t call.EventType, region phone.Region) (Said, error) {
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
				Model:    cut(firstOf(strings.TrimSpace(get(pModel)), agent.model), maxDevice),
				Firmware: cut(firstOf(strings.TrimSpace(get(pFirmware)), agent.firmware), maxDevice),
			},
			Source: d.name,
			Raw:    Raw(joined(h.Query, h.Body)),
		},
		MAC:   mac,
		Reply: d.answer(agent.vendor),
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
