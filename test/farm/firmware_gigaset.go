package farm

// gigaset is a Maxwell: eight events, and variables that nobody has found, so that line and MAC are typed into the URL.
func gigaset() Firmware {
	return Firmware{
		Model: "Maxwell", Version: "3", OUI: "7c2f80",
		Says: map[Moment][]Says{
			Rings:          says("System.Events.IncomingCall"),
			Answers:        says("System.Events.ConnectionEstablished"),
			AnswersWaiting: says("System.Events.ConnectionEstablished"),
			Dials:          says("System.Events.OutgoingCall"),
			OtherAnswers:   says("System.Events.ConnectionEstablished"),
			Ends:           says("System.Events.ConnectionTerminated"),
			Registers:      says("System.Events.RegistrationSuccessed"), // sic
			Unregisters:    guess("System.Events.RegistrationFailed"),
		},
		Query: "line={line}&mac={mac}",
		Reads: namedValues("provisioning", "nvm", "param"),
		MAC:   Spelling{Upper: true},
		Party: number,
		Inferred: []string{
			"ConnectionTerminated is the end of an answered call only",
		},
	}
}
