package farm

// yealink is a T4 of today: the Administrator's Guide of T2/T19/T4, pp. 507-520, and templates.
func yealink() Firmware {
	return Firmware{
		Model: "SIP-T46S", Version: "66.86.5.20", OUI: "805ec0",
		UserAgent: "Yealink SIP-T46S 66.86.5.20 80:5e:c0:00:00:00",
		Says:      yealinkSays(),
		Reads:     linesWith("=", "#!version:1.0.0.1\n"),
		MAC:       Spelling{Separator: ":"},
		Party:     sipURI,
		CallID:    countedFrom(yealinkEpoch),
		Lacks:     yealinkLacks,
		Inferred: []string{
			"call ids count up from 32769 and begin again with the phone (the guide's example is 33093)",
			"a variable without a value is sent as it stands ($remote); all of them where there is no call",
			"$active_user has a value as long as there is a call",
			"the phone alone ends the ringing when nobody answers; then it says missed_call only",
		},
	}
}

// yealinkEpoch: 33093, the guide's example of a call id, is 32768 + 325.
const yealinkEpoch = 32769

func yealinkSays() map[Moment][]Says {
	return map[Moment][]Says{
		Rings: says("action_url.incoming_call"),
		// Without call_terminated: those who wait for that never hear of the end (node-tomedo-actionurl, 71ca46a).
		CallerGivesUp:  join(says("action_url.call_remote_canceled"), guess("action_url.missed_call")),
		RingsOut:       guess("action_url.missed_call"),
		Rejects:        says("action_url.reject_incoming_call"),
		TakenElsewhere: guess("action_url.call_remote_canceled"),
		ForwardsCall:   says("action_url.forward_incoming_call"),
		Answers:        says("action_url.call_established"),
		AnswersWaiting: join(says("action_url.answer_new_incoming_call"), guess("action_url.call_established")),

		Dials:         says("action_url.outgoing_call"),
		OtherAnswers:  says("action_url.call_established"),
		OtherIsBusy:   says("action_url.remote_busy"),
		OtherIsSilent: guess("action_url.call_terminated"),
		GivesUp:       says("action_url.cancel_callout"),

		Holds:             says("action_url.hold"),
		Resumes:           says("action_url.unhold"),
		HeldByOther:       says("action_url.held"),
		ResumedByOther:    says("action_url.unheld"),
		TransfersBlind:    join(guess("action_url.transfer_call"), says("action_url.blind_transfer_call")),
		TransfersAttended: join(guess("action_url.transfer_call"), says("action_url.attended_transfer_call")),
		TransferGoes:      says("action_url.transfer_finished"),
		Ends:              says("action_url.call_terminated"),

		Boots:          says("action_url.setup_completed"),
		Registers:      says("action_url.registered"),
		Unregisters:    says("action_url.unregistered"),
		RegisterFails:  says("action_url.register_failed"),
		DNDOn:          says("action_url.dnd_on"),
		DNDOff:         says("action_url.dnd_off"),
		ForwardOn:      says("action_url.always_fwd_on"),
		ForwardOff:     says("action_url.always_fwd_off"),
		BusyForwardOn:  says("action_url.busy_fwd_on"),
		BusyForwardOff: says("action_url.busy_fwd_off"),
	}
}

// yealinkLacks: the guide's table defines $callerID for incoming calls and $calledNumber for outgoing ones.
func yealinkLacks(variable, _ string, call *Call) bool {
	switch variable {
	case "$callerID":
		return call == nil || !call.Incoming
	case "$calledNumber":
		return call == nil || call.Incoming
	}
	return false
}

// yealinkT3x is the firmware 38.x of the T38G and its like, with INI names: fewer events, and no key for a rejected call.
// Its URLs are those that public receivers of that time tell people to type, and they forget $mac.
func yealinkT3x() Firmware {
	f := yealink()
	f.Model, f.Version, f.OUI = "SIP-T38G", "38.70.0.125", "001565"
	f.UserAgent = "Yealink SIP-T38G 38.70.0.125 00:15:65:00:00:00"
	f.Query = "acc=$active_user&remote=$remote&callerID=$callerID&calledNumber=$calledNumber&cid=$call_id"
	f.MAC = Spelling{}
	f.NoHost = true
	f.Reads = nil // another format, with these keys
	f.Says = map[Moment][]Says{
		Rings:          says("ActionURL.IncomingCall"),
		CallerGivesUp:  guess("ActionURL.MissedCall"),
		RingsOut:       guess("ActionURL.MissedCall"),
		Answers:        says("ActionURL.CallEstablished"),
		AnswersWaiting: says("ActionURL.CallEstablished"),
		Dials:          says("ActionURL.OutgoingCall"),
		OtherAnswers:   says("ActionURL.CallEstablished"),
		OtherIsBusy:    guess("ActionURL.CallTerminated"),
		OtherIsSilent:  guess("ActionURL.CallTerminated"),
		GivesUp:        guess("ActionURL.CallTerminated"),
		Holds:          says("ActionURL.Hold"),
		Resumes:        says("ActionURL.Unhold"),
		Ends:           says("ActionURL.CallTerminated"),
		Registers:      says("ActionURL.LogOn"),
		Unregisters:    says("ActionURL.LogOff"),
		DNDOn:          says("ActionURL.DNDOn"),
		DNDOff:         says("ActionURL.DNDOff"),
		ForwardOn:      says("ActionURL.AwaysFWDOn"), // sic, in a template for the T38G
	}
	f.Inferred = append(f.Inferred[:3:3],
		"the same variables as today's firmware has",
		"HTTP/1.1 without a Host header",
		"a call that somebody else ends while it rings is missed_call, or nothing",
	)
	return f
}

// flyingvoice takes Yealink's keys (42 public templates do); its own list of variables was not readable.
func flyingvoice() Firmware {
	f := yealink()
	f.Model, f.Version, f.OUI = "FIP13G", "0.6.24", "0021f2"
	f.UserAgent = "Flyingvoice FIP13G V0.6.24 00:21:F2:22:AE:F1"
	f.MAC = Spelling{Separator: ":", Upper: true}
	f.Inferred = append([]string{"all variables but $ip, and everything that it does: as a Yealink"}, f.Inferred...)
	return f
}
