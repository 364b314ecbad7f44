package phone

import (
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var addresses = []struct {
	claim, sent string
	want        Address
}{
	{"everything", `"Иван Петров" <sip:+74951234567@pbx;user=phone>`, Address{"Иван Петров", "sip", "+74951234567", "pbx"}},
	{"no blank before the bracket", `"Bob"<sip:100@pbx>`, Address{"Bob", "sip", "100", "pbx"}},
	{"no brackets", "sip:101@pbx", Address{"", "sip", "101", "pbx"}},
	{"no scheme", "101@pbx", Address{"", "", "101", "pbx"}},
	{"a bare number", "101", Address{"", "", "101", ""}},
	{"a bare number with blanks", " 8 495 123-45-67 ", Address{"", "", "8 495 123-45-67", ""}},
	{"a name without quotes", "Name <101>", Address{"Name", "", "101", ""}},
	{"several bare words are a name", "Иван Петров", Address{"Иван Петров", "", "", ""}},
	{"one bare word is a user", "Sales", Address{"", "", "Sales", ""}},
	{"a quoted name without brackets", `"Ivan" sip:101@pbx`, Address{"Ivan", "sip", "101", "pbx"}},
	{"nothing but a quoted number", `"101"`, Address{"", "", "101", ""}},
	{"nothing but a quoted name", `"Ivan Petrov"`, Address{"Ivan Petrov", "", "", ""}},
	{"escapes in quotes", `"Ivan \"Vanya\" \\ Petrov" <sip:101@pbx>`, Address{`Ivan "Vanya" \ Petrov`, "sip", "101", "pbx"}},
	{"a bracket inside quotes", `"a <b>" <sip:101@pbx>`, Address{"a <b>", "sip", "101", "pbx"}},
	{"an address inside the name", `"ivan@home" <sip:101@pbx>`, Address{"ivan@home", "sip", "101", "pbx"}},
	{"an empty address", "Ivan <>", Address{"Ivan", "", "", ""}},
	{"an open quote", `"Ivan <sip:101@pbx>`, Address{"Ivan", "sip", "101", "pbx"}},
	{"an open bracket", `Ivan <sip:101@pbx`, Address{"Ivan", "sip", "101", "pbx"}},
	{"an empty name", `"" <sip:101@pbx>`, Address{"", "sip", "101", "pbx"}},
	{"parameters after the host", "sip:101@pbx;transport=udp;x=a@b", Address{"", "sip", "101", "pbx"}},
	{"parameters in the user part", "sip:101;ext=2@pbx", Address{"", "sip", "101", "pbx"}},
	{"parameters without a host", "101;user=phone", Address{"", "", "101", ""}},
	{"headers", "sip:101@pbx?Subject=a@b", Address{"", "sip", "101", "pbx"}},
	{"a password", "sip:101:secret@pbx", Address{"", "sip", "101", "pbx"}},
	{"a port", "SIP:101@pbx:5060", Address{"", "sip", "101", "pbx:5060"}},
	{"an IPv6 host", "sips:101@[2001:db8::1]:5061", Address{"", "sips", "101", "[2001:db8::1]:5061"}},
	{"slashes", "sip://101@pbx", Address{"", "sip", "101", "pbx"}},
	{"a login that is an e-mail address", "sip:ivan@example.com@pbx", Address{"", "sip", "ivan@example.com", "pbx"}},
	{"tel has no host", "tel:+7-495-123-45-67;phone-context=a@b", Address{"", "tel", "+7-495-123-45-67", ""}},
	{"a host only", "sip:pbx.example:5060", Address{"", "sip", "", "pbx.example:5060"}},
	{"a login without its host", "sip:ivan.petrov@", Address{"", "sip", "ivan.petrov", ""}},
	{"a host and junk", "sip:pbx.example junk", Address{"", "sip", "", "pbx.example"}},
	{"a scheme and a user", "sip:101", Address{"", "sip", "101", ""}},
	{"codes", "sip:#31#100@pbx", Address{"", "sip", "#31#100", "pbx"}},
	{"escaped codes", "sip:%2A98%23@pbx", Address{"", "sip", "*98#", "pbx"}},
	{"escapes that hide a control character stay", "sip:1%000@pbx", Address{"", "sip", "1%000", "pbx"}},
	{"a bad escape stays", "sip:1%zz%@pbx", Address{"", "sip", "1%zz%", "pbx"}},
	{"empty", "", Address{}},
}

func TestParseAddressTakesAddressesApart(t *testing.T) {
	for _, c := range addresses {
		t.Run(c.claim, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ParseAddress(c.sent)); diff != "" {
				t.Errorf("ParseAddress(%q) (-want +got):\n%s", c.sent, diff)
			}
		})
	}
}

func FuzzParseAddress(f *testing.F) {
	for _, c := range addresses {
		f.Add(c.sent)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := ParseAddress(s)
		if n := len(a.Name) + len(a.Scheme) + len(a.User) + len(a.Host); n > maxAddress {
			t.Errorf("%d bytes out of %d", n, len(s))
		}
		if strings.ContainsAny(a.Host, "<>;?@ ") {
			t.Errorf("ParseAddress(%q): host %q", s, a.Host)
		}
		for _, part := range []string{a.Name, a.User, a.Host} {
			if utf8.ValidString(s) && !utf8.ValidString(part) {
				t.Errorf("ParseAddress(%q) breaks UTF-8: %q", s, part)
			}
			if strings.ContainsFunc(part, unicode.IsControl) && !strings.ContainsFunc(s, unicode.IsControl) {
				t.Errorf("ParseAddress(%q) makes a control character: %q", s, part)
			}
		}
	})
}

// A strict client's address comes apart into the parts that it was made of.
func FuzzParseAddressFindsTheParts(f *testing.F) {
	f.Add("Иван Петров", "+74951234567", "pbx:5060")
	f.Fuzz(func(t *testing.T, name, user, host string) {
		plain := func(s, not string) bool {
			return s != "" && s == strings.TrimSpace(s) && len(s) < 200 && utf8.ValidString(s) && !strings.ContainsAny(s, not)
		}
		if !plain(name, "") || !plain(user, "/%;?:@<>\" \t") || !plain(host, ";?@<> \t") {
			t.Skip()
		}
		quoted := strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(name)
		want := Address{name, "sip", user, host}
		if diff := cmp.Diff(want, ParseAddress(`"`+quoted+`" <sip:`+user+"@"+host+";user=phone>")); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
	})
}
