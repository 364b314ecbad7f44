package dialect

import (
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

const addr = "192.168.10.10"

func parse(t *testing.T, dialect, event, query string) call.Event {
	t.Helper()
	s, err := Parse(Hit{Dialect: dialect, Event: event, Query: query, Addr: addr}, "RU")
	if err != nil {
		t.Fatalf("%s/%s?%s: %v", dialect, event, query, err)
	}
	return s.Event
}

func same(t *testing.T, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestAYealinkTellsEverythingItKnows(t *testing.T) {
	query := `mac=00:15:65:AA:BB:CC&ip=192.168.10.11&model=SIP-T46S&fw=66.86.5.20&acc=101&local=sip:101@pbx&lname=Sales` +
		`&remote="Иван Петров" <sip:+74951230001@pbx;user=phone>&cid=ASW:33093&token=secret`
	same(t, call.Event{
		Type:   call.Incoming,
		Line:   "101",
		CallID: "ASW:33093",
		Local:  call.Party{URI: "sip:101@pbx", Number: "101", Name: "Sales"},
		Remote: call.Party{URI: `"Иван Петров" <sip:+74951230001@pbx;user=phone>`, Number: "+74951230001", Name: "Иван Петров"},
		Phone:  call.Phone{MAC: "001565aabbcc", IP: "192.168.10.11", Model: "SIP-T46S", Firmware: "66.86.5.20"},
		Source: "yealink",
		Raw: `mac=00:15:65:AA:BB:CC&ip=192.168.10.11&model=SIP-T46S&fw=66.86.5.20&acc=101&local=sip:101@pbx&lname=Sales` +
			`&remote="%D0%98%D0%B2%D0%B0%D0%BD %D0%9F%D0%B5%D1%82%D1%80%D0%BE%D0%B2" <sip:+74951230001@pbx;user=phone>&cid=ASW:33093&token=***`,
	}, parse(t, "yealink", "incoming", query))
}

func TestAYealinkIsUnderstoodByItsOwnVariableNames(t *testing.T) {
	got := parse(t, "yealink", "call_established", "mac=001565aabbcc&firmware=66.86.5.20&active_user=101&active_url=sip:101@pbx"+
		"&display_local=Sales&remote=sip:84951230001@pbx&display_remote=Smith & Sons&call_id=33093")
	got.Raw = ""
	same(t, call.Event{
		Type:   call.Answered,
		Line:   "101",
		CallID: "33093",
		Local:  call.Party{URI: "sip:101@pbx", Number: "101", Name: "Sales"},
		Remote: call.Party{URI: "sip:84951230001@pbx", Number: "+74951230001", Name: "Smith & Sons"},
		Phone:  call.Phone{MAC: "001565aabbcc", IP: addr, Firmware: "66.86.5.20"},
		Source: "yealink",
	}, got)
}

func TestCallerIDIsOfIncomingCallsAndCalledNumberOfOutgoingOnes(t *testing.T) {
	const query = "acc=101&callerID=84951230001&calledNumber=84951230002"
	caller, called := call.Party{URI: "84951230001", Number: "+74951230001"}, call.Party{URI: "84951230002", Number: "+74951230002"}
	for event, want := range map[string]call.Party{"incoming": caller, "missed": caller, "rejected": caller, "outgoing": called} {
		same(t, want, parse(t, "yealink", event, query).Remote)
	}
	// An answered call says not which way it went; the phone leaves the variable of the other way as it is.
	for _, event := range []string{"answered", "ended", "held", "transfer_finished"} {
		same(t, caller, parse(t, "yealink", event, "acc=101&callerID=84951230001&calledNumber=$calledNumber").Remote)
		same(t, called, parse(t, "yealink", event, "acc=101&callerID=$callerID&calledNumber=84951230002").Remote)
	}
	same(t, call.Party{URI: "sip:102@pbx", Number: "102", Name: "Иван"},
		parse(t, "yealink", "incoming", "remote=sip:102@pbx&callerID=Иван").Remote)
	same(t, call.Party{Name: "Иван"}, parse(t, "yealink", "incoming", "callerID=Иван").Remote)
	same(t, call.Party{Name: "Office 12"}, parse(t, "yealink", "incoming", "callerID=Office 12").Remote)
	same(t, call.Party{URI: "84951230001", Number: "+74951230001", Name: "Иван 84951230001"}, parse(t, "yealink", "incoming", "callerID=Иван 84951230001").Remote)
	same(t, call.Party{URI: `"Иван" <84951230001>`, Number: "+74951230001", Name: "Иван"},
		parse(t, "yealink", "incoming", `callerID="Иван" <84951230001>`).Remote)
}

func TestEveryCanonicalEventIsUnderstoodByPath(t *testing.T) {
	for _, v := range vendors {
		if v.eventParam != "" {
			continue
		}
		for _, want := range slices.Concat(call.CallEvents, call.PhoneEvents) {
			if got := parse(t, v.name, string(want), "acc=101"); got.Type != want {
				t.Errorf("%s/%s is %q", v.name, want, got.Type)
			}
		}
	}
	if got := parse(t, "Yealink", "Incoming", "acc=101"); got.Type != call.Incoming {
		t.Errorf("Yealink/Incoming is %q", got.Type)
	}
}

func TestVendorsDataIsSound(t *testing.T) {
	same(t, strings.Fields("akuvox checkphone dlink fanvil flyingvoice gigaset grandstream htek microsip mitel phone polycom sangoma snom yealink"), Dialects())
	for _, v := range vendors {
		if v.like != nil && !slices.Contains(vendors, v.like) {
			t.Errorf("%s is like a vendor that does not exist", v.name)
		}
		if v.eventParam == "" {
			eventsAreSound(t, v)
		}
		if v.agent != nil && v.agent.NumSubexp() != 2 {
			t.Errorf("%s: the form of the User-Agent has %d groups, want model and firmware", v.name, v.agent.NumSubexp())
		}
	}
	for _, names := range everyAlias() {
		for param, list := range names {
			if !slices.Contains(ours, param) {
				t.Errorf("%s is no parameter of ours", param)
			}
			for _, name := range list {
				if name != strings.ToLower(name) || slices.Contains(ours, name) {
					t.Errorf("%s: the alias %q must be in lower case and no name of ours", param, name)
				}
			}
		}
	}
}

// The table of dialects in docs/wire.md is what an administrator has. (test/docs may not look in here.)
func TestEveryDialectHasARowInTheDocuments(t *testing.T) {
	wire, err := os.ReadFile(filepath.Join("..", "..", "..", "..", "docs", "wire.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, table, _ := strings.Cut(string(wire), "\n| dialect |")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, d := range Dialects() {
		if !regexp.MustCompile("(?m)^\\|[^|]*`" + d + "`").MatchString(table) {
			t.Errorf("%s has no row in the table of dialects", d)
		}
	}
}

// eventsAreSound: a name that is found elsewhere too is either said in vain, or hidden, or hides one.
func eventsAreSound(t *testing.T, v *vendor) {
	elsewhere := make(map[string]call.EventType)
	addNames(elsewhere, canonical())
	if v.like != nil {
		addNames(elsewhere, v.like.events)
	}
	addNames(elsewhere, sharedEvents)
	seen := make(map[string]bool)
	for name, meaning := range v.events {
		if meaning != ignored && !meaning.Known() {
			t.Errorf("%s: %s means %q, which is no event", v.name, name, meaning)
		}
		if other, found := elsewhere[fold(name)]; found {
			t.Errorf("%s: %s is %q anyway", v.name, name, other)
		}
		if fold(name) == "" || seen[fold(name)] {
			t.Errorf("%s: %s folds to nothing, or as another does", v.name, name)
		}
		seen[fold(name)] = true
	}
}

func TestSharedEventsAreSound(t *testing.T) {
	seen := make(map[string]bool)
	for name, meaning := range sharedEvents {
		if meaning != ignored && !meaning.Known() {
			t.Errorf("%s means %q, which is no event", name, meaning)
		}
		if call.EventType(fold(name)).Known() || seen[fold(name)] {
			t.Errorf("%s is canonical, or folds as another does", name)
		}
		seen[fold(name)] = true
	}
}

func TestCheckphoneSaysItInNumbers(t *testing.T) {
	for n, want := range map[string]call.EventType{"1": call.Incoming, "2": call.Answered, "3": call.Outgoing, "4": call.Ended} {
		got := parse(t, "checkphone", "", "event="+n+"&p1=sip:74951230001@operatorsip.ru&p2=101")
		got.Raw = ""
		same(t, call.Event{
			Type:   want,
			Line:   "101",
			Local:  call.Party{URI: "101", Number: "101"},
			Remote: call.Party{URI: "sip:74951230001@operatorsip.ru", Number: "+74951230001"},
			Phone:  call.Phone{IP: addr},
			Source: "checkphone",
		}, got)
	}
}

func TestCheckphoneKeepsP2ExactlyAsItCame(t *testing.T) {
	for _, c := range []struct {
		claim, p2, uri string
		line           call.Line
	}{
		{"a number", "101", "101", "101"},
		{"blanks", " 101%20", " 101 ", "101"},
		{"a SIP address", "sip:101@pbx;user=phone", "sip:101@pbx;user=phone", "101"},
		{"a login", "sip:ivan@pbx", "sip:ivan@pbx", "ivan"},
		{"an address with a name", `"Отдел продаж" <sip:101@pbx>`, `"Отдел продаж" <sip:101@pbx>`, "101"},
		{"words", "Sales desk", "Sales desk", "Sales desk"},
		{"a plus", "+74951230001", "+74951230001", "+74951230001"},
		{"a placeholder", "$active_user", "", ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			got := parse(t, "checkphone", "", "event=1&p1=102&p2="+c.p2)
			same(t, c.uri, got.Local.URI)
			same(t, c.line, got.Line)
		})
	}
}

func TestCheckphoneWithoutItsEventIsUnusable(t *testing.T) {
	for _, query := range []string{"", "p1=101&p2=102", "event=&p1=1", "event=0", "event=5", "event=incoming", "event=$event", "event=1.0"} {
		_, err := Parse(Hit{Dialect: "checkphone", Query: query}, "RU")
		var unusable *Unusable
		if !errors.As(err, &unusable) || unusable.Reason == "" || strings.Contains(unusable.Reason, "\n") {
			t.Errorf("?%s: error %v, want *Unusable with a line of text", query, err)
		}
	}
}

func TestWhatDoesNotExistIsUnknown(t *testing.T) {
	for _, h := range []Hit{
		{}, {Dialect: "nokia", Event: "incoming"}, {Dialect: "yealink"}, {Dialect: "yealink", Event: "exploded"},
		{Dialect: "grandstream", Event: "P3707"}, {Dialect: "polycom"}, {Dialect: "phone", Event: "action_url"},
		{Dialect: "phone", Event: strings.Repeat("x", 1<<20)},
	} {
		_, err := Parse(h, "RU")
		if !errors.Is(err, ErrUnknown) {
			t.Fatalf("%.20s/%.20s: error %v, want ErrUnknown", h.Dialect, h.Event, err)
		}
		if len(err.Error()) > 256 {
			t.Errorf("an error of %d bytes", len(err.Error()))
		}
	}
}

func TestTheLineIsTheFirstThatIsNamed(t *testing.T) {
	for query, want := range map[string]call.Line{
		"line=1&acc=2&local=sip:3@pbx":         "1",
		"acc=2&local=sip:3@pbx":                "2",
		"active_user=2&local=sip:3@pbx":        "2",
		"local=sip:3@pbx":                      "3",
		`local="Sales" <sip:3@pbx;user=phone>`: "3",
		"line=$line&acc= &local=3":             "3",
		"acc=sip:2@pbx":                        "2",
		"local=sip:pbx.example":                "",
		"mac=001565aabbcc":                     "",
		"":                                     "",
		"line=" + strings.Repeat("я", 100):     call.Line(strings.Repeat("я", 64)),
		"line=a" + strings.Repeat("я", 100):    call.Line("a" + strings.Repeat("я", 63)),
	} {
		same(t, want, parse(t, "phone", "incoming", query).Line)
	}
}

func TestTheRemoteSideIsNumberAndName(t *testing.T) {
	for query, want := range map[string]call.Party{
		"remote=+74951230001":                         {URI: "+74951230001", Number: "+74951230001"},
		"remote=sip:anonymous@anonymous.invalid":      {URI: "sip:anonymous@anonymous.invalid"},
		`remote="Anonymous" <sip:anonymous@pbx>`:      {URI: `"Anonymous" <sip:anonymous@pbx>`, Name: "Anonymous"},
		"remote=Anonymous":                            {URI: "Anonymous"},
		"remote=$remote":                              {},
		`remote="In URI" <102>&name=Own`:              {URI: `"In URI" <102>`, Number: "102", Name: "Own"},
		`remote=102&name="Quoted"`:                    {URI: "102", Number: "102", Name: "Quoted"},
		`remote=102&name="Ivan" <sip:102@pbx>`:        {URI: "102", Number: "102", Name: "Ivan"},
		"remote=102&name=\xc8\xe2\xe0\xed":            {URI: "102", Number: "102", Name: "Иван"},
		"remote=102&name=J\xfcrgen":                   {URI: "102", Number: "102", Name: "Jürgen"},
		"remote=102&name=" + strings.Repeat("я", 300): {URI: "102", Number: "102", Name: strings.Repeat("я", 128)},
		"remote=" + strings.Repeat("1", 1000):         {URI: strings.Repeat("1", 512)},
	} {
		same(t, want, parse(t, "phone", "incoming", query).Remote)
	}
}

func TestFiveSpellingsOfAMACAreOne(t *testing.T) {
	for _, mac := range []string{"001565aabbcc", "00:15:65:AA:BB:CC", "00-15-65-aa-bb-cc", "0015.65aa.bbcc", "00 15 65 AA BB CC", "00%3A15%3A65%3Aaa%3Abb%3Acc"} {
		same(t, "001565aabbcc", parse(t, "phone", "boot", "mac="+mac).Phone.MAC)
	}
	for _, mac := range []string{"", "$mac", "000000000000", "ff:ff:ff:ff:ff:ff", "001565aabbc", "001565aabbccd", "001565aabbcg"} {
		same(t, "", parse(t, "phone", "boot", "mac="+mac).Phone.MAC)
	}
}

func TestThePhonesAddressIsItsOwnWordElseTheConnections(t *testing.T) {
	for ip, want := range map[string]string{
		"10.0.0.7": "10.0.0.7", "::ffff:10.0.0.7": "10.0.0.7", "2001:DB8::1": "2001:db8::1",
		"": addr, "$ip": addr, "0.0.0.0": addr, "10.0.0": addr, "fe80::1%25eth0": addr,
	} {
		same(t, want, parse(t, "phone", "boot", "ip="+ip).Phone.IP)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("yealink", "incoming_call", `remote="Иван Петров" <sip:+74951230001@pbx;user=phone>&acc=101`, "", addr, "Yealink SIP-T46S 66.86.5.20 80:5e:c0:01:02:03")
	f.Add("checkphone", "", "event=1&p1=sip:74951230001@operatorsip.ru&p2=\xc8\xe2", "", "::1", "Mitel6940 MAC:14-00-E9-01-02-03 V:6.4.0.4006-SIP")
	f.Add("phone", "boot", "mac=00-15-65-aa-bb-cc&line=%2500&model=\xff&fw=$firmware", "", "", "\xff")
	f.Add("dlink", "Incoming Call Url", "acc=101&remote=$remote&callDirection=in", "", addr, "")
	f.Add("fanvil", "CallStopUrl", "Acc=101&num=74951230001&cid=$call_id", "", addr, "Fanvil X6U Pro 0.0.10 0c383e010203")
	f.Add("grandstream", "P8310", "phone_ip=10.0.0.7&product=GXP2135&program_version=1.0.7.97&call-id=a@b", "", "", "Grandstream Model HW GXP2135 SW 1.0.7.97 DevId 000b82010203")
	f.Add("snom", "action_missed_url", `local=&cancel_reason=SIP;cause=200;text="Call completed elsewhere"`, "", "", "Mozilla/4.0 (compatible; snomD785-SIP 10.1.169.16 1.2 000413010203 SXM:0)")
	f.Add("htek", "P3707", "mac=001fc1010203&local=sip:101@pbx", "", "", "Htek UC926 2.0.4.2 00:1f:c1:01:02:03")
	f.Add("sangoma", "ActionUrl_CallCompletedElsewhere", "active_user=101", "", "", "")
	f.Add("akuvox", "RejectInComingCall", "active_url=101@pbx", "", "", "")
	f.Add("flyingvoice", "DBID_ACTIONURL_RING", "callerID=84951230001", "", "", "Flyingvoice FIP13G V0.6.24 00:21:F2:01:02:03")
	f.Add("mitel", "registration event", "ext=101&regstate=REFUSED&name=$$INCOMINGNAME$", "", "", "")
	f.Add("polycom", "", "line=101", polycomOffering, "", "PolycomVVX-VVX_450-UA/6.4.0")
	f.Add("microsip", "cmdIncomingCall", "line=101&%2b74951230001", "", "127.0.0.1", "curl/8.4.0")
	f.Fuzz(func(t *testing.T, dialect, event, query, body, ip, agent string) {
		for _, d := range append(Dialects(), dialect) { // what one phone says, all others may say too
			soundWhateverItSays(t, Hit{Dialect: d, Event: event, Query: query, Body: body, Addr: ip, UserAgent: agent})
		}
	})
}

func soundWhateverItSays(t *testing.T, h Hit) {
	s, err := Parse(h, "RU")
	e := s.Event
	if err != nil {
		var unusable *Unusable
		if !errors.Is(err, ErrUnknown) && !errors.Is(err, ErrNoMeaning) && !errors.Is(err, ErrNothingNew) && !errors.As(err, &unusable) {
			t.Errorf("%s: error %v", h.Dialect, err)
		}
		return
	}
	if !e.Type.Known() {
		t.Errorf("%s: type %q", h.Dialect, e.Type)
	}
	if n := len(e.Phone.MAC); n != 0 && n != 12 {
		t.Errorf("%s: MAC %q", h.Dialect, e.Phone.MAC)
	}
	for _, p := range []call.Party{e.Local, e.Remote} {
		if p.Number != "" && phone.Parse(string(p.Number), "RU") != p.Number {
			t.Errorf("%s: number %q is not in its final form", h.Dialect, string(p.Number))
		}
	}
	for _, c := range []struct {
		value string
		limit int
	}{
		{string(e.Line), maxLine}, {e.CallID, maxCallID}, {e.Raw, maxRaw}, {e.Phone.IP, maxName},
		{e.Phone.Model, maxDevice}, {e.Phone.Firmware, maxDevice},
		{e.Local.URI, maxURI}, {e.Local.Name, maxName}, {e.Remote.URI, maxURI}, {e.Remote.Name, maxName},
	} {
		if len(c.value) > c.limit || !utf8.ValidString(c.value) {
			t.Errorf("%s: %q is longer than %d bytes or not UTF-8", h.Dialect, c.value, c.limit)
		}
		if strings.ContainsFunc(c.value, unicode.IsControl) && !strings.ContainsFunc(h.Addr, unicode.IsControl) {
			t.Errorf("%s: %q has a control character", h.Dialect, c.value)
		}
	}
}

func BenchmarkParse(b *testing.B) {
	for name, h := range map[string]Hit{
		"yealink":    {Dialect: "yealink", Event: "incoming_call", Query: `mac=001565aabbcc&acc=101&remote="Ivan" <sip:+74951230001@pbx;user=phone>&cid=33093`, Addr: addr},
		"checkphone": {Dialect: "checkphone", Query: "event=1&p1=sip:74951230001@operatorsip.ru&p2=101", Addr: addr},
		"agent":      {Dialect: "phone", Event: "incoming", Query: "line=101&remote=102", Addr: addr, UserAgent: "Mitel6940 MAC:14-00-E9-01-02-03 V:6.4.0.4006-SIP"},
		"polycom":    {Dialect: "polycom", Body: polycomOffering, Addr: addr},
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if _, err := Parse(h, "RU"); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
