package dialect

import (
	"regexp"

	"github.com/callbus/callbus/internal/call"
)

// htek is every Htek with action URLs.
// Events: the P values of its configuration and, of newer models (UC92x), the names ActionUrl_<Event> (templates of
// FusionPBX; Sangoma's "Supported Action URLs"). Variables: htekdesk wiki, action URL.
var htek = &vendor{
	name:  "htek",
	agent: regexp.MustCompile(`^Htek (?:(\S+) +([\d.]+))?`),
	events: map[string]call.EventType{
		"P3701": call.Boot,
		"P3702": call.Registered,
		"P3703": call.Unregistered,
		"P3704": call.RegisterFailed,
		"P3705": ignored, // off hook
		"P3706": ignored, // on hook
		"P3707": call.Incoming,
		"P3708": call.Outgoing,
		"P3709": call.Answered,
		"P3710": call.Ended,
		"P3711": call.DNDOn,
		"P3712": call.DNDOff,
		"P3713": call.ForwardOn, // always
		"P3714": call.ForwardOff,
		"P3715": call.ForwardOn, // busy
		"P3716": call.ForwardOff,
		"P3717": call.ForwardOn, // no answer
		"P3718": call.ForwardOff,
		"P3719": call.Transferred,
		"P3720": call.Transferred, // blind
		"P3721": call.Transferred, // attended
		"P3722": call.Held,
		"P3723": call.Resumed,
		"P3724": ignored, // mute
		"P3725": ignored, // unmute
		"P3726": call.Missed,
		"P3727": ignored,    // idle to busy
		"P3728": ignored,    // busy to idle
		"P3729": call.Ended, // forwarded while ringing
		"P3730": call.Rejected,
		"P3731": call.Answered,    // a second call
		"P3732": call.Transferred, // finished
		"P3733": ignored,          // transfer failed

		"call_completed_elsewhere": call.Ended, // answered at another phone of the group: not missed
		"onf_hook":                 ignored,    // so spelt beside P3706
	},
	// callIDs stays false: Sangoma's text calls $call_id "the caller ID of the active call", so it may be a number.
}
