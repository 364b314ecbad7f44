package provision

import (
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// yealinkVars are the variables that Yealink, Akuvox, Htek and their white labels have in common.
var yealinkVars = map[string]string{
	"mac": "$mac", "ip": "$ip", "model": "$model", "fw": "$firmware", "acc": "$active_user", "local": "$local",
	"remote": "$remote", "name": "$display_remote", "cid": "$call_id",
}

// yealink: Administrator's Guide T2/T19/T4, Action URL (keys, web page, 511 characters) and Action URI (remote control).
var yealink = &Vendor{
	Name:   "yealink",
	Titles: "Yealink T2, T3, T4, T5, T7, T8, CP, VP, W",
	Sure:   Documented,
	Note: lang.Text{
		En: "T32G, T38G and VP530 with firmware 32 and 38 have other keys: paste the URLs into their web page",
		Ru: "у T32G, T38G и VP530 с прошивками 32 и 38 другие параметры: вставьте адреса на их веб-странице",
	},
	Page:    "Features → Action URL",
	format:  yealinkFormat,
	file:    "{mac}.cfg",
	events:  yealinkEvents,
	vars:    yealinkVars,
	maxURL:  511,
	address: "sip:%s@pbx",
	allow: []setting{
		{"features.action_uri.enable", "1"},
		{"features.action_uri_limit_ip", "{ip}"},
		{"features.show_action_uri_option", "0"}, // no question on the phone's screen
	},
}

// yealinkFormat begins with what the phone knows its file by.
var yealinkFormat = func() format {
	f := keyIsValue
	f.first = "#!version:1.0.0.1"
	return f
}()

var yealinkEvents = []event{
	{"action_url.setup_completed", call.Boot, "Setup Completed"},
	{"action_url.registered", call.Registered, "Registered"},
	{"action_url.unregistered", call.Unregistered, "Unregistered"},
	{"action_url.register_failed", call.RegisterFailed, "Register Failed"},
	{"action_url.incoming_call", call.Incoming, "Incoming Call"},
	{"action_url.outgoing_call", call.Outgoing, "Outgoing Call"},
	{"action_url.call_established", call.Answered, "Established"},
	{"action_url.call_terminated", call.Ended, "Terminated"},
	{"action_url.dnd_on", call.DNDOn, "Open DND"},
	{"action_url.dnd_off", call.DNDOff, "Close DND"},
	{"action_url.always_fwd_on", call.ForwardOn, "Open Always Forward"},
	{"action_url.always_fwd_off", call.ForwardOff, "Close Always Forward"},
	{"action_url.busy_fwd_on", call.ForwardOn, "Open Busy Forward"},
	{"action_url.busy_fwd_off", call.ForwardOff, "Close Busy Forward"},
	{"action_url.no_answer_fwd_on", call.ForwardOn, "Open No Answer Forward"},
	{"action_url.no_answer_fwd_off", call.ForwardOff, "Close No Answer Forward"},
	{"action_url.transfer_finished", call.Transferred, "Transfer Finished"},
	{"action_url.hold", call.Held, "Hold"},
	{"action_url.unhold", call.Resumed, "UnHold"},
	{"action_url.held", call.Held, "Held"}, // by the other side
	{"action_url.unheld", call.Resumed, "UnHeld"},
	{"action_url.missed_call", call.Missed, "Missed Call"},
	{"action_url.forward_incoming_call", call.Ended, "Forward Incoming Call"},
	{"action_url.reject_incoming_call", call.Rejected, "Reject Incoming Call"},
	// A caller who gives up while it rings makes no call_terminated (apfelq/node-tomedo-actionurl, 71ca46a).
	{"action_url.call_remote_canceled", call.Ended, "Call Remote Canceled"},
	{"action_url.cancel_callout", call.Ended, "Cancel Call Out"},
	{"action_url.remote_busy", call.Ended, "Remote Busy"},
}
