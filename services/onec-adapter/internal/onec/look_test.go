package onec_test

import (
	"testing"

	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// What a publication with reuseSessions="use" says to a ?wsdl without a session is not known. If it asks for one, it gets one.
func TestADescriptionThatWantsASessionGetsOneForTheReadingAlone(t *testing.T) {
	p := onectest.Publication{Reuse: onectest.Use, SessionForWSDL: true}
	inBubble(t, onectest.Options{Publication: p, Licences: 1}, onec.Config{}, func(t *testing.T, o office) {
		if s := o.server.Sessions(); s.Alive != 0 {
			t.Errorf("after the reading: %+v, want no session left", s)
		}
		for range 3 {
			if err := o.call(); err != nil {
				t.Error(err)
			}
		}
		if s := o.server.Sessions(); s.Logins != 1 || s.Alive != 1 || s.Lost != 0 {
			t.Errorf("after three calls: %+v, want one session and nothing lost", s)
		}
	})
}
