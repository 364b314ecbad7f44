package main

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/test/farm"
)

// event is what the comparison reads of an event on a stream: docs/wire.md §2.
type event struct {
	ID     string
	Type   string
	Line   string
	Remote struct{ Number string }
	Phone  struct{ MAC, IP string }
}

// kept is what the two streams hold.
type kept struct{ calls, phones []event }

// stored reads both streams, oldest first.
func (in *ingest) stored(ctx context.Context) (kept, error) {
	key, err := nats.NkeyOptionFromSeed(in.creds)
	if err != nil {
		return kept{}, err
	}
	nc, err := nats.Connect(in.nats, key)
	if err != nil {
		return kept{}, err
	}
	defer nc.Close()
	js, err := jetstream.New(nc)
	if err != nil {
		return kept{}, err
	}
	calls, err := readStream(ctx, js, "CALLS")
	if err != nil {
		return kept{}, err
	}
	phones, err := readStream(ctx, js, "PHONES")
	return kept{calls, phones}, err
}

func readStream(ctx context.Context, js jetstream.JetStream, name string) (events []event, err error) {
	consumer, err := js.OrderedConsumer(ctx, name, jetstream.OrderedConsumerConfig{})
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	info, err := consumer.Info(ctx)
	if err != nil {
		return nil, fmt.Errorf("read %s: %w", name, err)
	}
	for want := int(info.NumPending); len(events) < want; {
		batch, err := consumer.Fetch(min(want-len(events), 500), jetstream.FetchMaxWait(5*time.Second))
		if err != nil {
			return nil, fmt.Errorf("read %s: %w", name, err)
		}
		before := len(events)
		for m := range batch.Messages() {
			var e event
			if err := json.Unmarshal(m.Data(), &e); err != nil {
				return nil, fmt.Errorf("read %s: %w", name, err)
			}
			events = append(events, e)
		}
		if len(events) == before {
			return nil, fmt.Errorf("read %s: %d of %d messages did not come: %v", name, want-before, want, batch.Error())
		}
	}
	return events, nil
}

// compare holds what each phone was told against what is stored of it. Order is the streams': of calls and of phones apart.
func compare(desks []*desk, k kept) (faults []string) {
	ids := map[string]bool{}
	byAddress := map[string]*sides{}
	for _, d := range desks {
		byAddress[d.phone.IP] = &sides{}
	}
	take := func(list []event, of func(*sides) *[]event) {
		for _, e := range list {
			if ids[e.ID] {
				faults = append(faults, "the id "+e.ID+" is stored twice")
			}
			ids[e.ID] = true
			s, ok := byAddress[e.Phone.IP]
			if !ok {
				faults = append(faults, fmt.Sprintf("nobody's: %+v", e))
				continue
			}
			*of(s) = append(*of(s), e)
		}
	}
	take(k.calls, func(s *sides) *[]event { return &s.calls })
	take(k.phones, func(s *sides) *[]event { return &s.phones })
	for _, d := range desks {
		var calls, phones []telling
		for _, t := range d.told {
			if ofPhone[t.event] {
				phones = append(phones, t)
			} else {
				calls = append(calls, t)
			}
		}
		s := byAddress[d.phone.IP]
		faults = append(faults, follow(d.phone, calls, s.calls)...)
		faults = append(faults, follow(d.phone, phones, s.phones)...)
	}
	return faults
}

// sides are one phone's events on the two streams.
type sides struct{ calls, phones []event }

var ofPhone = map[string]bool{
	"registered": true, "unregistered": true, "register_failed": true, "boot": true, "dnd_on": true, "dnd_off": true, "forward_on": true, "forward_off": true,
}

// follow walks along what a phone was told and what is stored of it, side by side.
func follow(p *farm.Phone, told []telling, stored []event) (faults []string) {
	fault := func(format string, args ...any) {
		faults = append(faults, fmt.Sprintf("%s, line %s: ", p.Make.Name, p.Extension)+fmt.Sprintf(format, args...))
	}
	for i, t := range told {
		switch at := find(t, stored); {
		case t.may && count(t, stored) <= needed(t, told[i+1:]):
			// It was taken for a repeat: what is left of its kind belongs to those who come.
		case at == 0:
			if wrong := impostor(p, stored[0]); wrong != "" {
				fault("%s %s is stored with %s", t.event, t.number, wrong)
			}
			stored = stored[1:]
		case at < 0:
			fault("%s %s was answered 200 and is not stored", t.event, t.number)
		default:
			fault("%s %s comes after %d others that it came before, or that are stored twice", t.event, t.number, at)
			stored = append(append([]event(nil), stored[:at]...), stored[at+1:]...)
		}
	}
	for _, e := range stored {
		fault("%s %s is stored, and was never told so, or not so often", e.Type, e.Remote.Number)
	}
	return faults
}

// count is how often what was told is stored.
func count(t telling, stored []event) (n int) {
	for _, e := range stored {
		if t.is(e) {
			n++
		}
	}
	return n
}

// needed is how often the same must still be stored: the mere repeats aside.
func needed(t telling, told []telling) (n int) {
	for _, later := range told {
		if later.event == t.event && (t.number == "" || t.number == later.number) && !later.may {
			n++
		}
	}
	return n
}

func (t telling) is(e event) bool {
	return t.event == e.Type && (t.number == "" || t.number == e.Remote.Number)
}

// find is the place of what was told in what is stored, -1 where it is not there.
func find(t telling, stored []event) int {
	return slices.IndexFunc(stored, t.is)
}

// impostor says what shows that an event is of another phone or line than the one at whose address it came from. Of itself a
// phone may say nothing but its MAC, which stands for the line then.
func impostor(p *farm.Phone, e event) string {
	if p.Make.OUI != "" && e.Phone.MAC != p.MAC {
		return "MAC " + e.Phone.MAC
	}
	if e.Line != p.Extension && !(ofPhone[e.Type] && strings.EqualFold(e.Line, p.MAC)) {
		return "line " + e.Line
	}
	return ""
}
