package provision

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
)

func TestAHitIsTheURLOfTheFileWithItsVariablesFilledIn(t *testing.T) {
	ivan := Call{Remote: "+74951230001", Name: "Ivan Petrov & Co"}
	for _, c := range []struct {
		vendor string
		phone  Phone
		is     call.EventType
		want   string
	}{
		{"yealink", Phone{MAC: "001565aabbcc", Line: "101", Token: "hall.x"}, call.Incoming,
			"GET /p/hall.x/yealink/incoming?mac=001565aabbcc&line=101&remote=sip:+74951230001@pbx&name=Ivan Petrov & Co"},
		{"yealink", Phone{Line: "101"}, call.Boot, "GET /yealink/boot?line=101"},
		{"grandstream", Phone{Line: "101"}, call.Missed, "GET /grandstream/missed?line=101&remote=+74951230001&name=Ivan Petrov & Co"},
		{"mitel", Phone{Line: "101"}, call.Ended, "GET /mitel/ended?line=101"},
		{"mitel", Phone{Line: "101"}, call.Unregistered, "GET /mitel/unregistered?line=101&regstate=UNREGISTERED"},
		{"gigaset", Phone{MAC: "7c2f80000001", Line: "101"}, call.Answered, "GET /gigaset/answered?mac=7c2f80000001&line=101"},
		{"microsip", Phone{Line: "101"}, call.Incoming, "GET /microsip/incoming?line=101&remote=%2B74951230001"},
		{"phone", Phone{Line: "10 1"}, call.Rejected, "GET /phone/rejected?line=10%201&remote=%2B74951230001&name=Ivan%20Petrov%20%26%20Co"},
	} {
		h, err := Speaker(c.vendor).Hit(office, c.phone, c.is, ivan)
		if got := h.Method + " " + h.Target; err != nil || got != c.want || h.Body != "" {
			t.Errorf("%s, %s: %v\n got %s %s\nwant %s", c.vendor, c.is, err, got, h.Body, c.want)
		}
	}
}

func TestAPolycomPostsXML(t *testing.T) {
	h, err := polycom.Hit(office, Phone{MAC: "0004f2aabbcc", Line: "101"}, call.Held, Call{Remote: "+74951230001", Name: "Ivan & Co"})
	if err != nil || h.Method != "POST" || h.Target != "/polycom?line=101" {
		t.Fatalf("got %+v, %v", h, err)
	}
	for _, part := range []string{`<PolycomIPPhone><CallStateChangeEvent CallState="Hold">`, "<MACAddress>0004f2aabbcc<",
		"<CallingPartyDirNum>+74951230001@pbx<", "<CallingPartyName>Ivan &amp; Co<"} {
		if !strings.Contains(h.Body, part) {
			t.Errorf("want %s in %s", part, h.Body)
		}
	}
}

func TestAPhoneDoesNotTellWhatItsVendorDoesNot(t *testing.T) {
	if _, err := snom.Hit(office, desk, call.Rejected, Call{}); err == nil {
		t.Error("a Snom told of a rejected call")
	}
	if diff := cmp.Diff([]call.EventType{call.Boot, call.Unregistered, call.Incoming, call.Outgoing, call.Answered, call.Ended}, mitel.Tells()); diff != "" {
		t.Errorf("a Mitel (-want +got):\n%s", diff)
	}
	if Speaker("nokia") != nil {
		t.Error("there is a Nokia")
	}
}
