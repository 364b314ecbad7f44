package phone

import (
	"bytes"
	"fmt"
	"log/slog"
	"strings"
	"testing"
)

func TestPrintingShowsTheLastFourDigits(t *testing.T) {
	for n, want := range map[Number]string{
		"+74951234567": "+*******4567",
		"84951234567":  "*******4567",
		"123456":       "**3456",
		"12345":        "*2345",
		"1014":         "1014",
		"101":          "101",
		"*98":          "*98",
		"#31#100":      "#*1#100",
		"":             "",
	} {
		if got := n.String(); got != want {
			t.Errorf("String of %q = %q, want %q", string(n), got, want)
		}
	}
}

func TestNoVerbLeaksANumber(t *testing.T) {
	n := Number("+74951234567")
	party := struct {
		URI    string
		Number Number
		List   []Number
		Of     map[Number]*Number
	}{"", n, []Number{n}, map[Number]*Number{n: &n}}
	for _, verb := range []string{"%v", "%+v", "%#v", "%s", "%q", "%+q", "%#q", "%x", "%X", "% x", "%d", "%20s", "%-20v", "%.12s", "%t"} {
		for _, arg := range []any{n, party, &party} {
			got := fmt.Sprintf(verb, arg)
			for _, leak := range []string{"495", "34567", fmt.Sprintf("%x", "495"), fmt.Sprintf("% x", "495")} {
				if strings.Contains(strings.ToLower(got), leak) {
					t.Errorf("%s prints %s", verb, got)
				}
			}
		}
	}
	if got, want := fmt.Sprintf("%q|%14s", n, n), `"+*******4567"|  +*******4567`; got != want {
		t.Errorf("got %s, want %s", got, want)
	}
}

func TestStructuredLogsShowTheLastFourDigits(t *testing.T) {
	var out bytes.Buffer
	slog.New(slog.NewJSONHandler(&out, nil)).Info("call", "remote", Number("+74951234567"))
	if !strings.Contains(out.String(), `"remote":"+*******4567"`) {
		t.Errorf("got %s", out.String())
	}
}

func TestMaskHidesLongRunsOfDigits(t *testing.T) {
	for s, want := range map[string]string{
		"sip:+74951234567@10.20.30.40:5060;user=phone": "sip:+*******4567@10.20.30.40:5060;user=phone",
		"from 84951234567 to 101":                      "from *******4567 to 101",
		"1234567":                                      "***4567",
		"123456":                                       "123456",
		"%2B74951234567":                               "%2B*******4567",
		"Иван 84951234567":                             "Иван *******4567",
		"":                                             "",
	} {
		if got := Mask(s); got != want {
			t.Errorf("Mask(%q) = %q, want %q", s, got, want)
		}
	}
}

func FuzzMask(f *testing.F) {
	f.Add("sip:+74951234567@pbx")
	f.Fuzz(func(t *testing.T, s string) {
		got := Mask(s)
		if len(got) != len(s) {
			t.Errorf("Mask(%q) = %q: another length", s, got)
		}
		if again := Mask(got); again != got {
			t.Errorf("Mask(%q) = %q, masked again %q", s, got, again)
		}
		run := 0
		for i := range len(got) {
			if run++; !digit(got[i]) {
				run = 0
			}
			if run > maxInternal {
				t.Fatalf("Mask(%q) = %q: %d digits in a row", s, got, run)
			}
		}
	})
}
