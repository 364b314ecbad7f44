package remedy

import (
	"slices"
	"strings"
	"testing"

	onecadapter "github.com/callbus/callbus/services/onec-adapter"

	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// foreign are the beginnings of reasons that are no failures of a call; a check or a dead letter may have them all the same.
var foreign = []string{"the service has no operation", "the operation ", "not a call event"}

func TestEachRemedyIsForAReasonThatThereIs(t *testing.T) {
	meanings := append(onecadapter.Meanings(), foreign...)
	for _, phrase := range same {
		if _, found := remedyIn(remedies, phrase); !found && !slices.ContainsFunc(remedies, func(r remedy) bool {
			return slices.ContainsFunc(r.says, func(says string) bool { return strings.HasPrefix(says, phrase) })
		}) {
			t.Errorf("no remedy is for %q", phrase)
		}
	}
	for _, r := range slices.Concat(remedies, ofReceivers) {
		if !slices.ContainsFunc(r.says, func(phrase string) bool {
			return slices.ContainsFunc(meanings, func(m string) bool { return strings.HasPrefix(m, phrase) })
		}) {
			t.Errorf("nothing begins with any of %q", r.says)
		}
		if r.do.En == "" || r.do.Ru == "" {
			t.Errorf("%q: say it in both languages", r.says)
		}
	}
}

// rules are reasons for which nothing has to be done.
var rules = []string{"; 1C may have", "; the events of others", "the end of this line", "its ring was stale", "stale: ", "not for this target: "}

func TestThereIsARemedyForEachFailure(t *testing.T) {
	none := For(lang.English, "what nobody has seen")
	for _, m := range onecadapter.Meanings() {
		byRule := slices.ContainsFunc(rules, func(r string) bool { return strings.HasPrefix(m, r) })
		if !byRule && For(lang.English, m) == none {
			t.Errorf("what is to be done about %q?", m)
		}
	}
}

func TestTheWordsOf1CDecideNothing(t *testing.T) {
	const why = "1C refused: nobody listens at this address (HTTP 500, SOAP Fault)"
	if got := For(lang.English, why); !strings.Contains(got, "The code of 1C") {
		t.Errorf("%q: got %q", why, got)
	}
	if got := For(lang.Russian, "what nobody has seen"); !strings.Contains(got, "журнал регистрации") {
		t.Errorf("an unknown reason: got %q", got)
	}
}

func TestWhereTheDescriptionWasReadIsNoPartOfTheReason(t *testing.T) {
	const why = "1C does not accept the user or the password (HTTP 401, HTML page)"
	if got := For(lang.English, "read http://1c.example.org/ws?wsdl: "+why); got != For(lang.English, why) || !strings.Contains(got, "password in its file") {
		t.Errorf("got %q", got)
	}
}

func TestNobodyIsSentTo1CForAReceiverThatIsNone(t *testing.T) {
	for _, m := range onecadapter.Meanings() {
		for _, l := range []lang.Lang{lang.English, lang.Russian} {
			if got := ForReceiver(l, m); strings.Contains(got, "1C") || strings.Contains(got, "1С") {
				t.Errorf("%q: got %q", m, got)
			}
		}
	}
}
