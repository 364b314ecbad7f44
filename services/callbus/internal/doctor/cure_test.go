package doctor

import (
	"slices"
	"strings"
	"testing"

	onecadapter "github.com/callbus/callbus/services/onec-adapter"

	"github.com/callbus/callbus/services/callbus/internal/lang"
)

func TestEveryCureIsForWhatTheAdapterSays(t *testing.T) {
	for _, c := range cures {
		for _, phrase := range c.says {
			if !slices.ContainsFunc(onecadapter.Meanings(), func(m string) bool { return strings.Contains(m, phrase) }) {
				t.Errorf("no reason of the adapter has %q", phrase)
			}
		}
	}
}

func TestAWrongPasswordIsMendedInItsFile(t *testing.T) {
	const why = "read http://1c/ws?wsdl: 1C does not accept the user or the password (HTTP 401, HTML page)"
	for l, want := range map[lang.Lang]string{
		lang.English: "Nothing is lost, they are delivered once this is mended. Write the right password into its file: a changed one is tried at once. A wrong user is mended in the settings, and wants a restart of Callbus",
		lang.Russian: "Ничего не потеряно: звонки уйдут, когда это исправят. Исправьте пароль в его файле: Callbus заметит это сам и сразу попробует. Если неверен пользователь, исправьте его в настройках и перезапустите Callbus",
	} {
		s := well()
		s.Admins[0].Away["main"] = why
		if got := Examine(s, l)[0].Do; got != want {
			t.Errorf("%s: got %s", l, got)
		}
	}
}

func TestAReasonGetsItsOwnCure(t *testing.T) {
	for why, want := range map[string]string{
		"nobody listens at this address: connection refused":                                     "browser",
		"no web service is published at this URL any more (HTTP 410, HTML page)":                 "Publish",
		"1C or its web server refuses access; rights of the user, or the address is not allowed": "right to use web services",
		"1C has no free licence (HTTP 500, SOAP Fault)":                                          "--sessions",
		"the infobase is locked for maintenance (HTTP 403, 1C exception)":                        "Wait",
		"the description of the service: no operation":                                           "callbus init",
		"an error of the web server (HTTP 501, HTML page)":                                       "Look into 1C",
	} {
		if got := (exam{Lang: lang.English}).cure(why); !strings.Contains(got, want) {
			t.Errorf("%s: got %s, want %s", why, got, want)
		}
	}
}
