package dialect

import (
	"strings"
	"testing"
)

func TestASlipInTheVendorsNameIsKnownForWhatItIs(t *testing.T) {
	for word, want := range map[string]string{
		"yealnik": "yealink", "yaelink": "yealink", "yelink": "yealink", "yealinkk": "yealink", "yeallinck": "yealink", "grandstrem": "grandstream",
		"granstreem": "grandstream", "fanvill": "fanvil", "d-link": "dlink", "d-lnk": "", "snon": "snom", "htec": "htek", "phones": "phone", "polycon": "polycom",
		"yealink": "yealink", "cisco": "", "snow": "snom", "snwo": "", "sno": "", "yealink1": "", "y3alink": "", "yealin.k": "", "яealink": "", "": "",
	} {
		if got := Near(word, "incoming"); got != want {
			t.Errorf("%s: got %q, want %q", word, got, want)
		}
	}
	for _, event := range []string{"", "yealink", "checkphone", "incomming"} {
		if got := Near("yealnik", event); got != "" {
			t.Errorf("in front of %q: got %s; it may be a token without its /p/", event, got)
		}
	}
	if got := Near("yealnik", "action_url.incoming_call"); got != "yealink" {
		t.Errorf("in front of the vendor's own name of an event: got %q", got)
	}
}

func FuzzNear(f *testing.F) {
	for _, word := range []string{"yealnik", "001565aabb01.AAAAAAAAAAAAAAAAAAAAAA", "correct-horse", "grandstreamxx", "сноm"} {
		f.Add(word)
	}
	f.Fuzz(func(t *testing.T, word string) {
		near := Near(word, "incoming")
		if near == "" {
			return
		}
		if len(word) > len(near)+maxSlips || strings.ContainsAny(word, "0123456789._%/ ") {
			t.Errorf("%q is said to be a slip of %s", word, near)
		}
		// What is told of the word beyond the public name is at most two letters: take them away on both sides, and the same is left.
		if common(word, near) < len(near)-maxSlips {
			t.Errorf("%q has too little of %s", word, near)
		}
	})
}

// common is how many letters of b are in a too, whatever their order.
func common(a, b string) (n int) {
	for _, c := range b {
		if i := strings.IndexRune(a, c); i >= 0 {
			a, n = a[:i]+a[i+1:], n+1
		}
	}
	return n
}
