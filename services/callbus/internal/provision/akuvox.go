package provision

import (
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

const akuvoxKeys = "Config.Features.ACTIONURL."

// akuvox: keys of NethServer's template (akuvox.tmpl); names on the web page and variables: wiki.akuvox.com, "How to setup
// action URL". The feature is off by default.
var akuvox = &Vendor{
	Name:   "akuvox",
	Titles: "Akuvox",
	Sure:   Documented,
	Note: lang.Text{
		En: "whether $call_id names a call is not known",
		Ru: "чем является $call_id, неизвестно",
	},
	Page: "Phone → Action URL",
	Dial: lang.Text{
		En: "on the web page: Phone → Call Feature → Remote Control, list of allowed addresses",
		Ru: "на веб-странице: Phone → Call Feature → Remote Control, список разрешённых адресов",
	},
	format:  keyIsValue,
	file:    "{MAC}.cfg",
	enable:  []setting{{akuvoxKeys + "Enable", "1"}},
	vars:    yealinkVars,
	address: "%s@pbx",
	events: []event{
		{akuvoxKeys + "SetupCompleted", call.Boot, "Setup Completed"},
		{akuvoxKeys + "Registered", call.Registered, "Registered"},
		{akuvoxKeys + "Unregistered", call.Unregistered, "Unregistered"},
		{akuvoxKeys + "RegisterFailed", call.RegisterFailed, "Register Failed"},
		{akuvoxKeys + "IncomingCall", call.Incoming, "Incoming Call"},
		{akuvoxKeys + "OutgoingCall", call.Outgoing, "Outgoing Call"},
		{akuvoxKeys + "Established", call.Answered, "Established"},
		{akuvoxKeys + "Terminated", call.Ended, "Terminated"},
		{akuvoxKeys + "OpenDND", call.DNDOn, "Open DND"},
		{akuvoxKeys + "CloseDND", call.DNDOff, "Close DND"},
		{akuvoxKeys + "OpenAlwaysForward", call.ForwardOn, "Open Always FWD"},
		{akuvoxKeys + "CloseAlwaysForward", call.ForwardOff, "Close Always FWD"},
		{akuvoxKeys + "OpenBusyForward", call.ForwardOn, "Open Busy FWD"},
		{akuvoxKeys + "CloseBusyForward", call.ForwardOff, "Close Busy FWD"},
		{akuvoxKeys + "OpenNoAnswerForward", call.ForwardOn, "Open No Answer FWD"},
		{akuvoxKeys + "CloseNoAnswerForward", call.ForwardOff, "Close No Answer FWD"},
		{akuvoxKeys + "Hold", call.Held, "Hold"},
		{akuvoxKeys + "UnHold", call.Resumed, "UnHold"},
		{akuvoxKeys + "MissedCall", call.Missed, "Missed Call"},
		{akuvoxKeys + "ForwardInComingCall", call.Ended, "FWD Incoming Call"},
		{akuvoxKeys + "RejectInComingCall", call.Rejected, "Reject Incoming Call"},
		{akuvoxKeys + "TransferFinished", call.Transferred, "Transfer Finished"},
	},
}
