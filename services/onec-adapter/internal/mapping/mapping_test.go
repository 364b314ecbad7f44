package mapping

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
)

func newMapping(t *testing.T, c Config) *Mapping {
	t.Helper()
	if c.Events == nil {
		c.Events = TelData
	}
	c.JSON = func(e call.Event) ([]byte, error) { return []byte(`{"id":"` + e.ID + `"}`), nil }
	m, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

func ring() call.Event {
	return call.Event{
		ID: "01a2027d", Type: call.Incoming, Time: time.Date(2026, 11, 22, 9, 1, 41, 151699000, time.UTC), Site: "spb", Line: "101",
		CallID: "33093", Source: "yealink",
		Local:  call.Party{URI: "sip:101@pbx", Number: "101"},
		Remote: call.Party{URI: "sip:84951230001@operator", Number: "+74951230001", Name: "ООО Ромашка"},
		Phone:  call.Phone{MAC: "001565aabbcc", IP: "192.168.10.10", Model: "T46S", Firmware: "66.86"},
	}
}

func TestEachFieldOfAnEvent(t *testing.T) {
	told := newMapping(t, Config{}).Of(ring())
	want := map[string]string{
		"event": "1", "type": "incoming", "id": "01a2027d", "time": "2026-11-22T09:01:41.151699Z", "site": "spb", "line": "101",
		"remote": "sip:84951230001@operator", "remote|ru8": "84951230001", "remote|e164": "+74951230001", "name": "ООО Ромашка",
		"local": "sip:101@pbx", "local|digits": "101", "call_id": "33093", "source": "yealink", "mac": "001565aabbcc",
		"ip": "192.168.10.10", "model": "T46S", "firmware": "66.86", "json": `{"id":"01a2027d"}`,
		"time|local": ring().Time.Local().Format("2006-01-02T15:04:05"),
	}
	got := map[string]string{}
	for text := range want {
		f, err := ParseField(text)
		if err != nil {
			t.Fatal(err)
		}
		got[f.String()] = told.Value(f)
	}
	if diff := cmp.Diff(want, got); diff != "" || told.Err() != nil {
		t.Errorf("%v (-want +got):\n%s", told.Err(), diff)
	}
	for name := range fields {
		if _, tested := want[name]; !tested {
			t.Errorf("the field %s is not tested", name)
		}
	}
}

func TestTheTargetsFormatIsTheOneOfTheOtherSide(t *testing.T) {
	told := newMapping(t, Config{Format: phone.Last10}).Of(ring())
	for text, want := range map[string]string{"remote": "4951230001", "remote|as-sent": "sip:84951230001@operator", "local": "sip:101@pbx"} {
		f, _ := ParseField(text)
		if got := told.Value(f); got != want {
			t.Errorf("%s: got %q, want %q", text, got, want)
		}
	}
}

func TestAFieldExplainsItself(t *testing.T) {
	odd := map[call.EventType]string{call.Incoming: "RING", call.Missed: "11", call.Ended: "11", call.Rejected: "11", call.Answered: "9"}
	for _, c := range []struct {
		config Config
		field  string
		want   string
	}{
		{Config{}, "event", "the event: 1 incoming, 2 answered, 3 outgoing, 4 ended, missed or rejected"},
		{Config{Events: odd}, "event", "the event: 9 answered, 11 ended, missed or rejected, RING incoming"},
		{Config{Events: map[call.EventType]string{call.Missed: "missed"}}, "event", "the event: missed"},
		{Config{}, "remote", "the other side, as the phone sent it"},
		{Config{Format: phone.RU8}, "remote", "the other side, as 84951234567"},
		{Config{Format: phone.RU8}, "remote|e164", "the other side, as +74951234567"},
		{Config{Format: phone.RU8}, "local", "our side, as the phone sent it"},
		{Config{}, "time|local", "when it happened, in this machine's time"},
	} {
		f, err := ParseField(c.field)
		if err != nil {
			t.Fatal(err)
		}
		if got := newMapping(t, c.config).Explained(f); got != c.want {
			t.Errorf("%s: got %q, want %q", c.field, got, c.want)
		}
	}
}

func TestTheLineIsWhatTheTargetKnowsIt(t *testing.T) {
	lines := map[string]string{"ivan": "201", "+74951230002": "202"}
	for _, c := range []struct {
		event call.Event
		want  string
	}{
		{call.Event{Line: "ivan"}, "201"},
		{call.Event{Line: "sip:ivan@pbx"}, "201"},
		{call.Event{Line: "1", Local: call.Party{URI: "sip:ivan@pbx"}}, "201"},
		{call.Event{Line: "petr"}, "petr"},
		{call.Event{Line: "101", Source: "checkphone", Local: call.Party{URI: "sip:101@pbx"}}, "sip:101@pbx"},
	} {
		if got := newMapping(t, Config{Lines: lines}).Of(c.event).line(); got != c.want {
			t.Errorf("%+v: got %q, want %q", c.event, got, c.want)
		}
	}
}

func TestOnlyWhatIsForTheTargetGoesThere(t *testing.T) {
	at := func(change func(*call.Event)) call.Event { e := ring(); change(&e); return e }
	for _, c := range []struct {
		name string
		only Only
		e    call.Event
		want string
	}{
		{"everything", Only{}, ring(), ""},
		{"an event without a number", Only{}, at(func(e *call.Event) { e.Type = call.Held }), notEvent},
		{"a line", Only{Lines: []string{"100", "101"}}, ring(), ""},
		{"another line", Only{Lines: []string{"100", "102"}}, ring(), notLine},
		{"a range", Only{Lines: []string{"101-120"}}, ring(), ""},
		{"the end of a range", Only{Lines: []string{"90-99", "099-101"}}, ring(), ""},
		{"a range of longer numbers", Only{Lines: []string{"0101-0120"}}, ring(), notLine},
		{"a range and a longer line", Only{Lines: []string{"10-20"}}, ring(), notLine},
		{"a range and a name", Only{Lines: []string{"101-120"}}, at(func(e *call.Event) { e.Line = "1o5" }), notLine},
		{"a glob", Only{Lines: []string{"1*"}}, ring(), ""},
		{"another glob", Only{Lines: []string{"2*", "1?"}}, ring(), notLine},
		{"the user of a line", Only{Lines: []string{"101"}}, at(func(e *call.Event) { e.Line = "sip:101@pbx" }), ""},
		{"a site", Only{Sites: []string{"spb"}}, ring(), ""},
		{"another site", Only{Sites: []string{"msk*"}}, ring(), notSite},
		{"no site", Only{Sites: []string{""}}, ring(), notSite},
		{"an event", Only{Events: []string{"incoming"}}, ring(), ""},
		{"another event", Only{Events: []string{"missed"}}, ring(), notEvent},
		{"a source", Only{Sources: []string{"yealink", "snom"}}, ring(), ""},
		{"another source", Only{Sources: []string{"snom"}}, ring(), notSource},
		{"all of them", Only{Sites: []string{"s*"}, Lines: []string{"101"}, Events: []string{"incoming"}, Sources: []string{"*"}}, ring(), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			if got := newMapping(t, Config{Only: c.only}).NotFor(c.e); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

func rewrite(remote, line string) (r Rule) {
	r.Set.Remote, r.Set.Line = remote, line
	return r
}

func TestRulesMendOddTrunks(t *testing.T) {
	of := func(remote string) call.Event {
		e := ring()
		e.Remote.URI, e.Remote.Number = remote, phone.Parse(remote, "")
		return e
	}
	rule := func(change func(*Rule), remote, line string) Rule { r := rewrite(remote, line); change(&r); return r }
	for _, c := range []struct {
		name   string
		rules  []Rule
		e      call.Event
		remote string
		number phone.Number
		line   string
	}{
		{"a trunk that puts 9 in front", []Rule{rule(func(r *Rule) { r.Match.Remote = `^9(8\d{10})$` }, "$1", "")},
			of("sip:984951230001@pbx"), "84951230001", "+74951230001", "101"},
		{"the recognised number", []Rule{rule(func(r *Rule) { r.Match.Remote = `^\+7495(\d{7})$` }, "$1", "")},
			of("sip:84951230001@pbx"), "1230001", "1230001", "101"},
		{"what the phone sent, before anything else", []Rule{rule(func(r *Rule) { r.Match.Remote = `^sip:(.*)@trunk2$` }, "2$1", "")},
			of("sip:101@trunk2"), "2101", "2101", "101"},
		{"nothing fits", []Rule{rule(func(r *Rule) { r.Match.Remote = `^9` }, "x", "")}, of("101"), "101", "101", "101"},
		{"all conditions", []Rule{rule(func(r *Rule) { r.Match.Site, r.Match.Event = "^spb$", "^incoming$" }, "", "8$$1")},
			of("101"), "101", "101", "8$1"},
		{"one condition does not fit", []Rule{rule(func(r *Rule) { r.Match.Site, r.Match.Source = "^spb$", "snom" }, "", "9")},
			of("101"), "101", "101", "101"},
		{"groups count through", []Rule{rule(func(r *Rule) { r.Match.Remote, r.Match.Line, r.Match.Source = `(\d)$`, `^1(\d\d)$`, "^(y)" }, "", "${3}0$2$1")},
			of("sip:84951230001@pbx"), "sip:84951230001@pbx", "+74951230001", "y0011"},
		{"in order, each sees the one before", []Rule{
			rule(func(r *Rule) { r.Match.Remote = `^(\d{7})$` }, "+7495$1", ""), rule(func(r *Rule) { r.Match.Remote = `^\+7495` }, "", "495"),
		}, of("1230001"), "+74951230001", "+74951230001", "495"},
	} {
		t.Run(c.name, func(t *testing.T) {
			told := newMapping(t, Config{Rules: c.rules}).Of(c.e)
			if got := told.event.Remote; got.URI != c.remote || string(got.Number) != string(c.number) || told.line() != c.line {
				t.Errorf("got %q, %q, line %q; want %q, %q, %q", got.URI, string(got.Number), told.line(), c.remote, string(c.number), c.line)
			}
		})
	}
}

// The article's form is known by its p2, which would come before a line that is set.
func TestALineThatIsSetComesBeforeTheArticlesForm(t *testing.T) {
	r := rewrite("", "7$1")
	r.Match.Line = `^(\d+)$`
	e := call.Event{Type: call.Incoming, Source: "checkphone", Line: "101", Local: call.Party{URI: "sip:101@pbx"}}
	if got := newMapping(t, Config{Rules: []Rule{r}}).Of(e).line(); got != "7101" {
		t.Errorf("got %q, want 7101", got)
	}
}

func TestWhatMakesNoSenseIsRefusedByName(t *testing.T) {
	with := func(change func(*Rule)) Config {
		r := rewrite("x", "")
		r.Match.Remote = "."
		change(&r)
		return Config{Rules: []Rule{rewriteOK(), r}}
	}
	for want, c := range map[string]Config{
		`events: there is no event "ringing" of a call; there are incoming outgoing`: {Events: map[call.EventType]string{"ringing": "1"}},
		`events: there is no event "boot"`:                                           {Events: map[call.EventType]string{call.Boot: "1"}},
		`events: missed: want a number or a word`:                                    {Events: map[call.EventType]string{call.Missed: ""}},
		`number_format: unknown number format "e.164"`:                               {Format: "e.164"},
		`only: events: "held" is no event that`:                                      {Only: Only{Events: []string{"held"}}},
		`only: lines: "120-101": a range goes from`:                                  {Only: Only{Lines: []string{"120-101"}}},
		`only: lines: "99-101": a range goes from`:                                   {Only: Only{Lines: []string{"99-101"}}},
		`only: lines: "": want a number`:                                             {Only: Only{Lines: []string{""}}},
		`only: lines: "1[": want a number`:                                           {Only: Only{Lines: []string{"1["}}},
		`only: sites: "s["`:                                                          {Only: Only{Sites: []string{"s["}}},
		`rules: rule 2: match: is empty`:                                             with(func(r *Rule) { r.Match.Remote = "" }),
		`rules: rule 2: match: remote: error parsing regexp`:                         with(func(r *Rule) { r.Match.Remote = "(" }),
		`rules: rule 2: match: line: longer than`:                                    with(func(r *Rule) { r.Match.Line = strings.Repeat("x", 1025) }),
		`rules: rule 2: set: is empty`:                                               with(func(r *Rule) { r.Set.Remote = "" }),
		`rules: rule 2: set: remote: $2: the expressions of match have 0 groups`:     with(func(r *Rule) { r.Set.Remote = "$2" }),
		`rules: rule 2: set: line: "$x": want $1 to $9`:                              with(func(r *Rule) { r.Set.Line = "$x" }),
		`rules: rule 2: set: line: "$": want $1 to $9`:                               with(func(r *Rule) { r.Set.Line = "1$" }),
	} {
		if c.Events == nil {
			c.Events = TelData
		}
		if _, err := New(c); err == nil || !strings.HasPrefix(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func rewriteOK() Rule {
	r := rewrite("", "1")
	r.Match.Line = "^2$"
	return r
}

func TestATemplateIsTextWithPlaces(t *testing.T) {
	told := newMapping(t, Config{}).Of(ring())
	for text, want := range map[string]string{
		"":                         "",
		"plain":                    "plain",
		"{line}":                   "<101>",
		"a{line}b{remote|ru8}c":    "a<101>b<84951230001>c",
		"{{line}}":                 "{line}",
		"{{{line}}}":               "{<101>}",
		"Звонок на {line}: {name}": "Звонок на <101>: <ООО Ромашка>",
	} {
		tmpl, err := ParseTemplate(text)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if got := tmpl.Write(told, func(s string) string { return "<" + s + ">" }); got != want || tmpl.String() != text {
			t.Errorf("%s: got %q, want %q; as written: %s", text, got, want, tmpl)
		}
	}
	for text, want := range map[string]string{
		"{":              "a brace without",
		"}":              "a brace without",
		"{line":          "a brace without",
		"{lines}":        `unknown field "lines"; there are call_id event`,
		"{}":             `unknown field ""`,
		"{remote|E164}":  `the field remote has no format "E164"; there are as-sent e164`,
		"{line|digits}":  "the field line has one format only",
		"{time|unix}":    "there are local",
		"{line}}":        "a brace without",
		"{name|}":        "one format only",
		"x" + longText(): "longer than",
	} {
		if _, err := ParseTemplate(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.20s: got %v, want %s", text, err, want)
		}
	}
}

func longText() string { return strings.Repeat("x", maxTemplate) }

// A template that can be read is written back as one that means the same, and values are nothing but values in it.
func FuzzTemplate(f *testing.F) {
	for _, s := range []string{"", "{line}", "{{", "a{remote|ru8}{{b}}{json}", "{", "{time|local}}}"} {
		f.Add(s, "{line}")
	}
	f.Fuzz(func(t *testing.T, text, value string) {
		tmpl, err := ParseTemplate(text)
		if err != nil {
			return
		}
		again, err := ParseTemplate(tmpl.String())
		if err != nil || again.String() != tmpl.String() {
			t.Fatalf("%q was written as %q: %v", text, tmpl, err)
		}
		e := ring()
		e.Remote.Name = value
		told := newMapping(t, Config{}).Of(e)
		got := tmpl.Write(told, func(string) string { return "\x00" })
		if strings.ReplaceAll(got, "\x00", "") != strings.ReplaceAll(strings.Join(tmpl.Texts(), ""), "\x00", "") {
			t.Errorf("%q became %q", text, got)
		}
	})
}

// Whatever an operator's rule and a phone's number are: a rule is refused with its name or ends, bounded.
func FuzzRule(f *testing.F) {
	f.Add(`^8(\d{10})$`, "+7$1", "sip:84951230001@pbx")
	f.Add(`(a*)*$`, "$1$1", "aaaaaaaaaaaaaaaaaaaaaaaa!")
	f.Add(`(`, "$", "x")
	f.Add(`.`, "$$1${1}", "\xff")
	f.Fuzz(func(t *testing.T, match, set, remote string) {
		r := rewrite(set, "")
		r.Match.Remote = match
		m, err := New(Config{Events: TelData, Rules: []Rule{r}})
		if err != nil {
			if !strings.HasPrefix(err.Error(), "rules: rule 1: ") {
				t.Errorf("the error does not name the rule: %v", err)
			}
			return
		}
		e := ring()
		e.Remote = call.Party{URI: remote, Number: phone.Parse(remote, "")}
		got := m.Of(e).event
		if got.Remote.URI != remote && len(got.Remote.URI) > maxMatched {
			t.Errorf("a number of %d bytes", len(got.Remote.URI))
		}
		if got.Line != e.Line || got.ID != e.ID {
			t.Errorf("something else was changed: %+v", got)
		}
	})
}

// A pattern of lines that can be read fits itself, if it is a plain number, and its ends, if it is a range.
func FuzzLines(f *testing.F) {
	for _, s := range []string{"101", "101-120", "2*", "[", "1-", "00-99", "9-1", "a-b"} {
		f.Add(s, "105")
	}
	f.Fuzz(func(t *testing.T, text, line string) {
		p, err := linePattern(text)
		if err != nil {
			return
		}
		if p.from != "" && (!p.fits(p.from) || !p.fits(p.to) || p.fits(line) && len(line) != len(p.from)) {
			t.Errorf("%q fits %q or not its ends", text, line)
		}
		if digits(text) && !p.fits(text) {
			t.Errorf("%q does not fit itself", text)
		}
	})
}
