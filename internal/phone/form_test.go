package phone

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestEachFormOfANumber(t *testing.T) {
	// as-sent, e164, digits, ru8, last10, national
	for _, want := range [][6]string{
		{"sip:84951230001@pbx", "+74951230001", "74951230001", "84951230001", "4951230001", "84951230001"},
		{"+7 (495) 123-00-01", "+74951230001", "74951230001", "84951230001", "4951230001", "84951230001"},
		{"87011230001", "+77011230001", "77011230001", "87011230001", "7011230001", "87011230001"},
		{"+4930123456", "+4930123456", "4930123456", "8104930123456", "4930123456", "030123456"},
		{"+34912345678", "+34912345678", "34912345678", "81034912345678", "4912345678", "912345678"},
		{"+375291234567", "+375291234567", "375291234567", "810375291234567", "5291234567", "80291234567"},
		{"sip:101@pbx", "101", "101", "101", "101", "101"},
		{"+0", "+0", "+0", "+0", "+0", "+0"},
		{"*98", "*98", "*98", "*98", "*98", "*98"},
		{"sip:anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid",
			"sip:anonymous@anonymous.invalid", "sip:anonymous@anonymous.invalid"},
		{"Sales", "Sales", "Sales", "Sales", "Sales", "Sales"},
		{"", "", "", "", "", ""},
	} {
		var got [6]string
		for i, f := range Forms {
			got[i] = f.Write(want[0], Parse(want[0], ""))
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", want[0], diff)
		}
	}
}

func TestAFormIsReadAsItIsWritten(t *testing.T) {
	for _, f := range Forms {
		if got, err := ParseForm(string(f)); got != f || err != nil {
			t.Errorf("ParseForm(%q) gave %q, %v", f, got, err)
		}
	}
	if _, err := ParseForm("E.164"); err == nil || !strings.Contains(err.Error(), "as-sent e164 digits ru8 last10 national") {
		t.Errorf("got %v, want an error that names the forms", err)
	}
}

// A form never makes a number of what was none, and one of a number keeps its last digits.
func FuzzForms(f *testing.F) {
	for _, s := range []string{"sip:84951230001@pbx", "+4930123456", "101", "anonymous", "810375291234567", "+390612345678", "#31#84951230001"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, sent string) {
		n := Parse(sent, "")
		for _, form := range Forms {
			got := form.Write(sent, n)
			switch {
			case n == "" || form == AsSent:
				if got != sent {
					t.Errorf("%s of %q is %q, want it as sent", form, sent, got)
				}
			case !n.international():
				if got != string(n) {
					t.Errorf("%s of %q is %q, want it as dialled", form, sent, got)
				}
			case got == "" || len(got) > maxDialled || slices.ContainsFunc([]byte(strings.TrimPrefix(got, "+")), func(c byte) bool { return !digit(c) }):
				t.Errorf("%s of %q is %q, want digits", form, sent, got)
			case len(got) >= 4 && !strings.HasSuffix(string(n), got[len(got)-4:]):
				t.Errorf("%s of %q is %q: not the end of %q", form, sent, got, string(n))
			}
		}
	})
}
