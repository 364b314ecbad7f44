package main

import (
	"bytes"
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callbus/callbus/test/farm"
)

// shares is how many phones of a hundred or so are of a make: Yealink, D-Link, Fanvil and Grandstream are what is sold in
// Russia; the rest is there for its manners. A guess, like all such numbers.
var shares = []struct {
	make  string
	share int
}{
	{"yealink", 34}, {"yealink-t3x", 6}, {"fanvil", 12}, {"dlink", 10}, {"grandstream", 8}, {"grandstream-gxv", 4}, {"snom", 7},
	{"htek", 2}, {"sangoma", 1}, {"akuvox", 2}, {"flyingvoice", 2}, {"mitel", 3}, {"polycom", 4}, {"microsip", 8}, {"gigaset", 1}, {"phone", 1},
}

// desk is a phone, what its user does with it, and what it was told.
type desk struct {
	phone *farm.Phone
	dice  *rand.Rand
	told  []*told
	said  map[saying]*told // what was said last
}

type saying struct {
	event string
	call  *farm.Call
}

// told is a hit that was answered 200.
type told struct {
	phone *farm.Phone
	mark  string // the hit's number, in its URL
	order int    // among the hits of its phone
	event string // of docs/wire.md §1
	at    time.Time

	// repeats is the hit that told the same of the same call a moment before, so that this one may have been taken for
	// its repeat; nil where there is none.
	repeats *told
	stored  bool // found on a stream
}

// furnish puts phones on desks. Each comes from an address of its own, has a line of its own, and shows a token of its own.
func furnish(o options, in *ingest) (desks []*desk) {
	dice := rand.New(rand.NewPCG(o.seed, 1))
	for i := range o.phones {
		m := draw(dice, i)
		p := farm.NewPhone(m, i, fmt.Sprintf("127.77.%d.%d", i/200, 1+i%200), fmt.Sprint(1001+i), "Manager")
		p.Provision("http://"+in.phones, in.tokens[tokenID(i)])
		desks = append(desks, &desk{phone: p, dice: rand.New(rand.NewPCG(o.seed, uint64(i)+2))})
	}
	return desks
}

// draw takes one phone of each make first, so that none is missing, and then by shares.
func draw(dice *rand.Rand, i int) farm.Make {
	name := shares[i%len(shares)].make
	if i >= len(shares) {
		total := 0
		for _, s := range shares {
			total += s.share
		}
		n := dice.IntN(total)
		for _, s := range shares {
			if name = s.make; n < s.share {
				break
			}
			n -= s.share
		}
	}
	m, ok := farm.MakeNamed(name)
	if !ok {
		panic("the farm has no " + name)
	}
	return m
}

func census(desks []*desk) string {
	count := map[string]int{}
	for _, d := range desks {
		count[d.phone.Make.Name]++
	}
	var words []string
	for _, name := range slices.Sorted(maps.Keys(count)) {
		words = append(words, fmt.Sprintf("%s %d", name, count[name]))
	}
	return strings.Join(words, ", ")
}

// work lets all desks work until the time is over. What has begun is finished.
func work(ctx context.Context, o options, desks []*desk, t *tally) {
	ctx, cancel := context.WithTimeout(ctx, time.Duration(o.seconds)*time.Second)
	defer cancel()
	pause := time.Duration(float64(o.phones) / o.rate * float64(time.Second)) // of one phone between two hits
	var wg sync.WaitGroup
	for _, d := range desks {
		wg.Go(func() { d.work(ctx, pause, t) })
	}
	wg.Wait()
}

// work plays stories. A step's hits follow each other at once; the pause after it is as long as they deserve, at random.
func (d *desk) work(ctx context.Context, pause time.Duration, t *tally) {
	next := time.Now().Add(time.Duration(d.dice.Int64N(int64(pause) + 1)))
	for ctx.Err() == nil {
		story := d.story()
		play := d.phone.Play(story)
		d.said = map[saying]*told{}
		for _, step := range story.Steps {
			hits, call := play.Hits(step)
			if len(hits) == 0 {
				continue
			}
			if !sleepUntil(ctx, next) {
				return
			}
			for _, h := range hits {
				d.tell(h, call, t)
			}
			deserved := time.Duration(len(hits)) * pause
			next = next.Add(deserved/2 + time.Duration(d.dice.Int64N(int64(deserved)+1)))
		}
	}
}

func sleepUntil(ctx context.Context, t time.Time) bool {
	select {
	case <-ctx.Done():
		return false
	case <-time.After(time.Until(t)):
		return true
	}
}

// story draws one: half of all calls are simply answered. Everybody who calls from outside calls once only, so that a number
// names a call.
func (d *desk) story() farm.Story {
	story := farm.Stories[0]
	if d.dice.IntN(2) == 0 {
		story = farm.Stories[d.dice.IntN(len(farm.Stories))]
	}
	story.Calls = slices.Clone(story.Calls)
	for i, plan := range story.Calls {
		if len(plan.Other.User) > 4 && plan.Other != farm.Anonymous {
			story.Calls[i].Other.User = somebody()
		}
	}
	story.Steps = slices.Clone(story.Steps)
	for i, step := range story.Steps {
		// Where calls have no names, a repeat that was kept would look like the next call.
		named := d.phone.Make.CallID(d.phone, true) != ""
		story.Steps[i].Again = named && (step.Again || d.dice.IntN(50) == 0)
	}
	return story
}

var people atomic.Int64

// somebody is a number that nobody had before.
func somebody() string { return fmt.Sprintf("+7495%07d", 1000000+people.Add(1)) }

var hits atomic.Int64

// tell sends a hit with its number, and writes down what it was told.
func (d *desk) tell(h farm.Hit, call *farm.Call, t *tally) {
	number := strconv.FormatInt(hits.Add(1), 10)
	separator := "?"
	if bytes.ContainsAny(h.Target, "?=") { // Grandstream's path style has no question mark
		separator = "&"
	}
	h.Target = append(h.Target, separator+"hit="+number...)
	sent := time.Now()
	answer, err := d.phone.Send(h)
	t.count(answer.Status, err, time.Since(sent))
	if answer.Status != 200 {
		return
	}
	event := d.phone.Make.Event(h.Says)
	if event == "" {
		return // a state of a Polycom's that is no event: answered, and nothing to keep
	}
	d.note(&told{phone: d.phone, mark: number, order: len(d.told), event: event, at: sent}, call)
}

// aWhile is longer than the second within which ingest takes what is told twice for a repeat (docs/adr/0006).
const aWhile = 1500 * time.Millisecond

// note finds out whether the phone has told the same of the same call a moment ago.
func (d *desk) note(t *told, call *farm.Call) {
	said := saying{t.event, call}
	if before := d.said[said]; before != nil && t.at.Sub(before.at) < aWhile {
		t.repeats = before
	}
	d.said[said] = t
	d.told = append(d.told, t)
}
