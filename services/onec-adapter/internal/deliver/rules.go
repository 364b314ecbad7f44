package deliver

import (
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
)

// remembered bounds the memory of lines: a hostile phone may invent any number of them. A line that was forgotten is
// told everything.
const remembered = 10_000

// The numbers of TelData that begin and end a call; 2 is its answer.
const (
	numberRing = 1
	numberDial = 3
	numberEnd  = 4
)

// rules say which events the target gets at all (docs/wire.md §3).
type rules struct {
	freshFor time.Duration
	number   func(call.EventType) (int, bool)
	lines    map[lineKey]lineState
}

type lineKey struct {
	site string
	line call.Line
}

// lineState is what the target knows of a line. The zero value: not known here, so nothing is kept from it.
type lineState int

const (
	callOpen  lineState = iota + 1 // it was told of a ring, a dial or an answer, or may have been: its end is told too
	callEnded                      // it took the end
	ringStale                      // the ring was too old to be told, and nothing else was told since the last end
)

// Why an event is kept from the target.
const (
	noNumber   = " has no number in TelData"
	endedTwice = "the end of this line's call was told already"
	ringWas    = "its ring was stale"
	tooOld     = "stale: older than "
)

// Reasons are what endings of events say that were kept from the target.
func Reasons() []string {
	return []string{string(call.Held) + noNumber, endedTwice, ringWas, tooOld + (10 * time.Minute).String()}
}

func newRules(freshFor time.Duration, number func(call.EventType) (int, bool)) *rules {
	r := &rules{freshFor: freshFor, number: number}
	r.forget()
	return r
}

func (r *rules) forget() { r.lines = map[lineKey]lineState{} }

// skip says why the target does not get an event, or nothing.
func (r *rules) skip(e call.Event, now time.Time) (why string) {
	n, wanted := r.number(e.Type)
	state := r.lines[lineKey{e.Site, e.Line}]
	switch {
	case !wanted:
		return string(e.Type) + noNumber
	case n == numberEnd && state == callEnded:
		return endedTwice
	case n == numberEnd && state == ringStale:
		return ringWas
	case r.freshFor > 0 && now.Sub(e.Time) > r.freshFor:
		return tooOld + r.freshFor.String()
	}
	return ""
}

// learn remembers what the target knows of a line after an ending.
//
//	            delivered    dead                  skipped
//	ring, dial  callOpen     callOpen              ringStale, unless callOpen
//	answer      callOpen     callOpen              nothing
//	end         callEnded    nothing: not taken    nothing
func (r *rules) learn(e call.Event, kind verdict.Kind) {
	n, wanted := r.number(e.Type)
	if !wanted {
		return
	}
	key := lineKey{e.Site, e.Line}
	state := r.lines[key]
	switch {
	case kind == verdict.Skipped && (n == numberRing || n == numberDial) && state != callOpen:
		state = ringStale
	case kind == verdict.Delivered && n == numberEnd:
		state = callEnded
	case kind != verdict.Skipped && n != numberEnd:
		state = callOpen
	default:
		return
	}
	if len(r.lines) >= remembered {
		r.forget()
	}
	r.lines[key] = state
}
