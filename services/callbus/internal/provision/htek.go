package provision

import (
	"slices"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// htek: P values of older models, and the names that newer ones (UC924U, UC926U) have instead, both in one file: a phone
// passes over what it does not know. Templates of FusionPBX; variables of the htekdesk wiki, action URL.
var htek = &Vendor{
	Name:   "htek",
	Titles: "Htek UC9xx",
	Sure:   Documented,
	Note: lang.Text{
		En: "older models have P values, newer ones names: the file has both; whether $call_id names a call is not known",
		Ru: "у старых моделей параметры P…, у новых имена: в файле есть и те, и другие; чем является $call_id, неизвестно",
	},
	format:  htekFormat,
	file:    "cfg{mac}.xml",
	vars:    yealinkVars,
	address: "sip:%s@pbx",
	events:  slices.Concat(htekValues, htekNames),
	allow:   []setting{{"RemoteControl_ActionUriEnable", "1"}, {"RemoteControl_ActionUriIpList", "{ip}"}},
}

// sangoma: the S series runs Htek's code (templates of FusionPBX; sangomakb, "Supported Action URLs").
var sangoma = &Vendor{
	Name:   "sangoma",
	Titles: "Sangoma S300, S500, S700",
	Sure:   Documented,
	Note: lang.Text{
		En: "an Htek inside; the P values are in templates of its own",
		Ru: "внутри Htek; параметры P… взяты из шаблонов самой Sangoma",
	},
	Dial: lang.Text{
		En: "the keys of newer Hteks are known, those of this one are not: see its web page for Action URI",
		Ru: "параметры новых Htek известны, параметры этого телефона нет: поищите Action URI на его веб-странице",
	},
	format:  htekFormat,
	file:    htek.file,
	vars:    yealinkVars,
	address: htek.address,
	events:  htekValues,
}

var htekFormat = func() format {
	f := xmlElements.inside(`<hl_provision version="1"><config version="1">`, "</config></hl_provision>")
	f.named = `  <%[1]s para="ActionUrl.%[3]s">%[2]s</%[1]s>`
	return f
}()

var htekValues = []event{
	{"P3701", call.Boot, "SetupCompleted"},
	{"P3702", call.Registered, "LogOn"},
	{"P3703", call.Unregistered, "LogOff"},
	{"P3704", call.RegisterFailed, "RegisterFailed"},
	{"P3707", call.Incoming, "IncomingCall"},
	{"P3708", call.Outgoing, "OutgoingCall"},
	{"P3709", call.Answered, "CallEstablished"},
	{"P3710", call.Ended, "CallTerminated"},
	{"P3711", call.DNDOn, "OpenDND"},
	{"P3712", call.DNDOff, "CloseDND"},
	{"P3713", call.ForwardOn, "OpenAlwaysForward"},
	{"P3714", call.ForwardOff, "CloseAlwaysForward"},
	{"P3715", call.ForwardOn, "OpenBusyForward"},
	{"P3716", call.ForwardOff, "CloseBusyForward"},
	{"P3717", call.ForwardOn, "OpenNoAnswerForward"},
	{"P3718", call.ForwardOff, "CloseNoAnswerForward"},
	{"P3722", call.Held, "Hold"},
	{"P3723", call.Resumed, "Unhold"},
	{"P3726", call.Missed, "MissedCall"},
	{"P3729", call.Ended, "ForwardIncomingCall"},
	{"P3730", call.Rejected, "RejectIncomingCall"},
	{"P3732", call.Transferred, "TransferFinished"},
}

var htekNames = []event{
	{"ActionUrl_Registered", call.Registered, ""},
	{"ActionUrl_Unregistered", call.Unregistered, ""},
	{"ActionUrl_IncomingCall", call.Incoming, ""},
	{"ActionUrl_OutgoingCall", call.Outgoing, ""},
	{"ActionUrl_CallEstablished", call.Answered, ""},
	{"ActionUrl_CallTerminated", call.Ended, ""},
	{"ActionUrl_OpenDND", call.DNDOn, ""},
	{"ActionUrl_CloseDND", call.DNDOff, ""},
	{"ActionUrl_OpenAlwaysForward", call.ForwardOn, ""},
	{"ActionUrl_CloseAlwaysForward", call.ForwardOff, ""},
	{"ActionUrl_Hold", call.Held, ""},
	{"ActionUrl_Unhold", call.Resumed, ""},
	{"ActionUrl_MissedCall", call.Missed, ""},
	{"ActionUrl_RejectIncomingCall", call.Rejected, ""},
	{"ActionUrl_TransferFinished", call.Transferred, ""},
	{"ActionUrl_CallRemoteCanceled", call.Ended, ""},
	{"ActionUrl_CancelCallOut", call.Ended, ""},
	{"ActionUrl_RemoteBusy", call.Ended, ""},
	{"ActionUrl_CallCompletedElsewhere", call.Ended, ""},
}
