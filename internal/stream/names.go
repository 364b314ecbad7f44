// Package stream is the only room that speaks JetStream and protobuf: names, publish, lanes, endings.
//
// It promises that what Publish returned is on disk and in the order in which it was accepted, that a lane hands out
// the events of its lines one after another, and that an event gets one ending for each target (docs/wire.md §2, §4).
package stream

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"hash/fnv"
	"regexp"
	"strings"

	"github.com/callbus/callbus/internal/call"
)

// Names of the streams and of the bucket with the registry of targets.
const (
	Calls   = "CALLS"
	Endings = "ONEC"
	Phones  = "PHONES"
	Hits    = "HITS"
	bucket  = "TARGETS"
)

// Headers of a message beside the CloudEvents attributes.
const (
	HeaderLine = "Callbus-Line" // percent-encoded
	HeaderSite = "Callbus-Site" // percent-encoded, absent where there is no site
	// HeaderLetter is on what an operator sends again: the number of the dead letter, which goes when it has ended anew.
	HeaderLetter = "Callbus-Dead-Letter"
)

var plainToken = regexp.MustCompile(`^[A-Za-z0-9_-]{1,64}$`)

// Token makes one subject token of anything. Raw input never enters a subject: a "*" or "." would change who hears
// it, and a token of 5,000 bytes closes the shared connection for good. What is not plain becomes "h_" and the first
// 16 hex digits of its SHA-256; so does a plain text that begins with "h_", so that nobody can pose as another.
func Token(s string) string {
	if plainToken.MatchString(s) && !strings.HasPrefix(s, "h_") {
		return s
	}
	sum := sha256.Sum256([]byte(s))
	return "h_" + hex.EncodeToString(sum[:8])
}

// Subject is where an event is stored: calls.<event>, or phones.<event> for what a phone says of itself.
func Subject(t call.EventType) string {
	if t.OfPhone() {
		return "phones." + string(t)
	}
	return "calls." + string(t)
}

// LiveSubject is where the live copy of an event goes: lines.<line>.<event>.
func LiveSubject(l call.Line, t call.EventType) string {
	return "lines." + Token(string(l)) + "." + string(t)
}

// AgainSubject is where an operator sends an event once more, to one target, unseen by taps.
func AgainSubject(target string, t call.EventType) string {
	return "again." + target + "." + string(t)
}

func endingSubject(kind, target, lane string) string {
	return "onec." + kind + "." + target + "." + lane
}

var targetName = regexp.MustCompile(`^[A-Za-z0-9_-]{1,32}$`)

// CheckTarget refuses names that cannot stand in a subject.
func CheckTarget(name string) error {
	if !targetName.MatchString(name) {
		return fmt.Errorf("target name %q: want 1 to 32 of A-Z a-z 0-9 _ -", name)
	}
	return nil
}

// LaneOf is the lane, 0 to n-1, in which a line's events stay in order. It is fixed for ever: a change would let two
// lanes work on one line.
func LaneOf(site string, line call.Line, n int) int {
	h := fnv.New32a()
	h.Write([]byte(site + "\x00" + string(line)))
	return int(h.Sum32() % uint32(n))
}
