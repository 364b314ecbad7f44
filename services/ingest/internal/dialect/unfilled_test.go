package dialect

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestUnfilledNamesWhatThePhoneLeftAsItWas(t *testing.T) {
	for query, want := range map[string][]string{
		"": nil, "line=101&remote=102": nil,
		"mac=$mac&acc=$active_user&remote=101":     {"mac", "acc"},
		"Remote=%24remote&name=a$b&x=$":            {"remote"},
		"name=$$INCOMINGNAME$$&cid=$call-id&y=$5 ": {"name", "cid", "y"},
		"name=Smith & $ons&remote=$remote":         {"remote"},
	} {
		if diff := cmp.Diff(want, Unfilled(query)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", query, diff)
		}
	}
}
