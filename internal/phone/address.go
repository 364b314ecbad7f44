package phone

import (
	"strings"
	"unicode/utf8"
)

// maxAddress bounds the work on an address, in bytes; a Yealink sends a URL of at most 511 characters
// (Administrator's Guide, action URL).
const maxAddress = 1024

// Address is what a phone calls one side of a call, taken apart. What was absent is empty.
type Address struct {
	Name   string // display name, without quotes
	Scheme string // "sip", "sips", "tel" or "callto", lower case
	User   string // "+74951234567", "101", "ivan"; no password, no parameters
	Host   string // with its port, if any
}

// ParseAddress takes `"Иван Петров" <sip:+74951234567@pbx;user=phone>`, "sip:101@pbx", "101@pbx", "101" or
// "Name <101>" apart. Parameters (";…"), headers ("?…") and passwords are dropped; escapes in the user part are
// decoded ("%2B" is "+"). It never fails: what is broken (an open quote, a missing ">") is read as far as it goes,
// at most 1024 bytes of it. Several bare words are a name ("Ivan Petrov"), a single one a user ("Sales").
func ParseAddress(s string) Address {
	s = strings.TrimSpace(cut(s, maxAddress))
	quoted, rest := cutQuoted(s)
	before, inside, angle := cutLast(rest, "<")
	if angle {
		uri, _, _ := strings.Cut(inside, ">")
		a := splitURI(uri)
		a.Name = firstOf(quoted, strings.Trim(before, "\" \t"))
		return a
	}
	if a := splitURI(rest); a.User != "" || a.Host != "" {
		return a.named(quoted)
	}
	return splitURI(quoted).named("") // nothing but the quoted text
}

// named gives the address its name. Without one, a user that is several words is the name.
func (a Address) named(name string) Address {
	a.Name = name
	if name == "" && a.Scheme == "" && a.Host == "" && words(a.User) {
		a.Name, a.User = a.User, ""
	}
	return a
}

func words(s string) bool { return strings.ContainsAny(s, " \t\u00a0") && dialled(s) == "" }

// cutQuoted takes a quoted display name off the front of s. A quote that is never closed is dropped.
func cutQuoted(s string) (quoted, rest string) {
	body, found := strings.CutPrefix(s, `"`)
	if !found {
		return "", s
	}
	var b strings.Builder
	for i := 0; i < len(body); i++ {
		switch c := body[i]; {
		case c == '"':
			return strings.TrimSpace(b.String()), strings.TrimSpace(body[i+1:])
		case c == '\\' && i+1 < len(body) && (body[i+1] == '"' || body[i+1] == '\\'):
			i++
			b.WriteByte(body[i])
		default:
			b.WriteByte(c)
		}
	}
	return "", body
}

// splitURI takes a URI, or a bare user, apart (RFC 3261, section 19.1; RFC 3966).
func splitURI(s string) Address {
	scheme, rest := cutScheme(strings.TrimSpace(s))
	a := Address{Scheme: scheme, User: rest}
	if scheme != "tel" {
		a.User, a.Host = cutHost(rest)
	}
	a.User = cutAny(a.User, ";?")
	if a.Host != "" {
		a.User, _, _ = strings.Cut(a.User, ":") // sip:user:password@host
	} else if strings.HasPrefix(scheme, "sip") && hostOnly(rest) {
		a.User, a.Host = "", cutAny(a.User, "<> \t") // sip:pbx.example, sip:10.0.0.1:5060
	}
	a.User = strings.Trim(decodeVisible(a.User), "\" \t")
	return a
}

func hostOnly(s string) bool {
	return strings.ContainsAny(cutAny(s, ";?"), ".:[") && !strings.Contains(s, "@")
}

func cutScheme(s string) (scheme, rest string) {
	for _, scheme := range []string{"sip", "sips", "tel", "callto"} {
		if n := len(scheme); len(s) > n && s[n] == ':' && strings.EqualFold(s[:n], scheme) {
			return scheme, strings.TrimPrefix(s[n+1:], "//")
		}
	}
	return "", s
}

// cutHost splits at the last "@" before the parameters: a login may itself be an e-mail address, and a parameter
// or a header may hold another URI.
func cutHost(s string) (user, host string) {
	at := strings.IndexByte(s, '@')
	if at < 0 {
		return s, ""
	}
	host = cutAny(s[at+1:], ";?<> \t")
	if more := strings.LastIndexByte(host, '@'); more >= 0 {
		at += more + 1
		host = host[more+1:]
	}
	return s[:at], host
}

// decodeVisible decodes the escapes of visible ASCII ("%23" is "#") and leaves all others as they are, so that
// a user part never gains a control character or a broken rune.
func decodeVisible(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if c := unhex(s[i+1])<<4 | unhex(s[i+2]); c > ' ' && c < 0x7f {
				b.WriteByte(byte(c))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

// unhex is the value of a hex digit, and far outside a byte for anything else.
func unhex(c byte) int {
	switch {
	case digit(c):
		return int(c - '0')
	case c >= 'a' && c <= 'f':
		return int(c-'a') + 10
	case c >= 'A' && c <= 'F':
		return int(c-'A') + 10
	}
	return 1 << 16
}

// cut shortens s to at most n bytes without breaking a rune.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}

func cutAny(s, chars string) string {
	if i := strings.IndexAny(s, chars); i >= 0 {
		return s[:i]
	}
	return s
}

func cutLast(s, sep string) (before, after string, found bool) {
	i := strings.LastIndex(s, sep)
	if i < 0 {
		return s, "", false
	}
	return s[:i], s[i+len(sep):], true
}

func firstOf(list ...string) string {
	for _, s := range list {
		if s != "" {
			return s
		}
	}
	return ""
}
