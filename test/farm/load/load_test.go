package main

import (
	"cmp"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/callbus/callbus/test/farm"
)

// What a comparison must not overlook, and what it must let pass.
func TestALostHitIsNoticed(t *testing.T) {
	for _, c := range []struct {
		what   string
		told   string // hits of one phone: number:event, with a * where it repeats the one before
		stored string
		want   []string // parts of the faults, in order
	}{
		{"all is there", "1:incoming 2:ended", "1:incoming 2:ended", nil},
		{"a repeat that was merged", "1:incoming 2:incoming* 3:ended", "1:incoming 3:ended", nil},
		{"a repeat that was merged twice", "1:incoming 2:incoming* 3:incoming*", "1:incoming", nil},
		{"a repeat that was kept", "1:incoming 2:incoming* 3:ended", "1:incoming 2:incoming 3:ended", nil},
		{"a Polycom's Connected after a hold", "1:held 2:answered", "1:held 2:resumed", nil},
		{"calls and the phone's own affairs", "1:incoming 2:registered", "1:incoming 2:registered", nil},
		{"nothing", "", "", nil},

		{"a lost hit", "1:incoming 2:ended", "1:incoming", []string{"hit 2, ended was answered 200 and is not stored"}},
		{"a lost first hit", "1:incoming 2:incoming*", "2:incoming", []string{"hit 1, incoming was answered 200 and is not stored"}},
		{"all lost", "1:incoming 2:incoming*", "", []string{"hit 1", "hit 2"}},
		{"twice", "1:incoming 2:ended", "1:incoming 1:incoming 2:ended", []string{"hit 1, incoming is stored twice"}},
		{"another order", "1:incoming 2:ended", "2:ended 1:incoming", []string{"hit 1, incoming is stored behind a later one"}},
		{"another event", "1:incoming", "1:ended", []string{"is stored as ended", "is not stored"}},
		{"never told", "", "1:incoming", []string{"never answered 200"}},
		{"without its number", "1:incoming", ":incoming", []string{"never answered 200", "is not stored"}},
		{"another line", "1:incoming", "1:incoming:102", []string{"is stored with line 102", "is not stored"}},
		{"another phone", "1:incoming", "1:incoming:101:805ec0fa0002", []string{"with MAC 805ec0fa0002", "is not stored"}},
		{"another address", "1:incoming", "1:incoming:101:805ec0fa0001:192.0.2.1", []string{"from another phone", "is not stored"}},
	} {
		d := &desk{phone: yealink(t)}
		d.hears(c.told)
		got := compare([]*desk{d}, events(c.stored))
		if len(got) != len(c.want) {
			t.Errorf("%s: got %q, want %q", c.what, got, c.want)
			continue
		}
		for i, want := range c.want {
			if !strings.Contains(got[i], want) {
				t.Errorf("%s: got %q, want %q in it", c.what, got, want)
			}
		}
	}
}

func (d *desk) hears(hits string) {
	for i, hit := range strings.Fields(hits) {
		mark, name, _ := strings.Cut(hit, ":")
		one := &told{phone: d.phone, mark: mark, order: i}
		if one.event = strings.TrimSuffix(name, "*"); one.event != name {
			one.repeats = d.told[i-1]
		}
		d.told = append(d.told, one)
	}
}

// events are those of the phone of yealink, but for what is given of each: number:event:line:mac:address.
func events(texts string) (k kept) {
	for i, text := range strings.Fields(texts) {
		part := append(strings.Split(text, ":"), make([]string, 5)...)
		e := event{ID: fmt.Sprint(i), Type: part[1], Line: cmp.Or(part[2], "101"), Raw: "line=101&hit=" + part[0]}
		e.Phone.MAC, e.Phone.IP = cmp.Or(part[3], "805ec0fa0001"), cmp.Or(part[4], "127.0.0.1")
		list := &k.calls
		if ofPhone[e.Type] {
			list = &k.phones
		}
		*list = append(*list, e)
	}
	return k
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
