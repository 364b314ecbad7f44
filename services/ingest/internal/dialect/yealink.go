package dialect

import (
	"regexp"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// yealink is every Yealink with action URLs: T2, T3, T4, T5, T7, T8, CP, VP and W series.
// Events and variables: Yealink Administrator's Guide T2/T19/T4, action URL, and the variables of firmware V84.
// Those of T32G, T38G and VP530 with firmware 32 and 38 are the keys ActionURL.<Event> of an INI file.
var yealink = &vendor{
	name:  "yealink",
	agent: regexp.MustCompile(`^Yealink (?:(\S+) +([\d.]+))?`),
	// "held" is missing on purpose: the phone says it when the other side holds the call, and as a path it is the
	// canonical name, held, anyway: the call is on hold, whoever did it.
	events: map[string]call.EventType{
		"reject_new_incoming_call": call.Rejected,
		"unheld":                   call.Resumed, // by the other side
		"blind_transfer_call":      call.Transferred,
		"attended_transfer_call":   call.Transferred,
		"no_answer_fwd_on":         call.ForwardOn,
		"no_answer_fwd_off":        call.ForwardOff,
		"aways_fwd_on":             call.ForwardOn, // so spelt in T32G and T38G
		"aways_fwd_off":            call.ForwardOff,
		"setup_autop_finish":       ignored,
		"call_waiting_on":          ignored,
		"call_waiting_off":         ignored,
		"headset":                  ignored,
		"handfree":                 ignored,
		"peripheral_information":   ignored,
		"alarm.trigger":            ignored,
		"is_ume":                   ignored,
	},
	directed: map[call.EventType]aliases{
		call.Incoming: yealinkIncoming, call.Missed: yealinkIncoming, call.Rejected: yealinkIncoming,
		call.Outgoing: yealinkOutgoing,
		call.Answered: yealinkEither, call.Ended: yealinkEither, call.Held: yealinkEither, call.Resumed: yealinkEither,
		call.Transferred: yealinkEither,
	},
	callIDs: true, // a counter that restarts with the phone (T58V guide p.568: ASW:33093), and no phone restarts in a second
	quirk:   yealinkCaller,
}

// $callerID is defined for incoming calls only, $calledNumber for outgoing ones only. Of an event that does not say which
// call it is of, the one that the phone has filled in tells.
var (
	yealinkIncoming = aliases{pRemoteName: {"callerid"}}
	yealinkOutgoing = aliases{pRemote: {"callednumber"}}
	yealinkEither   = aliases{pRemoteName: {"callerid"}, pRemote: {"callednumber"}}
)

// yealinkCaller takes the number out of callerID where the phone was not asked for $remote: DECT owners are told to
// use active_user and callerID (apfelq/node-tomedo-actionurl, README), and a caller without a name shows as a number.
func yealinkCaller(s *Said, values Values, region phone.Region) {
	e := &s.Event
	if e.Type == call.Outgoing || e.Remote.URI != "" {
		return
	}
	caller := values.Get("callerid")
	if n := phone.Parse(caller, region); n != "" {
		e.Remote.URI, e.Remote.Number = cut(caller, maxURI), n
		if e.Remote.Name == displayName(caller) && phone.ParseAddress(caller).Name == "" {
			e.Remote.Name = "" // it was the number once more
		}
		return
	}
	for _, word := range strings.Fields(caller) { // Ivan 84951230001: a PBX writes the number behind the name
		if n := phone.Parse(word, region); len(n) >= leastOutside {
			e.Remote.URI, e.Remote.Number = cut(word, maxURI), n
			return
		}
	}
}

// leastOutside is the length of the shortest number that is looked for in a text: "Office 12" has none in it.
const leastOutside = 7
