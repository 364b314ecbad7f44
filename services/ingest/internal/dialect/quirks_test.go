package dialect

import (
	"slices"
	"strings"
	"testing"

	"github.com/callbus/callbus/internal/call"
)

func said(t *testing.T, h Hit) Said {
	t.Helper()
	s, err := Parse(h, "RU")
	if err != nil {
		t.Fatalf("%s/%s?%s: %v", h.Dialect, h.Event, h.Query, err)
	}
	return s
}

// A repeat is one message only where a call id names a call. Yealink's is a counter that begins again when the phone
// restarts, so it names one only for as long as a phone cannot have restarted; a Fanvil's or Htek's may be the caller's
// number, of which two calls in a second are two calls.
func TestACallIDNamesACallOnlyWhereTheVendorsFactsSaySo(t *testing.T) {
	for dialect, want := range map[string]bool{
		"yealink": true, "snom": true, "grandstream": true, "polycom": true,
		"fanvil": false, "dlink": false, "htek": false, "sangoma": false, "akuvox": false, "flyingvoice": false,
		"mitel": false, "microsip": false, "gigaset": false, "phone": false,
	} {
		s := said(t, Hit{Dialect: dialect, Event: "incoming", Query: "acc=101&remote=102&cid=33093"})
		if s.OneCall != want || s.Event.CallID != "33093" {
			t.Errorf("%s: one call %t, want %t; call id %q", dialect, s.OneCall, want, s.Event.CallID)
		}
		for _, without := range []string{"acc=101", "acc=101&cid=$call_id", "acc=101&cid=$call-id", "acc=101&cid="} {
			if s := said(t, Hit{Dialect: dialect, Event: "incoming", Query: without}); s.OneCall {
				t.Errorf("%s?%s names one call", dialect, without)
			}
		}
	}
}

// byPath are the dialects whose events are in the path, with a query that has our names.
func byPath() []string {
	return slices.DeleteFunc(Dialects(), func(name string) bool { return name == "checkphone" || name == "polycom" })
}

func TestNamesInOldCharacterSetsAreRepairedFromEveryPhone(t *testing.T) {
	for _, d := range byPath() {
		for sent, want := range map[string]string{"\xc8\xe2\xe0\xed": "Иван", "J\xfcrgen": "Jürgen", "%C8%E2%E0%ED": "Иван", "Иван": "Иван"} {
			same(t, want, parse(t, d, "incoming", "acc=101&remote=102&name="+sent).Remote.Name)
		}
	}
}

func TestAWithheldNumberIsNoNumberFromAnyPhone(t *testing.T) {
	for _, d := range byPath() {
		for _, sent := range []string{"Anonymous", "anonymous", "sip:anonymous@anonymous.invalid", "anonymous@pbx"} {
			same(t, call.Party{URI: sent}, parse(t, d, "incoming", "acc=101&remote="+sent).Remote)
		}
	}
}

// An operator writes Remote= and ACC=; vendors themselves are not of one mind (callDirection, calldirection).
func TestParametersMayBeWrittenInCapitals(t *testing.T) {
	got := parse(t, "yealink", "outgoing", "Acc=101&MAC=00-15-65-AA-BB-CC&CalledNumber=102&Display_Remote=Ivan&CID=1")
	same(t, call.Party{URI: "102", Number: "102", Name: "Ivan"}, got.Remote)
	same(t, []string{"101", "001565aabbcc", "1"}, []string{string(got.Line), got.Phone.MAC, got.CallID})
}

// $duration and $callDirection are no variables of a Yealink, though people write them: they come as they were written.
func TestWhatNoTableOfAYealinkListsIsEmpty(t *testing.T) {
	same(t, call.Party{}, parse(t, "yealink", "incoming", "acc=101&remote=$remote_uri&dur=$duration&dir=$callDirection&local=$local_uri").Remote)
}

// A DECT base's callerID is a caller's name, or his number where he has no name.
func TestAFlyingvoiceIsAYealinkInThisToo(t *testing.T) {
	same(t, call.Party{URI: "84951230001", Number: "+74951230001"}, parse(t, "flyingvoice", "DBID_ACTIONURL_RING", "acc=101&callerID=84951230001").Remote)
}

// Where a GXV's guide puts the variables into the path, the front hands on what stands behind the event as the query.
// It names its variables as nobody else does, and its numbers are no addresses.
func TestAGrandstreamHasItsOwnNames(t *testing.T) {
	s := said(t, Hit{Dialect: "grandstream", Event: "p8310", Addr: addr,
		Query: "mac=00:0B:82:01:02:03&phone_ip=192.168.10.11&product=GXP2135&program_version=1.0.7.97&hardware_version=V1.0A&language=en" +
			"&local=101&display_local=Sales desk&remote=+74951230001&display_remote=John Doe&active_user=101&call-id=1894821@192.168.10.11&calldirection=in&duration=0"})
	s.Event.Raw = ""
	same(t, call.Event{
		Type:   call.Incoming,
		Line:   "101",
		CallID: "1894821@192.168.10.11",
		Local:  call.Party{URI: "101", Number: "101", Name: "Sales desk"},
		Remote: call.Party{URI: "+74951230001", Number: "+74951230001", Name: "John Doe"},
		Phone:  call.Phone{MAC: "000b82010203", IP: "192.168.10.11", Model: "GXP2135", Firmware: "1.0.7.97"},
		Source: "grandstream",
	}, s.Event)
	same(t, true, s.OneCall)
}

// The GXP17xx's table has eleven variables: the others, and all of them on boot, come as they were written.
func TestAGrandstreamLeavesPlaceholders(t *testing.T) {
	s := said(t, Hit{Dialect: "grandstream", Event: "setupCompleted", Addr: addr,
		Query: "mac=000b82010203&acc=$active_user&remote=$remote&name=$display_remote&cid=$call-id&dur=$duration&host=$active_host"})
	s.Event.Raw = ""
	same(t, call.Event{Type: call.Boot, Phone: call.Phone{MAC: "000b82010203", IP: addr}, Source: "grandstream"}, s.Event)
	same(t, false, s.OneCall)
}

// tine20 found connected and disconnected with an empty $local. The line is then for the front to find by the MAC.
func TestASnomsLocalMayBeEmpty(t *testing.T) {
	got := parse(t, "snom", "action_disconnected_url", "mac=000413010203&local=&remote=84951230001@pbx&call-id=3c3b966053be-phxdiv27t9gm")
	same(t, call.Line(""), got.Line)
	same(t, "000413010203", got.Phone.MAC)
	same(t, call.Line("101"), parse(t, "snom", "disconnected", "user_name1=101&local=").Line)
}

func TestASnomsPartyMayLackItsScheme(t *testing.T) {
	got := parse(t, "snom", "action_incoming_url", "local=101@pbx&remote=84951230001@pbx&phone_ip=192.168.10.12&context_url=")
	same(t, call.Party{URI: "84951230001@pbx", Number: "+74951230001"}, got.Remote)
	same(t, call.Party{URI: "101@pbx", Number: "101"}, got.Local)
	same(t, call.Line("101"), got.Line)
	same(t, "192.168.10.12", got.Phone.IP)
}

// Log on and log off have no $local; $context_url is the account.
func TestASnomLogsOnWithItsContext(t *testing.T) {
	got := parse(t, "snom", "action_log_on_url", "context_url=sip:101@pbx&local=$local&local_ip=192.168.10.12")
	same(t, call.Registered, got.Type)
	same(t, call.Line("101"), got.Line)
	same(t, "192.168.10.12", got.Phone.IP)
}

// In a ring group every phone but one is cancelled: with a reason, and then nobody has missed anything.
func TestACallAnsweredElsewhereIsNotMissed(t *testing.T) {
	for query, want := range map[string]call.EventType{
		`acc=101&cancel_reason=SIP;cause=200;text="Call completed elsewhere"`: call.Ended,
		`acc=101&reason=SIP%3Bcause%3D200`:                                    call.Ended,
		`acc=101&cancel_reason=SIP;cause=487`:                                 call.Missed,
		`acc=101&cancel_reason=$cancel_reason`:                                call.Missed,
		`acc=101`:                                                             call.Missed,
	} {
		same(t, want, parse(t, "snom", "action_missed_url", query).Type)
	}
	same(t, call.Rejected, parse(t, "snom", "rejected", "cancel_reason=SIP;cause=200").Type)
	same(t, call.Ended, parse(t, "sangoma", "ActionUrl_CallCompletedElsewhere", "acc=101").Type)
	same(t, call.Ended, parse(t, "sangoma", "callCompletedElsewhere", "acc=101").Type)
}

// A Mitel's connected has the other side, its disconnected has nothing but a state and an address, whatever the end was.
func TestAMitelSaysLittle(t *testing.T) {
	got := parse(t, "mitel", "action uri incoming", "ext=101&number=84951230001&incomingname=Ivan&localip=192.168.10.13")
	same(t, call.Party{URI: "84951230001", Number: "+74951230001", Name: "Ivan"}, got.Remote)
	same(t, call.Line("101"), got.Line)
	same(t, "192.168.10.13", got.Phone.IP)

	for _, state := range []string{"INCOMING", "OUTGOING", "CONNECTED"} {
		got := parse(t, "mitel", "action uri disconnected", "line=101&linestate="+state+"&localip=192.168.10.13&number=")
		same(t, call.Ended, got.Type)
		same(t, call.Party{}, got.Remote)
	}
	same(t, call.Party{}, parse(t, "mitel", "connected", "line=101&remote=$$REMOTENUMBER$$&name=$$INCOMINGNAME$").Remote)
}

func TestAMitelsRegistrationEventSaysWhich(t *testing.T) {
	for query, want := range map[string]call.EventType{
		"ext=101&regstate=REGISTERED&regcode=001":          call.Registered,
		"ext=101&regstate=UNREGISTERED":                    call.Unregistered,
		"ext=101&regstate=EXPIRED":                         call.Unregistered,
		"ext=101&regstate=REFUSED&regcode=403":             call.RegisterFailed,
		"ext=101&registrationstate=timeout":                call.RegisterFailed,
		"ext=101&regstate=$$REGISTRATIONSTATE$$":           call.Unregistered,
		"ext=101&regstate=SOMETHING":                       call.Unregistered,
		"ext=101":                                          call.Unregistered,
		"ext=101&state=REGISTERED&remote=a&REGCODE=001&x=": call.Registered,
	} {
		same(t, want, parse(t, "mitel", "action uri registration event", query).Type)
	}
	same(t, call.Ended, parse(t, "mitel", "disconnected", "ext=101&state=REGISTERED").Type)
}

// A Mitel shows an error for every answer that is no XML of its own, also for a 404 and in whatever dialect it is told
// to speak. Everybody else gets nothing: a Snom would show it, a Yealink T32G call it a "File Format Error".
func TestAMitelWantsXMLForAnAnswer(t *testing.T) {
	const noop = `<AastraIPPhoneExecute><ExecuteItem URI=""/></AastraIPPhoneExecute>`
	const agent = "Aastra6731i MAC:00-08-5D-29-4C-6B V:3.3.1.4365-SIP"
	for _, c := range []struct {
		h    Hit
		want string
	}{
		{Hit{Dialect: "mitel", Event: "connected"}, noop},
		{Hit{Dialect: "mitel", Event: "offhook"}, noop},
		{Hit{Dialect: "mitel", Event: "no such event"}, noop},
		{Hit{Dialect: "phone", Event: "answered", UserAgent: agent}, noop},
		{Hit{Dialect: "checkphone", Query: "event=2&p2=101", UserAgent: agent}, noop},
		{Hit{Dialect: "snom", Event: "connected"}, ""},
		{Hit{Dialect: "yealink", Event: "off_hook", UserAgent: "Yealink SIP-T46S 66.86.5.20 805ec0010203"}, ""},
		{Hit{Dialect: "phone", Event: "answered"}, ""},
	} {
		s, _ := Parse(c.h, "RU")
		same(t, c.want, s.Reply)
	}
}

// The queries are what curl 7.88 makes of the lines in microsip.go.
func TestAMicroSIPsOtherSideIsTheLastArgumentOfCurl(t *testing.T) {
	for query, want := range map[string]call.Party{
		"line=101&%2b74951230001":        {URI: "+74951230001", Number: "+74951230001"}, // --data-urlencode +74951230001
		"line=101&84951230001":           {URI: "84951230001", Number: "+74951230001"},
		"line=101&%2a98%23":              {URI: "*98#", Number: "*98#"},
		"line=101&remote=%2b74951230001": {URI: "+74951230001", Number: "+74951230001"}, // callbus send
		"line=101&anonymous":             {URI: "anonymous"},
		"line=101&ivan.petrov":           {URI: "ivan.petrov"}, // a login is all that some PBXs give
		"line=101&ivan&102":              {URI: "102", Number: "102"},
		"line=101&":                      {},
		"line=101&remote=102&103":        {URI: "102", Number: "102"},
		"line=101&103&102":               {URI: "102", Number: "102"}, // of two, always the same
	} {
		got := parse(t, "microsip", "cmdIncomingCall", query)
		same(t, want, got.Remote)
		same(t, call.Line("101"), got.Line)
	}
	same(t, call.Party{}, parse(t, "phone", "incoming", "line=101&84951230001").Remote)
}

// An ini's value has 255 characters (settings.cpp); a token and a long name of a server must fit in.
func TestAMicroSIPsHookFitsIntoItsIni(t *testing.T) {
	line := "curl -sGm 5 http://" + strings.Repeat("x", 63) + ".example:8080/p/" + strings.Repeat("x", 64) +
		"/microsip/cmdCallAnswerVideo?line=101 --data-urlencode"
	if len(line) > 255 {
		t.Errorf("%d characters", len(line))
	}
}

func TestABodyIsAFormExceptAPolycoms(t *testing.T) {
	for _, d := range []string{"yealink", "phone", "mitel", "checkphone"} {
		_, err := Parse(Hit{Dialect: d, Event: "incoming", Query: "line=101", Body: polycomOffering}, "RU")
		unusable(t, err)
	}
}
