package farm

// Moment is what happens to a phone, as somebody who stands beside it would say it.
type Moment string

// A call comes in.
const (
	Rings          Moment = "an incoming call rings"
	CallerGivesUp  Moment = "the caller gives up while it rings"
	RingsOut       Moment = "nobody answers, and the phone stops ringing"
	Rejects        Moment = "the manager rejects the call"
	TakenElsewhere Moment = "a colleague takes the call"
	ForwardsCall   Moment = "the phone sends the ringing call elsewhere"
	Answers        Moment = "the manager answers"
	AnswersWaiting Moment = "the manager answers a second call"
)

// A call goes out.
const (
	Dials         Moment = "the manager dials"
	OtherRings    Moment = "it rings at the other side"
	OtherAnswers  Moment = "the other side answers"
	OtherIsBusy   Moment = "the other side is busy"
	OtherIsSilent Moment = "the other side does not answer, and the network ends the call"
	GivesUp       Moment = "the manager gives up before an answer"
)

// A call goes on.
const (
	Holds             Moment = "the manager puts the call on hold"
	Resumes           Moment = "the manager takes the call back"
	HeldByOther       Moment = "the other side puts us on hold"
	ResumedByOther    Moment = "the other side takes us back"
	TransfersBlind    Moment = "the manager transfers the call blindly"
	TransfersAttended Moment = "the manager joins two calls"
	TransferGoes      Moment = "the transfer has gone through"
	Ends              Moment = "an answered call ends"
)

// Something happens to the phone itself.
const (
	Boots          Moment = "the phone has started"
	ShutsDown      Moment = "the phone is told to restart"
	RegistersFirst Moment = "the PBX has accepted the first registration since the start"
	Registers      Moment = "the PBX has accepted a registration"
	Unregisters    Moment = "the registration is lost: the PBX does not answer"
	RegisterFails  Moment = "one more try to register fails"
	DNDOn          Moment = "do not disturb is switched on"
	DNDOff         Moment = "do not disturb is switched off"
	ForwardOn      Moment = "forwarding of all calls is switched on"
	ForwardOff     Moment = "forwarding of all calls is switched off"
	BusyForwardOn  Moment = "forwarding when busy is switched on"
	BusyForwardOff Moment = "forwarding when busy is switched off"
)

// Moments are all of them.
var Moments = []Moment{
	Rings, CallerGivesUp, RingsOut, Rejects, TakenElsewhere, ForwardsCall, Answers, AnswersWaiting,
	Dials, OtherRings, OtherAnswers, OtherIsBusy, OtherIsSilent, GivesUp,
	Holds, Resumes, HeldByOther, ResumedByOther, TransfersBlind, TransfersAttended, TransferGoes, Ends,
	Boots, ShutsDown, RegistersFirst, Registers, Unregisters, RegisterFails,
	DNDOn, DNDOff, ForwardOn, ForwardOff, BusyForwardOn, BusyForwardOff,
}
