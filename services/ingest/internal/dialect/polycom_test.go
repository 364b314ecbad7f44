package dialect

import (
	"encoding/xml"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/callbus/callbus/internal/call"
)

// polycomOffering is a ring as callStateChangeEvent tells it, in the guide's layout.
const polycomOffering = `<?xml version="1.0" encoding="UTF-8"?>
<PolycomIPPhone>
<CallStateChangeEvent CallReference="9580030" CallState="Offering">
  <PhoneIP>192.168.10.14</PhoneIP>
  <MACAddress>0004f2010203</MACAddress>
  <LineNumber>1</LineNumber>
  <TimeStamp>2026-11-22T13:19:53+03:00</TimeStamp>
  <CallLineInfo>
    <LineKeyNum>1</LineKeyNum>
    <LineDirNum>101</LineDirNum>
    <LineState>Active</LineState>
    <CallInfo>
      <CallState>Offering</CallState>
      <CallType>Incoming</CallType>
      <UIAppearanceIndex>1*</UIAppearanceIndex>
      <CalledPartyName>Sales</CalledPartyName>
      <CalledPartyDirNum>sip:101@pbx</CalledPartyDirNum>
      <CallingPartyName>Smith & Sons</CallingPartyName>
      <CallingPartyDirNum>sip:84951230001@pbx</CallingPartyDirNum>
      <CallReference>9580030</CallReference>
      <CallDuration>0</CallDuration>
    </CallInfo>
  </CallLineInfo>
</CallStateChangeEvent>
</PolycomIPPhone>`

func polycomSaid(t *testing.T, body string) Said {
	t.Helper()
	return said(t, Hit{Dialect: "polycom", Body: body, Addr: addr})
}

func unusable(t *testing.T, err error) {
	t.Helper()
	var why *Unusable
	if !errors.As(err, &why) || why.Reason == "" || strings.Contains(why.Reason, "\n") {
		t.Errorf("error %v, want *Unusable with a line of text", err)
	}
}

func TestAPolycomTellsARingByItsState(t *testing.T) {
	s := polycomSaid(t, polycomOffering)
	s.Event.Raw = ""
	same(t, Said{
		Event: call.Event{
			Type:   call.Incoming,
			Line:   "101",
			CallID: "9580030",
			Local:  call.Party{URI: "sip:101@pbx", Number: "101", Name: "Sales"},
			Remote: call.Party{URI: "sip:84951230001@pbx", Number: "+74951230001", Name: "Smith & Sons"},
			Phone:  call.Phone{MAC: "0004f2010203", IP: "192.168.10.14"},
			Source: "polycom",
		},
		MAC: "0004f2010203", OneCall: true, Twice: true,
	}, s)
}

// The guide's own example (p.30), with our numbers: no CallReference, a number with a host and without scheme.
func TestAPolycomTellsARingByItsEvent(t *testing.T) {
	body := `<PolycomIPPhone><%[1]sCallEvent><PhoneIP>192.168.10.14</PhoneIP><MACAddress>0004f2010203</MACAddress>` +
		`<CallingPartyName>Sales</CallingPartyName><CallingPartyNumber>101@pbx</CallingPartyNumber>` +
		`<CalledPartyName>102</CalledPartyName><CalledPartyNumber>102</CalledPartyNumber>` +
		`<TimeStamp>2026-11-22T13:19:53+03:00</TimeStamp></%[1]sCallEvent></PolycomIPPhone>`
	in := polycomSaid(t, fmt.Sprintf(body, "Incoming"))
	same(t, call.Party{URI: "101@pbx", Number: "101", Name: "Sales"}, in.Event.Remote)
	same(t, call.Line("102"), in.Event.Line)
	out := polycomSaid(t, fmt.Sprintf(body, "Outgoing"))
	same(t, call.Party{URI: "102", Number: "102", Name: "102"}, out.Event.Remote)
	same(t, call.Line("101"), out.Event.Line)
	for want, s := range map[call.EventType]Said{call.Incoming: in, call.Outgoing: out} {
		same(t, want, s.Event.Type)
		same(t, []bool{false, true}, []bool{s.OneCall, s.Twice})
	}
}

func polycomState(state, kind string) string {
	return strings.NewReplacer(`CallState="Offering"`, `CallState="`+state+`"`, "<CallType>Incoming", "<CallType>"+kind).Replace(polycomOffering)
}

func TestWhoIsTheOtherSideOfAPolycomIsTheCallTypesToSay(t *testing.T) {
	for _, state := range []string{"Connected", "Hold", "Held", "Disconnected", "Free"} {
		in := polycomSaid(t, polycomState(state, "Incoming"))
		same(t, "sip:84951230001@pbx", in.Event.Remote.URI)
		same(t, call.Line("101"), in.Event.Line)
		out := polycomSaid(t, polycomState(state, "Outgoing"))
		same(t, "sip:101@pbx", out.Event.Remote.URI)
		same(t, call.Line("84951230001"), out.Event.Line)
		same(t, []bool{true, false}, []bool{in.OneCall, in.Twice})
	}
	// Without it there are two sides and no telling; the line is the phone's word still.
	neither := polycomSaid(t, polycomState("Connected", ""))
	same(t, call.Party{}, neither.Event.Remote)
	same(t, call.Line("101"), neither.Event.Line)
}

// callStateChangeEvent is one switch for all states: what tells nothing is answered 200 all the same, or the phone's log
// fills with our 404.
func TestAPolycomsOtherStatesAreNothingNew(t *testing.T) {
	for _, state := range []string{"Dialtone", "Ringback", "CallConference", "Ncas"} {
		_, err := Parse(Hit{Dialect: "polycom", Body: polycomState(state, "Outgoing")}, "RU")
		if !errors.Is(err, ErrNothingNew) {
			t.Errorf("%s: %v, want ErrNothingNew", state, err)
		}
	}
	for _, event := range []string{"OffHookEvent", "OnHookEvent", "PhoneLockedEvent", "PhoneUnlockedEvent", "UserLoginOutEvent", "MuteUnmuteEvent"} {
		_, err := Parse(Hit{Dialect: "polycom", Body: "<PolycomIPPhone><" + event + "><PhoneIP>192.168.10.14</PhoneIP></" + event + "></PolycomIPPhone>"}, "RU")
		if !errors.Is(err, ErrNothingNew) {
			t.Errorf("%s: %v, want ErrNothingNew", event, err)
		}
	}
	for _, event := range []string{"BrandNewEvent", "CallStateChangeEvent CallState='Exploded'"} {
		_, err := Parse(Hit{Dialect: "polycom", Body: "<PolycomIPPhone><" + event + "></PolycomIPPhone>"}, "RU")
		if !errors.Is(err, ErrUnknown) {
			t.Errorf("%s: %v, want ErrUnknown", event, err)
		}
	}
}

func TestAPolycomRegisters(t *testing.T) {
	for event, want := range map[string]call.EventType{"LineRegistrationEvent": call.Registered, "LineUnregistrationEvent": call.Unregistered} {
		s := polycomSaid(t, "<PolycomIPPhone><"+event+"><PhoneIP>192.168.10.14</PhoneIP><MACAddress>0004F2-010203</MACAddress>"+
			"<LineNumber>1</LineNumber></"+event+"></PolycomIPPhone>")
		same(t, want, s.Event.Type)
		same(t, call.Phone{MAC: "0004f2010203", IP: "192.168.10.14"}, s.Event.Phone)
		same(t, call.Line(""), s.Event.Line) // LineNumber counts the accounts and is no extension
	}
}

// A phone with two calls on two lines: the event's call is the one with its CallReference, not the first.
func TestAPolycomsOtherCallsAreNotTheEvents(t *testing.T) {
	other := `<CallLineInfo><LineKeyNum>2</LineKeyNum><LineDirNum>109</LineDirNum><CallInfo><CallType>Outgoing</CallType>` +
		`<CallingPartyNumber>109</CallingPartyNumber><CalledPartyNumber>110</CalledPartyNumber><CallReference>7</CallReference></CallInfo></CallLineInfo>`
	both := strings.Replace(polycomOffering, "<CallLineInfo>", other+"<CallLineInfo>", 1)
	s := polycomSaid(t, both)
	same(t, "sip:84951230001@pbx", s.Event.Remote.URI)
	same(t, call.Line("101"), s.Event.Line)
	same(t, "9580030", s.Event.CallID)

	gone := strings.Replace(both, "<CallReference>9580030", "<CallReference>8", 1) // ours is listed no more
	same(t, call.Party{}, polycomSaid(t, gone).Event.Remote)
}

func TestAPolycomsURLMaySayWhatItsBodyDoesNot(t *testing.T) {
	s := said(t, Hit{Dialect: "polycom", Query: "line=reception", Body: polycomOffering})
	same(t, call.Line("reception"), s.Event.Line)
	same(t, "line=reception&<?xml", s.Event.Raw[:20])
	same(t, call.Held, said(t, Hit{Dialect: "polycom", Event: "held", Query: "line=101"}).Event.Type)
}

func TestAPolycomBehindTheGenericDialectIsKnownByItsAgent(t *testing.T) {
	s := said(t, Hit{Dialect: "phone", Event: "any", Body: polycomOffering, UserAgent: "PolycomVVX-VVX_450-UA/6.4.0"})
	same(t, call.Incoming, s.Event.Type)
	same(t, "VVX_450", s.Event.Phone.Model)
}

func TestAPolycomsNamesAreRepaired(t *testing.T) {
	for _, c := range []struct{ claim, head, name, want string }{
		{"UTF-8", `<?xml version="1.0" encoding="UTF-8"?>`, "Иван", "Иван"},
		{"cp1251 that says so", `<?xml version="1.0" encoding="windows-1251"?>`, "\xc8\xe2\xe0\xed", "Иван"},
		{"cp1251 that says UTF-8", `<?xml version="1.0" encoding="UTF-8"?>`, "\xc8\xe2\xe0\xed", "Иван"},
		{"Latin-1 that says so", `<?xml version="1.0" encoding="ISO-8859-1"?>`, "J\xfcrgen", "Jürgen"},
		{"Latin-1 that says nothing", "", "J\xfcrgen", "Jürgen"},
		{"an encoding that nobody knows", `<?xml version="1.0" encoding="klingon"?>`, "Ivan", "Ivan"},
		{"a raw ampersand", "", "Smith & Sons", "Smith & Sons"},
		{"entities", "", "Smith &quot;&amp;&quot; &#x421;&#1099;&#1085;", `Smith "&" Сын`},
		{"an entity that is a control character", "", "Iv&#9;an&#13;", "Iv an"},
		{"CDATA", "", "<![CDATA[Smith & Sons]]>", "Smith & Sons"},
		{"entities of its own are not expanded", `<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;">]>`, "&b;", "&b;"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			s := polycomSaid(t, c.head+"<PolycomIPPhone><IncomingCallEvent><CallingPartyName>"+c.name+"</CallingPartyName>"+
				"<CallingPartyNumber>102</CallingPartyNumber></IncomingCallEvent></PolycomIPPhone>")
			same(t, c.want, s.Event.Remote.Name)
		})
	}
}

// A body that breaks off has told the call all the same, once the event and a party are there.
func TestBrokenXMLCountsAsFarAsItGoes(t *testing.T) {
	enough := strings.Index(polycomOffering, "<CallReference>9580030")
	for _, body := range []string{
		polycomOffering[:enough], polycomOffering[:enough] + "<", polycomOffering[:enough] + "\x00", polycomOffering[:enough] + "<a b=>",
		strings.Replace(polycomOffering, "</TimeStamp>", "", 1), strings.ReplaceAll(polycomOffering, "</CallInfo>", ""),
	} {
		s := polycomSaid(t, body)
		same(t, call.Incoming, s.Event.Type)
		same(t, "sip:84951230001@pbx", s.Event.Remote.URI)
		same(t, "9580030", s.Event.CallID)
	}
	for _, body := range []string{
		"<", "no XML", "<a/>", "<PolycomIPPhone>", "<IncomingCallEvent><", "<IncomingCallEvent><PhoneIP>10.0.0.7</PhoneIP>\x00",
		"<CallStateChangeEvent>", "<CallStateChangeEvent CallState=''><CallInfo/></CallStateChangeEvent>", "\xff\xfe<\x00a\x00",
	} {
		_, err := Parse(Hit{Dialect: "polycom", Body: body}, "RU")
		unusable(t, err)
	}
}

// 64 KiB is all that the front lets through.
func TestHostileXMLCostsNoMoreThanReading(t *testing.T) {
	const size = 64 << 10
	for _, body := range []string{
		strings.Repeat("<a>", size/3), strings.Repeat("<CallInfo>", size/10), strings.Repeat("&", size), "<a " + strings.Repeat("b='' ", size/5) + ">",
		"<xEvent " + strings.Repeat("b='' ", size/5) + "/>", "<!--" + strings.Repeat("-", size), strings.Repeat("<!DOCTYPE ", size/10),
	} {
		if _, err := Parse(Hit{Dialect: "polycom", Body: body}, "RU"); err == nil {
			t.Errorf("%.20s…: no error", body)
		}
	}
}

// FuzzPolycom: whatever the body, an event has its name and clean, bounded fields, or there is an answer; and what is
// properly escaped is read as it was meant.
func FuzzPolycom(f *testing.F) {
	f.Add(polycomOffering, "Smith & Sons", "sip:84951230001@pbx")
	f.Add(polycomOffering[:len(polycomOffering)/2], "<b>", "]]>")
	f.Add(polycomState("Connected", "Outgoing"), "", "")
	f.Add("<IncomingCallEvent><CallingPartyNumber>\xc8\xe2</CallingPartyNumber></IncomingCallEvent>", " Иван ", "102")
	f.Add("<!DOCTYPE x [<!ENTITY a 'b'>]><xEvent a='&a;'><![CDATA[&]]></xEvent>", "\t", "&a;")
	f.Add("<LineRegistrationEvent><MACAddress </MACAddress>", "\ufffd", "\\")
	f.Fuzz(func(t *testing.T, body, name, number string) {
		event, values, err := readTelNotification(body)
		if (err == nil) != (event != "") {
			t.Errorf("event %q, error %v", event, err)
		}
		if err != nil {
			unusable(t, err)
		}
		for name, value := range values {
			if !utf8.ValidString(value) || strings.ContainsFunc(value, unicode.IsControl) || len(value) > 3*len(body) {
				t.Errorf("%s is %q", name, value)
			}
		}

		for _, s := range []string{name, number} {
			if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || strings.ContainsAny(s, "\ufffe\uffff") {
				t.Skip()
			}
		}
		proper := "<PolycomIPPhone><IncomingCallEvent><CallingPartyName>" + escaped(name) + "</CallingPartyName>" +
			"<CallingPartyNumber>" + escaped(number) + "</CallingPartyNumber></IncomingCallEvent></PolycomIPPhone>"
		event, values, err = readTelNotification(proper)
		got := []string{event, values[pRemoteName], values[pRemote]}
		if want := []string{"IncomingCallEvent", strings.TrimSpace(name), strings.TrimSpace(number)}; err != nil || !slices.Equal(got, want) {
			t.Errorf("%q: %q, %v, want %q", proper, got, err, want)
		}
	})
}

func escaped(s string) string {
	var b strings.Builder
	_ = xml.EscapeText(&b, []byte(s)) // a Builder takes everything
	return b.String()
}
