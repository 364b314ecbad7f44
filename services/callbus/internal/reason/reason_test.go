package reason

import (
	"regexp"
	"testing"

	onecadapter "github.com/callbus/callbus/services/onec-adapter"

	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// english is what must not be left of a reason; these words are the same in Russian.
var english = regexp.MustCompile(`[A-Za-z]{2,}`)
var ours = regexp.MustCompile(`TelData|Callbus|HTTP|https?|TLS|SOAP|HTML|held|10m0s`)

func TestEveryReasonOfTheAdapterIsSaidInRussian(t *testing.T) {
	meanings := onecadapter.Meanings()
	if len(meanings) < 30 {
		t.Fatalf("got only %d reasons", len(meanings))
	}
	for _, m := range meanings {
		if left := english.FindString(ours.ReplaceAllString(In(lang.Russian, m), "")); left != "" {
			t.Errorf("%q: %q is left in %q", m, left, In(lang.Russian, m))
		}
		if got := In(lang.English, m); got != m {
			t.Errorf("%q in English became %q", m, got)
		}
	}
}

func TestTheWordsOf1CStayAsTheyAre(t *testing.T) {
	const why = "1C refused: Деление на 0 / Division by zero (HTTP 500, SOAP Fault)"
	const want = "1С отказала: Деление на 0 / Division by zero (HTTP 500, ошибка SOAP)"
	if got := In(lang.Russian, why); got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
