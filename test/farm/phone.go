package farm

import (
	"fmt"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
)

// Phone is one phone on somebody's desk.
type Phone struct {
	Make      Make
	MAC       string // 12 lower-case hex digits
	IP        string // its own loopback address: what it sends comes from there
	Extension string
	Name      string            // of its account
	PBX       string            // host
	Table     map[string]string // the vendor's configuration key → what stands there, such as a URL template

	calls int // made and received since the phone has started
	dice  *rand.Rand
	wire  wire
}

// NewPhone takes the n-th phone of a make out of its box: its table is empty, so it says nothing.
func NewPhone(m Make, n int, ip, extension, name string) *Phone {
	return &Phone{
		Make: m, MAC: fmt.Sprintf("%s%06x", m.OUI, 0xfa0000+n), IP: ip, Extension: extension, Name: name,
		PBX: "pbx.example", Table: map[string]string{}, dice: rand.New(rand.NewPCG(uint64(n), 3)),
	}
}

// Party is somebody at the other side.
type Party struct {
	User string // "+74951230001", "102"
	Host string // empty: the PBX
	Name string // display name, empty where the caller has none
}

// anonymousUser is who calls where a caller withholds the number (RFC 3323 §4.1.1.3).
const anonymousUser = "anonymous"

// Anonymous is a caller who withholds the number.
var Anonymous = Party{User: anonymousUser, Host: "anonymous.invalid", Name: "Anonymous"}

// Call is a call as one phone sees it.
type Call struct {
	Incoming bool
	Other    Party
	ID       string // the phone's name for it, empty where it has none
}

// NewCall begins a call: the phone gives it a name.
func (p *Phone) NewCall(incoming bool, other Party) *Call {
	call := &Call{Incoming: incoming, Other: other, ID: p.Make.CallID(p, incoming)}
	p.calls++
	return call
}

// Restart is what a power cut does: whatever the phone counts begins again, and its connection is gone.
func (p *Phone) Restart() {
	p.calls = 0
	p.wire.drop()
}

func (p *Phone) hostOf(other Party) string {
	if other.Host == "" {
		return p.PBX
	}
	return other.Host
}

// Hits are what the phone sends at a moment, in order; none where its vendor says nothing, or nothing is configured. call is
// nil where it is about the phone itself.
func (p *Phone) Hits(m Moment, call *Call) (hits []Hit) {
	if !p.switchedOn() {
		return nil
	}
	for _, s := range p.Make.Says[m] {
		if template := p.templateFor(s.Key); template != "" {
			hits = append(hits, p.hit(s, template, m, call))
		}
	}
	return hits
}

// switchedOn: some vendors' action URLs are off until a key says otherwise.
func (p *Phone) switchedOn() bool {
	for _, enable := range p.Make.Vendor.EnableKeys {
		if enable.Value != urlOfEnable && p.Table[enable.Key] != enable.Value {
			return false
		}
	}
	return true
}

// templateFor finds the URL of a key. Where the key is a switch, the URL stands elsewhere.
func (p *Phone) templateFor(key string) string {
	if p.Make.Body == nil {
		return p.Table[key]
	}
	if p.Table[key] != "1" {
		return ""
	}
	return p.Table[polycomURL]
}

// Spelling is how a vendor prints a MAC.
type Spelling struct {
	Separator string
	Upper     bool
}

// Spell prints a MAC of 12 lower-case digits.
func (s Spelling) Spell(mac string) string {
	var pairs []string
	for i := 0; i+2 <= len(mac); i += 2 {
		pairs = append(pairs, mac[i:i+2])
	}
	spelled := strings.Join(pairs, s.Separator)
	if s.Upper {
		return strings.ToUpper(spelled)
	}
	return spelled
}

// macInAgent is one of three spellings. A mixture is none: MAC:14-00-E9-29-4C-6B does not begin with AC.
var macInAgent = regexp.MustCompile(`[[:xdigit:]]{2}(?::[[:xdigit:]]{2}){5}|[[:xdigit:]]{2}(?:-[[:xdigit:]]{2}){5}|[[:xdigit:]]{12}`)

// userAgent is the make's, with this phone's MAC in the spelling of the example.
func (p *Phone) userAgent() string {
	return macInAgent.ReplaceAllStringFunc(p.Make.UserAgent, func(mac string) string {
		return Spelling{Separator: strings.Trim(mac[2:3], "0123456789abcdefABCDEF"), Upper: strings.ToLower(mac) != mac}.Spell(p.MAC)
	})
}

func noCallID(*Phone, bool) string { return "" }

// countedFrom: the phone counts its calls, and begins again when it starts.
func countedFrom(first int) func(*Phone, bool) string {
	return func(p *Phone, _ bool) string { return strconv.Itoa(first + p.calls) }
}

// sipCallID is a SIP Call-ID as it looks on a Snom: of a server, or of the phone.
func sipCallID(p *Phone, incoming bool) string {
	if incoming {
		return fmt.Sprintf("%016x%016x@%s", p.dice.Uint64(), p.dice.Uint64(), p.PBX)
	}
	const letters = "abcdefghijklmnopqrstuvwxyz0123456789"
	tail := make([]byte, 12)
	for i := range tail {
		tail[i] = letters[p.dice.IntN(len(letters))]
	}
	return fmt.Sprintf("%012x-%s", p.dice.Uint64N(1<<48), tail)
}

// Address is the other side of a call as this make of phone writes it.
func (p *Phone) Address(call *Call) string {
	return p.Make.Party(call.Other.User, p.hostOf(call.Other))
}
