// Package dialect knows what each phone says: it turns the hit of an action URL into a call.Event.
//
// There is one file per vendor, and a vendor is data (the names of its events and parameters) plus quirks. The
// package reads every hit leniently, because no phone asks again: what can be understood is kept, and only a hit
// that says nothing is an error.
package dialect

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

// Hit is one request of a phone, as the HTTP front received it.
type Hit struct {
	Dialect   string // path token: "yealink"
	Event     string // path token: "incoming", or the vendor's own "incoming_call"; empty for checkphone and polycom
	Query     string // the raw query string, or a form in the body
	Body      string // a body that is no form: a Polycom's XML
	Addr      string // the phone's IP address, without port
	UserAgent string
	MAC       string // of the phone whose token came with the hit, 12 lower-case hex digits, or empty
}

// Said is what a hit says.
type Said struct {
	// Event has no ID, Time and Site; its Line is empty where the hit names none, since ingest may know the phone by
	// its MAC or address. Every string in it is valid UTF-8 and bounded (see limits.go).
	Event call.Event

	// MAC is the one that the hit itself names, 12 lower-case hex digits, or empty. The event's may also be the token's
	// or the User-Agent's.
	MAC string

	// OneCall reports whether the event's CallID names one call: no other call of this phone has it within a second.
	// It is false where a vendor's facts do not promise that, or the hit has no call id.
	OneCall bool

	// Twice reports whether the vendor tells this event in two ways, once with and once without a call id (Polycom).
	Twice bool

	// AnsweredAgain reports whether this vendor says answered also of a call that is taken back from hold (Polycom).
	AnsweredAgain bool

	// Reply is the XML that the phone wants in the body of its 200, or empty.
	Reply string
}

var (
	// ErrUnknown is a hit whose dialect or event does not exist (404).
	ErrUnknown = errors.New("no such dialect or event")

	// ErrNoMeaning is an event that the vendor does have, but that tells nothing about a call or a phone
	// ("off_hook"). It is an error of its own, so that the answer (404) can say so.
	ErrNoMeaning = errors.New("this event of the phone has no meaning here")

	// ErrNothingNew is a hit that tells nothing and that the phone cannot be told to keep to itself: it is answered
	// 200 and forgotten.
	ErrNothingNew = errors.New("nothing new")
)

// Unusable is a hit that was addressed rightly and says nothing that could be used (400).
type Unusable struct {
	Reason string // one line of text without secrets
}

// Error gives the reason.
func (u *Unusable) Error() string { return "unusable hit: " + u.Reason }

// vendors is every dialect there is. A new vendor is a new file and a word here.
var vendors = []*vendor{
	checkphone, generic, yealink, dlink, fanvil, grandstream, snom, htek, sangoma, akuvox, flyingvoice, mitel, polycom, microsip,
	gigaset,
}

// Dialects lists the names of the dialects, sorted.
func Dialects() []string {
	var names []string
	for _, v := range vendors {
		names = append(names, v.name)
	}
	slices.Sort(names)
	return names
}

// Parse reads a hit. National numbers are read in the region. Where the hit does not name its vendor (phone), the
// User-Agent may.
//
// The error is ErrUnknown, ErrNoMeaning or ErrNothingNew, wrapped, or an *Unusable. With ErrNothingNew there is a Reply.
func Parse(h Hit, region phone.Region) (Said, error) {
	agent := readAgent(h.UserAgent)
	v := vendorOf(h, agent)
	if v == nil {
		return Said{}, fmt.Errorf("%w: dialect %.40q", ErrUnknown, h.Dialect)
	}
	reply := Said{Reply: v.answer(agent.vendor)}
	values, err := v.values(&h)
	if err != nil {
		return reply, err
	}
	t, err := v.eventType(h, values)
	if err != nil {
		return reply, err
	}
	return v.said(h, agent, values, t, region), nil
}

func vendorOf(h Hit, agent device) *vendor {
	i := slices.IndexFunc(vendors, func(v *vendor) bool { return strings.EqualFold(v.name, h.Dialect) })
	if i < 0 {
		return nil
	}
	if vendors[i] == generic {
		return cmp.Or(agent.vendor, generic)
	}
	return vendors[i]
}
