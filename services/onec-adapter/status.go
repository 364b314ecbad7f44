package onecadapter

import (
	"fmt"
	"os"
	"slices"
	"strings"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/stream"
)

// status is what callbus targets is told of this process's work on the target. 1C's own words may hold a number.
func (w *work) status() stream.Status {
	held, _ := w.client.Sessions()
	s := stream.Status{Adapter: process(), State: stream.Working, Sessions: w.target.Sessions, Held: held, Owns: w.owns(), Rules: w.target.rules(),
		Webhook: w.target.Protocol == ProtocolHTTP}
	d := w.deliverer.Load()
	switch {
	case w.changing.Load():
		s.State = stream.Changing
	case w.paused.Load() != nil:
		s.State, s.Since = stream.Paused, w.paused.Load().Since
	case d == nil:
		s.State = stream.Starting
		if trouble := w.trouble.Load(); trouble != nil {
			s.Why = *trouble
		}
	default:
		if shut, why := d.Shut(); shut {
			s.State, s.Why, s.Since = stream.Away, why, d.Since()
		}
	}
	s.Why = phone.Mask(s.Why)
	return s
}

// process names this one among the adapters of a target.
func process() string {
	host, err := os.Hostname()
	if err != nil {
		host = "?"
	}
	return fmt.Sprintf("%s/%d", host, os.Getpid())
}

func (w *work) owns() map[string]string {
	owns := map[string]string{}
	if lanes := w.lanes.Load(); lanes != nil {
		for _, l := range *lanes {
			if pin := l.Pin(); pin != "" {
				owns[l.Name()] = pin
			}
		}
	}
	return owns
}

// rules are the settings that keep events from the target, as they are called in the targets file.
func (t Target) rules() (rules []stream.Rule) {
	add := func(setting string, values ...string) {
		if len(values) > 0 {
			rules = append(rules, stream.Rule{Setting: setting, Value: strings.Join(values, ", ")})
		}
	}
	var events []string
	for e := range t.Events {
		events = append(events, string(e))
	}
	slices.SortFunc(events, func(a, b string) int {
		return slices.Index(call.CallEvents, call.EventType(a)) - slices.Index(call.CallEvents, call.EventType(b))
	})
	add("events", events...)
	add("only.sites", t.Only.Sites...)
	add("only.lines", t.Only.Lines...)
	add("only.events", t.Only.Events...)
	add("only.sources", t.Only.Sources...)
	if t.FreshFor > 0 {
		add("fresh_for", t.FreshFor.String())
	}
	return rules
}
