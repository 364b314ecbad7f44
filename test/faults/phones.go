package main

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/callbus/callbus/test/faults/check"
)

// planned is a hit that a phone will make.
type planned struct {
	at   time.Duration
	hit  check.Hit // what is known of it beforehand
	path string
}

// calls are what phones say of a call; the last one has two ends, of which a rule skips the second.
var calls = [][]string{
	{"incoming", "answered", "ended"},
	{"incoming", "missed"},
	{"outgoing", "answered", "ended"},
	{"incoming", "answered", "held", "resumed", "ended"},
	{"incoming", "rejected", "ended"},
}

// rush is how often all lines call at once, as after a meeting: what comes at once is stored together (docs/adr/0015).
const rush = time.Second

// planLine spreads the hits of one line over a time at random, so that some are sent within a millisecond of each
// other: a phone does not wait for its last 200. A third come in a rush. The beginning is in the markers, so that a line may be
// planned for several times.
func planLine(dice *rand.Rand, line string, hits int, from, to time.Duration) (plan []planned) {
	var events []string
	for len(events) < hits {
		events = append(events, calls[dice.IntN(len(calls))]...)
	}
	var times []time.Duration
	for range hits {
		t := from + time.Duration(dice.Int64N(int64(to-from)))
		if n := len(times); n > 0 && dice.IntN(5) == 0 {
			t = times[n-1] + time.Duration(dice.Int64N(int64(3*time.Millisecond)))
		} else if dice.IntN(3) == 0 {
			t = max(from, t.Truncate(rush))
		}
		times = append(times, t)
	}
	slices.Sort(times)
	for i, t := range times {
		marker := fmt.Sprintf("sip:+7495123%04d@line-%s-%d.example", dice.IntN(10000), line, from.Milliseconds()+int64(i))
		plan = append(plan, planned{at: t, hit: check.Hit{Marker: marker, Line: line, Type: events[i]}, path: path(dice, marker, line, events[i])})
	}
	return plan
}

var article = map[string]string{"incoming": "1", "answered": "2", "outgoing": "3", "ended": "4"}

// dialects are those whose URLs may be written alike.
var dialects = []string{"yealink", "fanvil", "dlink", "grandstream", "snom", "htek", "akuvox", "flyingvoice", "phone"}

// path says the event in the article's form, in a vendor's, or in the neutral one.
func path(dice *rand.Rand, marker, line, event string) string {
	if n := article[event]; n != "" && dice.IntN(3) == 0 {
		return "/checkphone.php?" + url.Values{"event": {n}, "p1": {marker}, "p2": {line}}.Encode()
	}
	dialect := dialects[dice.IntN(len(dialects))]
	return "/" + dialect + "/" + event + "?" + url.Values{"remote": {marker}, "line": {line}}.Encode()
}

// patience is how long our phones wait for an answer; real ones are said to wait some seconds.
const patience = 5 * time.Second

// phones make the planned hits, each over a connection of its own, and remember what they were told.
type phones struct {
	addr   string
	client *http.Client
	asking atomic.Int64 // hits without an answer yet

	mu   sync.Mutex
	hits []check.Hit
}

func newPhones(addr string) *phones {
	return &phones{addr: addr, client: &http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}}
}

// run returns when the last phone has its answer.
func (p *phones) run(ctx context.Context, plan []planned, begin time.Time) {
	slices.SortStableFunc(plan, func(a, b planned) int { return int(a.at - b.at) })
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, next := range plan {
		if !sleep(ctx, time.Until(begin.Add(next.at))) {
			return
		}
		wg.Go(func() { p.send(ctx, next) })
	}
}

func (p *phones) send(ctx context.Context, next planned) {
	h := next.hit
	h.Sent = time.Now()
	p.asking.Add(1)
	h.Status = p.get(ctx, next.path)
	p.asking.Add(-1)
	h.Answered = time.Now()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.hits = append(p.hits, h)
}

// told is how many hits have been answered so far, and how many of them not with 200.
func (p *phones) told() (all, refused int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, h := range p.hits {
		if h.Status != http.StatusOK {
			refused++
		}
	}
	return len(p.hits), refused
}

func (p *phones) get(ctx context.Context, path string) int {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+p.addr+path, nil)
	if err != nil {
		panic(err) // the paths are ours
	}
	response, err := p.client.Do(request)
	if err != nil {
		return 0
	}
	defer response.Body.Close()
	_, _ = io.Copy(io.Discard, response.Body) // the answer is the status
	return response.StatusCode
}
