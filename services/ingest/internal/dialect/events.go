package dialect

import (
	"fmt"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// ignored is the meaning of a vendor's event that has none.
const ignored call.EventType = ""

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
	for _, wrapper := range []string{"actionurl", "actionuri"} {
		if _, event, found := strings.Cut(name, wrapper); found {
			return event
		}
	}
	return strings.TrimPrefix(name, "action") // Snom
}
