package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/callbus/callbus/internal/phone"
)

// Field names a value of an event and how it is to be written: "remote", "remote|ru8", "time|local".
type Field struct{ name, form string }

// local is the form of a time that 1C understands: the machine's own zone, seconds, and no zone in it.
const local = "local"

// field is one row of the table of fields.
type field struct {
	value     func(*Told, string) string
	explained string
	forms     []string
}

var fields = map[string]field{
	"event":    {value: func(t *Told, _ string) string { return t.mapping.Word(t.event.Type) }},
	"type":     {value: func(t *Told, _ string) string { return string(t.event.Type) }, explained: "the name of the event"},
	"remote":   {value: remote, explained: "the other side", forms: numberForms()},
	"line":     {value: func(t *Told, _ string) string { return t.line() }, explained: "the line (p2 as it came, where the phone uses the article's form)"},
	"name":     {value: func(t *Told, _ string) string { return t.event.Remote.Name }, explained: "the other side's name"},
	"local":    {value: ourSide, explained: "our side", forms: numberForms()},
	"id":       {value: func(t *Told, _ string) string { return t.event.ID }, explained: "the event's id"},
	"call_id":  {value: func(t *Told, _ string) string { return t.event.CallID }, explained: "the phone's own name for the call"},
	"time":     {value: when, explained: "when it happened", forms: []string{local}},
	"site":     {value: func(t *Told, _ string) string { return t.event.Site }, explained: "the site"},
	"source":   {value: func(t *Told, _ string) string { return t.event.Source }, explained: "the dialect that the phone speaks"},
	"mac":      {value: func(t *Told, _ string) string { return t.event.Phone.MAC }, explained: "the phone's MAC"},
	"ip":       {value: func(t *Told, _ string) string { return t.event.Phone.IP }, explained: "the phone's address"},
	"model":    {value: func(t *Told, _ string) string { return t.event.Phone.Model }, explained: "the phone's model"},
	"firmware": {value: func(t *Told, _ string) string { return t.event.Phone.Firmware }, explained: "the phone's firmware"},
	"json":     {value: func(t *Told, _ string) string { return string(t.JSON()) }, explained: "the whole event as JSON"},
}

func numberForms() (all []string) {
	for _, f := range phone.Forms {
		all = append(all, string(f))
	}
	return all
}

func remote(t *Told, form string) string {
	if form == "" {
		form = string(t.mapping.config.Format)
	}
	return phone.Form(form).Write(t.event.Remote.URI, t.event.Remote.Number)
}

func ourSide(t *Told, form string) string {
	return phone.Form(form).Write(t.event.Local.URI, t.event.Local.Number)
}

func when(t *Told, form string) string {
	if form == local {
		return t.event.Time.Local().Format("2006-01-02T15:04:05")
	}
	return t.event.Time.UTC().Format(time.RFC3339Nano)
}

// ParseField reads a field. Its error names what there is.
func ParseField(s string) (Field, error) {
	name, form, formed := strings.Cut(strings.TrimSpace(s), "|")
	f, known := fields[name]
	switch {
	case !known:
		return Field{}, fmt.Errorf("unknown field %.40q; there are %s", name, strings.Join(slices.Sorted(maps.Keys(fields)), " "))
	case formed && len(f.forms) == 0:
		return Field{}, fmt.Errorf("the field %s has one format only, so %.40q cannot be asked for", name, form)
	case formed && !slices.Contains(f.forms, form):
		return Field{}, fmt.Errorf("the field %s has no format %.40q; there are %s", name, form, strings.Join(f.forms, " "))
	}
	return Field{name, form}, nil
}

// String is the field as it was written.
func (f Field) String() string {
	if f.form == "" {
		return f.name
	}
	return f.name + "|" + f.form
}

// Value is the field of this event.
func (t *Told) Value(f Field) string { return fields[f.name].value(t, f.form) }

// Explained is what an operator reads beside the arrow.
func (m *Mapping) Explained(f Field) string {
	switch {
	case f.name == "event":
		return "the event: " + m.words()
	case f.name == "remote" || f.name == "local":
		return fields[f.name].explained + ", " + m.written(f)
	case f.form == local:
		return fields[f.name].explained + ", in this machine's time"
	}
	return fields[f.name].explained
}

func (m *Mapping) written(f Field) string {
	form := phone.Form(f.form)
	if form == "" && f.name == "remote" {
		form = m.config.Format
	}
	if form == "" || form == phone.AsSent {
		return "as the phone sent it"
	}
	return "as " + form.Write("", "+74951234567")
}
