package dialect

import (
	"cmp"
	"encoding/xml"
	"errors"
	"io"
	"regexp"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// polycom is Polycom's and Poly's UCS phones: they POST XML to apps.telNotification.URL, and the event is in it.
// Events and elements: "Web Application for Polycom Phones", UC Software 5.0.0, pp. 27-36. A missed, a rejected and a
// transferred call have no event of their own.
var polycom = &vendor{
	name:  "polycom",
	agent: regexp.MustCompile(`^(?:FileTransport )?Polycom(?:\S*?-(\w+)-UA/([\d.]+))?`),
	events: map[string]call.EventType{
		"IncomingCallEvent":       call.Incoming,
		"OutgoingCallEvent":       call.Outgoing,
		"LineRegistrationEvent":   call.Registered,
		"LineUnregistrationEvent": call.Unregistered,
		"OffHookEvent":            ignored,
		"OnHookEvent":             ignored,
		"PhoneLockedEvent":        ignored,
		"PhoneUnlockedEvent":      ignored,
		"UserLoginOutEvent":       ignored,

		// Newer than the guide, and taken to be named after their switches (apps.telNotification.muteUnmuteEvent).
		"AppInitializationEvent": call.Boot,
		"MuteUnmuteEvent":        ignored,
		"NetworkUpEvent":         ignored,
		"DialplanEvent":          ignored,
		"SipMsgEvent":            ignored,

		// The states of a CallStateChangeEvent. Connected, Disconnected, Hold and Held (by the other side) are shared
		// names. Connected comes after a hold once more: only who knows the call's past can tell it from resumed.
		"Offering":         call.Incoming,
		"Setup":            call.Outgoing,
		"CallHold":         call.Held, // so spelt inside CallInfo
		"CallHeld":         call.Held,
		"CallConfHold":     call.Held,
		"CallConfHeld":     call.Held,
		"Free":             call.Ended, // after Disconnected, or without
		"Dialtone":         ignored,
		"Ringback":         ignored, // Setup has told it
		"CallConference":   ignored,
		"CallRemoteActive": ignored, // somebody else's call, on a shared line
		"Ncas":             ignored, // "unknown call state"
	},
	oneSwitch: true, // callStateChangeEvent is all states or none
	callIDs:   true, // CallReference is the phone's own handle of a call
	body:      readTelNotification,
	quirk:     polycomMarks,
}

// polycomMarks marks what two switches tell, incomingEvent without a CallReference and callStateChangeEvent with one; and
// what Connected may mean beside answered.
func polycomMarks(s *Said, _ Values, _ phone.Region) {
	s.Twice = s.Event.Type == call.Incoming || s.Event.Type == call.Outgoing
	s.AnsweredAgain = s.Event.Type == call.Answered
}

const callStateChange = "CallStateChangeEvent"

// readTelNotification takes an event out of its XML. Broken XML counts as far as it goes, if it goes far enough.
func readTelNotification(body string) (event string, values Values, err error) {
	n := telNotification{fields: Values{}}
	broken := n.read(body)
	event, values = n.event, n.values()
	if event == callStateChange {
		event = n.get("callstate")
	}
	switch {
	case broken != nil && (event == "" || values[pRemote] == "" && values[pLocal] == ""):
		return "", nil, &Unusable{Reason: "broken XML: it names no event and party before it breaks off"}
	case n.event == "":
		return "", nil, &Unusable{Reason: "this XML is no event of apps.telNotification"}
	case event == "":
		return "", nil, &Unusable{Reason: "a " + callStateChange + " without its CallState"}
	}
	return event, values, nil
}

// telNotification is what was read of one event so far. It keeps no tree, so that depth costs nothing: elements with
// nothing but text in them are its fields, by name in lower case, and the first of a name counts.
type telNotification struct {
	event  string // the element whose name ends in Event
	fields Values // of the event, with its attributes
	call   Values // of the CallInfo that the event is about
	open   Values // of the CallInfo that is being read; nil outside one
	line   string // LineDirNum, said before the calls of its line

	leaf string // the element that was opened last
	text strings.Builder
}

func (n *telNotification) read(body string) error {
	d := xml.NewDecoder(strings.NewReader(repair(body)))
	d.Strict = false                                                                   // a raw "&" in a name
	d.CharsetReader = func(_ string, r io.Reader) (io.Reader, error) { return r, nil } // UTF-8 by now, whatever it declares
	defer n.endCall()
	for {
		token, err := d.RawToken()
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		switch t := token.(type) {
		case xml.StartElement:
			n.start(t)
		case xml.CharData:
			n.text.Write(t)
		case xml.EndElement:
			n.end(t.Name.Local)
			if t.Name.Local == n.event {
				return nil
			}
		}
	}
}

func (n *telNotification) start(e xml.StartElement) {
	n.leaf = e.Name.Local
	n.text.Reset()
	switch {
	case n.leaf == "CallInfo":
		n.endCall()
		n.open = Values{"linedirnum": n.line}
	case n.event == "" && strings.HasSuffix(n.leaf, "Event"):
		n.event = n.leaf
		for _, a := range e.Attr {
			n.keep(a.Name.Local, a.Value)
		}
	}
}

func (n *telNotification) end(name string) {
	if name == n.leaf {
		n.keep(name, n.text.String())
	}
	n.leaf = ""
	if name == "CallInfo" {
		n.endCall()
	}
}

func (n *telNotification) keep(name, value string) {
	name, value = strings.ToLower(name), strings.TrimSpace(printable(value))
	into := n.fields
	if n.open != nil {
		into = n.open
	}
	if into[name] == "" && len(into) < maxPairs {
		into[name] = value
	}
	if name == "linedirnum" {
		n.line = value
	}
}

// endCall keeps the first CallInfo that may be of the event's own call: a phone with several calls lists them all.
func (n *telNotification) endCall() {
	ref, own := n.open["callreference"], n.fields["callreference"]
	if n.call == nil && (ref == own || ref == "" || own == "") {
		n.call = n.open
	}
	n.open = nil
}

// get is the first filled field of these names, the event's own before its call's.
func (n *telNotification) get(names ...string) string {
	return cmp.Or(n.fields.Get(names...), n.call.Get(names...))
}

// values turns calling and called into ours and theirs. Who calls whom is the CallType's to say, or the event's.
func (n *telNotification) values() Values {
	v := Values{
		pMAC:      n.get("macaddress"),
		pIP:       n.get("phoneip"),
		pCallID:   n.get("callreference"),
		pDuration: n.get("callduration"),
		pLocal:    cmp.Or(n.call["linedirnum"], n.fields["linedirnum"]),
	}
	calling := [2]string{n.get("callingpartynumber", "callingpartydirnum"), n.get("callingpartyname")}
	called := [2]string{n.get("calledpartynumber", "calledpartydirnum"), n.get("calledpartyname")}
	switch polycomDirection[cmp.Or(n.get("calltype"), n.get("callstate"), n.event)] {
	case call.Incoming:
		v.sides(called, calling)
	case call.Outgoing:
		v.sides(calling, called)
	}
	return v
}

var polycomDirection = map[string]call.EventType{
	"Incoming": call.Incoming, "Offering": call.Incoming, "IncomingCallEvent": call.Incoming,
	"Outgoing": call.Outgoing, "Setup": call.Outgoing, "OutgoingCallEvent": call.Outgoing,
}

func (v Values) sides(local, remote [2]string) {
	v[pLocal] = cmp.Or(local[0], v[pLocal])
	v[pLocalName], v[pRemote], v[pRemoteName] = local[1], remote[0], remote[1]
}
