// Package doctor says what is wrong with a Callbus and its phones, in the words of the one who set them up, and what to
// do about each.
//
// Collect gathers what there is to see; Examine is a pure function from that to findings, so that each finding is a line
// in a table of tests. A false alarm is as bad as a fault that is missed: where what was seen also has a harmless
// explanation, it is a note, or nothing.
package doctor

import (
	"cmp"
	"slices"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// Level says how bad a finding is.
type Level string

// The levels. A note alone leaves the patient healthy.
const (
	Fault   Level = "fault"   // calls do not reach 1C, or are about not to
	Warning Level = "warning" // some of what phones tell is lost, or wrong
	Note    Level = "note"
)

// Finding is one thing that is wrong.
type Finding struct {
	ID    string `json:"id"` // stable, for scripts
	Level Level  `json:"level"`
	// What it is about; empty where it is about the whole.
	Line   call.Line `json:"line,omitempty"`
	MAC    string    `json:"mac,omitempty"`
	Addr   string    `json:"addr,omitempty"`
	Target string    `json:"target,omitempty"`
	Phones []string  `json:"phones,omitempty"` // lines, or MACs, where it is about several
	macs   []string  // of these

	What string `json:"what"` // in the words of the reader
	Do   string `json:"do"`
}

// Seen is what the doctor looks at.
type Seen struct {
	Now   time.Time
	Since time.Time // how far back refused hits and calls are looked at

	NATS     string // where it was looked for
	NATSAway bool   // nobody there
	NoCalls  bool   // NATS is there, and no CALLS
	Embedded bool   // the broker of an ingest or a callbus up, which is alive with it
	Store    stream.Store
	Webhooks map[string]bool // targets that are no 1C
	Hub      *stream.Backlog // of a branch: what waits for its hub; nil: this store is no branch's

	Phones   []stream.KnownPhone
	Calls    []call.Event // the latest, oldest first
	Rejected []stream.Rejection
	Dead     []stream.DeadLetter
	Admins   []Admin
	Files    []File // that cannot be read, of those that a file of settings names
}

// Admin is what a process says on its admin port.
type Admin struct {
	Addr        string
	Answers     bool
	Failing     []string          // of /readyz: "store: …"
	Away        map[string]string // of /targets: target → why it takes nothing
	Certificate time.Time         // when it expires; zero: there is none
	Ingest      bool              // it takes phones' hits
}

// exam is one examination, and the language of its findings.
type exam struct {
	Seen // its Calls are those of phones
	lang.Lang
	taken []call.Event // with those of callbus send
}

// Examine finds what is wrong: faults first.
func Examine(s Seen, l lang.Lang) (all []Finding) {
	x := exam{Seen: s, Lang: l, taken: s.Calls}
	x.Calls = slices.DeleteFunc(slices.Clone(s.Calls), func(e call.Event) bool { return e.Phone.Trial() })
	for _, look := range []func() []Finding{x.process, x.files, x.store, x.clocks, x.targets, x.dead, x.door, x.tokens, x.phones, x.shared} {
		all = append(all, look()...)
	}
	slices.SortStableFunc(all, func(a, b Finding) int { return cmp.Compare(rank[a.Level], rank[b.Level]) })
	return all
}

var rank = map[Level]int{Fault: 0, Warning: 1, Note: 2}

// Healthy reports whether there is nothing but notes.
func Healthy(all []Finding) bool {
	return !slices.ContainsFunc(all, func(f Finding) bool { return f.Level != Note })
}

// About are the findings about one line (or MAC), and those that are about all.
func About(all []Finding, line call.Line, phones []stream.KnownPhone) (some []Finding) {
	for _, f := range all {
		if f.isAbout(line, phones) {
			some = append(some, f)
		}
	}
	return some
}

func (f Finding) isAbout(line call.Line, phones []stream.KnownPhone) bool {
	switch {
	case f.Phones != nil:
		return slices.Contains(f.Phones, string(line)) || slices.Contains(f.macs, string(line))
	case f.Line == "" && f.MAC == "" && f.Addr == "", f.Line == line, f.MAC == string(line):
		return true
	}
	return slices.ContainsFunc(phones, func(p stream.KnownPhone) bool {
		_, there := p.Addrs[f.Addr]
		return f.MAC == "" && there || f.MAC != "" && f.MAC == p.MAC
	})
}

// Unheard is what is wrong with a line (or MAC) that no phone has ever named.
func Unheard(line call.Line, s Seen, l lang.Lang) []Finding {
	heard := slices.ContainsFunc(s.Calls, func(e call.Event) bool { return isOf(e, line) && !e.Phone.Trial() })
	if len(s.Phones) > 0 || heard || s.NATSAway || s.NoCalls {
		return nil
	}
	f := Finding{ID: "unheard", Level: Fault, Line: line,
		What: l.Sayf("No phone has ever called for line %s", "Ни один телефон ещё не сообщал о линии %s", line),
		Do: l.Say("Check the URLs in the phone, and whether it can reach Callbus: open http://ADDRESS:8080/ from its network; any answer, even 404, means that Callbus is reached. If the phone is refused, callbus doctor says so",
			"Проверьте URL в телефоне и доступен ли Callbus из его сети: откройте оттуда http://АДРЕС:8080/. Любой ответ, даже 404, значит, что связь есть. Если телефону отказано, об этом скажет callbus doctor")}
	if mac := call.ParseMAC(string(line)); mac != "" {
		f.Line, f.MAC = "", mac
		f.What = l.Sayf("No phone with the MAC %s has ever called", "Телефон с MAC %s ещё ни разу не обращался", mac)
	}
	if slices.ContainsFunc(s.Calls, func(e call.Event) bool { return isOf(e, line) }) { // somebody tries the way out before there is a phone
		f.Level = Note
		f.What = l.Sayf("Of %s only callbus send has told so far, no phone", "О %s сообщал пока только callbus send, сам телефон ещё не обращался", line)
	}
	return []Finding{f}
}
