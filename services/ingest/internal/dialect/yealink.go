package dialect

import (
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// yealink is every Yealink with action URLs: T2, T3, T4, T5, T7, T8, CP, VP and W series.
// Events and variables: Yealink Administrator's Guide T2/T19/T4, action URL, and the variables of firmware V84.
var yealink = &vendor{
	name:   "yealink",
	agents: []string{"Yealink "},
	// The names are the keys action_url.<event> of the phone's configuration. "held" is missing on purpose: the
	// phone says it when the other side holds the call, and as a path it is the canonical name, held, anyway.
	events: map[string]call.EventType{
		"incoming_call":            call.Incoming,
		"outgoing_call":            call.Outgoing,
		"call_established":         call.Answered,
		"answer_new_incoming_call": call.Answered, // a second call; may come beside call_established
		"call_terminated":          call.Ended,
		"call_remote_canceled":     call.Ended, // the caller gave up: then no call_terminated comes
		"cancel_callout":           call.Ended, // gave up our own call
		"remote_busy":              call.Ended, // our own call was refused
		"forward_incoming_call":    call.Ended, // sent elsewhere while ringing: over for this line
		"missed_call":              call.Missed,
		"reject_incoming_call":     call.Rejected,
		"reject_new_incoming_call": call.Rejected,
		"hold":                     call.Held,
		"unhold":                   call.Resumed,
		"unheld":                   call.Resumed, // by the other side
		"transfer_call":            call.Transferred,
		"blind_transfer_call":      call.Transferred,
		"attended_transfer_call":   call.Transferred,
		"transfer_finished":        call.Transferred,
		"transfer_failed":          ignored, // the call goes on as before
		"setup_completed":          call.Boot,
		"log_on":                   call.Registered, // older firmware
		"log_off":                  call.Unregistered,
		"always_fwd_on":            call.ForwardOn,
		"always_fwd_off":           call.ForwardOff,
		"aways_fwd_on":             call.ForwardOn, // so spelt in T32G and T38G
		"aways_fwd_off":            call.ForwardOff,
		"busy_fwd_on":              call.ForwardOn,
		"busy_fwd_off":             call.ForwardOff,
		"no_answer_fwd_on":         call.ForwardOn,
		"no_answer_fwd_off":        call.ForwardOff,
		"setup_autop_finish":       ignored,
		"off_hook":                 ignored,
		"on_hook":                  ignored,
		"mute":                     ignored,
		"unmute":                   ignored,
		"idle_to_busy":             ignored,
		"busy_to_idle":             ignored,
		"call_waiting_on":          ignored,
		"call_waiting_off":         ignored,
		"headset":                  ignored,
		"handfree":                 ignored,
		"ip_change":                ignored,
		"vpn_ip":                   ignored,
		"peripheral_information":   ignored,
		"alarm.trigger":            ignored,
		"is_ume":                   ignored,
	},
	directed: map[call.EventType]aliases{
		call.Incoming: {pRemoteName: {"callerID"}}, // defined for incoming calls only
		call.Outgoing: {pRemote: {"calledNumber"}}, // defined for outgoing calls only
	},
	callIDs: true, // a counter that restarts with the phone (T58V guide p.568: ASW:33093), and no phone restarts in a second
	quirk:   yealinkCaller,
}

// yealinkCaller takes the number out of callerID where the phone was not asked for $remote: DECT owners are told to
// use active_user and callerID (apfelq/node-tomedo-actionurl, README), and a caller without a name shows as a number.
func yealinkCaller(s *Said, values Values, region phone.Region) error {
	e := &s.Event
	if e.Type != call.Incoming || e.Remote.URI != "" {
		return nil
	}
	caller := values.Get("callerID")
	if n := phone.Parse(caller, region); n != "" {
		e.Remote.URI, e.Remote.Number = cut(caller, maxURI), n
		if e.Remote.Name == displayName(caller) && phone.ParseAddress(caller).Name == "" {
			e.Remote.Name = "" // it was the number once more
		}
	}
	return nil
}
