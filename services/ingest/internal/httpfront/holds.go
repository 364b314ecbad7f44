package httpfront

import (
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/ingest/internal/dialect"
)

// heldCalls is how many calls on hold are remembered.
const heldCalls = 1024

// holds remembers the calls on hold. A Polycom says Connected when a call is answered, and the same when it is taken back
// from hold; 1C would show the card of the customer once more. A front that has just started takes such a call for answered.
type holds struct {
	calls *lru.Cache[heldCall, struct{}]
}

type heldCall struct {
	mac    string
	line   call.Line
	callID string
}

func newHolds() holds { return holds{newLRU[heldCall, struct{}](heldCalls)} }

// tell says resumed where the vendor has no word for it. A call that begins is on hold nowhere, though one of the same id
// may have been before the phone started anew.
func (h holds) tell(said *dialect.Said) {
	switch e := &said.Event; {
	case e.Type == call.Incoming || e.Type == call.Outgoing:
		h.calls.Remove(heldCallOf(*e))
	case said.AnsweredAgain && h.calls.Contains(heldCallOf(*e)):
		e.Type = call.Resumed
	}
}

// learn keeps what a stored event says of its call.
func (h holds) learn(e call.Event) {
	switch {
	case e.Type == call.Held && e.CallID != "":
		h.calls.Add(heldCallOf(e), struct{}{})
	case e.Type == call.Resumed: // said once more, it is still that
	default:
		h.calls.Remove(heldCallOf(e))
	}
}

func heldCallOf(e call.Event) heldCall { return heldCall{e.Phone.MAC, e.Line, e.CallID} }
