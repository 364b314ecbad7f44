package dialect

import (
	"regexp"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// snom is Snom's 3xx, 7xx, 8xx and Dxxx phones.
// Events: the keys action_<event>_url of its configuration; hold, unhold and the transfers lack the "_url" (templates of
// FusionPBX). Variables: "Action URLs" and "Runtime Variables" of service.snom.com. A rejected call fires nothing at all
// (firmware 8.7, p4irin/remote_phone_control), and $local may be empty (tine20), so an account in the URL is worth having.
var snom = &vendor{
	name:  "snom",
	agent: regexp.MustCompile(`^Mozilla/4\.0 \(compatible; snom(?:(\S+)-SIP ([\d.]+))?`),
	events: map[string]call.EventType{
		"received_attended_transfer": call.Transferred,
		"reg_failed":                 call.RegisterFailed,
		"setup":                      call.Boot,
		"redirection_on":             call.ForwardOn,
		"redirection_off":            call.ForwardOff,
		"received_subscr_notify":     ignored,
		"longpress":                  ignored,
		"vision":                     ignored,
		"firewall_test":              ignored,
		"replace_header_fire_action": ignored,
	},
	names: aliases{
		pIP:      {"phone_ip", "local_ip"},
		pAccount: {"user_name1"},
		pLocal:   {"context_url"}, // of log on and log off
		pCallID:  {"call-id"},
	},
	callIDs: true, // the SIP Call-ID: 3c3b966053be-phxdiv27t9gm
	quirk:   snomCancelled,
}

// snomCancelled takes for ended, not missed, what was answered at another phone: $cancel_reason is the Reason header of
// the CANCEL, and then it says SIP;cause=200;text="Call completed elsewhere" (RFC 3326).
func snomCancelled(s *Said, values Values, _ phone.Region) {
	if s.Event.Type == call.Missed && strings.Contains(values.Get("cancel_reason", "reason"), "cause=200") {
		s.Event.Type = call.Ended
	}
}
