package config

import (
	"testing"
	"time"
)

func TestAMomentIsReadAsOperatorsWriteIt(t *testing.T) {
	now := time.Date(2026, 11, 22, 14, 30, 5, 0, time.Local)
	for text, want := range map[string]string{
		"3h":                   "2026-11-22 11:30:05",
		"7d":                   "2026-11-15 14:30:05",
		"0s":                   "2026-11-22 14:30:05",
		"03:00":                "2026-11-22 03:00:00",
		"03:00:07":             "2026-11-22 03:00:07",
		"2026-11-21":           "2026-11-21 00:00:00",
		"2026-11-21 03:00":     "2026-11-21 03:00:00",
		"2026-11-21T03:00":     "2026-11-21 03:00:00",
		"2026-11-21 03:00:07":  "2026-11-21 03:00:07",
		"2026-11-21T03:00:07":  "2026-11-21 03:00:07",
		"2026-11-21T03:00:07Z": time.Date(2026, 11, 21, 3, 0, 7, 0, time.UTC).Local().Format("2006-01-02 15:04:05"),
	} {
		var m Moment
		if err := m.set(text, now); err != nil || m.String() != want {
			t.Errorf("%s: got %s, %v; want %s", text, m, err, want)
		}
	}
	for _, text := range []string{"", "yesterday", "-3h", "25:00", "2026-13-01", "3", "03:00 2026-11-22"} {
		var m Moment
		if err := m.Set(text); err == nil {
			t.Errorf("%q was read as %s", text, m)
		}
	}
	if got := (Moment{}).String(); got != "" {
		t.Errorf("the zero Moment is %q", got)
	}
}

func FuzzAMomentIsWrittenAsItIsRead(f *testing.F) {
	for _, text := range []string{"3h", "03:00", "2026-11-21 03:00", "2026-11-21T03:00:07.5+05:00", "7d"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var m, again Moment
		if m.Set(text) != nil {
			t.Skip()
		}
		if y := m.Local().Year(); y < 1 || y > 9999 || m.IsZero() {
			t.Skip() // long before there were phones
		}
		if err := again.Set(m.String()); err != nil || again.Unix() != m.Unix() {
			_, summer := m.Local().Zone()
			if _, is := again.Local().Zone(); err == nil && is != summer {
				t.Skip() // an hour that there is twice
			}
			t.Errorf("%q is %s, which is read as %s, %v", text, m, again, err)
		}
	})
}
