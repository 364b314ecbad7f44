package dialect

import (
	"regexp"

	"github.com/callbus/callbus/internal/call"
)

// flyingvoice is Flyingvoice's FIP phones, which have Yealink's keys and presumably its variables (templates of
// FusionPBX). Its own parameter guide has the keys DBID_ACTIONURL_<EVENT>, of which we know these.
var flyingvoice = &vendor{
	name:  "flyingvoice",
	like:  yealink,
	agent: regexp.MustCompile(`^Flyingvoice (?:(\S+) V([\d.]+))?`),
	events: map[string]call.EventType{
		"RING":       call.Incoming,
		"DIALING":    call.Outgoing,
		"MISSREMIND": call.Missed,
		"HOLD_STOP":  call.Resumed,
		"DND_ENABLE": call.DNDOn,
		"HOOKON":     ignored,
	},
	// callIDs stays false: that $call_id is Yealink's is a guess.
}
