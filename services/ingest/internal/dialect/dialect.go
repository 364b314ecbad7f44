// Package dialect knows what each phone says: it turns the hit of an action URL into a call.Event.
//
// There is one file per vendor, and a vendor is data (the names of its events and parameters) plus quirks. The
// package reads every hit leniently, because no phone asks again: what can be understood is kept, and only a hit
// that says nothing is an error.
package dialect

import (
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
	Event     string // path token: "incoming", or the vendor's own "incoming_call"; empty for checkphone
	Query     string // the raw query string
	Addr      string // the phone's IP address, without port
	UserAgent string
}

var (
	// ErrUnknown is a hit whose dialect or event does not exist (404).
	ErrUnknown = errors.New("no such dialect or event")

	// ErrNoMeaning is an event that the vendor does have, but that tells nothing about a call or a phone
	// ("off_hook"). It is an error of its own, so that the answer (404) can say so.
	ErrNoMeaning = errors.New("this event of the phone has no meaning here")
)

// Unusable is a hit that was addressed rightly and says nothing that could be used (400).
type Unusable struct {
	Reason string // one line of text without secrets
}

// Error gives the reason.
func (u *Unusable) Error() string { return "unusable hit: " + u.Reason }

// vendors is every dialect there is. A new vendor is a new file and a word here.
var vendors = []*vendor{checkphone, generic, yealink}

// Dialects lists the names of the dialects, sorted.
func Dialects() []string {
	var names []string
	for _, v := range vendors {
		names = append(names, v.name)
	}
	slices.Sort(names)
	return names
}

// Parse reads a hit. National numbers are read in the region. The event has no ID, Time and Site; its Line is empty
// where the hit names none, since ingest may know the phone by its MAC or address. Every string in it is valid
// UTF-8 and bounded (see limits.go).
//
// The error is ErrUnknown or ErrNoMeaning, wrapped, or an *Unusable.
func Parse(h Hit, region phone.Region) (call.Event, error) {
	i := slices.IndexFunc(vendors, func(v *vendor) bool { return strings.EqualFold(v.name, h.Dialect) })
	if i < 0 {
		return call.Event{}, fmt.Errorf("%w: dialect %.40q", ErrUnknown, h.Dialect)
	}
	v, values := vendors[i], ParseQuery(h.Query)
	t, err := v.eventType(h, values)
	if err != nil {
		return call.Event{}, err
	}
	return v.event(h, values, t, region), nil
}
