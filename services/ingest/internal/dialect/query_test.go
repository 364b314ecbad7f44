package dialect

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"unicode"
	"unicode/utf8"

	"github.com/google/go-cmp/cmp"
)

var queries = []struct {
	claim, raw string
	want       Values
}{
	{"a raw plus is a plus", "remote=+74951230001&acc=101", Values{"remote": "+74951230001", "acc": "101"}},
	{"an encoded plus is a plus", "remote=%2B74951230001", Values{"remote": "+74951230001"}},
	{"a semicolon belongs to the value", "remote=sip:100@pbx;user=phone&acc=101", Values{"remote": "sip:100@pbx;user=phone", "acc": "101"}},
	{"a bad percent sign stays", "name=100%&x=50%zz&y=%4", Values{"name": "100%", "x": "50%zz", "y": "%4"}},
	{"a raw space is a space", "name=John Doe&acc=101", Values{"name": "John Doe", "acc": "101"}},
	{"a tab becomes a space", "name=John\tDoe", Values{"name": "John Doe"}},
	{"control characters are dropped", "name=Jo%00hn%0d%0a\x7f%C2%85", Values{"name": "John"}},
	{"an equals sign belongs to the value", "name=a=b", Values{"name": "a=b"}},
	{"blanks around a name are dropped", "mac=1& acc =101", Values{"mac": "1", "acc": "101"}},
	{"empty pieces are skipped", "&&acc=101&&", Values{"acc": "101"}},
	{"a name alone is empty", "acc&mac=1", Values{"acc": "", "mac": "1"}},
	{"the first of a repeated name counts", "acc=101&acc=102", Values{"acc": "101"}},
	{"the first counts even if it is empty", "acc=&acc=102", Values{"acc": ""}},
	{"&amp; of a pasted XML file separates", "mac=1&amp;acc=101", Values{"mac": "1", "acc": "101"}},
	{"a hash stays", "remote=sip:#31#100@pbx", Values{"remote": "sip:#31#100@pbx"}},
	{"upper case makes no difference in a name", "Remote=A&CALLERID=B&acc=1&ACC=2", Values{"remote": "A", "callerid": "B", "acc": "1"}},
	{"nothing", "", Values{}},

	{"& in a display name", "name=Smith & Sons&remote=1", Values{"name": "Smith & Sons", "remote": "1"}},
	{"& in a display name without blanks", "name=Smith&Sons&remote=1", Values{"name": "Smith&Sons", "remote": "1"}},
	{"& twice in a display name", "display_remote=A & B & C&remote=1", Values{"display_remote": "A & B & C", "remote": "1"}},
	{"& at the end of the query", "remote=1&name=Smith & Sons", Values{"name": "Smith & Sons", "remote": "1"}},
	{"& and an equals sign in a display name", "name=A & B = C&remote=1", Values{"name": "A & B = C", "remote": "1"}},
	{"&amp; in a display name", "name=Smith &amp; Sons&remote=1", Values{"name": "Smith & Sons", "remote": "1"}},
	{"& in cp1251", "name=\xd0\xee\xe3\xe0 & \xca\xee\xef\xfb\xf2\xe0&acc=1", Values{"name": "Рога & Копыта", "acc": "1"}},
	{"a known parameter after a name is one", "name=Smith&acc&remote=1", Values{"name": "Smith", "acc": "", "remote": "1"}},
	{"a known parameter with a capital and no value is a part of the name", "name=Hold & Line&remote=1", Values{"name": "Hold & Line", "remote": "1"}},
	{"a parameter of the operator after a name is one", "name=Smith&tenant=5", Values{"name": "Smith", "tenant": "5"}},
	{"& inside the quotes of an address", `remote="Smith & Sons" <sip:101@pbx;user=phone>&acc=1`, Values{"remote": `"Smith & Sons" <sip:101@pbx;user=phone>`, "acc": "1"}},
	{"& twice inside the quotes of an address", `p1="A&B&C"<sip:101@pbx>&p2=1`, Values{"p1": `"A&B&C"<sip:101@pbx>`, "p2": "1"}},
	{"& in an unquoted name before an address", `remote=Smith & Sons <sip:101@pbx>&acc=1`, Values{"remote": `Smith & Sons <sip:101@pbx>`, "acc": "1"}},
	{"a stray word after a number is no part of it", "remote=101&debug&acc=1", Values{"remote": "101", "debug": "", "acc": "1"}},

	{"UTF-8 stays", "name=Иван Петров", Values{"name": "Иван Петров"}},
	{"encoded UTF-8", "name=%D0%98%D0%B2%D0%B0%D0%BD", Values{"name": "Иван"}},
	{"cp1251 bytes", "name=\xc8\xe2\xe0\xed \xcf\xe5\xf2\xf0\xee\xe2", Values{"name": "Иван Петров"}},
	{"encoded cp1251", "name=%C8%E2%E0%ED", Values{"name": "Иван"}},
	{"cp1251 with quotes and capitals", "name=\xce\xce\xce \xab\xd2\xce\xd0\xc3\xbb", Values{"name": "ООО «ТОРГ»"}},
	{"cp1251 beside Latin letters", "name=IT-\xee\xf2\xe4\xe5\xeb", Values{"name": "IT-отдел"}},
	{"cp1251 stuck to Latin letters", "name=SIP\xf2\xe5\xeb\xe5\xf4\xee\xed", Values{"name": "SIPтелефон"}},
	{"cp1251 numero sign", "name=\xb9 5", Values{"name": "№ 5"}},
	{"Latin-1 bytes", "name=J\xfcrgen M\xfcller", Values{"name": "Jürgen Müller"}},
	{"Latin-1 at the start of a word", "name=\xd6sterreich", Values{"name": "Österreich"}},
	{"windows-1252 bytes", "name=Caf\xe9 \x96 Bar\xe7a", Values{"name": "Café – Barça"}},
	{"UTF-8 cut in the middle of a rune", "name=Иван Петро\xd0", Values{"name": "Иван Петро"}},
	{"UTF-8 cut inside the quotes", "remote=\"Иван\xd0\" <sip:1@pbx>", Values{"remote": `"Иван" <sip:1@pbx>`}},

	{"an unfilled placeholder is empty", "remote=$remote&cid=$call-id&acc=$active_user", Values{"remote": "", "cid": "", "acc": ""}},
	{"an unfilled placeholder of Mitel is empty", "remote=$$REMOTENUMBER$$", Values{"remote": ""}},
	{"an encoded placeholder is empty", "remote=%24remote", Values{"remote": ""}},
	{"a dollar alone is no placeholder", "name=$&x=$$&y=$5.00&z=$a b", Values{"name": "$", "x": "$$", "y": "$5.00", "z": "$a b"}},
	{"a mixed placeholder is none", "x=$$Name$$&y=$$NAME&z=$$$$", Values{"x": "$$Name$$", "y": "$$NAME", "z": "$$$$"}},
	{"a placeholder of Mitel as one of its guides misprints it is empty", "name=$$INCOMINGNAME$", Values{"name": ""}},
	{"an unfilled placeholder of Snom with a header's name is empty", "name=$sip_header(X-Name)", Values{"name": ""}},
}

func TestParseQueryReadsWhatPhonesSend(t *testing.T) {
	for _, c := range queries {
		t.Run(c.claim, func(t *testing.T) {
			if diff := cmp.Diff(c.want, ParseQuery(c.raw)); diff != "" {
				t.Errorf("ParseQuery(%q) (-want +got):\n%s", c.raw, diff)
			}
		})
	}
}

func TestAQueryIsReadUpToItsLimits(t *testing.T) {
	var many strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&many, "k%d=%d&", i, i)
	}
	if got := len(ParseQuery(many.String())); got != maxPairs {
		t.Errorf("%d parameters, want %d", got, maxPairs)
	}
	if got := len(ParseQuery("name=" + strings.Repeat("x", 1<<20))["name"]); got > maxQuery {
		t.Errorf("a value of %d bytes, want at most %d", got, maxQuery)
	}
}

// Healing once looked through the whole value again for every "&" in it: 64 KiB took seconds.
func TestHealingCostsNoMoreThanReading(t *testing.T) {
	name := ParseQuery("name=" + strings.Repeat("&x", maxQuery))["name"]
	if len(name) > maxQuery {
		t.Errorf("a name of %d bytes, want at most %d", len(name), maxQuery)
	}
	address := ParseQuery(`remote="` + strings.Repeat("&x", maxQuery))["remote"]
	if len(address) > 4*maxURI {
		t.Errorf("an address of %d bytes was healed, want a stop soon after %d", len(address), maxURI)
	}
}

// FuzzParseQuery holds for any bytes: names and values are clean UTF-8, and no longer than what they were made of.
func FuzzParseQuery(f *testing.F) {
	for _, c := range queries {
		f.Add(c.raw)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		values := ParseQuery(raw)
		if len(values) > maxPairs {
			t.Errorf("%d parameters", len(values))
		}
		for name, value := range values {
			for _, s := range []string{name, value} {
				if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) {
					t.Errorf("ParseQuery(%q) has %q", raw, s)
				}
			}
			if len(value) > 3*len(raw) { // a byte of cp1251 becomes at most three of UTF-8
				t.Errorf("ParseQuery(%q) has %d bytes of %q", raw, len(value), name)
			}
		}
	})
}

// FuzzParseQueryAgreesWithNetURL: what a strict client encoded properly is read just as net/url reads it, each piece by
// itself, since net/url takes Remote and remote for two names.
func FuzzParseQueryAgreesWithNetURL(f *testing.F) {
	f.Add("name", "Smith & Sons", "remote", `"Иван" <sip:+74951230001@pbx;user=phone>`, "x y", "100%")
	f.Add("name", "a", "амп;", "b=c", "name", "&amp;")
	f.Add("remote", `"open`, "tenant", "<5>", "", "")
	f.Add("Remote", "1", "remote", "2", "REMOTE", "3")
	f.Fuzz(func(t *testing.T, k1, v1, k2, v2, k3, v3 string) {
		var query []string
		for _, p := range [][2]string{{k1, v1}, {k2, v2}, {k3, v3}} {
			for _, s := range p {
				if !utf8.ValidString(s) || strings.ContainsFunc(s, unicode.IsControl) || filled(s) != s {
					t.Skip()
				}
			}
			query = append(query, strict(p[0])+"="+strict(p[1]))
		}
		want := Values{}
		for _, piece := range query {
			theirs, err := url.ParseQuery(piece)
			if err != nil {
				t.Fatal(err)
			}
			for name := range theirs {
				if _, seen := want[strings.ToLower(name)]; !seen {
					want[strings.ToLower(name)] = theirs.Get(name)
				}
			}
		}
		raw := strings.Join(query, "&")
		if diff := cmp.Diff(want, ParseQuery(raw)); diff != "" {
			t.Errorf("ParseQuery(%q) (-net/url +got):\n%s", raw, diff)
		}
	})
}

func strict(s string) string { return strings.ReplaceAll(url.QueryEscape(s), "+", "%20") }

func BenchmarkParseQuery(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		ParseQuery(`mac=001565aabbcc&remote="Smith & Sons" <sip:+74951230001@pbx;user=phone>&acc=101&cid=33093&name=%C8%E2%E0%ED`)
	}
}
