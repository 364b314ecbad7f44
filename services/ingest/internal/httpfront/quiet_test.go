package httpfront

import (
	"encoding/json"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// A scanner must not fill the disk that the calls are on.
func TestAFloodOfRefusedHitsLeavesAFewLinesAndANumber(t *testing.T) {
	const hits, seconds = 5000, 10
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(Options{})
		hit := func(target string) {
			h.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", target, nil))
		}
		for range hits {
			hit("/wp-login.php")
			time.Sleep(seconds * time.Second / hits)
		}
		hit("/phone/incoming?line=101") // a call gets its line whatever else happens
		time.Sleep(2 * time.Second)
		_, outcomes, log := h.told()
		refused, more, untold := reckon(t, log)
		if refused < seconds*refusalLines || refused > (seconds+1)*refusalLines {
			t.Errorf("%d refused hits got a line, want %d a second for %d seconds", refused, refusalLines, seconds)
		}
		if more < seconds-1 || more > seconds+1 || refused+untold != hits {
			t.Errorf("%d lines speak of %d more hits, want one a second, and of all %d that got none", more, untold, hits-refused)
		}
		if strings.Count(log, "call.accepted") != 1 || len(outcomes) != hits+1 {
			t.Errorf("want the accepted call in the log and all %d counted, got %d", hits+1, len(outcomes))
		}
	})
}

func TestAStopTellsOfTheLastRefusedHits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := newHouse(Options{})
		for range 3 * refusalLines {
			h.Handler().ServeHTTP(httptest.NewRecorder(), httptest.NewRequest("GET", "/wp-login.php", nil))
		}
		if err := h.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
		_, _, log := h.told()
		if refused, _, untold := reckon(t, log); refused != refusalLines || untold != 2*refusalLines {
			t.Errorf("%d lines, which speak of %d more; want %d and %d", refused, untold, refusalLines, 2*refusalLines)
		}
	})
}

// reckon counts the lines of refused hits, the lines that speak of more, and the hits that those speak of.
func reckon(t *testing.T, log string) (refused, more, untold int) {
	t.Helper()
	for text := range strings.Lines(log) {
		var line struct {
			Message string
			Hits    int
		}
		if err := json.Unmarshal([]byte(text), &line); err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		switch name, _, _ := strings.Cut(line.Message, ":"); name {
		case "call.refused":
			refused++
		case "call.refused_more":
			more++
			untold += line.Hits
		}
	}
	return refused, more, untold
}
