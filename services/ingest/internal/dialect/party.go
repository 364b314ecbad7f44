package dialect

import (
	"cmp"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// party makes one side of a call of its address, exactly as sent, and its name. Without a name of its own, the
// display name inside the address is taken.
func party(uri, name string, region phone.Region) call.Party {
	return call.Party{
		URI:    cut(uri, maxURI),
		Number: phone.Parse(uri, region),
		Name:   cut(cmp.Or(displayName(name), phone.ParseAddress(uri).Name), maxName),
	}
}

// displayName takes the quotes off a display name, and the address behind it ("Ivan" <sip:101@pbx>).
func displayName(s string) string {
	if strings.Contains(s, "<") {
		if name := phone.ParseAddress(s).Name; name != "" {
			return name
		}
	}
	return strings.Trim(s, "\" \t")
}

// line is the first of: the line, the account's user, the user part of the local address (docs/wire.md §2).
func line(candidates ...string) call.Line {
	for _, s := range candidates {
		if user := userOf(s); user != "" {
			return call.Line(cut(user, maxLine))
		}
	}
	return ""
}

// userOf is the user part where s is an address, else s itself without blanks around it.
func userOf(s string) string {
	a := phone.ParseAddress(s)
	if a.User == "" && a.Scheme == "" && a.Host == "" && !strings.Contains(s, "<") {
		return strings.TrimSpace(s) // several words: "Sales desk"
	}
	return a.User
}
