package farm

// htek is an Htek UC92xU with the names of newer templates.
func htek() Firmware {
	return Firmware{
		Model: "UC926", Version: "2.0.4.2", OUI: "001fc1",
		UserAgent: "Htek UC926 2.0.4.2 00:1f:c1:00:00:00",
		Says: map[Moment][]Says{
			Rings:          says("ActionUrl_IncomingCall"),
			CallerGivesUp:  join(says("ActionUrl_CallRemoteCanceled"), guess("ActionUrl_MissedCall")),
			RingsOut:       says("ActionUrl_MissedCall"),
			Rejects:        says("ActionUrl_RejectIncomingCall"),
			TakenElsewhere: says("ActionUrl_CallCompletedElsewhere"),
			Answers:        says("ActionUrl_CallEstablished"),
			AnswersWaiting: says("ActionUrl_CallEstablished"),

			Dials:         says("ActionUrl_OutgoingCall"),
			OtherAnswers:  says("ActionUrl_CallEstablished"),
			OtherIsBusy:   says("ActionUrl_RemoteBusy"),
			OtherIsSilent: guess("ActionUrl_CallTerminated"),
			GivesUp:       says("ActionUrl_CancelCallOut"),

			Holds:        says("ActionUrl_Hold"),
			Resumes:      says("ActionUrl_Unhold"),
			TransferGoes: says("ActionUrl_TransferFinished"),
			Ends:         says("ActionUrl_CallTerminated"),

			Registers:   says("ActionUrl_Registered"),
			Unregisters: says("ActionUrl_Unregistered"),
			DNDOn:       says("ActionUrl_OpenDND"),
			DNDOff:      says("ActionUrl_CloseDND"),
			ForwardOn:   says("ActionUrl_OpenAlwaysForward"),
			ForwardOff:  says("ActionUrl_CloseAlwaysForward"),
		},
		Reads:      elementsIn("hl_provision", "config"),
		MAC:        Spelling{}, // htekdesk prints 001fc11a8b6c
		Party:      sipURI,
		CallID:     countedFrom(1),
		KeepsAlive: true,
		Inferred: []string{
			"$call_id is a number of the phone's own that begins again with it",
			"a variable without a value is sent as it stands ($remote)",
			"of boots, failed registrations, forwarded calls and attempts of a transfer the names are not known",
		},
	}
}

// sangoma is an S-series phone: the same code as Htek's, with P-values.
func sangoma() Firmware {
	f := htek()
	f.Model, f.Version, f.OUI = "S500", "2.0.4.2", "005058"
	f.UserAgent = "" // not known
	f.KeepsAlive = false
	f.Says = map[Moment][]Says{
		Rings:          says("P3707"),
		CallerGivesUp:  guess("P3726"),
		RingsOut:       says("P3726"),
		Rejects:        says("P3730"),
		TakenElsewhere: guess("P3710"),
		ForwardsCall:   says("P3729"),
		Answers:        says("P3709"),
		AnswersWaiting: join(says("P3731"), guess("P3709")),

		Dials:         says("P3708"),
		OtherAnswers:  says("P3709"),
		OtherIsBusy:   guess("P3710"),
		OtherIsSilent: guess("P3710"),
		GivesUp:       guess("P3710"),

		Holds:             says("P3722"),
		Resumes:           says("P3723"),
		TransfersBlind:    join(guess("P3719"), says("P3720")),
		TransfersAttended: join(guess("P3719"), says("P3721")),
		TransferGoes:      says("P3732"),
		Ends:              says("P3710"),

		Boots:          says("P3701"),
		Registers:      says("P3702"),
		Unregisters:    says("P3703"),
		RegisterFails:  says("P3704"),
		DNDOn:          says("P3711"),
		DNDOff:         says("P3712"),
		ForwardOn:      says("P3713"),
		ForwardOff:     says("P3714"),
		BusyForwardOn:  says("P3715"),
		BusyForwardOff: says("P3716"),
	}
	f.Inferred = append(f.Inferred[:2:2], "a call that is not answered ends with CallTerminated (P3710), unless it was missed or rejected")
	return f
}
