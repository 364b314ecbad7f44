package httpfront

import "bytes"

// Phones paste display names and numbers into the request target as they are, and net/http refuses the whole request
// for one such byte. appendTarget escapes just those bytes; everything that a strict client may send comes out as it
// went in, byte for byte.
//
//	                                 in the path    in the query
//	space, tab, control, ≥0x80       %XX            %XX
//	#                                %23            %23           (sip:#31#100@pbx: no fragment ever reaches a server)
//	% without two hex digits         %25            %25
//	" < > \ ^ ` { | }                %XX            kept          (in the path net/http would decode and re-encode all of it)
//	+ ; & = and the rest             kept           kept
func appendTarget(dst, target []byte) []byte {
	if len(target) == 1 && target[0] == '*' {
		return append(dst, '*') // OPTIONS *
	}
	target = cutAuthority(target)
	if len(target) == 0 || target[0] != '/' {
		dst = append(dst, '/')
	}
	path, query, asked := bytes.Cut(target, []byte{'?'})
	dst = appendEscaped(dst, path, &pathKeeps)
	if !asked {
		return dst
	}
	return appendEscaped(append(dst, '?'), query, &queryKeeps)
}

// cutAuthority turns the form meant for proxies, http://host/path, into /path. We have one host.
func cutAuthority(target []byte) []byte {
	for _, scheme := range []string{"http://", "https://"} {
		if len(target) < len(scheme) || !equalFold(target[:len(scheme)], scheme) {
			continue
		}
		rest := target[len(scheme):]
		if i := bytes.IndexAny(rest, "/?"); i >= 0 {
			return rest[i:]
		}
		return nil
	}
	return target
}

func appendEscaped(dst, s []byte, keeps *[256]bool) []byte {
	const hex = "0123456789ABCDEF"
	for i, c := range s {
		if keeps[c] || c == '%' && escapeAt(s[i:]) {
			dst = append(dst, c)
			continue
		}
		dst = append(dst, '%', hex[c>>4], hex[c&15])
	}
	return dst
}

// escapeAt reports whether s begins with a valid %XX.
func escapeAt(s []byte) bool { return len(s) >= 3 && isHex(s[1]) && isHex(s[2]) }

func isHex(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F'
}

const alphanumeric = "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"

var (
	pathKeeps  = setOf(alphanumeric + "-_.~!$&'()*+,;=:@/[]")
	queryKeeps = setOf(alphanumeric + "-_.~!$&'()*+,;=:@/[]" + "?\"<>\\^`{|}")
	tokenBytes = setOf(alphanumeric + "!#$%&'*+-.^_`|~")     // RFC 9110 §5.6.2: methods and header names
	hostBytes  = setOf(alphanumeric + "!$%&'()*+,-.:;=[]_~") // what net/http lets through
)

func setOf(s string) (set [256]bool) {
	for i := range len(s) {
		set[s[i]] = true
	}
	return set
}

func allIn(s []byte, set *[256]bool) bool {
	for _, c := range s {
		if !set[c] {
			return false
		}
	}
	return true
}

// equalFold compares with lower, which is ASCII in lower case. (bytes.EqualFold also folds the Kelvin sign into a k.)
func equalFold(s []byte, lower string) bool {
	if len(s) != len(lower) {
		return false
	}
	for i, c := range s {
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}
