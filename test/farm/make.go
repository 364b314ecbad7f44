package farm

import (
	"fmt"
	"io/fs"
	"slices"
)

// Make is a make of phone: what is known of its vendor, and one of its firmwares.
type Make struct {
	Name    string // "yealink-t3x": a vendor may have several firmwares
	Title   string // for people
	Dialect string // the first segment of the paths that its administrator types, after docs/wire.md §1
	Vendor  Vendor
	Firmware
}

// Firmware is how the phones of a make behave. Nearly all of it is data.
type Firmware struct {
	Model, Version string
	OUI            string // the first half of its MACs, 6 hex digits
	UserAgent      string // with some MAC in it, to be replaced; empty: none is known, so none is sent

	// Says has the keys whose URLs are fetched at a moment, in order. What is not in it passes in silence.
	Says map[Moment][]Says

	// Query is what the administrator types behind the event, with {line} and {mac} for what the phone cannot say itself.
	// Empty: every parameter of docs/wire.md §1 that the vendor has a variable for. What is too long for the phone loses its end.
	Query string
	// Extra stands behind the Query.
	Extra string
	// TypedAs has keys that docs/wire.md says to type an event of the vendor's own for.
	TypedAs map[string]string
	// Available is the vendor's table of the variables that have a value for a key. Empty: there is no such table.
	Available map[string][]string
	// PathStyle: the parameters stand in the path, behind a slash instead of a question mark.
	PathStyle bool

	// Reads takes keys and values out of the file that the phone fetches. Nil: nobody has written one for it.
	Reads func(text string) (map[string]string, error)
	// Opens is the URL that a program of the file opens, which may find more files beside it. Nil: the file has URLs.
	Opens func(folder fs.FS, program string) (url string, err error)
	// File is its name; empty: the one of the facts.
	File string

	MAC     Spelling
	Party   func(user, host string) string // the phone's form of an address
	CallID  func(p *Phone, incoming bool) string
	Charset func(string) []byte // of names
	// Lacks says that a variable is known to the phone and has no value when this key's URL is fetched.
	Lacks func(variable, key string, call *Call) bool
	// Unfilled is what the phone leaves where a variable has no value.
	Unfilled func(variable string) string
	// Escape is what the phone does to values in a URL. Phones do nothing; curl does.
	Escape func(value []byte) []byte
	// Body is what is posted, for those who post: nil for a GET.
	Body func(p *Phone, s Says, call *Call) []byte

	KeepsAlive bool // one connection for all its requests
	NoHost     bool // HTTP/1.1 without a Host

	// Inferred says what of all this is a guess, besides the keys that are marked as guessed.
	Inferred []string
}

// Says is one URL that a firmware fetches at a moment.
type Says struct {
	Key     string
	State   string // of the call, where one key tells of all states (Polycom)
	Means   string // the event, where the state alone does not say it
	Guessed bool   // the facts name the key, and not that it speaks at this moment
}

// says: the vendor's texts say that these keys speak at a moment.
func says(keys ...string) []Says { return listOf(keys, false) }

// guess: the facts have the keys, and are silent on whether they speak at this moment.
func guess(keys ...string) []Says { return listOf(keys, true) }

func listOf(keys []string, guessed bool) (list []Says) {
	for _, key := range keys {
		list = append(list, Says{Key: key, Guessed: guessed})
	}
	return list
}

// Makes are all makes of the farm.
var Makes = []Make{
	build("yealink", "Yealink SIP-T46S", "yealink", "yealink", yealink()),
	build("yealink-t3x", "Yealink SIP-T38G, firmware 38.x with the old names", "yealink", "yealink", yealinkT3x()),
	build("fanvil", "Fanvil X6U", "fanvil", "fanvil", fanvil()),
	build("dlink", "D-Link DPH-150GE, taken for a Fanvil inside", "dlink", "dlink", dlink()),
	build("grandstream", "Grandstream GXP2135", "grandstream", "grandstream", grandstreamGXP()),
	build("grandstream-gxv", "Grandstream GXV3275, parameters in the path", "grandstream", "grandstream", grandstreamGXV()),
	build("snom", "Snom D785", "snom", "snom", snom()),
	build("htek", "Htek UC926, the names of newer firmware", "htek", "htek", htek()),
	build("sangoma", "Sangoma S500, Htek's P-values", "htek", "sangoma", sangoma()),
	build("akuvox", "Akuvox SP-R53", "akuvox", "akuvox", akuvox()),
	build("flyingvoice", "Flyingvoice FIP13G", "flyingvoice", "flyingvoice", flyingvoice()),
	build("mitel", "Mitel 6940", "mitel", "mitel", mitel()),
	build("polycom", "Polycom VVX, UC Software 5", "polycom", "polycom", polycom()),
	build("microsip", "MicroSIP with a line of curl", "microsip", "microsip", microsip()),
	build("gigaset", "Gigaset Maxwell", "gigaset", "gigaset", gigaset()),
	build("phone", "Phone without a dialect of its own (in truth a Gigaset Maxwell)", "gigaset", "phone", gigaset()),
}

func build(name, title, vendor, dialect string, f Firmware) Make {
	v, ok := Known.Vendor(vendor)
	if !ok {
		panic(fmt.Sprintf("phones.yaml has no vendor %q", vendor)) // it is part of the program
	}
	return Make{Name: name, Title: title, Dialect: dialect, Vendor: v, Firmware: f.complete()}
}

// complete fills in what most phones have in common.
func (f Firmware) complete() Firmware {
	if f.Says[RegistersFirst] == nil {
		f.Says[RegistersFirst] = f.Says[Registers]
	}
	if f.CallID == nil {
		f.CallID = noCallID
	}
	if f.Charset == nil {
		f.Charset = utf8
	}
	if f.Lacks == nil {
		f.Lacks = func(string, string, *Call) bool { return false }
	}
	if f.Unfilled == nil {
		f.Unfilled = placeholder
	}
	if f.Escape == nil {
		f.Escape = func(value []byte) []byte { return value }
	}
	return f
}

// MakeNamed finds a make.
func MakeNamed(name string) (Make, bool) {
	i := slices.IndexFunc(Makes, func(m Make) bool { return m.Name == name })
	if i < 0 {
		return Make{}, false
	}
	return Makes[i], true
}

func join(lists ...[]Says) []Says { return slices.Concat(lists...) }

// Event is what a hit should come out as, after docs/wire.md §1; empty for what has no meaning there. A key that tells of
// states means what the state means.
func (m Make) Event(s Says) string {
	if s.Means != "" {
		return s.Means
	}
	if s.State == "" {
		return eventsOnTheWire[m.Vendor.Keys().Of(s.Key)]
	}
	return eventsOnTheWire[m.Vendor.XMLStates.Of(s.State)]
}
