package farm_test

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/callbus/callbus/test/farm"
)

// ownNames are the dialects that are asked whether they know their vendors' own names.
var ownNames = []struct{ dialect, vendor string }{
	{"yealink", "yealink"}, {"fanvil", "fanvil"}, {"dlink", "dlink"}, {"grandstream", "grandstream"}, {"snom", "snom"},
	{"htek", "htek"}, {"sangoma", "htek"}, {"akuvox", "akuvox"}, {"flyingvoice", "flyingvoice"}, {"mitel", "mitel"},
	{"microsip", "microsip"}, {"gigaset", "gigaset"},
}

// TestADialectKnowsItsVendorsOwnNames lets somebody type the vendor's key where docs/wire.md §1 has an event: each key of
// phones.yaml, in each of its spellings. (Polycom's keys are switches: its events are states, below.)
func TestADialectKnowsItsVendorsOwnNames(t *testing.T) {
	o := startOffice(t)
	n := 0
	for _, own := range ownNames {
		vendor, ok := farm.Known.Vendor(own.vendor)
		if !ok {
			t.Fatalf("phones.yaml has no %s", own.vendor)
		}
		for _, key := range vendor.Keys() {
			n++
			target := fmt.Sprintf("/%s/%s?line=%d&mac=0000000a%04x&remote=74951230001", own.dialect, url.PathEscape(key.Key), 100+n, n)
			result, err := o.hears(tester(t), farm.Hit{Addr: o.phones, Target: []byte(target)})
			if err != nil {
				t.Fatal(err)
			}
			if got, want := understood(result), meant(key); got != want {
				t.Errorf("%s: got %s, want %s", target, got, want)
			}
		}
	}
	if n < 200 {
		t.Errorf("only %d keys were tried: phones.yaml has more", n)
	}
}

// TestPolycomsStatesAreUnderstood posts each state that phones.yaml knows.
func TestPolycomsStatesAreUnderstood(t *testing.T) {
	o := startOffice(t)
	m, _ := farm.MakeNamed("polycom")
	for i, state := range m.Vendor.XMLStates {
		if strings.HasPrefix(state.Key, "Line") {
			continue // not a state of a call: the story of the restart has it
		}
		p := farm.NewPhone(m, i, fmt.Sprintf("127.9.0.%d", 1+i), "101", "Manager")
		call := p.NewCall(state.Value == "incoming", farm.Party{User: "74951230001"})
		says := farm.Says{Key: "apps.telNotification.callStateChangeEvent", State: state.Key}
		result, err := o.hears(p, farm.Hit{Says: says, Addr: o.phones, Target: []byte("/polycom"), Body: m.Body(p, says, call)})
		if err != nil {
			t.Fatal(err)
		}
		want := meant(state)
		if state.Value == "other" { // the phone has one URL for all states, so it is no mistake of anybody's
			want = "nothing new"
		}
		if got := understood(result); got != want {
			t.Errorf("%s: got %s, want %s", state.Key, got, want)
		}
	}
}

// tester is a phone without a vendor's manners: it sends what it is given.
func tester(t *testing.T) *farm.Phone {
	t.Helper()
	m, ok := farm.MakeNamed("gigaset")
	if !ok {
		t.Fatal("the farm has no Gigaset")
	}
	return farm.NewPhone(m, 1, "127.8.0.1", "101", "")
}

// understood is the event that came out of a hit.
func understood(o outcome) string {
	switch {
	case len(o.stored) == 1:
		return o.stored[0].Type
	case o.answer.Status == http.StatusOK && len(o.stored) == 0:
		return "nothing new"
	case o.answer.Status == http.StatusNotFound && strings.TrimSpace(o.answer.Body) != "":
		return "404 and a line of text"
	}
	return fmt.Sprintf("%d %q and %d events", o.answer.Status, o.answer.Body, len(o.stored))
}

// meant is how a key is to be understood. phones.yaml knows some things better than the wire does.
func meant(key farm.Pair) string {
	switch key.Value {
	case "other", "all_calls_ended":
		return "404 and a line of text"
	case "remote_held":
		return "held"
	case "remote_resumed":
		return "resumed"
	}
	return key.Value
}
