package farm

// mitel is a 6900, and an Aastra 6700 in its day: admin guides 6700i R3.2.2 and 6867i R4.2. Four events of a call, of which
// disconnected also means missed, rejected and busy; no MAC and no call id, so that who types the URL types line and MAC.
func mitel() Firmware {
	const (
		incoming     = "action uri incoming"
		outgoing     = "action uri outgoing"
		connected    = "action uri connected"
		disconnected = "action uri disconnected"
	)
	registration := func(event string) []Says { return []Says{{Key: "action uri registration event", Means: event}} }
	return Firmware{
		Model: "6940", Version: "6.4.0.4006", OUI: "1400e9",
		UserAgent: "Mitel6940 MAC:14-00-E9-29-4C-6B V:6.4.0.4006-SIP",
		Says: map[Moment][]Says{
			Rings:          says(incoming),
			CallerGivesUp:  says(disconnected),
			RingsOut:       says(disconnected),
			Rejects:        says(disconnected),
			TakenElsewhere: says(disconnected),
			ForwardsCall:   says(disconnected),
			Answers:        says(connected),
			AnswersWaiting: says(connected),
			Dials:          says(outgoing),
			OtherAnswers:   says(connected),
			OtherIsBusy:    says(disconnected),
			OtherIsSilent:  says(disconnected),
			GivesUp:        says(disconnected),
			Ends:           says(disconnected),

			Boots: says("action uri startup"),
			// The first registration is told twice: as such, and as a change of state. A try that fails like the one before
			// is no change. (Development guide PA-001011-03-04, 6.2.8 and 6.2.9.)
			RegistersFirst: join(says("action uri registered"), registration("registered")),
			Registers:      registration("registered"),
			Unregisters:    registration("register_failed"), // TIMEOUT: it tried to register, and failed
		},
		// The most needed first: there is room for 128 characters.
		Query:     "line={line}&regstate=$$REGISTRATIONSTATE$$&remote=$$REMOTENUMBER$$&mac={mac}&name=$$INCOMINGNAME$$",
		TypedAs:   map[string]string{"action uri registration event": "registration_event"},
		Available: mitelAvailable,
		Reads:     linesWith(":", ""),
		MAC:       Spelling{Separator: "-", Upper: true},
		Party:     number,
		Charset:   latin1,
		Lacks: func(variable, _ string, call *Call) bool {
			return variable == "$$INCOMINGNAME$$" && call != nil && !call.Incoming
		},
		Unfilled: empty, // "number="
		Inferred: []string{
			"names are in Latin-1, as an old European firmware may send them",
			"connected has the variables of incoming, outgoing or not; the guides' list is silent on it",
		},
	}
}

// mitelAvailable is the guides' table of what has a value where.
var mitelAvailable = map[string][]string{
	"action uri incoming":           {"$$REMOTENUMBER$$", "$$DISPLAYNAME$$", "$$SIPUSERNAME$$", "$$INCOMINGNAME$$", "$$LINESTATE$$", "$$LOCALIP$$"},
	"action uri outgoing":           {"$$REMOTENUMBER$$", "$$SIPUSERNAME$$", "$$LINESTATE$$", "$$LOCALIP$$"},
	"action uri connected":          {"$$REMOTENUMBER$$", "$$DISPLAYNAME$$", "$$SIPUSERNAME$$", "$$INCOMINGNAME$$", "$$LINESTATE$$", "$$LOCALIP$$"},
	"action uri disconnected":       {"$$LINESTATE$$", "$$LOCALIP$$"},
	"action uri startup":            {"$$LOCALIP$$"},
	"action uri registered":         {"$$SIPUSERNAME$$", "$$SIPAUTHNAME$$", "$$PROXYURL$$", "$$LOCALIP$$"},
	"action uri registration event": {"$$SIPUSERNAME$$", "$$SIPAUTHNAME$$", "$$PROXYURL$$", "$$LOCALIP$$", "$$REGISTRATIONSTATE$$", "$$REGISTRATIONCODE$$"},
}
