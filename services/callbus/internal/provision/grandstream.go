package provision

import (
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// grandstream: P values of GXP16/17/21 and GRP26 (templates of FusionPBX); variables of the GXP17xx guide, table 12. $call-id is
// that of the ActionURL module guide (GXV3240/3275); a model that does not know it sends the word itself, which means nothing.
var grandstream = &Vendor{
	Name:   "grandstream",
	Titles: "Grandstream GXP16, GXP17, GXP21, GRP26",
	Sure:   Documented,
	Note: lang.Text{
		En: "a WP820 keeps its URLs on its web page only; there is no URL for a rejected call",
		Ru: "WP820 хранит адреса только на своей веб-странице; адреса для отклонённого звонка нет",
	},
	Dial: lang.Text{
		En: "on the web page: Network → Remote Control: Action URI Support, Action URI Allowed IP List, Remote Control Pop-up Window Support off",
		Ru: "на веб-странице: Network → Remote Control: Action URI Support, Action URI Allowed IP List, Remote Control Pop-up Window Support выключить",
	},
	format:  xmlElements.inside(`<gs_provision version="1"><config version="1">`, "</config></gs_provision>"),
	file:    "cfg{mac}.xml",
	address: "%s",
	vars: map[string]string{
		"mac": "$mac", "ip": "$phone_ip", "model": "$product", "fw": "$program_version", "acc": "$active_user",
		"local": "$local", "remote": "$remote", "name": "$display_remote", "cid": "$call-id",
	},
	events: []event{
		{"P8304", call.Boot, "Setup Completed"},
		{"P8305", call.Registered, "Registered"},
		{"P8306", call.Unregistered, "Unregistered"},
		{"P8310", call.Incoming, "Incoming Call"},
		{"P8311", call.Outgoing, "Outgoing Call"},
		{"P8312", call.Missed, "Missed Call"},
		{"P8313", call.Answered, "Established Call"},
		{"P8314", call.Ended, "Terminated Call"},
		{"P8316", call.DNDOn, "Open DND"},
		{"P8317", call.DNDOff, "Close DND"},
		{"P8318", call.ForwardOn, "Open Forward"},
		{"P8319", call.ForwardOff, "Close Forward"},
		{"P8320", call.Transferred, "Blind Transfer"},
		{"P8321", call.Transferred, "Attended Transfer"},
		{"P8324", call.Held, "Hold Call"},
		{"P8325", call.Resumed, "UnHold Call"},
	},
}
