package deliver

import (
	"slices"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/verdict"
)

// remembered bounds the memory of lines: a hostile phone may invent any number of them. A line that was forgotten is
// told everything.
const remembered = 10_000

// rules say which events the target gets at all (docs/wire.md §3).
type rules struct {
	freshFor time.Duration
	notFor   func(call.Event) string
	word     func(call.EventType) string
	lines    map[lineKey]lineState
}

type lineKey struct {
	site string
	line call.Line
}

// lineState is what the target knows of a line.
type lineState struct {
	call   callState
	ends   []string     // callEnded: the words that it was told the end in
	at     time.Time    // callEnded: of the first end that it was told
	remote phone.Number // callEnded: its other side
	// recalled is the place in CALLS of the event that this was read back of; 0: it ended here. What came after that may have
	// lost its ending, so it is not enough to keep an end from the target.
	recalled uint64
}

// callState is what it knows of the line's call. The zero value: not known here, so nothing is kept from it.
type callState int

const (
	callOpen  callState = iota + 1 // it was told of a ring, a dial or an answer, or may have been: its end is told too
	callEnded                      // it took the end
	ringStale                      // the ring was too old to be told, and nothing else was told since the last end
)

// begins and ends tell what an event means for the line's call; the target may have any word for it.
func begins(t call.EventType) bool { return t == call.Incoming || t == call.Outgoing }

func ends(t call.EventType) bool { return t == call.Ended || t == call.Missed || t == call.Rejected }

// oneEnd is how far apart a phone tells the end of one call in two ways (an end, and that it was missed). Two ends further apart, or of
// two callers, are of two calls, though no ring was heard between: a phone may have the URL for missed calls only.
const oneEnd = time.Minute

// sameEnd reports whether an end may be of the call whose end was told.
func (s lineState) sameEnd(e call.Event) bool {
	was, is := s.remote, e.Remote.Number
	return s.call == callEnded && e.Time.Sub(s.at).Abs() <= oneEnd && (was == is || was == "" || is == "")
}

// Why an event is kept from the target.
const (
	endedTwice = "the end of this line's call was told already"
	ringWas    = "its ring was stale"
	tooOld     = "stale: older than "
)

// takesOthers stands behind the reason of an event that was singled out.
const takesOthers = "; the events of others are taken"

// brokenOff is why a call was ended before 1C could answer.
const brokenOff = "the call was broken off: the event may be with another adapter by now"

// Reasons are what endings say that is not the target's word.
func Reasons() []string {
	return []string{endedTwice, ringWas, tooOld + (10 * time.Minute).String(), takesOthers, brokenOff}
}

func newRules(o Options) *rules {
	r := &rules{freshFor: o.FreshFor, notFor: o.NotFor, word: o.Word}
	r.forget()
	return r
}

func (r *rules) forget() { r.lines = map[lineKey]lineState{} }

// skip says why the target does not get an event, or nothing. An end in another word is news: that a call has ended, and
// then that it was missed.
func (r *rules) skip(e call.Event, now time.Time) (why string) {
	if why := r.notFor(e); why != "" {
		return why
	}
	state := r.lines[lineKey{e.Site, e.Line}]
	switch {
	case ends(e.Type) && state.sameEnd(e) && slices.Contains(state.ends, r.word(e.Type)):
		return endedTwice
	case ends(e.Type) && state.call == ringStale:
		return ringWas
	case r.freshFor > 0 && now.Sub(e.Time) > r.freshFor:
		return tooOld + r.freshFor.String()
	}
	return ""
}

// recalled is the place in CALLS of the event that a reason goes back to, where that is known from the record only; else 0.
func (r *rules) recalled(e call.Event, why string) uint64 {
	if why != endedTwice && why != ringWas {
		return 0
	}
	return r.lines[lineKey{e.Site, e.Line}].recalled
}

// doubt forgets a line.
func (r *rules) doubt(e call.Event) { delete(r.lines, lineKey{e.Site, e.Line}) }

// learn remembers what the target knows of a line after an ending: one that was read back (recalled is its event's place in CALLS), or
// of our own (0).
//
//	            delivered    dead                  skipped
//	ring, dial  callOpen     callOpen              ringStale, unless callOpen
//	answer      callOpen     callOpen              nothing
//	end         callEnded    nothing: not taken    nothing
//
// A ring, dial or answer that is not for the target ends what it knows of the call before.
func (r *rules) learn(recalled uint64, e call.Event, kind verdict.Kind) {
	key := lineKey{e.Site, e.Line}
	state := r.lines[key]
	if r.notFor(e) != "" {
		// A target that hears of ends only: what ends next is another call.
		if state.call == callEnded && (begins(e.Type) || e.Type == call.Answered) {
			delete(r.lines, key)
		}
		return
	}
	if ends(e.Type) && state.sameEnd(e) && state.remote == "" { // one of the ways tells whose call it was
		state.remote = e.Remote.Number
		r.lines[key] = state
	}
	switch {
	case kind == verdict.Skipped && begins(e.Type) && state.call != callOpen:
		state = lineState{call: ringStale, recalled: recalled}
	case kind == verdict.Delivered && ends(e.Type):
		if !state.sameEnd(e) {
			state = lineState{call: callEnded, at: e.Time, remote: e.Remote.Number, recalled: recalled}
		}
		if !slices.Contains(state.ends, r.word(e.Type)) {
			state.ends = append(slices.Clip(state.ends), r.word(e.Type))
		}
	case kind != verdict.Skipped && !ends(e.Type):
		state = lineState{call: callOpen}
	default:
		return
	}
	if len(r.lines) >= remembered {
		r.forget()
	}
	r.lines[key] = state
}
