package stream

import (
	"strings"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// Which says which endings an operator means. What is empty says nothing.
type Which struct {
	Target       string
	Line         call.Line
	Event        call.EventType
	Remote       string    // the other side's number in any spelling, or a part of its address
	Why          string    // a part of the reason or of the target's answer, in any case
	Since, Until time.Time // of the ending; Until itself is outside
}

// Any reports whether it says nothing, and means all.
func (w Which) Any() bool { return w == Which{} }

// Means reports whether an ending is meant.
func (w Which) Means(e Ended) bool {
	switch {
	case w.Target != "" && w.Target != e.Target,
		w.Line != "" && w.Line != e.Event.Line,
		w.Event != "" && w.Event != e.Event.Type,
		w.Remote != "" && !w.isRemote(e.Event.Remote),
		!w.Since.IsZero() && e.Time.Before(w.Since),
		!w.Until.IsZero() && !e.Time.Before(w.Until):
		return false
	}
	return w.Why == "" || holds(e.Why, w.Why) || holds(e.Answer, w.Why)
}

func (w Which) isRemote(p call.Party) bool {
	return sameNumber(phone.Parse(w.Remote, phone.DefaultRegion), p.Number) || holds(p.URI, w.Remote)
}

func holds(text, part string) bool {
	return strings.Contains(strings.ToLower(text), strings.ToLower(part))
}
