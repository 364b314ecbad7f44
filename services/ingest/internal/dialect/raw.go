package dialect

import (
	"slices"
	"strings"
)

// secrets are the words that make a parameter a secret.
var secrets = []string{"token", "secret", "password", "pass", "pwd", "auth", "key"}

// Raw is the query as received, fit for a log or a message: bytes outside printable ASCII percent-encoded, the
// values of parameters that sound like secrets (token, api_key, Password …) replaced by "***", at most 2,048 bytes.
func Raw(query string) string {
	var b strings.Builder
	for rest := query; rest != "" && b.Len() < maxRaw; {
		piece := rest[:lengthUpTo(rest, '&')]
		rest = rest[len(piece):]
		write(&b, conceal(piece))
		if rest != "" {
			write(&b, "&")
			rest = rest[1:]
		}
	}
	return b.String()
}

// conceal cuts a secret out of one piece of a query. A name may also begin after ";" or "?" ("a=1;token=…"): what
// follows it is cut out to the end of the piece, since a secret may itself contain such a sign.
func conceal(piece string) string {
	start, inName, valued := 0, true, false
	for i := range len(piece) {
		switch c := piece[i]; {
		case c == ';' || c == '?':
			inName = true
			if valued {
				start = i + 1 // before the first value it is a part of the name ("token;=…")
			}
		case c == '=' && inName:
			if secret(piece[start:i]) {
				return piece[:i+1] + "***"
			}
			inName, valued = false, true
		}
	}
	return piece
}

// secret reports whether a raw parameter name sounds like a secret. A name too many costs a value in the log, one
// too few a secret.
func secret(name string) bool {
	name = strings.ToLower(unescape(name))
	return slices.ContainsFunc(secrets, func(word string) bool {
		if word == "key" {
			return strings.HasSuffix(strings.TrimSpace(name), word)
		}
		return strings.Contains(name, word)
	})
}

// write appends s, encoded, as far as there is room; an escape is written whole or not at all.
func write(b *strings.Builder, s string) {
	const digits = "0123456789ABCDEF"
	for i := range len(s) {
		c := s[i]
		printable := c >= ' ' && c < 0x7f
		switch {
		case printable && b.Len() < maxRaw:
			b.WriteByte(c)
		case !printable && b.Len()+3 <= maxRaw:
			b.Write([]byte{'%', digits[c>>4], digits[c&15]})
		default:
			return
		}
	}
}
