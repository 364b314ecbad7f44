package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"regexp"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/test/farm"
)

// event is what the comparison reads of an event on a stream: docs/wire.md §2.
type event struct {
	ID    string
	Type  string
	Line  string
	Phone struct{ MAC, IP string }
	Raw   string
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

// compare holds what each phone was told against what is stored of it. Each hit carries its number, so that nothing has to
// be guessed. Order is the streams': of calls and of phones apart.
func compare(desks []*desk, k kept) (faults []string) {
	byMark := map[string]*told{}
	ids := map[string]bool{}
	for _, d := range desks {
		for _, t := range d.told {
			byMark[t.mark] = t
		}
	}
	for _, list := range [][]event{k.calls, k.phones} {
		last := map[*farm.Phone]int{}
		for _, e := range list {
			t, ok := byMark[markOf(e)]
			if wrong := t.wrong(e); !ok || wrong != "" {
				faults = append(faults, fmt.Sprintf("%s of %s at %s is stored %s: %s", e.Type, e.Line, e.Phone.IP, cmp.Or(wrong, "and was never answered 200"), e.Raw))
				continue
			}
			if ids[e.ID] || t.stored {
				faults = append(faults, t.named()+" is stored twice")
			}
			if t.order < last[t.phone] {
				faults = append(faults, t.named()+" is stored behind a later one")
			}
			ids[e.ID], t.stored, last[t.phone] = true, true, t.order
		}
	}
	for _, d := range desks {
		for _, t := range d.told {
			if !t.isStored() {
				faults = append(faults, t.named()+" was answered 200 and is not stored")
			}
		}
	}
	return faults
}

var mark = regexp.MustCompile(`(?:^|[&/?])hit=(\d+)`)

// markOf is the number of the hit that an event was made of.
func markOf(e event) string {
	if found := mark.FindStringSubmatch(e.Raw); found != nil {
		return found[1]
	}
	return ""
}

func (t *told) named() string {
	return fmt.Sprintf("%s, line %s: hit %s, %s", t.phone.Make.Name, t.phone.Extension, t.mark, t.event)
}

// isStored reports whether a hit, or the one that it repeats, is on a stream.
func (t *told) isStored() bool { return t != nil && (t.stored || t.repeats.isStored()) }

// wrong says what shows that an event is not of the phone that sent it. Of itself a phone may say nothing but its MAC,
// which stands for the line then.
func (t *told) wrong(e event) string {
	switch {
	case t == nil:
		return ""
	case e.Phone.IP != t.phone.IP:
		return "as from another phone"
	case t.phone.Make.OUI != "" && e.Phone.MAC != t.phone.MAC:
		return "with MAC " + e.Phone.MAC
	case e.Line != t.phone.Extension && !(ofPhone[e.Type] && strings.EqualFold(e.Line, t.phone.MAC)):
		return "with line " + e.Line
	case e.Type != t.event && !(e.Type == "resumed" && t.event == "answered"): // a Polycom's Connected may be either
		return "as " + e.Type
	}
	return ""
}

var ofPhone = map[string]bool{
	"registered": true, "unregistered": true, "register_failed": true, "boot": true, "dnd_on": true, "dnd_off": true, "forward_on": true, "forward_off": true,
}
