package dialect

import (
	"regexp"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// mitel is Mitel's 6700, 6800 and 6900 SIP phones, and the Aastras that they were.
// Events: the keys "action uri <event>" of its configuration. Variables, $$NAME$$: 6700i guide R3.2.2, chapter 5. There
// is none for the MAC, nor for a call id, and a disconnected has not even the number: line=101 must stand in the URL.
// Connected also comes for intercom, paging and the second leg of a conference.
var mitel = &vendor{
	name:  "mitel",
	agent: regexp.MustCompile(`^(?:Mitel|Aastra)(?:(\w+) MAC:\S+ V:([\d.]+))?`),
	// disconnected is a shared name: here it means ended, missed and rejected alike, and no variable tells which.
	events: map[string]call.EventType{
		"startup":            call.Boot,
		"registration_event": call.Unregistered, // where the URL does not ask for the state; see mitelRegistration
		"xml_sip_notify":     ignored,
		"poll":               ignored,
	},
	names: aliases{
		pIP:         {"localip"},
		pLine:       {"ext"},
		pAccount:    {"sipusername"},
		pRemote:     {"remotenumber", "number"}, // number: the guide's own example
		pRemoteName: {"incomingname", "displayname"},
		pDuration:   {"callduration"},
	},
	// The phone shows an error for every answer that is not XML (6800 guide R4.2 p.5-289). A blank URI does nothing.
	reply: `<AastraIPPhoneExecute><ExecuteItem URI=""/></AastraIPPhoneExecute>`,
	quirk: mitelRegistration,
}

// registrations are the values of $$REGISTRATIONSTATE$$ (Aastra 675xi release notes 2.4 p.34).
var registrations = map[string]call.EventType{
	"REGISTERED":   call.Registered,
	"UNREGISTERED": call.Unregistered,
	"EXPIRED":      call.Unregistered,
	"REFUSED":      call.RegisterFailed,
	"TIMEOUT":      call.RegisterFailed,
}

// mitelRegistration tells which registration event it was. regstate is the name in the guide's own example.
func mitelRegistration(s *Said, values Values, _ phone.Region) {
	state := strings.ToUpper(strings.TrimSpace(values.Get("registrationstate", "regstate", "state")))
	if t, known := registrations[state]; known && s.Event.Type == call.Unregistered {
		s.Event.Type = t
	}
}
