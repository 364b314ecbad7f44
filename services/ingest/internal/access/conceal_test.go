package access

import (
	"strings"
	"testing"
)

func TestConcealCutsTokensAndNothingElse(t *testing.T) {
	secrets := NewSecrets()
	token, err := secrets.Token("hall")
	if err != nil {
		t.Fatal(err)
	}
	expired := Secrets{newMaster(secrets[0].Made), secrets[0]}
	expired[1].Until = secrets[0].Made
	const shared = "shared-by-everyone"
	g := New(Options{Secrets: func() Secrets { return expired }, Shared: func() string { return shared }})
	for in, want := range map[string]string{
		"a=1&t=" + token + "&b=2":     "a=1&t=***&b=2",
		token:                         "***",
		"sip:" + token + "@pbx":       "sip:***@pbx",
		"x." + token + ".y":           "x.***.y",
		token + token:                 token + token, // two in one run open nothing
		token + "&" + token:           "***&***",
		"t=" + strings.ToUpper(token): "t=" + strings.ToUpper(token),
		"x" + shared + "y&" + shared:  "x***y&***",
		"a=%2&t=" + strings.ReplaceAll(token, ".", "%2e"): "a=%2&t=***",
		"t=" + strings.ReplaceAll(token, ".", "%25252E"):  "t=***",
		"t=" + strings.ReplaceAll(token, ".", "%2%45"):    "t=***", // the escape is escaped
		"%" + token + "%":                              "%***%",
		"p/long-enough-to-be-one/acc=101":              "p/***/acc=101",
		"url=http://x//P//long-enough-to-be-one/y?z":   "url=http://x//P//***/y?z",
		"url=%2Fp%2Flong-enough-to-be-one%2Fy":         "url=%2Fp%2F***%2Fy",
		"p/short/acc=101":                              "p/short/acc=101",
		"shop/long-enough-to-be-one":                   "shop/long-enough-to-be-one",
		"p:long-enough-to-be-one":                      "p:long-enough-to-be-one",
		"x-p/long-enough-to-be-one":                    "x-p/long-enough-to-be-one",
		"wrong":                                        "***",
		"line=wrong&name=wrongly":                      "line=***&name=wrongly",
		"remote=sip:101@pbx.a22-letter-label-in-it.ru": "remote=sip:101@pbx.a22-letter-label-in-it.ru",
		"": "",
	} {
		if got := g.Conceal(in, "wrong"); got != want {
			t.Errorf("Conceal(%q) = %q, want %q", in, got, want)
		}
	}
}

// A text full of words that look like tokens must not cost an HMAC for each, and must not hide one behind them either.
func TestATextFullOfTokensCostsLittleAndHidesNone(t *testing.T) {
	secrets := NewSecrets()
	g := New(Options{Secrets: func() Secrets { return secrets }})
	token, err := secrets.Token("hall")
	if err != nil {
		t.Fatal(err)
	}
	word := "x." + strings.Repeat("A", macChars)
	got := g.Conceal(strings.Repeat(word+"&", 2*maxMade)+token, "")
	if strings.Contains(got, token) || strings.Count(got, word) != maxMade {
		t.Errorf("%d words are left, want %d, and no token: %.80q", strings.Count(got, word), maxMade, got)
	}
}

// Whatever surrounds a token, and however a byte of it is written, nothing of it is left.
func FuzzNoTokenSurvivesConceal(f *testing.F) {
	secrets := NewSecrets()
	g := New(Options{Secrets: func() Secrets { return secrets }})
	f.Add("hall", "acc=101&t=", "&x=%2E", uint64(0), 0)
	f.Add("001565aabbcc", "%2", "5&", uint64(1)<<12, 2)
	f.Fuzz(func(t *testing.T, id, before, after string, escaped uint64, depth int) {
		token, err := secrets.Token(id)
		if err != nil || depth < 0 {
			t.Skip()
		}
		written := escape(token, escaped, depth%3)
		// Between signs that no token consists of: "xTOKENy" is another word.
		got := g.Conceal(before+"&"+written+"&"+after, "")
		mac := token[len(token)-macChars:]
		if plain, _ := unescape(got); strings.Contains(got, mac) || strings.Contains(string(plain), mac) {
			t.Errorf("%q and %q around %q became %q", before, after, written, got)
		}
		if !strings.Contains(got, stars) {
			t.Errorf("%q has no stars", got)
		}
	})
}

// escape writes the bytes whose bits are set as %XX, and that again as often as depth says.
func escape(token string, which uint64, depth int) string {
	const digits = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(token) {
		if which>>i&1 == 0 {
			b.WriteByte(token[i])
			continue
		}
		b.WriteString("%" + strings.Repeat("25", depth) + string(digits[token[i]>>4]) + string(digits[token[i]&15]))
	}
	return b.String()
}

// What holds no token comes out as it went in.
func FuzzConcealLeavesTheRest(f *testing.F) {
	secrets := NewSecrets()
	g := New(Options{Secrets: func() Secrets { return secrets }})
	f.Add("acc=101&remote=sip:+74951230000@pbx;user=phone&name=%D0%96%zz%")
	f.Add("p/p/p.p-%2fp%2F0123456789abcdef")
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > maxMade*macChars {
			t.Skip() // it may have more words of a token's form than are tried
		}
		got := g.Conceal(text, "")
		if strings.Contains(got, stars) && !strings.Contains(text, stars) {
			plain, _ := unescape(text)
			if !strings.ContainsAny(string(plain), "pP") || !strings.Contains(string(plain), "/") {
				t.Errorf("%q became %q, and there is no /p/ in it", text, got)
			}
			return
		}
		if !strings.Contains(text, stars) && got != text {
			t.Errorf("%q became %q", text, got)
		}
	})
}

func BenchmarkConceal(b *testing.B) {
	secrets := NewSecrets()
	g := New(Options{Secrets: func() Secrets { return secrets }})
	token, _ := secrets.Token("001565aabbcc")
	for name, text := range map[string]string{
		"a hit":   "mac=001565aabbcc&remote=sip:%2B74951230000@pbx;user=phone&acc=101&name=Ann&cid=33093",
		"hostile": strings.Repeat("a.bbbbbbbbbbbbbbbbbbbbbb&", 64<<10/25),
	} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				g.Conceal(text, token)
			}
		})
	}
}
