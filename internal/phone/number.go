// Package phone knows telephone numbers: it reads what phones send, normalises, and masks when printing.
package phone

import (
	"fmt"
	"net/netip"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Number is a telephone number: E.164 with "+" where it was recognised, else the digits as dialled (internal
// numbers have up to 6), empty where the caller withheld it. Convert with string(n) to get the digits; printing
// shows only the last four.
type Number string

// Region is an ISO 3166-1 alpha-2 country code that national numbers are read in ("RU").
type Region string

// DefaultRegion is the region of an empty Region: Callbus was made for offices with 1C.
const DefaultRegion Region = "RU"

const (
	maxInternal = 6  // digits; MikoPBX allows internal numbers of 3 to 6 (its wiki, general settings)
	maxE164     = 24 // digits that are looked into: 15 of E.164 and the prefixes dialled before them
	maxDialled  = 64 // bytes; what is longer is no telephone number, and half of it would be a wrong one
	fullLength  = 10 // digits that a number without trunk prefix must have where the region has such a prefix
)

// ParseRegion reads a region code as an operator writes it ("ru"). Empty means DefaultRegion; a code that
// libphonenumber does not know is an error.
func ParseRegion(s string) (Region, error) {
	s = strings.ToUpper(strings.TrimSpace(s))
	if s == "" {
		return DefaultRegion, nil
	}
	if !phonenumbers.GetSupportedRegions()[s] {
		return "", fmt.Errorf("%.16q is not a region: give two letters of ISO 3166-1, such as RU or KZ", s)
	}
	return Region(s), nil
}

// Parse reads a number out of whatever a phone sends: "84951234567", "+7 495 123-45-67", "8104930123456",
// "sip:101@pbx", `"Name" <sip:74951234567@pbx;user=phone>`, "tel:+7-495-123-45-67".
//
// The answer is E.164 where libphonenumber finds a valid number in the region, else the characters as dialled
// ("101", "#31#100"). It is empty for withheld numbers and for all that is no number: a text with a letter in it
// ("anonymous", "unknown", "sip:ivan@pbx"), an IP address, and any user at the host "anonymous.invalid" (RFC 3323,
// section 4.1.1.3). Parse is idempotent, and an answer has at most 64 bytes of "+*#0123456789".
func Parse(s string, region Region) Number {
	a := ParseAddress(s)
	if a.withheld() {
		return ""
	}
	d := dialled(a.User)
	if n, ok := e164(d, region); ok {
		return n
	}
	return Number(d)
}

// withheld reports whether the host says that the caller is not to be known, whatever the user part holds.
func (a Address) withheld() bool {
	host, _, _ := strings.Cut(a.Host, ":")
	return strings.EqualFold(host, "anonymous.invalid")
}

// dialled keeps what can be dialled of s, and nothing of it if s is no number.
func dialled(s string) string {
	if _, err := netip.ParseAddr(s); err == nil {
		return ""
	}
	d, ok := keepDialled(s)
	if !ok || len(d) > maxDialled || countDigits(d) == 0 {
		return ""
	}
	return d
}

// keepDialled drops separators and stops at a comma, where a pause and touch tones begin ("84951234567,12").
// Anything else is not part of a number, and the whole is refused.
func keepDialled(s string) (string, bool) {
	var b strings.Builder
	for _, r := range s {
		switch {
		case r >= '0' && r <= '9', r == '*', r == '#':
			b.WriteRune(r)
		case r == '+' && b.Len() == 0:
			b.WriteRune(r)
		case r == '+' && b.String() == "+": // "++7…": a template that adds its own plus
		case r == ',':
			return b.String(), true
		case !separator(r):
			return "", false
		}
	}
	return b.String(), true
}

// separator reports whether r only makes a number easier to read: the visual separators of RFC 3966, section 3,
// blanks, the dashes of word processors, and the direction marks that come along when a contact is copied.
func separator(r rune) bool {
	switch r {
	case '-', '.', '(', ')', ' ', '\t', '\u00a0', '\u2009', '\u202f', '\u200e', '\u200f':
		return true
	}
	return r >= '\u2010' && r <= '\u2015' || r >= '\u202a' && r <= '\u202e'
}

// e164 asks libphonenumber. Internal numbers and service codes ("*98", "#31#…") are never asked about.
func e164(d string, region Region) (Number, bool) {
	if n := countDigits(d); n <= maxInternal || n > maxE164 || strings.ContainsAny(d, "*#") {
		return "", false
	}
	if region == "" {
		region = DefaultRegion
	}
	n, err := phonenumbers.ParseAndKeepRawInput(d, string(region))
	if err != nil || !phonenumbers.IsValidNumber(n) || ambiguous(d, n, region) {
		return "", false
	}
	return Number(phonenumbers.Format(n, phonenumbers.E164)), true
}

// ambiguous reports whether d could as well be something else than the national number n. A number without the
// trunk prefix may be a local one: in Germany 30123456 is a subscriber of the caller's own town. Ten digits are
// believed, since Russian providers deliver bare 10 digits; but only as a number of the region itself: a bare 701…
// is not taken for Kazakhstan, while 8701… is.
func ambiguous(d string, n *phonenumbers.PhoneNumber, region Region) bool {
	if n.GetCountryCodeSource() != phonenumbers.PhoneNumber_FROM_DEFAULT_COUNTRY {
		return false
	}
	national := phonenumbers.GetNationalSignificantNumber(n)
	if len(d) > len(national) || phonenumbers.GetNddPrefixForRegion(string(region), true) == "" {
		return false
	}
	return len(national) < fullLength || !phonenumbers.IsValidNumberForRegion(n, string(region))
}

func countDigits(s string) int {
	n := 0
	for i := range len(s) {
		if digit(s[i]) {
			n++
		}
	}
	return n
}

func digit(c byte) bool { return c >= '0' && c <= '9' }
