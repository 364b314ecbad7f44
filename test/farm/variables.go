package farm

import (
	"cmp"
	"slices"
	"strings"
)

// The forms in which phones write an address.
func sipURI(user, host string) string     { return "sip:" + user + "@" + host }
func userAtHost(user, host string) string { return user + "@" + host }
func number(user, _ string) string        { return user }

// What phones leave where a variable has no value.
func placeholder(variable string) string { return variable }
func empty(string) string                { return "" }

// fill puts values in the place of variables, as bytes: names may be in an old code page. A variable that the firmware does
// not know stays as it is.
func (p *Phone) fill(template, key string, m Moment, call *Call) []byte {
	variables := p.Make.Vendor.Meanings()
	// The longest first: $active_user before $active.
	slices.SortStableFunc(variables, func(a, b Pair) int { return cmp.Compare(len(b.Key), len(a.Key)) })
	var pairs []string
	for _, v := range variables {
		value, ok := p.value(v.Value, m, call)
		if !ok || !p.Make.available(v.Key, key) || p.Make.Lacks(v.Key, key, call) {
			pairs = append(pairs, v.Key, p.Make.Unfilled(v.Key))
			continue
		}
		pairs = append(pairs, v.Key, string(p.Make.Escape(p.Make.Charset(value))))
	}
	return []byte(strings.NewReplacer(pairs...).Replace(template))
}

// value is what stands behind a meaning now. The second result is false where there is nothing, such as the other side
// where nobody calls.
func (p *Phone) value(meaning string, m Moment, call *Call) (string, bool) {
	if value, ok := p.ownValue(meaning, m); ok {
		return value, true
	}
	if call == nil {
		return "", false
	}
	var value string
	switch meaning {
	case "account_uri", "local_party":
		value = p.Make.Party(p.Extension, p.PBX)
	case "account_user":
		value = p.Extension
	case "account_host":
		value = p.PBX
	case "local_name":
		value = p.Name
	case "remote_party":
		value = p.Make.Party(call.Other.User, p.hostOf(call.Other))
	case "remote_name", "caller_name":
		value = call.Other.Name
	case "called_number":
		value = call.Other.User
	case "call_id":
		value = call.ID
	case "duration_seconds":
		value = "42"
	case "direction":
		value = map[bool]string{true: "incoming", false: "outgoing"}[call.Incoming]
	case "reason":
		if m == TakenElsewhere {
			value = `SIP;cause=200;text="Call completed elsewhere"` // RFC 3326 §3.1
		}
	}
	return value, value != ""
}

// ownValue is what a phone knows of itself, call or no call.
func (p *Phone) ownValue(meaning string, m Moment) (string, bool) {
	switch meaning {
	case "mac":
		return p.Make.MAC.Spell(p.MAC), true
	case "phone_ip":
		return p.IP, true
	case "model":
		return p.Make.Model, true
	case "firmware":
		return p.Make.Version, true
	case "hardware":
		return "V1.0A", true
	case "language":
		return "ru", true
	case "registration_state":
		return registrationStates[m], true
	}
	return "", false
}

// registrationStates are Aastra's words (release notes 2.4).
var registrationStates = map[Moment]string{RegistersFirst: "REGISTERED", Registers: "REGISTERED", Unregisters: "TIMEOUT"}

// available consults the vendor's table, where there is one.
func (m Make) available(variable, key string) bool {
	return m.Available == nil || slices.Contains(m.Available[key], variable)
}
