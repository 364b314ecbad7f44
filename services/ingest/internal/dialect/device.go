package dialect

import (
	"net/netip"
	"regexp"
	"strings"

	"github.com/callbus/callbus/internal/call"
)

var separators = strings.NewReplacer(":", "", "-", "", ".", "", " ", "")

// ParseMAC reads 001565aabbcc, 00:15:65:AA:BB:CC, 00-15-65-aa-bb-cc, 0015.65aa.bbcc or "00 15 65 aa bb cc" and
// gives 12 lower-case hex digits, or nothing. All zeros or all ones is a phone that does not know its MAC.
func ParseMAC(s string) string {
	if len(s) > maxDevice {
		return ""
	}
	mac := strings.ToLower(separators.Replace(s))
	if len(mac) != 12 || strings.Trim(mac, "0123456789abcdef") != "" {
		return ""
	}
	if mac == "000000000000" || mac == "ffffffffffff" {
		return ""
	}
	return mac
}

// agentMAC finds a MAC that stands alone: "Yealink SIP-T46S 66.86.5.20 80:5e:c0:…", "Mitel6940 MAC:14-00-E9-…",
// "snomD785-SIP 10.1.169.16 … 00041396D9B4", "DevId 000b828aa872".
var agentMAC = regexp.MustCompile(`(?i)(?:^|[^0-9a-z])([0-9a-f]{2}(?:[:-]?[0-9a-f]{2}){5})(?:[^0-9a-z]|$)`)

// findMAC looks for the MAC in a User-Agent. Most vendors' agents carry it, so that a phone keeps its identity when
// mac=… was forgotten in the URL.
func findMAC(agent string) string {
	if found := agentMAC.FindStringSubmatch(cut(agent, maxAgent)); found != nil {
		return ParseMAC(found[1])
	}
	return ""
}

// parseIP gives the address in its usual form, or nothing if s is none. 0.0.0.0 is a phone without address.
func parseIP(s string) string {
	addr, err := netip.ParseAddr(strings.TrimSpace(s))
	if err != nil || addr.IsUnspecified() || addr.Zone() != "" {
		return ""
	}
	return addr.Unmap().String()
}

// device is what a User-Agent says of a phone.
type device struct {
	vendor          *vendor // nil if it is nobody's that we know
	model, firmware string
}

func readAgent(agent string) device {
	agent = printable(valid(cut(agent, maxAgent)))
	if agent == call.Trial {
		return device{model: call.Trial}
	}
	for _, v := range vendors {
		if v.agent == nil {
			continue
		}
		if found := v.agent.FindStringSubmatch(agent); found != nil {
			return device{v, found[1], found[2]}
		}
	}
	return device{}
}
