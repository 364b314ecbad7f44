package dialect

import (
	"regexp"

	"github.com/callbus/callbus/internal/call"
)

// gigaset is the Maxwell series. Events: "Action URLs" of Gigaset's wiki, page 932806895. Its variables are not known: write
// line= and mac= into the URLs. The P7xx and P8xx are made by Snom. The DECT bases have no action URLs, but their
// User-Agent is the only one known.
var gigaset = &vendor{
	name:  "gigaset",
	agent: regexp.MustCompile(`^Gigaset (?:(.+?)/([^;+]+))?`),
	events: map[string]call.EventType{
		"System.Events.IncomingCall":          call.Incoming,
		"System.Events.OutgoingCall":          call.Outgoing,
		"System.Events.ConnectionEstablished": call.Answered,
		"System.Events.ConnectionTerminated":  call.Ended,
		"System.Events.RegistrationSuccessed": call.Registered, // so spelt
		"System.Events.RegistrationFailed":    call.RegisterFailed,
		"System.Events.OffHook":               ignored,
		"System.Events.OnHook":                ignored,
	},
}
