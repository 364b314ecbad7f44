package callbus

import (
	"net"
	"strings"
	"testing"

	"github.com/callbus/callbus/services/callbus/internal/lang"
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
