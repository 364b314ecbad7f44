package reason

import (
	"regexp"
	"strings"
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

func TestOfAConnectionThatWasNotMadeTheAddressIsTold(t *testing.T) {
	for why, want := range map[string]string{
		"nobody listens at this address: dial tcp 127.0.0.1:8081: connect: connection refused":                                                                            "по этому адресу никто не отвечает (127.0.0.1:8081)",
		"read http://127.0.0.1:8081/ws?wsdl: nobody listens at this address: Get \"http://127.0.0.1:8081/ws?wsdl\": dial tcp 127.0.0.1:8081: connect: connection refused": "чтение http://127.0.0.1:8081/ws?wsdl: по этому адресу никто не отвечает (127.0.0.1:8081)",
		"the server cannot be reached: dial tcp [2001:db8::1]:80: connect: network is unreachable":                                                                        "сервер недоступен ([2001:db8::1]:80)",
		"the name of the server cannot be found: dial tcp: lookup srv1c: no such host":                                                                                    "имя сервера не найдено: dial tcp: lookup srv1c: no such host",
		"1C refused: dial tcp 127.0.0.1:1: connect: connection refused (HTTP 500, SOAP Fault)":                                                                            "1С отказала: dial tcp 127.0.0.1:1: connect: connection refused (HTTP 500, ошибка SOAP)",
	} {
		if got := In(lang.Russian, why); got != want {
			t.Errorf("got  %q\nwant %q", got, want)
		}
	}
}

func TestWhatAReceiverWasToldIsSaidInRussian(t *testing.T) {
	const sent = "POST https://crm.example.org (body: the whole event, who: <101>)"
	if got := Sent(lang.Russian, sent); got != "POST https://crm.example.org (тело: событие целиком, who: <101>)" || Sent(lang.English, sent) != sent {
		t.Errorf("got %q", got)
	}
}

func TestOfAReceiverThatIsNo1CNothingIsSaidOf1C(t *testing.T) {
	for _, m := range onecadapter.Meanings() {
		for _, l := range []lang.Lang{lang.English, lang.Russian} {
			got := OfReceiver(l, m)
			if only1C.MatchString(m) {
				continue // in the words of 1C itself
			}
			if strings.Contains(got, "1C") || strings.Contains(got, "1С") {
				t.Errorf("%q: got %q", m, got)
			}
			if left := english.FindString(ours.ReplaceAllString(got, "")); l == lang.Russian && left != "" {
				t.Errorf("%q: %q is left in %q", m, left, got)
			}
		}
	}
}

// only1C are the reasons that the adapter reads in the words of 1C, or in its web service.
var only1C = regexp.MustCompile(`licence|session|platform|in the database of 1C|1C refused|1C failed|the description|told already`)
