package main

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const performance = "../../docs/performance.md"

func TestTheDocumentHasATableOfEachPointInOrder(t *testing.T) {
	doc, err := os.ReadFile(performance)
	if err != nil {
		t.Fatal(err)
	}
	var there []string
	for _, m := range regexp.MustCompile(`(?s)<!-- bench (\S+) -->\n(.*?)<!-- end (\S+) -->\n`).FindAllStringSubmatch(string(doc), -1) {
		there = append(there, m[1])
		if m[1] != m[3] {
			t.Errorf("%s ends with %s", m[1], m[3])
		}
		if strings.Count(m[2], "\n|") < 3 {
			t.Errorf("%s has no table with a row", m[1])
		}
	}
	if diff := cmp.Diff(names(), there); diff != "" {
		t.Errorf("points of the bench (-) and places in the document (+):\n%s", diff)
	}
}

func TestOnlyWhatIsBetweenTheMarkersIsReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "doc.md")
	before := "words\n<!-- bench rest -->\nold\n<!-- end rest -->\nmore\n<!-- bench growth -->\nkept\n<!-- end growth -->\nlast\n"
	if err := os.WriteFile(path, []byte(before), 0o600); err != nil {
		t.Fatal(err)
	}
	table := block{head: []string{"a", "b"}, rows: [][]string{{"1", "$2"}}}
	for range 2 { // the second time it replaces its own
		if err := fill(path, map[string]string{"rest": text([]block{table, note("n %d", 3)})}); err != nil {
			t.Fatal(err)
		}
	}
	got, _ := os.ReadFile(path)
	want := "words\n<!-- bench rest -->\n\n| a | b |\n|---|---|\n| 1 | $2 |\n\nn 3\n\n<!-- end rest -->\nmore\n<!-- bench growth -->\nkept\n<!-- end growth -->\nlast\n"
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Error(diff)
	}
	if fill(path, map[string]string{"catch-up": "x"}) == nil {
		t.Error("a point without a place in the document was not noticed")
	}
}

func TestFiguresReadWell(t *testing.T) {
	for got, want := range map[string]string{
		grouped(1234567): "1,234,567", grouped(999): "999", grouped(1000): "1,000",
		ms(1234 * time.Millisecond): "1,234", ms(12345 * time.Microsecond): "12.3", ms(345 * time.Microsecond): "0.34",
		ratio(1, 3): "**0.33**", ratio(1, 0): "-", mib(3 << 20): "3 MiB",
	} {
		if got != want {
			t.Errorf("got %q, want %q", got, want)
		}
	}
}

func TestQuantiles(t *testing.T) {
	var all times
	for i := range 1000 {
		all = append(all, time.Duration(999-i))
	}
	all.sorted()
	for q, want := range map[float64]time.Duration{0: 0, 0.5: 500, 0.99: 990, 0.999: 999, 1: 999} {
		if got := all.at(q); got != want {
			t.Errorf("at %v: got %d, want %d", q, got, want)
		}
	}
	if times(nil).at(0.5) != 0 {
		t.Error("none have no quantile")
	}
}

// A hit must not be taken for the repeat of another.
func TestEveryHitIsOfAnotherCaller(t *testing.T) {
	for _, j := range []job{{Lines: 10}, {Lines: 10, Article: true}} {
		seen := map[string]bool{}
		for n := range uint64(2000) {
			seen[string(appendHit(nil, j, n))] = true
		}
		if len(seen) != 2000 {
			t.Errorf("article %v: %d different requests of 2000", j.Article, len(seen))
		}
	}
	if got, want := remote(42), "sip:+74950000042@pbx.example"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := string(appendHit(nil, job{Lines: 10, Article: true, Addr: "a:1"}, 42)); !strings.HasPrefix(got, "GET /checkphone.php?event=1&p1=sip:%2B74950000042@pbx.example&p2=100002 HTTP/1.1\r\nHost: a:1\r\n") {
		t.Errorf("got %q", got)
	}
}
