package dialect

import (
	"maps"
	"slices"
	"strings"
	"unicode"
)

// Values are the parameters of a hit, decoded: names in lower case, values in valid UTF-8 without control characters,
// an unfilled placeholder empty. Of a repeated name the first value counts, as with url.Values.Get.
type Values map[string]string

// Get is the first filled value among the names.
func (v Values) Get(names ...string) string {
	for _, name := range names {
		if s := v[name]; s != "" {
			return s
		}
	}
	return ""
}

// ParseQuery reads a raw query the way phones mean it. net/url would turn "+7495…" into " 7495…" and silently drop
// whatever holds a ";" or a bad "%"; and phones send all of that raw. What a strict client encoded comes out just
// as net/url reads it. The rules:
//
//   - "&" separates ("&amp;" too: pasted XML), "+" is a plus, ";" belongs to the value, a bad "%" stays as it is;
//   - an "&" inside a display name is healed: see stray;
//   - bytes that are not UTF-8 are read as windows-1251 or Latin-1: see repair;
//   - control characters are dropped, a tab becomes a blank;
//   - a placeholder that the phone did not fill ("$remote", "$$REMOTENUMBER$$") is empty;
//   - upper and lower case of a name make no difference: the names are the operator's, and he writes Remote=.
//
// At most the first 64 parameters in the first 64 KiB are read.
func ParseQuery(raw string) Values {
	raw = strings.ReplaceAll(raw[:min(len(raw), maxQuery)], "&amp;", "&")
	pairs := split(raw)
	values := make(Values, len(pairs))
	for _, p := range pairs {
		if _, seen := values[p.name]; seen {
			continue
		}
		values[p.name] = filled(decode(raw[p.start:p.end]))
	}
	return values
}

// pair is one parameter: its decoded name, and where its raw value lies in the query.
type pair struct {
	name       string
	start, end int
}

// split cuts a query into its parameters. It works with offsets, so that healing copies nothing.
func split(raw string) []pair {
	var pairs []pair
	for start := 0; start < len(raw); {
		end := start + lengthUpTo(raw[start:], '&')
		piece := raw[start:end]
		switch {
		case piece == "":
		case len(pairs) > 0 && stray(piece, pairs[len(pairs)-1], raw):
			pairs[len(pairs)-1].end = end
		case len(pairs) == maxPairs:
			return pairs
		default:
			equals := lengthUpTo(piece, '=')
			name := strings.ToLower(decode(strings.Trim(piece[:equals], " \t")))
			pairs = append(pairs, pair{name, min(start+equals+1, end), end})
		}
		start = end + 1
	}
	return pairs
}

func lengthUpTo(s string, c byte) int {
	if i := strings.IndexByte(s, c); i >= 0 {
		return i
	}
	return len(s)
}

// stray reports whether a piece between two "&" is no parameter but more of the value before it: name=Smith & Sons.
// It is, if it does not look like a parameter, and the value before may contain an "&":
//
//   - it looks like a parameter if it is one that some dialect knows (in lower case: "Hold & Line" is a company), or
//     if it has a "=" after any name made of letters, digits and the like, since operators add parameters of their
//     own (tenant=5);
//   - a display name may contain "&"; an address only inside a display name, that is while a quote is open in it or
//     where the piece brings the address itself: remote="Smith & Sons" <sip:101@pbx>.
func stray(piece string, before pair, raw string) bool {
	name, _, assigned := strings.Cut(piece, "=")
	switch {
	case assigned && plain(name), knownParams[strings.Trim(name, " \t")]:
		return false
	case nameParams[before.name]:
		return true
	case addressParams[before.name]:
		return quoteOpen(raw[before.start:before.end]) || strings.Contains(unescape(piece), "<")
	}
	return false
}

// plain reports whether s looks like the name of a parameter, as sent by a client that encodes or does not need to.
func plain(s string) bool {
	for i := range len(s) {
		if c := s[i]; !alphanumeric(c) && !strings.ContainsRune("-_.~%$[]", rune(c)) {
			return false
		}
	}
	return true
}

func alphanumeric(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
}

// quoteOpen reports whether an address stops inside its display name. An address too long to be kept whole is not
// asked again for every "&" in it.
func quoteOpen(raw string) bool {
	return len(raw) <= 3*maxURI && strings.Count(unescape(raw), `"`)%2 == 1
}

// decode undoes percent-encoding, repairs the character set and drops control characters.
func decode(raw string) string { return printable(repair(unescape(raw))) }

// printable drops control characters. A tab becomes a blank.
func printable(s string) string {
	if strings.IndexFunc(s, unicode.IsControl) < 0 {
		return s
	}
	return strings.Map(func(r rune) rune {
		switch {
		case r == '\t':
			return ' '
		case unicode.IsControl(r):
			return -1
		}
		return r
	}, s)
}

// unescape undoes percent-encoding and keeps a "%" that encodes nothing ("100%", "50%zz").
func unescape(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && hex(s[i+1]) && hex(s[i+2]) {
			out = append(out, unhex(s[i+1])<<4|unhex(s[i+2]))
			i += 2
			continue
		}
		out = append(out, s[i])
	}
	return string(out)
}

func hex(c byte) bool { return strings.IndexByte("0123456789abcdefABCDEF", c) >= 0 }

func unhex(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&^0x20 - 'A' + 10
}

// filled gives the value, or nothing where the phone left the placeholder as it was.
func filled(s string) string {
	name, found := strings.CutPrefix(strings.TrimSpace(s), "$")
	if !found || name == "" {
		return s
	}
	if inner, found := strings.CutPrefix(name, "$"); found { // Mitel, Gigaset: $$REMOTENUMBER$$
		inner, closed := strings.CutSuffix(inner, "$")
		inner = strings.TrimSuffix(inner, "$") // one "$" is a misprint of the 6700i guide, and so of who copies it
		if closed && inner != "" && strings.Trim(inner, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") == "" {
			return ""
		}
		return s
	}
	if strings.ContainsFunc(name, func(r rune) bool { return r > 0x7f || !alphanumeric(byte(r)) && !strings.ContainsRune("_-()", r) }) {
		return s
	}
	return "" // with brackets: Snom's $sip_header(NAME)
}

// The parameters that healing knows: our names, and every name of every vendor.
var (
	nameParams    = namesOf(pRemoteName, pLocalName)
	addressParams = namesOf(pRemote, pLocal)
	knownParams   = namesOf(slices.Concat(ours, secrets, eventParams())...)
)

// namesOf is the set of the parameters and of all their aliases.
func namesOf(params ...string) map[string]bool {
	set := make(map[string]bool)
	for _, param := range params {
		set[param] = true
		for _, names := range everyAlias() {
			for _, name := range names[param] {
				set[name] = true
			}
		}
	}
	return set
}

func everyAlias() []aliases {
	list := []aliases{shared}
	for _, v := range vendors {
		list = append(list, v.names)
		list = slices.AppendSeq(list, maps.Values(v.directed))
	}
	return list
}

func eventParams() []string {
	var params []string
	for _, v := range vendors {
		if v.eventParam != "" {
			params = append(params, v.eventParam)
		}
	}
	return params
}
