package httpfront

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// A Polycom has no word for a call that is taken back from hold: it is Connected once more.
func TestAPolycomsConnectedAfterAHoldIsResumed(t *testing.T) {
	h := open(t, Options{})
	for _, step := range strings.Fields("7:Connected 7:Hold 8:Connected 7:Connected 7:Connected 7:Hold 7:Disconnected 7:Connected 7:Hold 7:Offering 7:Connected") {
		ref, state, _ := strings.Cut(step, ":")
		body := `<PolycomIPPhone><CallStateChangeEvent CallReference="` + ref + `" CallState="` + state + `">` +
			`<MACAddress>0004f2aabbcc</MACAddress><CallLineInfo><LineDirNum>101</LineDirNum></CallLineInfo></CallStateChangeEvent></PolycomIPPhone>`
		got := h.say(t, fmt.Sprintf("POST /polycom HTTP/1.1\r\nConnection: close\r\nContent-Type: text/xml\r\nContent-Length: %d\r\n\r\n%s", len(body), body))
		if got.Status != 200 {
			t.Fatalf("%s: answered %d %q", step, got.Status, got.Body)
		}
	}
	var got []string
	for _, e := range h.all() {
		got = append(got, e.CallID+" "+string(e.Type))
	}
	// The last ones are other calls: one after an end, one of a phone that has started anew.
	if diff := cmp.Diff([]string{"7 answered", "7 held", "8 answered", "7 resumed", "7 held", "7 ended", "7 answered", "7 held", "7 incoming", "7 answered"}, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}
