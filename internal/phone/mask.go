package phone

import (
	"fmt"
	"log/slog"
	"regexp"
	"strings"
)

// shown is how many digits of a number may be printed: enough to find a call in a log, too few to call back.
const shown = 4

// String masks the number but for its last four digits: "+*******4567", "**3456". A number of up to four digits is
// internal or a service ("101", "112") and is shown whole.
func (n Number) String() string {
	out := []byte(n)
	hide := countDigits(string(n)) - shown
	for i := 0; i < len(out) && hide > 0; i++ {
		if digit(out[i]) {
			out[i] = '*'
			hide--
		}
	}
	return string(out)
}

// Format masks under every verb and flag, %#v and %x included, so that no format string leaks a number. (A Number in
// an unexported field of a struct printed whole is out of its reach: fmt calls no methods there.)
func (n Number) Format(f fmt.State, verb rune) {
	fmt.Fprintf(f, fmt.FormatString(f, verb), n.String())
}

// LogValue masks in log/slog, whose JSON handler would not ask String.
// encoding/json writes the digits: it is a codec, not a print.
func (n Number) LogValue() slog.Value { return slog.StringValue(n.String()) }

// Mask hides numbers in a text that is not known to be one (a SIP URI, the words of an error), however they are written:
// seven digits or more, with blanks, dashes, dots, slashes, brackets or nothing between them, but for the last four.
//
// What is no telephone number by its form stays readable: IPv4 addresses, UUIDs, dates, times, and versions of 1C
// (8.3.24.1548), each a word of its own. So does a number that somebody wrote just like one of them. Where the form does
// not tell, it is hidden: a MAC or a sum of money of seven digits, two internal numbers with but a blank between them.
// Nothing but digits is ever replaced: the length is kept, and masking twice changes nothing.
func Mask(s string) string {
	out := []byte(s)
	for i := 0; i < len(s); {
		switch plain := plainAt(s, i); {
		case plain > 0:
			i += plain
		case digit(s[i]):
			end := numberEnd(s, i)
			hide(out[i:end])
			i = end
		default:
			i++
		}
	}
	return string(out)
}

// hide replaces all digits but the last four of an external number.
func hide(number []byte) {
	n := countDigits(string(number))
	if n <= maxInternal {
		return
	}
	for i := 0; n > shown; i++ {
		if digit(number[i]) {
			number[i] = '*'
			n--
		}
	}
}

// numberEnd is where the number ends that begins at i: it goes on over separators, but not into what is plain.
func numberEnd(s string, i int) (end int) {
	for {
		for i < len(s) && digit(s[i]) {
			i++
		}
		end = i
		i += len(separators.FindString(s[i:]))
		if i == end || i == len(s) || !digit(s[i]) || plainAt(s, i) > 0 {
			return end
		}
	}
}

// separators may stand between two digits of a number: blanks, dashes and brackets of ASCII and of typography.
var separators = regexp.MustCompile("^[-\t ()./_\u00A0\u202F\u2009\u2010-\u2015\u2212]{1,4}")

// plainForms are digits that are no telephone number, when they stand alone.
var plainForms = regexp.MustCompile(`^(?:` + strings.Join([]string{
	`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`,
	`(?:19|20)[0-9]{2}-[01][0-9]-[0-3][0-9](?:[T ]` + clock + `(?:Z|[+-][0-9]{2}:?[0-9]{2})?)?`,
	`[0-3][0-9]\.[01][0-9]\.(?:19|20)[0-9]{2}(?: ` + clock + `)?`,
	clock,
	`8\.[0-9]\.[0-9]{1,2}\.[0-9]{4}`,
	octet + `(?:\.` + octet + `){3}(?:/[0-9]{1,2}|:[0-9]{1,5})?`,
}, "|") + `)`)

const (
	clock = `[0-9]{1,2}:[0-9]{2}(?::[0-9]{2}(?:[.,][0-9]{1,6})?)?`
	octet = `(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])`
)

// goesOn is what makes a plain form part of something longer.
var goesOn = regexp.MustCompile(`^(?:[0-9A-Za-z]|[-./_:][0-9])`)

// plainAt is the length of the plain form that stands alone at i, or 0.
func plainAt(s string, i int) int {
	if !hexDigit(s[i]) || i > 0 && (hexDigit(s[i-1]) || strings.IndexByte("+.-", s[i-1]) >= 0) {
		return 0
	}
	n := len(plainForms.FindString(s[i:]))
	if goesOn.MatchString(s[i+n:]) {
		return 0
	}
	return n
}

func hexDigit(c byte) bool { return digit(c) || 'a' <= c|0x20 && c|0x20 <= 'f' }
