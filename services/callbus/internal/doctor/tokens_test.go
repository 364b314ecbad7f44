package doctor

import (
	"strings"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// showing is a phone whose URLs have tokens: "incoming own 72h" is an own one that ends then.
func showing(mac string, line call.Line, urls ...string) stream.KnownPhone {
	p := aPhone(mac, line, 9)
	for _, url := range urls {
		w := strings.Fields(url)
		seen := p.Events[call.EventType(w[0])]
		seen.Token = &stream.SeenToken{Kind: w[1], Since: ago(time.Hour)}
		if w[1] == stream.OwnToken {
			seen.Token.ID = mac
		}
		if len(w) > 2 {
			left, err := time.ParseDuration(w[2])
			if err != nil {
				panic(err)
			}
			seen.Token.Until, seen.Token.Old = now.Add(left), true
		}
		p.Events[call.EventType(w[0])] = seen
	}
	return p
}

func TestPhonesWithAnOldTokenOrNoneAreNamed(t *testing.T) {
	putAway := showing("001565aabb04", "104", "incoming own 72h")
	putAway.Last = ago(30 * 24 * time.Hour)
	for why, c := range map[string]struct {
		phones []stream.KnownPhone
		want   string // "level id lines"
		ru, do string
	}{
		"its own, or the shared one": {[]stream.KnownPhone{showing("001565aabb01", "101", "incoming own"), showing("001565aabb02", "102", "incoming shared")}, "", "", ""},
		"put away":                   {[]stream.KnownPhone{putAway}, "", "", ""},
		"two of a rotated secret": {[]stream.KnownPhone{showing("001565aabb01", "101", "incoming own 200h", "ended own 200h"), showing("001565aabb02", "102", "incoming own 200h")},
			"note tokens-expiring 101 102", "перестанут действовать (403): 101 (001565aabb01), 102 (001565aabb02)", "callbus token new 001565aabb01 001565aabb02,"},
		"in some of its URLs": {[]stream.KnownPhone{showing("001565aabb01", "101", "incoming own", "answered own 200h", "ended own 200h")},
			"note tokens-expiring 101", "101 (001565aabb01) в URL событий ответ/завершён", "callbus token new 001565aabb01"},
		"it ends soon":                {[]stream.KnownPhone{showing("001565aabb01", "101", "incoming own 70h")}, "warning tokens-expiring 101", "перестанут", ""},
		"it has ended":                {[]stream.KnownPhone{showing("001565aabb01", "101", "incoming own -1h")}, "fault tokens-expired 101", "не действуют с", ""},
		"no token, and let in":        {[]stream.KnownPhone{showing("001565aabb01", "101", "incoming none")}, "note no-token 101", "из-за --token-optional: 101", "callbus token new 001565aabb01"},
		"no token, and no MAC either": {[]stream.KnownPhone{showing("", "101", "incoming none")}, "note no-token 101", "--token-optional: 101", "callbus token new MAC"},
	} {
		s := well()
		s.Phones = c.phones
		found := Examine(s, lang.Russian)
		if c.want == "" {
			if len(found) > 0 {
				t.Errorf("%s: got %+v", why, found)
			}
			continue
		}
		if len(found) != 1 {
			t.Errorf("%s: got %+v, want one finding", why, found)
			continue
		}
		f := found[0]
		if got := strings.Join(append([]string{string(f.Level), f.ID}, f.Phones...), " "); got != c.want || !strings.Contains(f.What, c.ru) || !strings.Contains(f.Do, c.do) {
			t.Errorf("%s: got %s, %s → %s; want %s, %s → %s", why, got, f.What, f.Do, c.want, c.ru, c.do)
		}
		if about := About(found, "101", nil); len(about) != 1 {
			t.Errorf("%s: nothing about 101", why)
		}
		if about := About(found, "107", nil); len(about) != 0 {
			t.Errorf("%s: told to 107, whom it does not concern", why)
		}
	}
}

func TestOfManyPhonesWithOldTokensSomeAreNamed(t *testing.T) {
	s := well()
	for range 12 {
		s.Phones = append(s.Phones, showing("001565aabb09", "109", "incoming own 200h"))
	}
	if found := Examine(s, lang.English); len(found) != 1 || !strings.Contains(found[0].What, "2 more (callbus phones)") || len(found[0].Phones) != 12 {
		t.Errorf("got %+v, want 10 names and 2 more", found)
	}
}

// Anybody can call himself callbus send. It hides his phone from the book, and nothing else.
func TestWhoCallsHimselfCallbusSendIsRefusedInPlainSight(t *testing.T) {
	trial := stream.Rejection{Time: ago(time.Hour), Status: 403, Reason: "wrong token", Addr: "192.168.10.66", Query: "mac=001565aabb01", UserAgent: call.Trial}
	accepted := call.Event{Time: ago(time.Minute), Type: call.Incoming, Line: "101", Phone: call.Phone{MAC: "001565aabb01", IP: "192.168.10.66", Model: call.Trial}}
	phones := trial
	phones.UserAgent = "Yealink SIP-T46S 66.86.5.20 00:15:65:aa:bb:01"
	for why, c := range map[string]struct {
		refused []stream.Rejection
		calls   []call.Event
		want    string
	}{
		"a trial":                           {[]stream.Rejection{trial}, nil, "fault token-wrong callbus send с адреса 192.168.10.66"},
		"a trial that got a token":          {[]stream.Rejection{trial}, []call.Event{accepted}, "note token-wrong Уже исправлено"},
		"a phone, and a trial with its MAC": {[]stream.Rejection{phones}, []call.Event{accepted}, "fault token-wrong Телефон 101"},
		"trials alone":                      {nil, []call.Event{accepted, accepted, accepted, accepted}, ""},
	} {
		s := well()
		s.Rejected, s.Calls = c.refused, c.calls
		got := ""
		for _, f := range Examine(s, lang.Russian) {
			got += string(f.Level) + " " + f.ID + " " + f.What
		}
		if !strings.HasPrefix(got, c.want) || c.want == "" && got != "" {
			t.Errorf("%s: got %q, want %q", why, got, c.want)
		}
	}
	if found := Unheard("101", Seen{Calls: []call.Event{accepted}}, lang.English); len(found) != 1 {
		t.Error("a trial is taken for a phone of line 101")
	}
}
