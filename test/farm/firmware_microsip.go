package farm

import (
	"bytes"
	"net/url"
)

// microsip is a softphone on Windows that starts a program at each of its moments, with the number at the end of its command
// line. The file of callbus provision has callbus send. Whoever types it himself may have one line of curl, as docs/wire.md §1
// has it: cmdIncomingCall=curl -sGm 5 URL --data-urlencode. There the number becomes a parameter without a name.
func microsip() Firmware {
	return Firmware{
		Model: "MicroSIP", Version: "3.21",
		UserAgent: "curl/8.9.1",
		Says: map[Moment][]Says{
			Rings:          says("cmdIncomingCall"),
			CallerGivesUp:  says("cmdCallEnd"),
			RingsOut:       says("cmdCallEnd"),
			Rejects:        guess("cmdCallBusy"), // 486, 600 and 603 go there, whoever sends them
			TakenElsewhere: says("cmdCallEnd"),
			ForwardsCall:   says("cmdCallEnd"), // any other end of a call
			Answers:        says("cmdCallAnswer", "cmdCallStart"),
			AnswersWaiting: says("cmdCallAnswer", "cmdCallStart"),
			Dials:          says("cmdOutgoingCall"),
			OtherAnswers:   says("cmdCallStart"),
			OtherIsBusy:    says("cmdCallBusy"),
			OtherIsSilent:  says("cmdCallEnd"),
			GivesUp:        says("cmdCallEnd"),
			Ends:           says("cmdCallEnd"),
		},
		Query: "line={line}&argv1",
		Reads: microsipINI,
		Opens: microsipOpens,
		File:  "{mac}.ini",
		Party: number,
		Escape: func(value []byte) []byte {
			return bytes.ReplaceAll([]byte(url.QueryEscape(string(value))), []byte("+"), []byte("%20"))
		},
		Inferred: []string{
			"argv1 is the number, which curl encodes: cmdIncomingCall=curl -sGm 5 URL --data-urlencode",
			"a rejected call ends in cmdCallBusy",
			"of hold and transfer it says nothing: there are no commands for them",
		},
	}
}
