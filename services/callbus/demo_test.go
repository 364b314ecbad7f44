package callbus

import (
	"bytes"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/services/callbus/internal/lang"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// The two languages differ in words alone: URLs and commands are pasted, and must be the same.
func TestTheWelcomeSpeaksBothLanguages(t *testing.T) {
	phones := &net.TCPAddr{IP: net.IPv4(192, 0, 2, 2), Port: 8080}
	en, ru := urlsToPaste(lang.English, phones, true, true), urlsToPaste(lang.Russian, phones, true, true)
	for text, parts := range map[string][]string{
		en: {"Callbus is up.", "callbus token new MAC prints it", "Into the phones", "need only a new host", "Try it yourself"},
		ru: {"Callbus запущен.", "его покажет callbus token new MAC", "В телефоны", "нужен только новый адрес", "Попробуйте сами"},
	} {
		for _, part := range append(parts, "http://192.0.2.2:8080/p/TOKEN/yealink/incoming?mac=$mac&", "http://192.0.2.2:8080/p/TOKEN/checkphone.php?event=1&", "  curl 'http://192.0.2.2:8080/") {
			if !strings.Contains(text, part) {
				t.Errorf("want %q in\n%s", part, text)
			}
		}
	}
	if strings.Count(en, "\n") != strings.Count(ru, "\n") {
		t.Errorf("the languages have other lines:\n%s\n%s", en, ru)
	}
}

func TestTheScreenTellsWhatGoesWhereInEach1CThatIsThere(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		russian := lang.Russian
		o := office{tongue: &russian, plans: make(chan onecadapter.Checked, 1)}
		go func() {
			time.Sleep(planTime / 2)
			o.planned(onecadapter.Checked{Target: "crm", Operation: "POST http://crm"})
			time.Sleep(planTime / 4)
			o.planned(onecadapter.Checked{Target: "main", Service: "TelData", Operation: "TelData", Version: "SOAP 1.1", Parameters: []onecadapter.Parameter{{Name: "Номер", From: "event"}, {Name: "Кто", From: "remote"}}})
		}()
		var screen bytes.Buffer
		o.tellPlans(&screen, planTime)
		want := "1С main ответила: сервис TelData, операция TelData, SOAP 1.1. Что куда попадёт:\n" +
			"  Номер ← событие: 1 входящий, 2 ответ, 3 исходящий, 4 завершён, пропущен или отклонён\n" +
			"  Кто   ← номер собеседника, как его прислал телефон\n\n"
		if diff := cmp.Diff(want, screen.String()); diff != "" {
			t.Errorf("the screen (-want +got):\n%s", diff)
		}
		o.planned(onecadapter.Checked{})
		o.planned(onecadapter.Checked{}) // nobody looks any more, and the adapter goes on
	})
}
