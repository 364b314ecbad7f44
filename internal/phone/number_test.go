package phone

import (
	"strings"
	"testing"
)

// numbers is what phones send and what it means in Russia.
var numbers = []struct {
	claim, sent string
	want        Number
}{
	{"trunk prefix 8", "84951230001", "+74951230001"},
	{"country code without plus, as providers deliver it", "74951230001", "+74951230001"},
	{"bare ten digits, as providers deliver it", "4951230001", "+74951230001"},
	{"bare ten digits of a mobile", "9161230001", "+79161230001"},
	{"separators", "+7 (495) 123-00-01", "+74951230001"},
	{"a no-break space and an en dash", "8\u00a0495\u00a0123–00–01", "+74951230001"},
	{"direction marks of a copied contact", "\u202a+74951230001\u202c", "+74951230001"},
	{"a template that adds its own plus", "++74951230001", "+74951230001"},
	{"international prefix 810", "8104930123456", "+4930123456"},
	{"international prefix with separators", "8-10-49-30-12-34-56", "+4930123456"},
	{"810 to Russia itself", "81074951230001", "+74951230001"},
	{"toll-free", "88001230001", "+78001230001"},
	{"toll-free without trunk prefix", "8001230001", "+78001230001"},
	{"ten digits that begin with 8 are Saint Petersburg", "8121230001", "+78121230001"},
	{"Kazakhstan through the trunk prefix", "87011230001", "+77011230001"},
	{"Kazakhstan with the country code", "77011230001", "+77011230001"},
	{"an explicit plus is believed, even from a PBX that puts it before an 8", "+84951230001", "+84951230001"},
	{"touch tones after a pause", "84951230001,,12", "+74951230001"},

	{"sip", "sip:84951230001@pbx", "+74951230001"},
	{"sips with port", "sips:+74951230001@pbx:5061", "+74951230001"},
	{"tel with separators", "tel:+7-495-123-00-01", "+74951230001"},
	{"tel with context", "tel:84951230001;phone-context=+7", "+74951230001"},
	{"no scheme", "84951230001@pbx", "+74951230001"},
	{"name and parameters", `"Иван Петров" <sip:+74951230001@pbx;user=phone>;tag=1`, "+74951230001"},
	{"parameter without angle brackets", "sip:+74951230001@pbx;user=phone", "+74951230001"},
	{"parameter inside the user part", "sip:+74951230001;npdi@pbx", "+74951230001"},
	{"an escaped plus", "sip:%2B74951230001@pbx", "+74951230001"},
	{"a name without quotes", "Romashka <84951230001>", "+74951230001"},
	{"a number in quotes and nothing else", `"84951230001"`, "+74951230001"},

	{"internal", "101", "101"},
	{"internal at a host", "sip:101@pbx", "101"},
	{"internal of six digits", "123456", "123456"},
	{"emergency", "112", "112"},
	{"service code", "*98", "*98"},
	{"a code before an internal number", "sip:#31#100@pbx", "#31#100"},
	{"an escaped hash", "sip:%2331%23100@pbx", "#31#100"},
	{"a code before a whole number is not cut off", "*31*84951230001", "*31*84951230001"},

	{"a local number of seven digits", "1230001", "1230001"},
	{"outside-line prefix 9 is not Iran", "984951230001", "984951230001"},
	{"outside-line prefix 0", "084951230001", "084951230001"},
	{"eleven digits that begin with 4 are not Germany", "49301234567", "49301234567"},
	{"twelve digits without plus are not Belarus for certain", "375291230001", "375291230001"},
	{"bare 701 is not Kazakhstan for certain", "7011230001", "7011230001"},
	{"more digits than any number has", strings.Repeat("7", 40), Number(strings.Repeat("7", 40))},
	{"no such area", "80000000000", "80000000000"},
	{"too short for its country", "+7495123", "+7495123"},
	{"no such country", "+999123456789", "+999123456789"},

	{"empty", "", ""},
	{"blanks", "  ", ""},
	{"anonymous", "anonymous", ""},
	{"Anonymous as a SIP user", "sip:Anonymous@pbx", ""},
	{"RFC 3323", `"Anonymous" <sip:anonymous@anonymous.invalid>`, ""},
	{"RFC 3323 hides even a user that is a number", "sip:84951230001@anonymous.invalid:5060", ""},
	{"unknown", "unknown", ""},
	{"Unavailable", "Unavailable", ""},
	{"restricted", "sip:restricted@pbx", ""},
	{"withheld in Russian", "Номер скрыт", ""},
	{"a login", "sip:ivan@pbx", ""},
	{"a login with digits", "sip:ivan101@pbx", ""},
	{"a display name", "Иван Петров", ""},
	{"an IP address", "192.168.10.10", ""},
	{"a host", "sip:192.168.10.10:5060", ""},
	{"a host without port", "sip:pbx.example", ""},
	{"a lone plus", "+", ""},
	{"a lone hash", "#", ""},
	{"a plus in the middle", "8495+1230001", ""},
	{"digits without end", strings.Repeat("1", 65), ""},
}

func TestParseReadsWhatPhonesSend(t *testing.T) {
	for _, c := range numbers {
		t.Run(c.claim, func(t *testing.T) {
			if got := Parse(c.sent, "RU"); got != c.want {
				t.Errorf("Parse(%q) = %q, want %q", c.sent, string(got), string(c.want))
			}
		})
	}
}

func TestAnEmptyRegionIsTheDefaultRegion(t *testing.T) {
	if got := Parse("84951230001", ""); got != "+74951230001" {
		t.Errorf("got %q", string(got))
	}
}

func TestNationalNumbersFollowTheRegion(t *testing.T) {
	for _, c := range []struct {
		claim  string
		region Region
		sent   string
		want   Number
	}{
		{"Kazakhstan reads a bare 701 as its own", "KZ", "7011230001", "+77011230001"},
		{"Germany with trunk prefix", "DE", "030123456", "+4930123456"},
		{"Germany without trunk prefix may be a local number", "DE", "30123456", "30123456"},
		{"Germany dials 00", "DE", "0074951230001", "+74951230001"},
		{"Spain has no trunk prefix", "ES", "912345678", "+34912345678"},
		{"United States, ten digits", "US", "2025550123", "+12025550123"},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if got := Parse(c.sent, c.region); got != c.want {
				t.Errorf("Parse(%q, %s) = %q, want %q", c.sent, c.region, string(got), string(c.want))
			}
		})
	}
}

func TestParseRegionKnowsItsRegions(t *testing.T) {
	for s, want := range map[string]Region{"RU": "RU", " kz ": "KZ", "": "RU"} {
		if got, err := ParseRegion(s); err != nil || got != want {
			t.Errorf("ParseRegion(%q) = %q, %v, want %q", s, got, err, want)
		}
	}
	for _, s := range []string{"Russia", "XX", "7", "001"} {
		if got, err := ParseRegion(s); err == nil {
			t.Errorf("ParseRegion(%q) = %q, want an error", s, got)
		}
	}
}

func FuzzParse(f *testing.F) {
	for _, c := range numbers {
		f.Add(c.sent, c.sent+"7")
	}
	f.Fuzz(func(t *testing.T, s, region string) {
		r, err := ParseRegion(region)
		if err != nil {
			r = DefaultRegion
		}
		n := Parse(s, r)
		if len(n) > maxDialled {
			t.Errorf("Parse(%q) has %d bytes", s, len(n))
		}
		if rest := strings.Trim(string(n), "+*#0123456789"); rest != "" {
			t.Errorf("Parse(%q) = %q: %q is not dialled", s, string(n), rest)
		}
		if strings.LastIndexByte(string(n), '+') > 0 {
			t.Errorf("Parse(%q) = %q: a plus that does not lead", s, string(n))
		}
		if n != "" && countDigits(string(n)) == 0 {
			t.Errorf("Parse(%q) = %q: no digit", s, string(n))
		}
		if again := Parse(string(n), r); again != n {
			t.Errorf("Parse(%q) = %q, parsed again %q", s, string(n), string(again))
		}
		if seen := countDigits(n.String()); seen > shown {
			t.Errorf("Parse(%q) prints %d digits: %v", s, seen, n)
		}
	})
}

func BenchmarkParse(b *testing.B) {
	for name, s := range map[string]string{
		"outside":  `"Иван Петров" <sip:+74951230001@pbx;user=phone>`,
		"national": "84951230001",
		"internal": "sip:101@pbx",
		"login":    "sip:ivan@pbx",
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				Parse(s, "RU")
			}
		})
	}
}
