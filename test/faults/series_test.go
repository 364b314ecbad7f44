package main

import (
	"bytes"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestTheSecondsAreSharedOutByTheUsualLengths(t *testing.T) {
	of := []scenario{{name: "long", seconds: 60}, {name: "short", seconds: 20}}
	var got []string
	for turn := range turns(options{seed: 7, seconds: 120}, of) {
		got = append(got, turn.again())
	}
	want := []string{"go run ./faults -scenario long -seconds 90 -seed 7", "go run ./faults -scenario short -seconds 30 -seed 8"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("turns (-want +got):\n%s", diff)
	}
}

func TestNoTurnIsTooShortForItsFaults(t *testing.T) {
	for turn := range turns(options{seconds: 1}, scenarios) {
		if turn.seconds < turn.scenario.least {
			t.Errorf("%s lasts %d s, want %d at least", turn.scenario.name, turn.seconds, turn.scenario.least)
		}
	}
}

func TestALongSeriesGoesRoundWithNewSeedsUntilItsTimeIsOver(t *testing.T) {
	seen := map[uint64]string{}
	for turn := range turns(options{seed: 1, long: time.Hour}, scenarios) {
		if before, twice := seen[turn.seed]; twice {
			t.Fatalf("seed %d is that of %s and of %s", turn.seed, before, turn.scenario.name)
		}
		seen[turn.seed] = turn.scenario.name
		if len(seen) == 3*len(scenarios) {
			break
		}
	}
	for range turns(options{long: time.Nanosecond}, scenarios) {
		t.Error("a turn after the end")
	}
}

func TestTheTableAddsUpTheRunsOfAScenario(t *testing.T) {
	var b bytes.Buffer
	printTable(&b, []figures{
		{Scenario: "mix", Runs: 1, Hits: 1000, OK: 990, Marked: 2, Done: map[string]int{"adapter: kill -9": 1}},
		{Scenario: "mix", Runs: 1, Hits: 1000, OK: 980, Lost: 1, NotOnce: 3, Unmarked: 4, Disorder: 5, Frosty: 6, Dead: 7, Broken: 1,
			Done: map[string]int{"adapter: kill -9": 1, "broker: kill -9": 1}},
		{Scenario: "away", Runs: 1, Hits: 10, OK: 10},
	})
	for _, row := range []string{
		"| mix | 2 | 2,000 | 1,970 | 1 | 5 | 6 | 3 | 2 | 4 | 7 | adapter: kill -9 × 2, broker: kill -9 × 1 |\n",
		"| away | 1 | 10 | 10 | 0 | 0 | 0 | 0 | 0 | 0 | 0 |  |\n",
		"| together | 3 | 2,010 | 1,980 | 1 | 5 | 6 | 3 | 2 | 4 | 7 |  |\n",
	} {
		if !strings.Contains(b.String(), row) {
			t.Errorf("the table has no row %q:\n%s", row, &b)
		}
	}
}

func TestSeveralScenariosMayBeLeftOut(t *testing.T) {
	var got []string
	for _, s := range chosen(options{scenario: everything, except: "clock,branch"}) {
		got = append(got, s.name)
	}
	if slices.Contains(got, "clock") || slices.Contains(got, "branch") || len(got) != len(scenarios)-2 {
		t.Errorf("chosen: %v, want all but clock and branch", got)
	}
}
