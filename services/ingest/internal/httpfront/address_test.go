package httpfront

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestTheClientIsTheLastHopThatIsNoProxyOfOurs(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("fd00::/8")}
	for name, c := range map[string]struct {
		peer      string
		forwarded []string
		want      string
	}{
		"no proxy":                         {"192.0.2.1:5060", nil, "192.0.2.1"},
		"a stranger's header is a claim":   {"192.0.2.1:5060", []string{"198.51.100.1"}, "192.0.2.1"},
		"a proxy without the header":       {"10.0.0.1:1", nil, "10.0.0.1"},
		"one proxy":                        {"10.0.0.1:1", []string{"192.0.2.7"}, "192.0.2.7"},
		"two proxies":                      {"10.0.0.1:1", []string{"192.0.2.7, 10.0.0.2"}, "192.0.2.7"},
		"what the client wrote is ignored": {"10.0.0.1:1", []string{"203.0.113.9, 192.0.2.7"}, "192.0.2.7"},
		"two headers":                      {"10.0.0.1:1", []string{"203.0.113.9", "192.0.2.7"}, "192.0.2.7"},
		"a phone inside":                   {"10.0.0.1:1", []string{"10.0.9.9"}, "10.0.9.9"},
		"with ports":                       {"[fd00::1]:1", []string{"[2001:db8::7]:5060"}, "2001:db8::7"},
		"IPv6 in brackets":                 {"10.0.0.1:1", []string{"[2001:db8::7]"}, "2001:db8::7"},
		"IPv4 in IPv6":                     {"[::ffff:10.0.0.1]:1", []string{"::ffff:192.0.2.7"}, "192.0.2.7"},
		"nonsense ends the chain":          {"10.0.0.1:1", []string{"192.0.2.7, unknown, 10.0.0.2"}, "10.0.0.2"},
		"an empty hop":                     {"10.0.0.1:1", []string{""}, "10.0.0.1"},
		"a pipe has no address":            {"pipe", []string{"192.0.2.7"}, ""},
	} {
		r := &http.Request{RemoteAddr: c.peer, Header: http.Header{"X-Forwarded-For": c.forwarded}}
		if got := text(clientAddr(r, trusted)); got != c.want {
			t.Errorf("%s: got %q, want %q", name, got, c.want)
		}
	}
}
