package phone

import (
	"fmt"
	"strings"

	"github.com/nyaruka/phonenumbers"
)

// Form is how a receiver wants numbers written.
type Form string

// The forms of +7 495 123-45-67, which a phone in Russia sent as "sip:84951234567@pbx".
const (
	AsSent   Form = "as-sent"  // sip:84951234567@pbx
	E164     Form = "e164"     // +74951234567
	Digits   Form = "digits"   // 74951234567
	RU8      Form = "ru8"      // 84951234567; a foreign number with Russia's way abroad before it, 8~10: 81049301234567
	Last10   Form = "last10"   // 4951234567; all digits of a number that has fewer
	National Form = "national" // 84951234567: as it is dialled within its own country, which nobody tells: 030… for Berlin
)

// Forms are all of them.
var Forms = []Form{AsSent, E164, Digits, RU8, Last10, National}

// ParseForm reads a form as an operator writes it.
func ParseForm(s string) (Form, error) {
	for _, f := range Forms {
		if string(f) == s {
			return f, nil
		}
	}
	return "", fmt.Errorf("unknown number format %.20q; want one of %s", s, strings.Trim(fmt.Sprint(Forms), "[]"))
}

// Write gives a number in the form. An internal number, a service code and what is no number of any country are as they
// were dialled in all forms but AsSent. What was sent goes on unchanged where there is no number in it: a name, a withheld
// caller.
func (f Form) Write(sent string, n Number) string {
	switch {
	case f == AsSent || f == "" || n == "":
		return sent
	case !n.international():
		return string(n)
	}
	digits := string(n[1:])
	switch f {
	case Digits:
		return digits
	case RU8:
		return ru8(digits)
	case Last10:
		return digits[max(0, len(digits)-10):]
	case National:
		return national(n)
	}
	return string(n)
}

// international reports whether the number begins with a country's code, as far as its form tells.
func (n Number) international() bool {
	return strings.HasPrefix(string(n), "+") && countDigits(string(n)) > maxInternal && !strings.ContainsAny(string(n), "*#")
}

func ru8(digits string) string {
	if len(digits) == 11 && digits[0] == '7' {
		return "8" + digits[1:]
	}
	return "810" + digits
}

// national asks libphonenumber, since the trunk prefix differs by country: 8 for Russia, 0 for Germany, none for Spain.
func national(n Number) string {
	known, err := phonenumbers.Parse(string(n), "")
	if err != nil {
		return string(n)
	}
	return phonenumbers.NormalizeDigitsOnly(phonenumbers.Format(known, phonenumbers.NATIONAL))
}
