package farm

import (
	"bytes"
	_ "embed"
	"fmt"
	"slices"

	"go.yaml.in/yaml/v3"
)

//go:embed phones.yaml
var phonesYAML []byte

// Facts are what is known of the world's desk phones.
type Facts struct {
	Schema     int
	Transports []string
	Vendors    []Vendor
}

// Vendor is what is known of one vendor's phones.
type Vendor struct {
	ID         string
	Name       string
	Transport  string // one of Facts.Transports
	Confidence string // high: a guide or a template says so; medium: partly inferred; low: largely unknown
	HTTPS      bool
	MaxURL     int    `yaml:"max_url"`
	SameAs     string `yaml:"same_as"`

	UserAgentPrefix    string `yaml:"user_agent_prefix"`
	UserAgentPrefixAlt string `yaml:"user_agent_prefix_alt"`
	UserAgentExample   string `yaml:"user_agent_example"`

	Events       Pairs // canonical event → the vendor's key
	EventsExtra  Pairs `yaml:"events_extra"` // further keys → canonical event
	EventsLegacy Pairs `yaml:"events_legacy_ini"`
	EventsText   Pairs `yaml:"events_text_format"`
	EventsAlias  Pairs `yaml:"events_alias"`
	EventsNamed  Pairs `yaml:"events_named"`
	EventsDBID   Pairs `yaml:"events_dbid"`
	XMLStates    Pairs `yaml:"xml_states"`

	EnableKeys        Pairs  `yaml:"enable_keys"`
	Variables         Pairs  // the vendor's variable → its meaning
	VariablesInferred Pairs  `yaml:"variables_inferred"`
	VariablesOfSome   Pairs  `yaml:"variables_some_models"`
	CallID            CallID `yaml:"call_id"`
	PartyFormat       string `yaml:"party_format"`
	ReplyBody         string `yaml:"reply_body"`
	Notes             []string
	Port              int               // of what is no action URL, like the rest of these
	Enable            string            //
	LineFormats       map[string]string `yaml:"line_formats"`
	Dial              any               // how to make it call: nothing that the farm does
	Provisioning      map[string]any    // the file that it fetches
}

// CallID is what a vendor's phones call their calls.
type CallID struct {
	Kind         string
	ResetsOn     string `yaml:"resets_on"`
	IsSIP        *bool  `yaml:"is_sip_call_id"` // nil: not known
	Example      string
	Availability string
}

// Pair is one entry of a table whose order is kept: a Key of the file and its Value, empty for null.
type Pair struct{ Key, Value string }

// Pairs is a table in the order of the file.
type Pairs []Pair

// UnmarshalYAML implements yaml.Unmarshaler.
func (p *Pairs) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind != yaml.MappingNode {
		return fmt.Errorf("line %d: want a table", node.Line)
	}
	for i := 0; i < len(node.Content); i += 2 {
		key, value := node.Content[i], node.Content[i+1]
		if value.Kind != yaml.ScalarNode {
			return fmt.Errorf("line %d: %s: want one value", value.Line, key.Value)
		}
		pair := Pair{Key: key.Value, Value: value.Value}
		if value.Tag == "!!null" {
			pair.Value = ""
		}
		*p = append(*p, pair)
	}
	return nil
}

// Of is the value of a key, empty where there is none.
func (p Pairs) Of(key string) string {
	for _, pair := range p {
		if pair.Key == key {
			return pair.Value
		}
	}
	return ""
}

// Swapped turns values into keys; what is null goes.
func (p Pairs) Swapped() (swapped Pairs) {
	for _, pair := range p {
		if pair.Value != "" {
			swapped = append(swapped, Pair{Key: pair.Value, Value: pair.Key})
		}
	}
	return swapped
}

// Known are the facts of phones.yaml.
var Known = mustLoad()

func mustLoad() Facts {
	facts, err := Load(phonesYAML)
	if err != nil {
		panic("phones.yaml: " + err.Error()) // it is part of the program
	}
	return facts
}

// Load reads a file of facts. What it does not know, and what contradicts itself, is an error.
func Load(data []byte) (Facts, error) {
	var facts Facts
	decoder := yaml.NewDecoder(bytes.NewReader(data))
	decoder.KnownFields(true)
	if err := decoder.Decode(&facts); err != nil {
		return Facts{}, err
	}
	for i, v := range facts.Vendors {
		if !slices.Contains(facts.Transports, v.Transport) {
			return Facts{}, fmt.Errorf("%s: there is no transport %q", v.ID, v.Transport)
		}
		if v.SameAs == "" {
			continue
		}
		like, ok := find(facts.Vendors, v.SameAs)
		if !ok {
			return Facts{}, fmt.Errorf("%s: the same as %s, which is not there", v.ID, v.SameAs)
		}
		facts.Vendors[i] = v.like(like)
	}
	return facts, nil
}

// like fills the gaps of a vendor from the one that it is the same as. What the vendor's own guide says comes first.
func (v Vendor) like(other Vendor) Vendor {
	if len(v.Events) == 0 {
		v.Events = other.Events
	}
	if len(v.EventsExtra) == 0 {
		v.EventsExtra = other.EventsExtra
	}
	if len(v.EnableKeys) == 0 {
		v.EnableKeys = other.EnableKeys
	}
	if len(v.Variables) == 0 {
		v.Variables = other.Variables
	}
	if len(v.VariablesInferred) == 0 {
		v.VariablesInferred = other.VariablesInferred
	}
	if v.MaxURL == 0 {
		v.MaxURL = other.MaxURL
	}
	return v
}

// Vendor finds a vendor by its id.
func (f Facts) Vendor(id string) (Vendor, bool) { return find(f.Vendors, id) }

func find(vendors []Vendor, id string) (Vendor, bool) {
	i := slices.IndexFunc(vendors, func(v Vendor) bool { return v.ID == id })
	if i < 0 {
		return Vendor{}, false
	}
	return vendors[i], true
}

// Keys are all spellings of the vendor's keys that the facts name, with the canonical event of each.
func (v Vendor) Keys() (keys Pairs) {
	for _, table := range []Pairs{v.Events, v.EventsLegacy, v.EventsText, v.EventsAlias, v.EventsNamed, v.EventsDBID} {
		keys = append(keys, table.Swapped()...)
	}
	return append(keys, v.EventsExtra...)
}

// Meanings are the vendor's variables with their meanings, the certain ones first.
func (v Vendor) Meanings() Pairs {
	return slices.Concat(v.Variables, v.VariablesInferred, v.VariablesOfSome)
}
