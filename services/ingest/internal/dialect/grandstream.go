package dialect

import (
	"regexp"

	"github.com/callbus/callbus/internal/call"
)

// grandstream is GXP, GRP, GHP, GXV and WP phones. Its numbers are plain: remote=74951234567.
// Events: the P values and ons.actionUrl.<event> aliases of its configuration (templates of FusionPBX, the tables of
// the GXP16xx, GXP21xx and GRP261x guides). Variables: GXP17xx guide, table 12; ActionURL module guide for GXV3240 and
// GXV3275, which alone has $call-id, $duration and $calldirection.
var grandstream = &vendor{
	name:  "grandstream",
	agent: regexp.MustCompile(`^Grandstream (?:Model HW (\S+) SW ([\d.]+))?`),
	events: map[string]call.EventType{
		"P8304":                     call.Boot,
		"P8305":                     call.Registered,
		"P8306":                     call.Unregistered,
		"P8308":                     ignored, // off hook
		"P8309":                     ignored, // on hook
		"P8310":                     call.Incoming,
		"P8311":                     call.Outgoing,
		"P8312":                     call.Missed,
		"P8313":                     call.Answered,
		"P8314":                     call.Ended,
		"P8316":                     call.DNDOn,
		"P8317":                     call.DNDOff,
		"P8318":                     call.ForwardOn,
		"P8319":                     call.ForwardOff,
		"P8320":                     call.Transferred, // blind
		"P8321":                     call.Transferred, // attended
		"P8324":                     call.Held,
		"P8325":                     call.Resumed,
		"P8330":                     ignored, // syslog on
		"P8331":                     ignored, // syslog off
		"established_call":          call.Answered,
		"terminated_call":           call.Ended,
		"hold_call":                 call.Held,
		"unhold_call":               call.Resumed,
		"closed_dnd":                call.DNDOff,
		"open_forward":              call.ForwardOn,
		"closed_forward":            call.ForwardOff,
		"open_syslog":               ignored,
		"closed_syslog":             ignored,
		"enable_busy_forward":       call.ForwardOn, // GXP21xx
		"disable_busy_forward":      call.ForwardOff,
		"enable_forward":            call.ForwardOn, // WP8x6, as are the rest
		"disable_forward":           call.ForwardOff,
		"enable_always_forward":     call.ForwardOn,
		"disable_always_forward":    call.ForwardOff,
		"enable_no_answer_forward":  call.ForwardOn,
		"disable_no_answer_forward": call.ForwardOff,
		"safety_call":               ignored, // an alarm; the call itself is an outgoing one
	},
	names: aliases{
		pIP:       {"phone_ip"},
		pModel:    {"product"},
		pFirmware: {"program_version"},
		pCallID:   {"call-id"},
	},
	callIDs: true, // $call-id is the SIP Call-ID; where a model has none, the placeholder comes, and that is empty
}
