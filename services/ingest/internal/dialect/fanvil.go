package dialect

import (
	"regexp"

	"github.com/callbus/callbus/internal/call"
)

// fanvil is every Fanvil with action URLs: X, V, H, W and i series.
// Events: the keys of its configuration, sysConf/cti as XML and <CTI CONFIG MODULE> as text (templates of FusionPBX and
// NethServer's Tancredi). Variables: the manuals name one, so they are those of its white labels (VoIPon Gigabit Color,
// Well SIP-T20). There is no event for a rejected call.
var fanvil = &vendor{
	name:  "fanvil",
	agent: regexp.MustCompile(`^Fanvil (?:(.+?) +(\d[\d.]*) )?`), // a model may be two words: X6U Pro
	events: map[string]call.EventType{
		"CallActive":        call.Answered,
		"CallStop":          call.Ended,
		"NewMissedcall":     call.Missed,
		"HoldOn":            call.Held,
		"HoldOff":           call.Resumed,
		"HeldOn":            call.Held, // by the other side
		"HeldOff":           call.Resumed,
		"RegOn":             call.Registered,
		"RegOff":            call.Unregistered,
		"RegFailed":         call.RegisterFailed,
		"NoAnsFWDOn":        call.ForwardOn,
		"NoAnsFWDOff":       call.ForwardOff,
		"BootCompleted":     call.Boot,
		"StartReboot":       ignored, // BootCompleted follows
		"PhoneStateIdle":    ignored, // these three name no call
		"PhoneStateTalking": ignored,
		"PhoneStateRinging": ignored,
		"MuteOn":            ignored,
		"MuteOff":           ignored,
		"MuteOnCall":        ignored,
		"MuteOffCall":       ignored,
		"NewMWI":            ignored,
		"NewSMS":            ignored,
		"WebAuthChanged":    ignored,
	},
	// callIDs stays false: the one example of $call_id is "num=$call_id" (V62 manual p.111), so it may be a number, and
	// one caller's two calls would be one.
}
