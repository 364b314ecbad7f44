package farm

import (
	"net/url"
	"strings"
)

// urlOfEnable stands in phones.yaml for the URL itself.
const urlOfEnable = "{url}"

// parameters are the names of docs/wire.md §1, with the meanings that belong behind them.
var parameters = []struct{ name, meaning string }{
	{"mac", "mac"}, {"ip", "phone_ip"}, {"model", "model"}, {"fw", "firmware"},
	{"acc", "account_user"}, {"host", "account_host"}, {"local", "local_party"}, {"lname", "local_name"},
	{"remote", "remote_party"}, {"name", "remote_name"},
	{"cid", "call_id"}, {"dur", "duration_seconds"}, {"dir", "direction"},
}

// eventsOnTheWire turns a canonical event of phones.yaml into one of docs/wire.md §1. What the other side does to a call is
// no event of its own there. An event without a meaning is not in it: nobody types a URL for it.
var eventsOnTheWire = map[string]string{
	"incoming": "incoming", "outgoing": "outgoing", "answered": "answered", "ended": "ended", "missed": "missed",
	"rejected": "rejected", "held": "held", "resumed": "resumed", "transferred": "transferred",
	"remote_held": "held", "remote_resumed": "resumed",
	"registered": "registered", "unregistered": "unregistered", "register_failed": "register_failed", "boot": "boot",
	"dnd_on": "dnd_on", "dnd_off": "dnd_off", "forward_on": "forward_on", "forward_off": "forward_off",
}

// Provision fills the phone's table as an administrator does who has docs/wire.md and the vendor's guide before him: the
// canonical event in the path, the vendor's variables behind our parameters' names. base is like "http://192.168.10.5:8080";
// token may be empty.
func (p *Phone) Provision(base, token string) {
	if token != "" {
		base += "/p/" + token
	}
	base += "/" + p.Make.Dialect
	if p.Make.Body != nil {
		p.Table[polycomURL] = base
	}
	for _, enable := range p.Make.Vendor.EnableKeys {
		if enable.Value != urlOfEnable {
			p.Table[enable.Key] = enable.Value
		}
	}
	events := p.Make.Vendor.Keys()
	for _, key := range p.Make.Keys() {
		event, ok := eventsOnTheWire[events.Of(key)]
		switch {
		case !ok:
		case p.Make.Body != nil:
			p.Table[key] = "1"
		default:
			if own, ok := p.Make.TypedAs[key]; ok {
				event = own
			}
			p.Table[key] = p.cut(base + "/" + event + p.query(key))
		}
	}
}

// Keys are those that the firmware ever says something with, each once.
func (m Make) Keys() (keys []string) {
	seen := map[string]bool{}
	for _, moment := range Moments {
		for _, s := range m.Says[moment] {
			if !seen[s.Key] {
				keys = append(keys, s.Key)
			}
			seen[s.Key] = true
		}
	}
	return keys
}

// query leaves out what the vendor's table says to have no value for this key.
func (p *Phone) query(key string) string {
	query := p.Make.Query
	if query == "" {
		query = p.Make.everything()
	}
	var parameters []string
	for parameter := range strings.SplitSeq(query+p.Make.Extra, "&") {
		_, variable, _ := strings.Cut(parameter, "=")
		if !strings.HasPrefix(variable, "$") || p.Make.available(variable, key) {
			parameters = append(parameters, parameter)
		}
	}
	mac := p.Make.MAC.Spell(p.MAC)
	query = strings.NewReplacer("{line}", url.QueryEscape(p.Extension), "{mac}", mac).Replace(strings.Join(parameters, "&"))
	if p.Make.PathStyle {
		return "/" + query
	}
	return "?" + query
}

// cut takes the last parameters away until the URL fits into the phone, which would cut it in the middle.
func (p *Phone) cut(url string) string {
	limit := p.Make.Vendor.MaxURL
	for limit > 0 && len(url) > limit && strings.Contains(url, "&") {
		url = url[:strings.LastIndex(url, "&")]
	}
	return url
}

// everything has each parameter that the vendor has a variable for.
func (m Make) everything() string {
	var query []string
	for _, parameter := range parameters {
		if variable := m.Vendor.Meanings().Swapped().Of(parameter.meaning); variable != "" {
			query = append(query, parameter.name+"="+variable)
		}
	}
	return strings.Join(query, "&")
}
