package access

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// The form is a promise: phones keep their tokens for years. The values are from Python's hmac module:
// base64.urlsafe_b64encode(hmac.digest(bytes(range(32)), b"callbus phone token v1\0hall", "sha256")[:16]).
func TestATokenIsWhatItWasYesterday(t *testing.T) {
	s, err := ParseSecrets("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8\n")
	if err != nil {
		t.Fatal(err)
	}
	for id, want := range map[string]string{
		"00:15:65:AA:BB:CC": "001565aabbcc.XDsSDXEFh4MCAxbXiIaVNg",
		"hall":              "hall.m8sRjo4nq-6yf73mT6R4sw",
	} {
		if got, err := s.Token(id); err != nil || got != want {
			t.Errorf("the token of %s: got %q, %v, want %q", id, got, err, want)
		}
	}
}

func TestEverySpellingOfAMACIsOneToken(t *testing.T) {
	s := NewSecrets()
	want, err := s.Token("001565aabbcc")
	if err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"00:15:65:AA:BB:CC", "00-15-65-aa-bb-cc", "0015.65aa.bbcc", "00 15 65 aa bb cc"} {
		if got, err := s.Token(id); err != nil || got != want {
			t.Errorf("the token of %s: got %q, %v, want that of 001565aabbcc", id, got, err)
		}
	}
}

func TestWhatIsNoIDGetsNoToken(t *testing.T) {
	for _, id := range []string{"", "shared", "a.b", "a b", "Ж", "a/b", strings.Repeat("a", maxID+1)} {
		if got, err := NewSecrets().Token(id); err == nil {
			t.Errorf("id %q: got %q, want an error", id, got)
		}
	}
	if got, err := NewSecrets().Token(strings.Repeat("a", maxID)); err != nil || len(got) != 64 {
		t.Errorf("the longest id: got %q, %v, want 64 characters", got, err)
	}
}

func TestOnlyTheTokenItselfIsTaken(t *testing.T) {
	s, now := NewSecrets(), time.Now()
	token, _ := s.Token("hall")
	if id, by, ok := s.verify(token, now); id != "hall" || !by.Until.IsZero() || !by.Made.Equal(s[0].Made) || !ok {
		t.Fatalf("the token itself: got %q, %v, %v", id, by.Until, ok)
	}
	stranger, _ := NewSecrets().Token("hall")
	// The last character holds 4 bits that no byte needs: three other characters decode to the same bytes.
	const alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	last := strings.IndexByte(alphabet, token[len(token)-1])
	for name, wrong := range map[string]string{
		"another secret's":          stranger,
		"another id's":              "hell" + token[4:],
		"in capitals":               strings.ToUpper(token),
		"a character less":          token[:len(token)-1],
		"a character more":          token + "A",
		"padded":                    token + "==",
		"the same bytes, otherwise": token[:len(token)-1] + string(alphabet[last^1]),
		"nothing":                   "",
		"a dot":                     ".",
		"no id":                     token[4:],
		"no mac":                    "hall.",
	} {
		if id, _, ok := s.verify(wrong, now); ok {
			t.Errorf("%s: %q was taken for %q", name, wrong, id)
		}
	}
}

func FuzzNoOtherTokenPasses(f *testing.F) {
	s := NewSecrets()
	token, _ := s.Token("001565aabbcc")
	f.Add(token)
	f.Add("001565aabbcd" + token[12:])
	f.Add("shared." + s[0].mac("shared"))
	f.Fuzz(func(t *testing.T, wrong string) {
		id, _, ok := s.verify(wrong, time.Now())
		if want, err := s.Token(id); ok && (err != nil || wrong != want) {
			t.Errorf("%q passed for %q", wrong, id)
		}
	})
}

func TestARotatedSecretHoldsForItsGrace(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := NewSecrets()
		old, _ := s.Token("hall")
		start := time.Now()
		s, err := s.Rotate(14 * 24 * time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		new, _ := s.Token("hall")
		if old == new {
			t.Fatal("the new secret makes the old token")
		}
		holds := func(token string) (bool, time.Time) {
			_, by, ok := s.verify(token, time.Now())
			return ok, by.Until
		}
		if ok, expires := holds(old); !ok || !expires.Equal(start.Add(14*24*time.Hour)) {
			t.Errorf("the old token: %v until %v", ok, expires)
		}
		if ok, expires := holds(new); !ok || !expires.IsZero() {
			t.Errorf("the new token: %v until %v", ok, expires)
		}
		time.Sleep(14*24*time.Hour - time.Second)
		if ok, _ := holds(old); !ok {
			t.Error("the old token is refused within its grace")
		}
		time.Sleep(time.Second)
		if ok, _ := holds(old); ok {
			t.Error("the old token is taken after its grace")
		}
		if s, err = s.Rotate(0); err != nil || len(s) != 1 {
			t.Errorf("after a rotation without grace: %d secrets, %v, want one", len(s), err)
		}
	})
}

// A second rotation gives an old secret no longer life than the first has promised.
func TestAGraceIsNotExtended(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s, _ := NewSecrets().Rotate(time.Hour)
		end := s[1].Until
		time.Sleep(time.Minute)
		s, err := s.Rotate(24 * time.Hour)
		if err != nil || len(s) != 3 || !s[2].Until.Equal(end) {
			t.Errorf("got %d secrets, %v, the oldest until %v, want %v", len(s), err, s[2].Until, end)
		}
		for range maxSecrets {
			if s, err = s.Rotate(24 * time.Hour); err != nil {
				return
			}
		}
		t.Error("secrets without end are taken")
	})
}

func TestTheFileOfSecretsIsReadAsItWasWritten(t *testing.T) {
	s, err := NewSecrets().Rotate(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{s.File(), strings.ReplaceAll(s.File(), "\n", "\r\n")} {
		got, err := ParseSecrets(text)
		if diff := cmp.Diff(s, got, cmp.AllowUnexported(master{})); err != nil || diff != "" {
			t.Errorf("%v (-want +got):\n%s", err, diff)
		}
	}
	if printed := fmt.Sprintf("%v %+v %#v %x", s, s, s, s[0]); strings.ContainsAny(strings.ReplaceAll(printed, "access.Secrets", ""), "0123456789") {
		t.Errorf("printed %s, want nothing of the keys", printed)
	}
}

func TestABrokenFileOfSecretsSaysWhereAndNotWhat(t *testing.T) {
	const a, b = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", "HxECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	for text, want := range map[string]string{
		"":                                "no secret",
		"# " + a:                          "no secret",
		"hunter2hunter2":                  "line 1: the secret is not 32 bytes",
		a + "=":                           "line 1: the secret is not 32 bytes",
		"\n" + a + b:                      "line 2: the secret is not 32 bytes",
		a + " until 2026-12-01T00:00:00Z": "line 1: the first secret",
		a + "\n" + b:                      "line 2: only the first",
		a + "\n" + a + " until 2026-12-01T00:00:00Z":                                   "line 2: this secret stands here twice",
		a + "\n" + b + " until tomorrow":                                               "line 2: want a time such as",
		a + "\n" + b + " until":                                                        "line 2: after the secret want",
		a + "\n" + b + " before 2026-12-01T00:00:00Z":                                  "line 2: after the secret want",
		a + "\n" + b + " until 2026-12-01T00:00:00Z until 2026-12-01T00:00:00Z":        "line 2: after the secret want",
		a + "\n" + strings.Repeat("x", 99) + " until 2026-12-01T00:00:00Z hunter2":     "line 2: the secret is not",
		a + "\n" + b + " made 2026-12-01T00:00:00Z until 2026-12-01T00:00:00Z hunter2": "line 2: after the secret want",
	} {
		_, err := ParseSecrets(text)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %v, want %q", text, err, want)
			continue
		}
		if strings.Contains(err.Error(), "hunter2") || strings.Contains(err.Error(), a[:8]) || strings.Contains(err.Error(), b[:8]) {
			t.Errorf("%q: the error shows the secret: %v", text, err)
		}
	}
}

func FuzzSecretsAreReadAsTheyAreWritten(f *testing.F) {
	s, _ := NewSecrets().Rotate(time.Hour)
	f.Add(s.File())
	f.Add("AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8 made 2026-12-01T00:00:00.5+03:00\n#\n\r\n")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSecrets(text)
		if err != nil {
			for word := range strings.FieldsSeq(text) {
				if len(word) >= 20 && strings.Contains(err.Error(), word) {
					t.Errorf("%q: the error shows %q", text, word)
				}
			}
			return
		}
		again, err := ParseSecrets(s.File())
		if diff := cmp.Diff(s, again, cmp.AllowUnexported(master{})); err != nil || diff != "" {
			t.Errorf("%q: %v (-want +got):\n%s", text, err, diff)
		}
	})
}
