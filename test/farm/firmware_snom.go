package farm

// snom is a Dxxx: action URLs and runtime variables as service.snom.com and templates have them.
func snom() Firmware {
	return Firmware{
		Model: "D785", Version: "10.1.169.16", OUI: "000413",
		UserAgent: "Mozilla/4.0 (compatible; snomD785-SIP 10.1.169.16 2010.12 00041396D9B4 SXM:0 UXM:0 UXMC:0)",
		Says: map[Moment][]Says{
			Rings:         says("action_incoming_url"),
			CallerGivesUp: guess("action_missed_url"),
			// $cancel_reason tells it from a call that nobody took.
			TakenElsewhere: {{Key: "action_missed_url", Means: "ended", Guessed: true}},
			RingsOut:       says("action_missed_url"),
			// Rejects is missing: a rejected call fires nothing (remote_phone_control, snom.py, firmware 8.7).
			Answers:        says("action_connected_url"),
			AnswersWaiting: says("action_connected_url"),

			Dials:         says("action_outgoing_url"),
			OtherAnswers:  says("action_connected_url"),
			OtherIsBusy:   guess("action_disconnected_url"),
			OtherIsSilent: guess("action_disconnected_url"),
			GivesUp:       guess("action_disconnected_url"),

			Holds:             says("action_hold"),
			Resumes:           says("action_unhold"),
			TransfersBlind:    join(guess("action_transfer"), says("action_blind_transfer")),
			TransfersAttended: join(guess("action_transfer"), says("action_attended_transfer")),
			Ends:              says("action_disconnected_url"),

			Boots:         says("action_setup_url"),
			Registers:     says("action_log_on_url"),
			Unregisters:   says("action_log_off_url"),
			RegisterFails: says("action_reg_failed"),
			DNDOn:         says("action_dnd_on_url"),
			DNDOff:        says("action_dnd_off_url"),
			ForwardOn:     says("action_redirection_on_url"),
			ForwardOff:    says("action_redirection_off_url"),
		},
		Extra:  "&cancel_reason=$cancel_reason",
		Reads:  elementsIn("settings", "phone-settings"),
		MAC:    Spelling{Upper: true},
		Party:  snomParty,
		CallID: sipCallID,
		// "local/line_id might be empty (asterisk bug)": tine20, Phone/Frontend/Snom.php.
		Lacks: func(variable, key string, _ *Call) bool {
			return variable == "$local" && (key == "action_connected_url" || key == "action_disconnected_url")
		},
		Unfilled:   empty,
		KeepsAlive: true,
		Inferred: []string{
			"a variable without a value is sent as nothing (as $local is, on connected and disconnected)",
			"sip:USER@HOST with ;user=phone behind a number of the public network",
			"$active_user has a value as long as there is a call",
			"an incoming call has the server's Call-ID (HEX@HOST), an outgoing one the phone's (3c3b966053be-phxdiv27t9gm)",
			"a call that a colleague takes is missed with a $cancel_reason; one that the phone forwards fires nothing",
		},
	}
}

// snomParty adds what SIP URIs of telephone numbers may carry: a semicolon in the middle of a query.
func snomParty(user, host string) string {
	if len(user) > 4 && user != anonymousUser {
		return sipURI(user, host) + ";user=phone"
	}
	return sipURI(user, host)
}
