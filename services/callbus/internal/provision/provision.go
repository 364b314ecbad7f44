// Package provision writes what the desk phones of each vendor fetch from a provisioning server: the action URLs, under
// the vendor's keys, with the vendor's variables, escaped as its format wants.
//
// There is one file per vendor, and a vendor is data: the keys of its events and the variables that fill our parameters.
// It knows nothing of how ingest reads the hits; the two meet in docs/wire.md §1. What tells the same thing twice is left
// out: of Yealink's "answer new incoming call" and "call established", of Aastra's "registered" and "registration event",
// of the attempt and the success of a transfer, there is one.
package provision

import (
	"cmp"
	"fmt"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// Phone is one phone to be set up. The zero value stands for all phones of a vendor.
type Phone struct {
	ID    string // what its file is called where it has no MAC
	MAC   string // 12 lower-case hex digits, or empty
	Line  string // its extension, where it has one and no more
	Bound bool   // it has several, and its token speaks for these only
	Token string // goes into /p/TOKEN; empty: none
}

// Office is what is the same for all phones.
type Office struct {
	// URL is where ingest listens, with no path: http://callbus.office:8080.
	URL string
	// DialFrom is the only address that may make the phones dial; invalid: nobody's, and the keys are left as they are.
	DialFrom netip.Addr
}

// File is what a phone fetches. The name may have a folder in front, with a slash.
type File struct{ Name, Content string }

// Field is one line of the phone's web page: its name there, and what to paste into it.
type Field struct{ Name, Value string }

// Output is what there is for one phone.
type Output struct {
	Files  []File
	Fields []Field
	// LeftOut are the keys of events of the phone itself whose URLs would be longer than the phone keeps.
	LeftOut []string
}

// Sure says how far a vendor's keys and variables are known.
type Sure string

// Documented is what the vendor's guides or the templates of provisioning servers say; Guessed is inferred from phones
// with the same firmware, and not seen on this vendor's.
const (
	Documented Sure = "documented"
	Guessed    Sure = "guessed"
)

// Vendor is one maker of phones.
type Vendor struct {
	Name   string
	Titles string // what it is called in shops
	Sure   Sure
	Note   lang.Text // what is to be known before it is trusted
	Page   string    // where on the phone's web page the URLs stand; empty: not known
	Dial   lang.Text // how click-to-dial is allowed where no key of the file does it

	format  format
	file    string    // {mac}, {MAC} or {id}
	common  string    // the file of all phones; empty: its name depends on the model
	enable  []setting // stand before the URLs
	events  []event   // in the order of the phone's web page
	allow   []setting // stand behind the URLs, where click-to-dial is to be allowed; {ip} is the address
	maxURL  int       // characters of a value; 0: not known
	address string    // the other side of a call, %s: its number
	encodes bool      // values are encoded; phones do not

	tells []call.EventType                                 // where one URL tells of all events; nil: what the events are
	body  func(p Phone, is call.EventType, c Call) string  // what is posted, with the line in it; nil: the phone GETs
	hook  func(o Office, p Phone, e event) (string, error) // the command line of a phone that runs programs; nil: it opens URLs

	vars map[string]string   // our parameter → the vendor's variable, or {mac}
	only map[string][]string // key → the parameters that have a value there; without an entry all have
	more map[string]string   // key → parameters that only this URL has, and needs
}

// event is one action URL of a phone.
type event struct {
	key string         // in the configuration
	is  call.EventType // what it tells; empty: the phone's message says what
	web string         // on the phone's web page; empty: not known, the key stands for it
}

// setting is a key that is no action URL.
type setting struct{ key, value string }

// vendors is every vendor there is. A new one is a new file and a word here.
var vendors = []*Vendor{
	yealink, fanvil, dlink, grandstream, snom, htek, sangoma, akuvox, flyingvoice, mitel, polycom, gigaset, microsip,
}

// Vendors lists all there are, sorted by name.
func Vendors() []*Vendor {
	return slices.SortedFunc(slices.Values(vendors), func(a, b *Vendor) int { return cmp.Compare(a.Name, b.Name) })
}

// Find returns the vendor of that name, or nil.
func Find(name string) *Vendor {
	i := slices.IndexFunc(vendors, func(v *Vendor) bool { return strings.EqualFold(v.Name, name) })
	if i < 0 {
		return nil
	}
	return vendors[i]
}

// hostName has no sign that a format or a shell would understand.
var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$`)

// Check reads the address of ingest: http or https, a host, nothing behind it that a phone would have to keep.
func (o Office) Check(l lang.Lang) error {
	if !strings.Contains(o.URL, "://") { // what url.Parse says of a bare address only a programmer understands
		return fmt.Errorf(l.Say("%.100q: want http:// in front", "%.100q: впереди нужно http://"), o.URL)
	}
	u, err := url.Parse(o.URL)
	if err != nil {
		return fmt.Errorf("%.100q: %w", o.URL, err)
	}
	ip, notIP := netip.ParseAddr(u.Hostname())
	switch {
	case u.Scheme != "http" && u.Scheme != "https", notIP != nil && !hostName.MatchString(u.Hostname()), notIP == nil && ip.Zone() != "":
		return fmt.Errorf(l.Say("%.100q: want http://HOST:PORT", "%.100q: нужно http://HOST:PORT"), o.URL)
	case u.Path != "" && u.Path != "/", u.RawQuery != "", u.Fragment != "", u.User != nil:
		return fmt.Errorf(l.Say("%.100q: want http://HOST:PORT and nothing more", "%.100q: нужно http://HOST:PORT и ничего больше"), o.URL)
	}
	return nil
}

// Address is the office's address where the URL names it by number, which nobody can ask a name server for; else invalid.
func (o Office) Address() netip.Addr {
	u, err := url.Parse(o.URL)
	if err != nil {
		return netip.Addr{}
	}
	ip, _ := netip.ParseAddr(u.Hostname())
	return ip
}

// NeedsLine reports whether the phone itself cannot say which line it is.
func (v *Vendor) NeedsLine() bool { return v.vars["acc"] == "" && v.body == nil }

// NamedByMAC reports whether the phone looks for its file by its MAC.
func (v *Vendor) NamedByMAC() bool { return strings.Contains(strings.ToLower(v.file), "{mac}") }

// Dials reports whether the file can allow click-to-dial.
func (v *Vendor) Dials() bool { return len(v.allow) > 0 }

// Write makes what a phone of this vendor is set up with. It fails where the URL of a call is longer than the phone keeps.
func (v *Vendor) Write(o Office, p Phone) (Output, error) {
	var out Output
	for _, s := range v.enable {
		out.Fields = append(out.Fields, Field{s.key, s.value})
	}
	page := page{Vendor: v, Office: o, Phone: p}
	for _, e := range v.events {
		value, err := v.value(o, p, e)
		if err != nil {
			return Output{}, err
		}
		switch fits := v.maxURL == 0 || len(value) <= v.maxURL; {
		case !fits && e.is.OfPhone():
			out.LeftOut = append(out.LeftOut, e.key)
			continue
		case !fits:
			return Output{}, fmt.Errorf("the value of %q is %d characters long and the phone keeps %d: a shorter address of Callbus helps",
				e.key, len(value), v.maxURL)
		}
		out.Fields = append(out.Fields, Field{cmp.Or(e.web, e.key), value})
		page.urls = append(page.urls, line{setting{e.key, value}, e.web})
	}
	name := v.fileName(p)
	out.Files = append(out.Files, File{name, signed(page.text())})
	if v.format.beside != nil {
		out.Files = append(out.Files, v.format.beside(&page, strings.TrimSuffix(name, ".ini"))...)
	}
	return out, nil
}

// value is what stands at the key of an event.
func (v *Vendor) value(o Office, p Phone, e event) (string, error) {
	if v.hook != nil {
		return v.hook(o, p, e)
	}
	return v.url(o, p, e), nil
}

func (v *Vendor) fileName(p Phone) string {
	name := strings.NewReplacer("{mac}", p.MAC, "{MAC}", strings.ToUpper(p.MAC), "{id}", p.ID).Replace(v.file)
	extension := v.file[strings.LastIndex(v.file, "."):]
	switch {
	case p.MAC != "":
		return name
	case p.ID != "":
		return p.ID + extension
	}
	return cmp.Or(v.common, v.Name+"-all"+extension)
}
