package call_test

import (
	"testing"

	"github.com/callbus/callbus/internal/call"
)

func TestAMACHasOneForm(t *testing.T) {
	for written, want := range map[string]string{
		"001565aabbcc": "001565aabbcc", "00:15:65:AA:BB:CC": "001565aabbcc", "00-15-65-aa-bb-cc": "001565aabbcc",
		"0015.65aa.bbcc": "001565aabbcc", "00 15 65 aa bb cc": "001565aabbcc",
		"": "", "101": "", "001565aabbc": "", "001565aabbcg": "", "00:00:00:00:00:00": "", "FFFFFFFFFFFF": "",
	} {
		if got := call.ParseMAC(written); got != want {
			t.Errorf("ParseMAC(%q) = %q, want %q", written, got, want)
		}
	}
}

func TestAMACStandsAloneInAUserAgent(t *testing.T) {
	for agent, want := range map[string]string{
		"Yealink SIP-T46S 66.86.5.20 80:5e:c0:aa:bb:cc": "805ec0aabbcc",
		"Mitel6940 MAC:14-00-E9-AA-BB-CC":               "1400e9aabbcc",
		"DevId 000b828aa872":                            "000b828aa872",
		"build a000b828aa8721":                          "",
		"Mozilla/5.0":                                   "",
	} {
		if got := call.FindMAC(agent); got != want {
			t.Errorf("FindMAC(%q) = %q, want %q", agent, got, want)
		}
	}
}
