package farm

import (
	"encoding/xml"
	"time"
)

// The keys of telephony notification: one URL, and a switch for each kind of event.
const (
	polycomURL      = "apps.telNotification.URL"
	polycomIncoming = "apps.telNotification.incomingEvent"
	polycomOutgoing = "apps.telNotification.outgoingEvent"
	polycomState    = "apps.telNotification.callStateChangeEvent"
	polycomLine     = "apps.telNotification.lineRegistrationEvent"
	polycomApp      = "apps.telNotification.appInitializationEvent"
)

// polycom posts XML to one URL: Web Application Developer's Guide for UC Software 5.0.0 (3725-49106-001 A), pp. 27-33. With
// the switches of incoming calls and of states both on, as usual, one ring is told twice.
func polycom() Firmware {
	states := func(names ...string) (list []Says) {
		for _, name := range names {
			list = append(list, Says{Key: polycomState, State: name})
		}
		return list
	}
	over := states("Disconnected", "Free")
	back := []Says{{Key: polycomState, State: "Connected", Means: "resumed"}}
	return Firmware{
		Model: "VVX_450", Version: "6.4.0", OUI: "0004f2",
		UserAgent: "PolycomVVX-VVX_450-UA/6.4.0",
		Says: map[Moment][]Says{
			Rings:          join(says(polycomIncoming), states("Offering")),
			CallerGivesUp:  over,
			RingsOut:       over,
			Rejects:        over,
			TakenElsewhere: over,
			ForwardsCall:   over,
			Answers:        states("Connected"),
			AnswersWaiting: states("Connected"),

			Dials:         join(states("Dialtone"), says(polycomOutgoing), states("Setup")),
			OtherRings:    states("Ringback"),
			OtherAnswers:  states("Connected"),
			OtherIsBusy:   over,
			OtherIsSilent: over,
			GivesUp:       over,

			Holds:          states("Hold"),
			Resumes:        back,
			HeldByOther:    states("Held"),
			ResumedByOther: back,
			Ends:           over,

			Boots: guess(polycomApp),
			// "The event only occurs if the phone is gracefully shutdown or restarted", so a registration that is lost is not told.
			ShutsDown: {{Key: polycomLine, State: "LineUnregistrationEvent"}},
			Registers: {{Key: polycomLine, State: "LineRegistrationEvent"}},
		},
		Reads:  attributesOf("PHONE_CONFIG", "ALL"),
		File:   "{mac}-user.cfg", // named by its master file, {mac}.cfg
		MAC:    Spelling{},       // 0004f214b8e7 in the guide
		Party:  userAtHost,
		CallID: countedFrom(1),
		Body:   polycomBody,
		Inferred: []string{
			"the end of a call is told as Disconnected and then Free, in the same second",
			"a call that is taken back from hold is told as Connected again",
			"CallReference is a number that begins again with the phone",
			"the body of the initialization event: PhoneIP, MACAddress and TimeStamp, as the others have them",
			"Content-Type: text/xml",
		},
	}
}

type polycomPhone struct {
	XMLName xml.Name `xml:"PolycomIPPhone"`
	Event   any
}

// polycomParties are the names and numbers of a call: the other side as USER@HOST, ours as the line's number, and who has
// no name is called by number (the guide's sample: 20701, 20701@172.18.186.94, 20300).
type polycomParties struct{ callingName, calling, calledName, called string }

func polycomPartiesOf(p *Phone, call *Call) polycomParties {
	name := call.Other.Name
	if name == "" {
		name = call.Other.User
	}
	if call.Incoming {
		return polycomParties{name, p.Make.Party(call.Other.User, p.hostOf(call.Other)), p.Name, p.Extension}
	}
	return polycomParties{p.Name, p.Extension, name, p.Make.Party(call.Other.User, p.hostOf(call.Other))}
}

type polycomCallEvent struct {
	XMLName            xml.Name
	PhoneIP            string
	MACAddress         string
	CallingPartyName   string
	CallingPartyNumber string
	CalledPartyName    string
	CalledPartyNumber  string
	TimeStamp          string
}

type polycomStateEvent struct {
	XMLName       xml.Name `xml:"CallStateChangeEvent"`
	CallReference string   `xml:",attr"`
	CallState     string   `xml:",attr"`
	PhoneIP       string
	MACAddress    string
	LineNumber    int
	TimeStamp     string
	CallLineInfo  polycomLineInfo
}

type polycomLineInfo struct {
	LineKeyNum int
	LineDirNum string
	LineState  string
	CallInfo   polycomCallInfo
}

type polycomCallInfo struct {
	CallState          string
	CallType           string
	UIAppearanceIndex  string
	CalledPartyName    string
	CalledPartyDirNum  string
	CallingPartyName   string
	CallingPartyDirNum string
	CallReference      string
	CallDuration       int
}

type polycomPhoneEvent struct {
	XMLName    xml.Name
	PhoneIP    string
	MACAddress string
	LineNumber int `xml:",omitempty"`
	TimeStamp  string
}

func polycomBody(p *Phone, s Says, call *Call) []byte {
	now := time.Now().Format("2006-01-02T15:04:05-07:00")
	mac := p.Make.MAC.Spell(p.MAC)
	ofPhone := func(name string, line int) polycomPhoneEvent {
		return polycomPhoneEvent{XMLName: xml.Name{Local: name}, PhoneIP: p.IP, MACAddress: mac, LineNumber: line, TimeStamp: now}
	}
	ofCall := func(name string) polycomCallEvent {
		who := polycomPartiesOf(p, call)
		return polycomCallEvent{xml.Name{Local: name}, p.IP, mac, who.callingName, who.calling, who.calledName, who.called, now}
	}
	var event any
	switch {
	case s.Key == polycomIncoming:
		event = ofCall("IncomingCallEvent")
	case s.Key == polycomOutgoing:
		event = ofCall("OutgoingCallEvent")
	case s.Key == polycomState:
		event = polycomStateOf(p, s.State, call, mac, now)
	case s.Key == polycomLine:
		event = ofPhone(s.State, 1)
	default:
		event = ofPhone("AppInitializationEvent", 0)
	}
	body, err := xml.MarshalIndent(polycomPhone{Event: event}, "", " ")
	if err != nil {
		panic(err) // the types are ours
	}
	return append(body, '\n')
}

func polycomStateOf(p *Phone, state string, call *Call, mac, now string) polycomStateEvent {
	who := polycomPartiesOf(p, call)
	direction := "Outgoing"
	if call.Incoming {
		direction = "Incoming"
	}
	return polycomStateEvent{
		CallReference: call.ID, CallState: state, PhoneIP: p.IP, MACAddress: mac, LineNumber: 1, TimeStamp: now,
		CallLineInfo: polycomLineInfo{LineKeyNum: 1, LineDirNum: p.Extension, LineState: "Active", CallInfo: polycomCallInfo{
			CallState: state, CallType: direction, UIAppearanceIndex: "1*",
			CalledPartyName: who.calledName, CalledPartyDirNum: who.called,
			CallingPartyName: who.callingName, CallingPartyDirNum: who.calling, CallReference: call.ID,
		}},
	}
}
