// Package call is the domain: what happened on which line, as every other room understands it.
// It knows neither HTTP, nor NATS, nor 1C.
package call

import (
	"time"

	"github.com/callbus/callbus/internal/phone"
)

// EventType says what happened. The values are the last token of the subject (docs/wire.md §2).
type EventType string

// Events of a call.
const (
	Incoming    EventType = "incoming"
	Outgoing    EventType = "outgoing"
	Answered    EventType = "answered"
	Ended       EventType = "ended"
	Missed      EventType = "missed"
	Rejected    EventType = "rejected"
	Held        EventType = "held"
	Resumed     EventType = "resumed"
	Transferred EventType = "transferred"
)

// Events of a phone.
const (
	Registered     EventType = "registered"
	Unregistered   EventType = "unregistered"
	RegisterFailed EventType = "register_failed"
	DNDOn          EventType = "dnd_on"
	DNDOff         EventType = "dnd_off"
	ForwardOn      EventType = "forward_on"
	ForwardOff     EventType = "forward_off"
	Boot           EventType = "boot"
)

// CallEvents lists the events of a call, in the order of docs/wire.md §1.
var CallEvents = []EventType{Incoming, Outgoing, Answered, Ended, Missed, Rejected, Held, Resumed, Transferred}

// PhoneEvents lists the events of a phone, in the order of docs/wire.md §1.
var PhoneEvents = []EventType{Registered, Unregistered, RegisterFailed, DNDOn, DNDOff, ForwardOn, ForwardOff, Boot}

// OfPhone reports whether the event tells of a phone rather than of a call.
func (t EventType) OfPhone() bool { return contains(PhoneEvents, t) }

// Known reports whether t is an event of the contract.
func (t EventType) Known() bool { return contains(CallEvents, t) || contains(PhoneEvents, t) }

func contains(list []EventType, t EventType) bool {
	for _, e := range list {
		if e == t {
			return true
		}
	}
	return false
}

// Line is a phone's extension or account ("101"). It is the key of order: what happens on one line stays in order.
type Line string

// Party is one side of a call, as the phone told it.
type Party struct {
	URI    string       // exactly as sent: "sip:74951234567@pbx", "101", "Sales"
	Number phone.Number // recognised number, empty where it is withheld or no number at all
	Name   string       // display name, UTF-8
}

// Phone is the device that sent the hit.
type Phone struct {
	MAC      string // 12 lower-case hex digits, or empty
	IP       string
	Model    string
	Firmware string
}

// Trial is the model of the phone that callbus send plays, and its User-Agent. Whoever uses the name himself stays out of the
// phone book and gains nothing else by it.
const Trial = "callbus send"

// Trial reports whether somebody tries the way to 1C out: there is no such phone.
func (p Phone) Trial() bool { return p.Model == Trial }

// Event is one thing that happened on one line.
type Event struct {
	ID     string // UUIDv7, made when the hit is accepted
	Type   EventType
	Time   time.Time // UTC, microseconds, when ingest accepted it
	Site   string    // empty, or a branch's name: two branches may both have a 101
	Line   Line
	CallID string // the phone's own name for the call; restarts with the phone, so it names no call alone
	Local  Party
	Remote Party
	Phone  Phone
	Source string // the dialect that spoke: "checkphone", "yealink", "phone"
	Raw    string // the query as received, printable ASCII, secrets cut out
}
