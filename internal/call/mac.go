package call

import (
	"regexp"
	"strings"
)

var separators = strings.NewReplacer(":", "", "-", "", ".", "", " ", "")

// longestMAC is above any way of writing one, so that no phone has us copy a long text.
const longestMAC = 64

// ParseMAC reads 001565aabbcc, 00:15:65:AA:BB:CC, 00-15-65-aa-bb-cc, 0015.65aa.bbcc or "00 15 65 aa bb cc" and
// gives 12 lower-case hex digits, or nothing. All zeros or all ones is a phone that does not know its MAC.
func ParseMAC(s string) string {
	if len(s) > longestMAC {
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

// FindMAC looks for the MAC in a User-Agent. Most vendors' agents carry it, so that a phone keeps its identity when
// mac=… was forgotten in the URL.
func FindMAC(agent string) string {
	if found := agentMAC.FindStringSubmatch(agent); found != nil {
		return ParseMAC(found[1])
	}
	return ""
}
