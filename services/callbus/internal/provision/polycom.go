package provision

import (
	"encoding/xml"
	"fmt"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// polycom: UC software, apps.telNotification: one URL for all events, which the phone POSTs as XML (UC 5.0 Web Application
// guide, pp. 27-32); switches: SoundPoint's sip.cfg and the parameter catalogue of later software. Old software knows
// incomingEvent and outgoingEvent only, so they are on beside callStateChangeEvent; ingest takes the two for one.
var polycom = &Vendor{
	Name:   "polycom",
	Titles: "Polycom SoundPoint, VVX; Poly Edge",
	Sure:   Documented,
	Note: lang.Text{
		En: "there is no event for a missed or a rejected call; on an Edge it has not been seen; the file is to be named in CONFIG_FILES of the phone's master file",
		Ru: "событий пропущенного и отклонённого звонка нет; на Edge не проверено; имя файла добавьте в CONFIG_FILES главного файла телефона",
	},
	Dial: lang.Text{
		En: "apps.restapi.enabled=1 opens it to whoever knows the phone's password; it has no list of addresses, so it is left as it is",
		Ru: "apps.restapi.enabled=1 разрешает это всем, кто знает пароль телефона; списка адресов нет, поэтому этот параметр не трогаем",
	},
	format: func() format {
		f := xmlElements.inside("<PHONE_CONFIG><ALL", "/></PHONE_CONFIG>")
		f.first, f.setting = `<?xml version="1.0" encoding="UTF-8" standalone="yes"?>`, `  %[1]s="%[2]s"`
		return f
	}(),
	file:    "{mac}-user.cfg",
	address: polycomAddress,
	enable: []setting{
		{"apps.telNotification.incomingEvent", "1"},
		{"apps.telNotification.outgoingEvent", "1"},
		{"apps.telNotification.callStateChangeEvent", "1"},
		{"apps.telNotification.lineRegistrationEvent", "1"},
		{"apps.telNotification.appInitializationEvent", "1"},
	},
	events: []event{{"apps.telNotification.URL", "", ""}},
	tells:  polycomTells,
	body:   polycomBody,
}

const polycomAddress = "%s@pbx"

// polycomTells is what telephony notification has, in the order of docs/wire.md §1.
var polycomTells = []call.EventType{
	call.Incoming, call.Outgoing, call.Answered, call.Ended, call.Held, call.Registered, call.Unregistered, call.Boot,
}

// polycomEvents are the elements that name an event, polycomStates the states of a call that do.
var (
	polycomEvents = map[call.EventType]string{
		call.Incoming: "IncomingCallEvent", call.Outgoing: "OutgoingCallEvent", call.Registered: "LineRegistrationEvent",
		call.Unregistered: "LineUnregistrationEvent", call.Boot: "AppInitializationEvent",
	}
	polycomStates = map[call.EventType]string{call.Answered: "Connected", call.Ended: "Disconnected", call.Held: "Hold"}
)

// polycomBody is a message of UC software (Web Application guide, pp. 27-32). A call that is past its ring is taken for an
// incoming one.
func polycomBody(p Phone, is call.EventType, c Call) string {
	type info struct{ CallState, CallType, CallingPartyName, CallingPartyDirNum string }
	type lineInfo struct {
		LineDirNum string `xml:",omitempty"`
		CallInfo   info
	}
	message := struct {
		XMLName            xml.Name
		CallState          string `xml:",attr,omitempty"`
		MACAddress         string `xml:",omitempty"`
		CallingPartyName   string `xml:",omitempty"`
		CallingPartyNumber string `xml:",omitempty"`
		CalledPartyName    string `xml:",omitempty"`
		CalledPartyNumber  string `xml:",omitempty"`
		TimeStamp          string
		CallLineInfo       *lineInfo `xml:",omitempty"`
	}{MACAddress: p.MAC, TimeStamp: time.Now().Format(time.RFC3339)}
	address := ""
	if c.Remote != "" {
		address = fmt.Sprintf(polycomAddress, c.Remote)
	}
	message.XMLName.Local = polycomEvents[is]
	switch is {
	case call.Incoming:
		message.CallingPartyName, message.CallingPartyNumber, message.CalledPartyNumber = c.Name, address, p.Line
	case call.Outgoing:
		message.CalledPartyName, message.CalledPartyNumber, message.CallingPartyNumber = c.Name, address, p.Line
	case call.Answered, call.Ended, call.Held:
		message.XMLName.Local, message.CallState = "CallStateChangeEvent", polycomStates[is]
		message.CallLineInfo = &lineInfo{p.Line, info{polycomStates[is], "Incoming", c.Name, address}}
	}
	body, err := xml.Marshal(struct {
		XMLName xml.Name `xml:"PolycomIPPhone"`
		Event   any
	}{Event: message})
	if err != nil {
		panic(err) // the types are ours
	}
	return string(body)
}
