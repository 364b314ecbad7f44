package phone

import (
	"bytes"
	"fmt"
	"log/slog"
	"regexp"
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

		// Bug: a number written with separators was no run of digits, and stood in the log in full.
		"+7 (495) 123-45-67":                  "+* (***) ***-45-67",
		"8 495 123 45 67 занят":               "* *** *** 45 67 занят",
		"8-495-123-45-67":                     "*-***-***-45-67",
		"8.495.123.45.67":                     "*.***.***.45.67",
		"8\u00A0495\u00A0123\u201145\u201167": "*\u00A0***\u00A0***\u201145\u201167",
		"sip:8(495)1234567@pbx":               "sip:*(***)***4567@pbx",
		"20.10.20.30.40":                      "**.**.**.30.40",
		"8 2.10.3.4":                          "8 2.10.3.4",
		"101 84951234567":                     "*** *******4567",
		"101, 102, 103":                       "101, 102, 103",
		"192.168.100.10,10.20.30.40":          "192.168.100.10,10.20.30.40",

		// What is no telephone number stays readable.
		"dial tcp 192.168.100.200:8080: refused":            "dial tcp 192.168.100.200:8080: refused",
		"10.20.0.0/16 [::ffff:10.20.30.40] 2001:db8::12":    "10.20.0.0/16 [::ffff:10.20.30.40] 2001:db8::12",
		"id 01234567-1234-1234-1234-123456789012 not found": "id 01234567-1234-1234-1234-123456789012 not found",
		"2026-11-22T10:11:12.123456+03:00 84951234567":      "2026-11-22T10:11:12.123456+03:00 *******4567",
		"84951234567 22.11.2026 9:11:12":                    "*******4567 22.11.2026 9:11:12",
		"1C:Enterprise 8.3.24.1548 (line 101)":              "1C:Enterprise 8.3.24.1548 (line 101)",
		"8 2026-11-22-33":                                   "* ****-**-22-33",
	} {
		if got := Mask(s); got != want {
			t.Errorf("Mask(%q) = %q, want %q", s, got, want)
		}
	}
}

var uuid = regexp.MustCompile(`[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}`)

func FuzzMask(f *testing.F) {
	for _, s := range []string{
		"sip:+74951234567@pbx", "8 (495) 123-45-67", "2026-11-22 10:11:12.123456 1234567 10.20.30.40:5060",
		"1-01234567-1234-1234-1234-123456789012", "8.3.24.1548",
	} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		got := Mask(s)
		if len(got) != len(s) {
			t.Errorf("Mask(%q) = %q: another length", s, got)
		}
		if again := Mask(got); again != got {
			t.Errorf("Mask(%q) = %q, masked again %q", s, got, again)
		}
		run, bare := 0, uuid.ReplaceAllString(got, "")
		for i := range len(bare) {
			if run++; !digit(bare[i]) {
				run = 0
			}
			if run > maxInternal {
				t.Fatalf("Mask(%q) = %q: %d digits in a row", s, got, run)
			}
		}
	})
}
