package main

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/callbus/callbus/test/farm"
)

const (
	one = "+74951230001"
	two = "+74951230002"
)

// What a comparison must not overlook, and what it must let pass.
func TestALostHitIsNoticed(t *testing.T) {
	ring, again, end := telling{event: "incoming", number: one}, telling{event: "incoming", number: one, may: true}, telling{event: "ended", number: one}
	unnamed := telling{event: "ended"}
	for _, c := range []struct {
		what   string
		told   []telling
		stored []event
		want   []string // parts of the faults, in order
	}{
		{"all is there", []telling{ring, end}, events("incoming "+one, "ended "+one), nil},
		{"an end that names nobody", []telling{ring, unnamed}, events("incoming "+one, "ended "), nil},
		{"a repeat that was merged", []telling{ring, again, end}, events("incoming "+one, "ended "+one), nil},
		{"a repeat that was kept", []telling{ring, again, end}, events("incoming "+one, "incoming "+one, "ended "+one), nil},
		{"a repeat that was merged, and the same once more", []telling{ring, again, ring}, events("incoming "+one, "incoming "+one), nil},
		{"nothing", nil, nil, nil},

		{"a lost hit", []telling{ring, end}, events("incoming " + one), []string{"ended " + one + " was answered 200 and is not stored"}},
		{"a lost first hit", []telling{ring, end}, events("ended " + one), []string{"incoming " + one + " was answered 200 and is not stored"}},
		{"all lost", []telling{ring, again}, nil, []string{"incoming " + one + " was answered 200"}},
		{"twice", []telling{ring, end}, events("incoming "+one, "incoming "+one, "ended "+one), []string{"ended " + one + " comes after 1 others", "incoming " + one + " is stored, and was never"}},
		{"another order", []telling{ring, end}, events("ended "+one, "incoming "+one), []string{"comes after 1 others"}},
		{"another caller", []telling{ring}, events("incoming " + two), []string{"is not stored", "incoming " + two + " is stored, and was never"}},
		{"never told", nil, events("incoming " + one), []string{"never told"}},
		{"another line", []telling{ring}, []event{of("incoming", one, "102", "805ec0fa0001")}, []string{"is stored with line 102"}},
		{"another phone", []telling{ring}, []event{of("incoming", one, "101", "805ec0fa0002")}, []string{"is stored with MAC 805ec0fa0002"}},
	} {
		got := follow(yealink(t), c.told, c.stored)
		if len(got) != len(c.want) {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got %q, want %q in it", c.what, got[i], want)
			}
		}
	}
}

func TestAnEventOfNobodyIsNoticed(t *testing.T) {
	stranger := of("incoming", one, "101", "805ec0fa0001")
	stranger.ID, stranger.Phone.IP = "2", "192.0.2.1"
	twins := []event{of("incoming", one, "101", "805ec0fa0001"), of("incoming", one, "101", "805ec0fa0001")}
	d := &desk{phone: yealink(t), told: []telling{{event: "incoming", number: one}}}
	if got := compare([]*desk{d}, kept{calls: append(twins[:1:1], stranger)}); len(got) != 1 || !strings.Contains(got[0], "nobody's") {
		t.Errorf("an event from an address of nobody: got %q", got)
	}
	d.told = append(d.told, d.told[0])
	if got := compare([]*desk{d}, kept{calls: twins}); len(got) != 1 || !strings.Contains(got[0], "twice") {
		t.Errorf("an id twice: got %q", got)
	}
}

func TestAnAnswerThatIsNo200IsALoss(t *testing.T) {
	var good, bad tally
	good.count(200, nil, time.Millisecond)
	bad.count(200, nil, time.Millisecond)
	bad.count(503, nil, time.Millisecond)
	bad.count(0, fmt.Errorf("refused"), time.Millisecond)
	if got := good.faults(); got != nil {
		t.Errorf("all 200: got %q", got)
	}
	if got := bad.faults(); len(got) != 2 {
		t.Errorf("a 503 and no answer: got %q", got)
	}
	if got := (&tally{}).faults(); len(got) != 1 {
		t.Errorf("no hits at all: got %q", got)
	}
}

func TestMemoryThatGrowsIsNoticed(t *testing.T) {
	run := func(size func(second int) int64) (h history) {
		for i := range 60 {
			h.samples = append(h.samples, sample{anon: size(i) << 20})
		}
		return h
	}
	for what, c := range map[string]struct {
		size  func(int) int64
		wrong bool
	}{
		"a saw":                   {func(i int) int64 { return 30 + int64(i%10) }, false},
		"it warms up":             {func(i int) int64 { return 20 + int64(min(i, 15)) }, false},
		"a leak of a MiB/s":       {func(i int) int64 { return 20 + int64(i) }, true},
		"20 MiB more of 500":      {func(i int) int64 { return 500 + int64(i/3) }, false},
		"half as much again of 8": {func(i int) int64 { return 8 + int64(i/15) }, false},
	} {
		if got := run(c.size).faults(); (got != nil) != c.wrong {
			t.Errorf("%s: got %q, want a fault: %v", what, got, c.wrong)
		}
	}
	if got := (history{err: fmt.Errorf("no such process")}).faults(); len(got) != 1 {
		t.Errorf("a watch that failed: got %q", got)
	}
}

func TestANumberIsReadWhereItStands(t *testing.T) {
	text := []byte("# HELP x\ncallbus_store_used_bytes 1.5e+06\nVmRSS:\t  2048 kB\n")
	if got := []int64{field(text, "callbus_store_used_bytes "), field(text, "VmRSS:"), field(text, "none")}; got[0] != 1500000 || got[1] != 2048 || got[2] != 0 {
		t.Errorf("got %v", got)
	}
}

func yealink(t *testing.T) *farm.Phone {
	t.Helper()
	m, ok := farm.MakeNamed("yealink")
	if !ok {
		t.Fatal("the farm has no Yealink")
	}
	return farm.NewPhone(m, 1, "127.0.0.1", "101", "Manager")
}

// events are what a phone on line 101 is stored with, each as "incoming +74951230001".
func events(texts ...string) (list []event) {
	for i, text := range texts {
		typ, number, _ := strings.Cut(text, " ")
		e := of(typ, number, "101", "805ec0fa0001")
		e.ID = fmt.Sprint(i)
		list = append(list, e)
	}
	return list
}

func of(typ, number, line, mac string) event {
	e := event{ID: "1", Type: typ, Line: line}
	e.Remote.Number, e.Phone.MAC, e.Phone.IP = number, mac, "127.0.0.1"
	return e
}
