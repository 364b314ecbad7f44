package stream

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
)

const (
	// phoneBook is the KV bucket with what each phone has shown of itself, one entry of 1 to 3 KiB each.
	phoneBook     = "phones"
	phoneBookRoom = 16 << 20
	// keepPhone is how long a phone is remembered that says nothing any more.
	keepPhone = 180 * day
	// phoneAddrs are kept of each phone, the latest.
	phoneAddrs = 4
)

// KnownPhone is one entry of the phone book: what has been seen of a phone, in all or since it was written last.
type KnownPhone struct {
	MAC      string    `json:"mac"` // empty: the phone is known by its line alone
	Site     string    `json:"site"`
	Line     call.Line `json:"line"`   // the last one
	Vendor   string    `json:"vendor"` // the dialect that it spoke last
	Model    string    `json:"model"`
	Firmware string    `json:"firmware"`
	First    time.Time `json:"first"`
	Last     time.Time `json:"last"`
	// Events are those that have ever come: one that a phone has never sent is missing.
	Events map[call.EventType]SeenEvent `json:"events"`
	// Addrs is when each address was seen last, of the latest four.
	Addrs map[string]time.Time `json:"addrs"`
}

// SeenEvent is what has been seen of one event of a phone.
type SeenEvent struct {
	Count int       `json:"count"`
	Last  time.Time `json:"last"`
	// CallsSince is how many calls the phone has told of since then, incoming and outgoing.
	CallsSince int `json:"callsSince"`
	// Unfilled are the parameters that came with the phone's placeholder instead of a value, the last time.
	Unfilled []string `json:"unfilled,omitempty"`
	// Token is the one that came with it the last time; nil: none was asked for.
	Token *SeenToken `json:"token,omitempty"`
}

// Kinds of a SeenToken, as the door has them (services/ingest/internal/access).
const (
	NoToken     = "none"
	SharedToken = "shared"
	OwnToken    = "own"
)

// SeenToken says which token came with a hit, and nothing of the secret in it.
type SeenToken struct {
	Kind  string    `json:"kind"`           // own, shared or none
	ID    string    `json:"id,omitempty"`   // whose it is; of an own one
	Made  time.Time `json:"made,omitzero"`  // when its secret was made
	Until time.Time `json:"until,omitzero"` // when it ends, because its secret was rotated
	Old   bool      `json:"old,omitempty"`  // its secret was rotated; the book does not have it, Outdated finds it out
	Since time.Time `json:"since"`          // when it came first with this event
}

// Same reports whether two tokens are one.
func (t *SeenToken) Same(other *SeenToken) bool {
	if t == nil || other == nil {
		return t == other
	}
	return t.Kind == other.Kind && t.ID == other.ID && t.Made.Equal(other.Made) && t.Until.Equal(other.Until)
}

// Outdated marks the tokens whose secret was rotated: that of a phone which has not called since then says nothing of it, but
// another phone's does, of the same secret or of a newer one.
func Outdated(phones []KnownPhone) []KnownPhone {
	var newest time.Time
	ends := map[time.Time]time.Time{} // by when the secret was made
	each := func(do func(*SeenToken)) {
		for _, p := range phones {
			for _, seen := range p.Events {
				if seen.Token != nil && seen.Token.Kind == OwnToken {
					do(seen.Token)
				}
			}
		}
	}
	each(func(t *SeenToken) {
		if t.Made.After(newest) {
			newest = t.Made
		}
		if end := ends[t.Made.UTC()]; !t.Until.IsZero() && (end.IsZero() || t.Until.Before(end)) { // another rotation may end it sooner
			ends[t.Made.UTC()] = t.Until
		}
	})
	each(func(t *SeenToken) {
		for made, end := range ends { // a rotation lets no older secret outlive a newer one
			if !t.Made.IsZero() && !made.Before(t.Made) && (t.Until.IsZero() || end.Before(t.Until)) {
				t.Until = end
			}
		}
		t.Old = !t.Until.IsZero() || !t.Made.IsZero() && t.Made.Before(newest)
	})
	return phones
}

// Tokens are those that the phone's URLs have, and the events that come with each.
func (p KnownPhone) Tokens() (all []PhoneToken) {
	for _, t := range slices.Concat(call.CallEvents, call.PhoneEvents) {
		seen := p.Events[t]
		if seen.Token == nil || p.replaced(seen) {
			continue
		}
		i := slices.IndexFunc(all, func(o PhoneToken) bool { return o.Same(seen.Token) })
		if i < 0 {
			all = append(all, PhoneToken{SeenToken: *seen.Token})
			i = len(all) - 1
		}
		all[i].Events = append(all[i].Events, t)
	}
	return all
}

// replaced reports whether another URL of the phone got another token after this event came last: then its own URL may have got
// that one too.
func (p KnownPhone) replaced(seen SeenEvent) bool {
	for _, other := range p.Events {
		if other.Token != nil && !other.Token.Same(seen.Token) && other.Token.Since.After(seen.Last) {
			return true
		}
	}
	return false
}

// PhoneToken is a token, and the events of a phone that come with it.
type PhoneToken struct {
	SeenToken
	Events []call.EventType `json:"events"`
}

// Key names the entry: the MAC, else site and line.
func (p KnownPhone) Key() string {
	if p.MAC != "" {
		return Token(p.MAC)
	}
	return "line." + Token(p.Site) + "." + Token(string(p.Line))
}

// Add is what both know of a phone: counts are added up, of everything else the later word counts. It changes neither.
func (p KnownPhone) Add(more KnownPhone) KnownPhone {
	if more.Last.Before(p.Last) {
		p, more = more, p
	}
	sum := more
	sum.Model, sum.Firmware = cmp.Or(more.Model, p.Model), cmp.Or(more.Firmware, p.Firmware)
	if p.Line != "" && string(more.Line) == more.MAC {
		sum.Line = p.Line // a MAC stands for a line that was not told
	}
	if !p.First.IsZero() && p.First.Before(more.First) {
		sum.First = p.First
	}
	sum.Events = maps.Clone(p.Events)
	for t, seen := range sum.Events {
		seen.CallsSince += more.Events[call.Incoming].Count + more.Events[call.Outgoing].Count
		sum.Events[t] = seen
	}
	for t, seen := range more.Events {
		if sum.Events == nil {
			sum.Events = map[call.EventType]SeenEvent{}
		}
		sum.Events[t] = sum.Events[t].add(seen)
	}
	sum.Addrs = latest(p.Addrs, more.Addrs)
	return sum
}

func (s SeenEvent) add(more SeenEvent) SeenEvent {
	if more.Last.Before(s.Last) {
		s, more = more, s
	}
	more.Count += s.Count
	if more.Token != nil && more.Token.Same(s.Token) && s.Token.Since.Before(more.Token.Since) {
		more.Token = s.Token
	}
	return more
}

func latest(a, b map[string]time.Time) map[string]time.Time {
	all := make(map[string]time.Time, len(a)+len(b))
	for _, addrs := range []map[string]time.Time{a, b} {
		for addr, at := range addrs {
			if at.After(all[addr]) {
				all[addr] = at
			}
		}
	}
	for len(all) > phoneAddrs {
		oldest := ""
		for addr, at := range all {
			if oldest == "" || at.Before(all[oldest]) {
				oldest = addr
			}
		}
		delete(all, oldest)
	}
	return all
}

// PhoneBook is the bucket.
type PhoneBook struct{ kv jetstream.KeyValue }

// DeclarePhoneBook creates the phone book; ingest owns it.
func DeclarePhoneBook(ctx context.Context, nc *nats.Conn, replicas int) (*PhoneBook, error) {
	return openBook(nc, func(js jetstream.JetStream) (jetstream.KeyValue, error) {
		kv, err := js.CreateKeyValue(ctx, jetstream.KeyValueConfig{
			Bucket: phoneBook, Description: "what each phone has shown of itself",
			MaxBytes: phoneBookRoom, TTL: keepPhone, Replicas: max(replicas, 1),
		})
		if errors.Is(err, jetstream.ErrBucketExists) {
			return js.KeyValue(ctx, phoneBook)
		}
		return kv, err
	})
}

// OpenPhoneBook opens the one that is there.
func OpenPhoneBook(ctx context.Context, nc *nats.Conn) (*PhoneBook, error) {
	return openBook(nc, func(js jetstream.JetStream) (jetstream.KeyValue, error) { return js.KeyValue(ctx, phoneBook) })
}

func openBook(nc *nats.Conn, open func(jetstream.JetStream) (jetstream.KeyValue, error)) (*PhoneBook, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	kv, err := open(js)
	if err != nil {
		return nil, fmt.Errorf("open the phone book: %w", err)
	}
	return &PhoneBook{kv}, nil
}

// Add adds what has been seen of a phone to its entry, and returns the whole. Of two ingests that add at once one is
// faster, and the other adds to what that has written.
func (b *PhoneBook) Add(ctx context.Context, seen KnownPhone) (KnownPhone, error) {
	for {
		whole, err := b.add(ctx, seen)
		if !overtaken(err) || ctx.Err() != nil {
			return whole, err
		}
	}
}

// overtaken reports whether another was faster to write an entry of a bucket; a replicated one says so in other words.
func overtaken(err error) bool {
	return errors.Is(err, jetstream.ErrKeyExists) || errors.Is(err, jetstream.ErrKeyRevisionMismatch)
}

func (b *PhoneBook) add(ctx context.Context, seen KnownPhone) (KnownPhone, error) {
	was, revision, err := b.read(ctx, seen.Key())
	if err != nil {
		return seen, err
	}
	whole := was.Add(seen)
	data, err := json.Marshal(whole)
	if err != nil {
		return seen, err
	}
	if revision == 0 {
		_, err = b.kv.Create(ctx, seen.Key(), data)
	} else {
		_, err = b.kv.Update(ctx, seen.Key(), data, revision)
	}
	if full(err) {
		return seen, ErrNoRoom
	}
	if err != nil {
		return seen, fmt.Errorf("write into the phone book: %w", err)
	}
	return whole, nil
}

// ErrNoRoom says that the phone book is full, so that no new phone comes in.
var ErrNoRoom = errors.New("the phone book is full")

// full reports whether the server refused a message for want of room (JSStreamStoreFailedF, "maximum bytes exceeded").
func full(err error) bool {
	var api *jetstream.APIError
	return errors.As(err, &api) && api.ErrorCode == 10077
}

// read reads an entry; one that is not there, or makes no sense, is empty.
func (b *PhoneBook) read(ctx context.Context, key string) (p KnownPhone, revision uint64, err error) {
	entry, err := b.kv.Get(ctx, key)
	if errors.Is(err, jetstream.ErrKeyNotFound) {
		return p, 0, nil
	}
	if err != nil {
		return p, 0, fmt.Errorf("read the phone book: %w", err)
	}
	if json.Unmarshal(entry.Value(), &p) != nil {
		p = KnownPhone{}
	}
	return p, entry.Revision(), nil
}

// All are the phones of the book, by site, line and MAC. What is no entry was put there by somebody else.
func (b *PhoneBook) All(ctx context.Context) ([]KnownPhone, error) {
	watch, err := b.kv.WatchAll(ctx, jetstream.IgnoreDeletes())
	if err != nil {
		return nil, fmt.Errorf("read the phone book: %w", err)
	}
	defer func() { _ = watch.Stop() }()
	var all []KnownPhone
	for {
		select {
		case <-ctx.Done():
			return nil, fmt.Errorf("read the phone book: %w", ctx.Err())
		case entry := <-watch.Updates():
			if entry == nil { // that was all
				slices.SortFunc(all, byLine)
				return all, nil
			}
			var p KnownPhone
			if json.Unmarshal(entry.Value(), &p) == nil {
				all = append(all, p)
			}
		}
	}
}

func byLine(a, b KnownPhone) int {
	return slices.Compare([]string{a.Site, string(a.Line), a.MAC}, []string{b.Site, string(b.Line), b.MAC})
}
