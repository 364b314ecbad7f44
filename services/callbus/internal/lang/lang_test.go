package lang

import (
	"slices"
	"testing"
	"time"

	"github.com/callbus/callbus/internal/call"
)

func TestTheLanguageIsTheEnvironmentsOrRussianOnWindows(t *testing.T) {
	for _, c := range []struct {
		ours, all, messages, lang, system string
		want                              Lang
	}{
		{"ru", "C", "C", "C", "linux", Russian},
		{"en", "ru_RU", "", "", "windows", English},
		{"", "", "", "ru_RU.UTF-8", "linux", Russian},
		{"", "", "", "en_US.UTF-8", "linux", English},
		{"", "", "", "C", "linux", English},
		{"", "", "", "", "linux", English},
		{"", "", "ru_RU", "en_US", "linux", Russian},
		{"", "C", "ru_RU", "ru_RU", "linux", English},
		{"", "", "", "", "windows", Russian},
		{"", "", "", "en_US", "windows", English},
	} {
		env := map[string]string{"CALLBUS_LANG": c.ours, "LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
		if got := environment(func(name string) string { return env[name] }, c.system); got != c.want {
			t.Errorf("%v on %s: %s, want %s", env, c.system, got, c.want)
		}
	}
}

func TestAFlagNamesTheLanguage(t *testing.T) {
	var l Lang
	if err := l.Set("RU"); err != nil || l != Russian || l.Say("no", "нет") != "нет" || l.Sayf("%d of %d", "из %[2]d %[1]d", 1, 2) != "из 2 1" ||
		l.Of(Text{En: "no", Ru: "нет"}) != "нет" {
		t.Errorf("%q, %v", l, err)
	}
	if l.Set("de") == nil || l != Russian {
		t.Error("a language that is not spoken was taken")
	}
}

func TestEveryEventHasAWord(t *testing.T) {
	for _, e := range slices.Concat(call.CallEvents, call.PhoneEvents) {
		if ru := Russian.Event(e); ru == string(e) || ru == "" {
			t.Errorf("%s has no Russian", e)
		}
		if en := English.Event(e); en != string(e) {
			t.Errorf("%s is %q in English: it is the word of the wire", e, en)
		}
	}
	if got := Russian.Event("of_a_later_version"); got != "of_a_later_version" {
		t.Errorf("an event that is not known became %q", got)
	}
}

func TestASpanIsSaidInWholeUnits(t *testing.T) {
	for span, want := range map[time.Duration]Text{
		time.Hour:                   {"in the last hour", "за последний час"},
		24 * time.Hour:              {"in the last day", "за последние сутки"},
		48 * time.Hour:              {"in the last 2 days", "за последние 2 дня"},
		7 * 24 * time.Hour:          {"in the last 7 days", "за последние 7 дней"},
		21 * 24 * time.Hour:         {"in the last 21 days", "за последние 21 день"},
		111 * 24 * time.Hour:        {"in the last 111 days", "за последние 111 дней"},
		36 * time.Hour:              {"in the last 36 hours", "за последние 36 часов"},
		90 * time.Minute:            {"in the last 90 minutes", "за последние 90 минут"},
		61 * time.Second:            {"in the last 61 seconds", "за последние 61 секунду"},
		1500 * time.Millisecond:     {"in the last second", "за последнюю секунду"},
		0:                           {"in the last 0 seconds", "за последние 0 секунд"},
		2*time.Hour + 3*time.Minute: {"in the last 123 minutes", "за последние 123 минуты"},
	} {
		if got := (Text{English.Last(span), Russian.Last(span)}); got != want {
			t.Errorf("%v: %+v, want %+v", span, got, want)
		}
	}
}
