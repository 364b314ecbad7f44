package dialect

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// repair makes valid UTF-8 of the bytes of a phone. UTF-8 stays as it is. UTF-8 with a rune cut in half (phones cut
// names by bytes) loses the halves. Anything else is one of two old character sets, told apart by a simple vote:
// Cyrillic letters come in words, the accented letters of Latin-1 come one or two at a time between ASCII letters.
// So "Müller" is Latin-1, "Иван" and a lone "№" are windows-1251, and when in doubt it is windows-1251: the users
// are Russian first. Latin-1 is read as windows-1252, as browsers do.
func repair(s string) string {
	switch {
	case utf8.ValidString(s):
		return s
	case damagedUTF8(s):
		return strings.ToValidUTF8(s, "")
	case accented(s):
		return decodeAs(charmap.Windows1252, s)
	}
	return decodeAs(charmap.Windows1251, s)
}

// damagedUTF8 reports whether s has more runes beyond ASCII than broken bytes. windows-1251 hardly ever looks like
// that: in UTF-8 a capital letter of it must be followed by a sign such as "»", never by a letter.
func damagedUTF8(s string) bool {
	balance := 0
	for len(s) > 0 {
		r, size := utf8.DecodeRuneInString(s)
		switch {
		case r == utf8.RuneError && size == 1:
			balance--
		case size > 1:
			balance++
		}
		s = s[size:]
	}
	return balance > 0
}

// accented is the vote: bytes above ASCII in runs of one or two that touch an ASCII letter, against all others.
func accented(s string) bool {
	votes := 0
	for i := 0; i < len(s); {
		if s[i] < utf8.RuneSelf {
			i++
			continue
		}
		end := i
		for end < len(s) && s[end] >= utf8.RuneSelf {
			end++
		}
		touches := i > 0 && letter(s[i-1]) || end < len(s) && letter(s[end])
		if touches && end-i <= 2 {
			votes += end - i
		} else {
			votes -= end - i
		}
		i = end
	}
	return votes > 0
}

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

func decodeAs(set *charmap.Charmap, s string) string {
	var b strings.Builder
	for i := range len(s) {
		b.WriteRune(set.DecodeByte(s[i]))
	}
	return b.String()
}

// valid drops what is not UTF-8, for strings that no phone chose.
func valid(s string) string { return strings.ToValidUTF8(s, "") }
