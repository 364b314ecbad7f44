package dialect

import "github.com/callbus/callbus/internal/call"

// checkphone is the form of the original PHP script: checkphone.php?event=N&p1=REMOTE&p2=LINE. Phones that were set
// up for the script need only a new host. 1C gets p2 exactly as it came, so it is kept whole in Local.URI.
var checkphone = &vendor{
	name:       "checkphone",
	eventParam: "event",
	events: map[string]call.EventType{
		"1": call.Incoming,
		"2": call.Answered,
		"3": call.Outgoing,
		"4": call.Ended,
	},
	names: aliases{
		pRemote: {"p1"},
		pLocal:  {"p2"},
	},
}
