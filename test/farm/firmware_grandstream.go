package farm

// grandstreamGXP is a desk phone of the GXP series (guide of the GXP17xx, table 12): eleven variables, none of them a call id.
func grandstreamGXP() Firmware {
	return Firmware{
		Model: "GXP2135", Version: "1.0.7.97", OUI: "000b82",
		UserAgent: "Grandstream Model HW GXP2135 SW 1.0.7.97 DevId 000b828aa872",
		Says: map[Moment][]Says{
			Rings:          says("P8310"),
			CallerGivesUp:  guess("P8312"),
			RingsOut:       says("P8312"),
			Rejects:        guess("P8314"), // a key for a rejected call has the WP8x6 only
			TakenElsewhere: guess("P8314"),
			ForwardsCall:   guess("P8314"),
			Answers:        says("P8313"),
			AnswersWaiting: says("P8313"),

			Dials:         says("P8311"),
			OtherAnswers:  says("P8313"),
			OtherIsBusy:   guess("P8314"),
			OtherIsSilent: guess("P8314"),
			GivesUp:       guess("P8314"),

			Holds:             says("P8324"),
			Resumes:           says("P8325"),
			TransfersBlind:    says("P8320"),
			TransfersAttended: says("P8321"),
			Ends:              says("P8314"),

			Boots:       says("P8304"),
			Registers:   says("P8305"),
			Unregisters: says("P8306"),
			DNDOn:       says("P8316"),
			DNDOff:      says("P8317"),
			ForwardOn:   says("P8318"),
			ForwardOff:  says("P8319"),
		},
		Reads: elementsIn("gs_provision", "config"),
		MAC:   Spelling{Separator: ":", Upper: true},
		Party: number,
		Lacks: func(variable, _ string, _ *Call) bool {
			switch variable { // of other models only; whoever types them finds them in the request as they stand
			case "$call-id", "$active_host", "$duration", "$calldirection":
				return true
			}
			return false
		},
		Inferred: []string{
			"$call-id, $active_host, $duration and $calldirection have no value on this model, and are sent as they stand",
			"a call that is not answered by us ends with Terminated (P8314), unless it was missed",
		},
	}
}

// grandstreamGXV is a video phone: the guide of its ActionURL module adds a call id, and shows the variables in the path.
func grandstreamGXV() Firmware {
	f := grandstreamGXP()
	f.Model, f.Version = "GXV3275", "1.0.3.226"
	f.UserAgent = "Grandstream Model HW GXV3275 SW 1.0.3.226 DevId 000b828aa872"
	f.PathStyle = true
	f.CallID = sipCallID
	f.Lacks = nil
	f.Inferred = []string{
		"one $call-id for a call, the SIP Call-ID",
		"the rest as the GXP series does",
	}
	return f
}
