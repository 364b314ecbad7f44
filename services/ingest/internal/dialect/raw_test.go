package dialect

import (
	"strings"
	"testing"
)

func TestRawIsPrintableAndKeepsNoSecret(t *testing.T) {
	for _, c := range []struct{ claim, query, want string }{
		{"as received", `mac=1&remote="Bob" <sip:+7495@pbx;user=phone>&x=50%zz`, `mac=1&remote="Bob" <sip:+7495@pbx;user=phone>&x=50%zz`},
		{"bytes outside ASCII are encoded", "name=\xc8\xe2\t&x=é\x7f", "name=%C8%E2%09&x=%C3%A9%7F"},
		{"a token", "token=SECRET&acc=101", "token=***&acc=101"},
		{"every word for a secret", "key=S&password=S&pass=S&pwd=S&secret=S&auth=S", "key=***&password=***&pass=***&pwd=***&secret=***&auth=***"},
		{"a compound name in capitals", "API_KEY=S&accessToken=S&x-auth=S", "API_KEY=***&accessToken=***&x-auth=***"},
		{"an encoded name", "to%6ben=S", "to%6ben=***"},
		{"a secret with signs in it", "token=S;S=S?S", "token=***"},
		{"a secret behind a semicolon", "acc=101;token=S&mac=1", "acc=101;token=***&mac=1"},
		{"a secret behind a second question mark", "acc=101?token=S", "acc=101?token=***"},
		{"a secret in pasted XML", "acc=101&amp;token=S", "acc=101&amp;token=***"},
		{"empty pieces stay", "&&a=1&", "&&a=1&"},
		{"nothing", "", ""},
	} {
		t.Run(c.claim, func(t *testing.T) {
			if got := Raw(c.query); got != c.want {
				t.Errorf("Raw(%q) = %q, want %q", c.query, got, c.want)
			}
		})
	}
}

func TestRawCutsNoEscapeInHalf(t *testing.T) {
	for pad := range 4 {
		got := Raw(strings.Repeat("x", pad) + strings.Repeat("й", 4000))
		if len(got) > maxRaw || len(got) < maxRaw-2 || got[len(got)-3] != '%' {
			t.Errorf("%d bytes, ends in %q", len(got), got[len(got)-6:])
		}
	}
}

func FuzzRaw(f *testing.F) {
	f.Add("mac=1&name=\xc8\xe2", "to%6ben")
	f.Add("a;b=c?d", "key")
	f.Fuzz(func(t *testing.T, query, secretName string) {
		raw := Raw(query)
		if len(raw) > maxRaw {
			t.Errorf("%d bytes", len(raw))
		}
		for i := range len(raw) {
			if raw[i] < ' ' || raw[i] > '~' {
				t.Fatalf("Raw(%q) has byte %#x", query, raw[i])
			}
		}
		if again := Raw(raw); again != raw {
			t.Errorf("Raw(%q) = %q, and again %q", query, raw, again)
		}
		if secret(secretName) && !strings.ContainsAny(secretName, "&=") {
			if got := Raw(secretName + "=HIDDEN&" + query); strings.Contains(got, "HIDDEN") && !strings.Contains(query, "HIDDEN") {
				t.Errorf("the secret %q is in %q", secretName, got)
			}
		}
	})
}
