package farm

// fanvil has its keys from templates; of its variables only $call_id is confirmed by a text of Fanvil's.
func fanvil() Firmware {
	return Firmware{
		Model: "X6U", Version: "2.6.6.187", OUI: "0c383e",
		UserAgent: "Fanvil X6U 2.6.6.187 0c383e2b29e6",
		Says: map[Moment][]Says{
			Rings:         says("IncomingCallUrl"),
			CallerGivesUp: guess("CallStopUrl", "NewMissedcallUrl"),
			RingsOut:      guess("CallStopUrl", "NewMissedcallUrl"),
			// There is no key for a rejected call: it shows as this, or not at all.
			Rejects:        guess("CallStopUrl"),
			TakenElsewhere: guess("CallStopUrl"),
			ForwardsCall:   guess("CallStopUrl"),
			Answers:        says("CallActiveUrl"),
			AnswersWaiting: says("CallActiveUrl"),

			Dials:         says("OutgoingCallUrl"),
			OtherAnswers:  says("CallActiveUrl"),
			OtherIsBusy:   guess("CallStopUrl"),
			OtherIsSilent: guess("CallStopUrl"),
			GivesUp:       guess("CallStopUrl"),

			Holds:             says("HoldOnUrl"),
			Resumes:           says("HoldOffUrl"),
			HeldByOther:       says("HeldOnUrl"),
			ResumedByOther:    says("HeldOffUrl"),
			TransfersBlind:    says("TransferUrl"),
			TransfersAttended: guess("TransferUrl"),
			Ends:              says("CallStopUrl"),

			Boots:          says("BootCompletedUrl"),
			Registers:      says("RegOnUrl"),
			Unregisters:    says("RegOffUrl"),
			RegisterFails:  says("RegFailedUrl"),
			DNDOn:          says("DNDOnUrl"),
			DNDOff:         says("DNDOffUrl"),
			ForwardOn:      says("AlwaysFWDOnUrl"),
			ForwardOff:     says("AlwaysFWDOffUrl"),
			BusyForwardOn:  says("BusyFWDOnUrl"),
			BusyForwardOff: says("BusyFWDOffUrl"),
		},
		Reads:  elementsIn("sysConf", "cti"),
		MAC:    Spelling{},
		Party:  sipURI,
		CallID: countedFrom(1),
		Inferred: []string{
			"all variables but $call_id, with the values that Fanvil's relatives print: sip:USER@HOST",
			"$call_id is a number of the phone's own that begins again with it",
			"a variable without a value is sent as it stands ($remote)",
			"CallStopUrl speaks at the end of every call, also of one that was never answered",
		},
	}
}

// dlink is a guess as a whole: a DPH-150GE asks for a configuration file with Fanvil's name.
func dlink() Firmware {
	f := fanvil()
	f.Model, f.Version, f.OUI = "DPH-150GE", "1.100", "001cf0"
	f.UserAgent = "" // not known
	f.MAC = Spelling{Separator: "-"}
	f.Charset = cp1251
	f.Inferred = append([]string{
		"everything: no text of D-Link's was found, so it does as a Fanvil does",
		"names are in cp1251, as old firmware sold in Russia may send them",
	}, f.Inferred...)
	return f
}
