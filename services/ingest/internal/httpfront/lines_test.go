package httpfront

import (
	"fmt"
	"testing"

	"github.com/callbus/callbus/internal/call"
)

func TestAPhoneIsKnownByItsMACOrElseByItsAddress(t *testing.T) {
	m := newLineMemory(10)
	m.remember("001565aabbcc", "192.0.2.1", "101")
	m.remember("", "192.0.2.2", "102")
	m.remember("001565aabbdd", "", "103")
	m.remember("001565aabbdd", "", "104")
	for _, c := range []struct {
		mac, addr string
		want      call.Line
	}{
		{"001565aabbcc", "192.0.2.1", "101"},
		{"001565aabbcc", "192.0.2.9", "101"}, // the phone has moved
		{"", "192.0.2.1", "101"},             // it left its MAC out
		{"001565000000", "192.0.2.1", ""},    // another phone behind that address
		{"001565000000", "192.0.2.2", "102"}, // nobody there ever said a MAC
		{"001565aabbdd", "192.0.2.2", "104"},
		{"", "192.0.2.9", ""},
		{"", "", ""},
	} {
		if got := m.recall(c.mac, c.addr); got != c.want {
			t.Errorf("%q at %q: got %q, want %q", c.mac, c.addr, got, c.want)
		}
	}
}

func TestTheMemoryOfLinesIsBoundedAndForgetsTheLongestUnseen(t *testing.T) {
	m := newLineMemory(2) // 2 phones, 4 keys
	for i := range 4 {
		m.remember(fmt.Sprint("mac", i), "", call.Line(fmt.Sprint(i)))
	}
	m.recall("mac0", "")
	m.remember("mac4", "", "4")
	if m.recall("mac0", "") != "0" || m.recall("mac1", "") != "" || m.recall("mac4", "") != "4" {
		t.Error("want mac1, the longest unseen, forgotten and nobody else")
	}
	if n := m.phones.Len(); n != 4 {
		t.Errorf("holds %d keys, want 4", n)
	}
}
