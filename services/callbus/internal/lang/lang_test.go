package lang

import "testing"

func TestTheLanguageIsTheEnvironmentsOrRussianOnWindows(t *testing.T) {
	for _, c := range []struct {
		all, messages, lang, system string
		want                        Lang
	}{
		{"", "", "ru_RU.UTF-8", "linux", Russian},
		{"", "", "en_US.UTF-8", "linux", English},
		{"", "", "C", "linux", English},
		{"", "", "", "linux", English},
		{"", "ru_RU", "en_US", "linux", Russian},
		{"C", "ru_RU", "ru_RU", "linux", English},
		{"", "", "", "windows", Russian},
		{"", "", "en_US", "windows", English},
	} {
		env := map[string]string{"LC_ALL": c.all, "LC_MESSAGES": c.messages, "LANG": c.lang}
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
