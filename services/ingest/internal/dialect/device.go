package dialect

import (
	"net/netip"
	"strings"

	"github.com/callbus/callbus/internal/call"
)

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
