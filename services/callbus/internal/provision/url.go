package provision

import (
	"slices"
	"strings"
)

// The parameters, in the order in which they stand in a URL.
var (
	ofPhone = []string{"mac", "line", "acc", "ip", "model", "fw"}
	ofCall  = []string{"mac", "line", "acc", "remote", "cid", "local", "ip", "name"}
)

// spare is what a URL that is too long does without, the least needed first. A token says the MAC too.
var spare = []string{"fw", "model", "ip", "local", "name", "mac", "cid"}

// url is the action URL of an event: literal where the office knows the value, the vendor's variable elsewhere.
func (v *Vendor) url(o Office, p Phone, e event) string {
	base, params := v.base(o, p, e), v.params(p, e)
	for _, name := range spare {
		if v.maxURL == 0 || len(join(base, params)) <= v.maxURL {
			break
		}
		params = slices.DeleteFunc(params, func(p param) bool { return p.name == name })
	}
	return join(base, params)
}

// base is the URL without its query.
func (v *Vendor) base(o Office, p Phone, e event) string {
	base := strings.TrimSuffix(o.URL, "/")
	if p.Token != "" {
		base += "/p/" + p.Token
	}
	base += "/" + v.Name
	if e.is != "" {
		base += "/" + string(e.is)
	}
	return base
}

// param is one parameter of a URL; a variable of the vendor's or, where literal, the value itself.
type param struct {
	name, value string
	literal     bool
}

func join(base string, params []param) string {
	sign := "?"
	for _, p := range params {
		base += sign + p.name + "=" + p.value
		sign = "&"
	}
	return base
}

// params are those that this URL can have, and those that only it has.
func (v *Vendor) params(p Phone, e event) (list []param) {
	names := ofCall
	if e.is.OfPhone() {
		names = ofPhone
	}
	for _, name := range names {
		if q := v.param(p, name); q.value != "" && v.fills(e.key, q) {
			list = append(list, q)
		}
	}
	for more := range strings.SplitSeq(v.more[e.key], "&") {
		if name, value, ok := strings.Cut(more, "="); ok && !p.knows(name) {
			list = append(list, param{name: name, value: value})
		}
	}
	return list
}

// fills reports whether a parameter has a value when this key's URL is opened.
func (v *Vendor) fills(key string, p param) bool {
	only, limited := v.only[key]
	return !limited || p.literal || slices.Contains(only, p.name)
}

// knows reports whether the office says better what a parameter would say. A phone's account may be called otherwise than
// its line, and what a token is bound to is the line: ingest refuses another one in any of these (403). A phone of several
// lines must say which by its account; the local side of a call may be an outside number.
func (p Phone) knows(name string) bool {
	return p.Line != "" && (name == "acc" || name == "local") || p.Bound && name == "local"
}

// param prefers the phone's own word: of a phone that was replaced, the MAC in its file may be another's. The line is
// literal, since only the office knows what 1C calls it.
func (v *Vendor) param(p Phone, name string) param {
	variable := v.vars[name]
	switch {
	case name == "line":
		return param{name, escape(p.Line), true}
	case p.knows(name):
		return param{}
	case variable == macItself && strings.HasPrefix(p.Token, p.MAC+"."):
		return param{} // the token says it
	case variable == macItself:
		return param{name, p.MAC, true}
	}
	return param{name: name, value: variable}
}

// macItself stands for the MAC where a vendor has no variable for it.
const macItself = "{mac}"

// escape keeps a literal in its place in a query.
func escape(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := range len(s) {
		c := s[i]
		if c >= '0' && c <= '9' || c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || strings.IndexByte("-_.~*", c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.Write([]byte{'%', hex[c>>4], hex[c&15]})
	}
	return b.String()
}
