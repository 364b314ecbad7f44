package dialect

import (
	"maps"
	"slices"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// microsip is the Windows softphone. It opens no URLs, but runs the programs of microsip.ini (to be edited, as UTF-16,
// while it is closed; 255 characters for each), with their window hidden. What callbus provision writes there is callbus
// send, which sends our own parameters. A line of curl is understood too:
//
//	cmdIncomingCall=curl -sGm 5 http://192.168.10.5:8080/microsip/incoming?line=101 --data-urlencode
//
// Events and their argument: MicroSIP's source, settings.cpp and MSIP::RunCmd, which splits the line, appends a blank and
// the user part of the address without quotes, and waits ten seconds at most. That part may have blanks in it, and curl
// takes what follows for options, such as a file to write: docs/wire.md §1 warns of it.
var microsip = &vendor{
	name: "microsip",
	events: map[string]call.EventType{
		"cmdIncomingCall":    call.Incoming,
		"cmdOutgoingCall":    call.Outgoing,
		"cmdCallStart":       call.Answered, // of every call, so that the two below are not needed
		"cmdCallAnswer":      call.Answered, // of incoming ones, beside cmdCallStart
		"cmdCallAnswerVideo": call.Answered,
		"cmdCallEnd":         call.Ended,
		"cmdCallBusy":        call.Ended, // instead of cmdCallEnd after a 486, 600 or 603
		"cmdCallRing":        ignored,    // of a call that cmdIncomingCall or cmdOutgoingCall has told
	},
	quirk: microsipRemote,
}

// microsipRemote finds the other side that curl's --data-urlencode made of the last argument: a parameter that is nothing
// but a name (?line=101&%2b74951234567), a number where there is one, else a login (ivan.petrov).
func microsipRemote(s *Said, values Values, region phone.Region) {
	if s.Event.Remote.URI != "" {
		return
	}
	login := ""
	for _, name := range slices.Sorted(maps.Keys(values)) {
		switch {
		case values[name] != "" || slices.Contains(ours, name):
		case phone.Parse(name, region) != "":
			s.Event.Remote = call.Party{URI: cut(name, maxURI), Number: phone.Parse(name, region), Name: s.Event.Remote.Name}
			return
		case login == "":
			login = name
		}
	}
	s.Event.Remote.URI = cut(login, maxURI)
}
