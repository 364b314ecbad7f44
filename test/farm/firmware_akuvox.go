package farm

// akuvox has keys and variables from its own wiki and a template; its action URLs are off until they are switched on.
func akuvox() Firmware {
	key := func(names ...string) []string {
		for i, name := range names {
			names[i] = "Config.Features.ACTIONURL." + name
		}
		return names
	}
	return Firmware{
		Model: "SP-R53", Version: "53.30.3.116", OUI: "0c1105",
		Says: map[Moment][]Says{
			Rings:          says(key("IncomingCall")...),
			CallerGivesUp:  guess(key("MissedCall")...),
			RingsOut:       says(key("MissedCall")...),
			Rejects:        says(key("RejectInComingCall")...),
			TakenElsewhere: guess(key("Terminated")...),
			ForwardsCall:   says(key("ForwardInComingCall")...),
			Answers:        says(key("Established")...),
			AnswersWaiting: join(says(key("AnswerNewInCall")...), guess(key("Established")...)),

			Dials:         says(key("OutgoingCall")...),
			OtherAnswers:  says(key("Established")...),
			OtherIsBusy:   guess(key("Terminated")...),
			OtherIsSilent: guess(key("Terminated")...),
			GivesUp:       guess(key("Terminated")...),

			Holds:             says(key("Hold")...),
			Resumes:           says(key("UnHold")...),
			TransfersBlind:    join(guess(key("TransferCall")...), says(key("BlindTransfer")...)),
			TransfersAttended: join(guess(key("TransferCall")...), says(key("AttendedTransfer")...)),
			TransferGoes:      says(key("TransferFinished")...),
			Ends:              says(key("Terminated")...),

			Boots:          says(key("SetupCompleted")...),
			Registers:      says(key("Registered")...),
			Unregisters:    says(key("Unregistered")...),
			RegisterFails:  says(key("RegisterFailed")...),
			DNDOn:          says(key("OpenDND")...),
			DNDOff:         says(key("CloseDND")...),
			ForwardOn:      says(key("OpenAlwaysForward")...),
			ForwardOff:     says(key("CloseAlwaysForward")...),
			BusyForwardOn:  says(key("OpenBusyForward")...),
			BusyForwardOff: says(key("CloseBusyForward")...),
		},
		Reads:  linesWith("=", ""),
		MAC:    Spelling{Upper: true},
		Party:  userAtHost, // as the wiki words $active_url: "user name @ server address"
		CallID: countedFrom(1),
		Inferred: []string{
			"$local and $remote are USER@HOST, as $active_url is",
			"$call_id is a number of the phone's own that begins again with it",
			"a variable without a value is sent as it stands ($remote)",
			"a call that is not answered ends with Terminated, unless it was missed, rejected or forwarded",
		},
	}
}
