package farm_test

import (
	"strconv"
	"strings"
	"testing"
)

var latin = map[rune]string{
	'а': "a", 'б': "b", 'в': "v", 'г': "g", 'д': "d", 'е': "e", 'ё': "yo", 'ж': "zh", 'з': "z", 'и': "i", 'й': "j", 'к': "k",
	'л': "l", 'м': "m", 'н': "n", 'о': "o", 'п': "p", 'р': "r", 'с': "s", 'т': "t", 'у': "u", 'ф': "f", 'х': "kh", 'ц': "ts",
	'ч': "ch", 'ш': "sh", 'щ': "shch", 'ъ': "''", 'ы': "y", 'ь': "'", 'э': "e", 'ю': "yu", 'я': "ya",
}

// ascii quotes a text for a trace. What is all of Russian letters besides ASCII is written in Latin ones and marked; all else
// that is not ASCII is escaped, so that a name in the wrong code page looks wrong.
func ascii(s string) string {
	var b strings.Builder
	cyrillic := false
	for _, r := range s {
		low := []rune(strings.ToLower(string(r)))[0]
		switch letters, ok := latin[low]; {
		case !ok:
			b.WriteRune(r)
		case low == r:
			cyrillic = true
			b.WriteString(letters)
		default:
			cyrillic = true
			b.WriteString(strings.ToUpper(letters[:1]) + letters[1:])
		}
	}
	quoted := strconv.QuoteToASCII(b.String())
	if cyrillic {
		return quoted + " in Cyrillic"
	}
	return quoted
}

func TestANameInTheWrongCodePageLooksWrong(t *testing.T) {
	for name, want := range map[string]string{
		"Ivan":                 `"Ivan"`,
		"ООО Ромашка & Ко":     `"OOO Romashka & Ko" in Cyrillic`,
		"Müller":               `"M\u00fcller"`,
		"\u00ce\u00ce\u00ce x": `"\u00ce\u00ce\u00ce x"`,
	} {
		if got := ascii(name); got != want {
			t.Errorf("%q: got %s, want %s", name, got, want)
		}
	}
}
