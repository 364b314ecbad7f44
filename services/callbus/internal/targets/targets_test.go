package targets_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/targets"
)

var update = flag.Bool("update", false, "write the golden texts anew")

var noon = time.Date(2026, 11, 20, 12, 0, 0, 0, time.Local)

func before(d time.Duration) time.Time { return noon.Add(-d) }

func office(change func(*stream.Standing)) stream.Standing {
	s := stream.Standing{
		Target: "main", Set: stream.LaneSet{Generation: 2, Lanes: 3}, AtWork: true,
		Adapters: []stream.Status{
			{Adapter: "srv1/812", State: stream.Working, Sessions: 3, Held: 2, Rules: []stream.Rule{{Setting: "events", Value: "incoming, answered"}, {Setting: "only.lines", Value: "101-120"}}},
			{Adapter: "srv2/77", State: stream.Working, Sessions: 2, Rules: []stream.Rule{{Setting: "events", Value: "incoming, answered"}, {Setting: "only.lines", Value: "101-120"}}},
		},
		Owners: map[string]string{"2-1": "srv1/812", "2-0": "srv1/812"},
		Minute: 4, Hour: 120, Ended: before(3 * time.Second),
	}
	change(&s)
	return s
}

var cases = map[string][]stream.Standing{
	"works": {office(func(*stream.Standing) {})},
	"away": {office(func(s *stream.Standing) {
		s.Owners, s.Queue, s.Oldest = nil, 17, before(11*time.Minute)
		for i := range s.Adapters {
			s.Adapters[i].State, s.Adapters[i].Why, s.Adapters[i].Since = stream.Away, "nobody listens at this address", before(10*time.Minute)
		}
		s.Adapters[1].Rules[1].Value = "101-130"
	})},
	"one_of_two_away": {office(func(s *stream.Standing) { s.Adapters[1].State, s.Adapters[1].Why = stream.Away, "no answer in time" })},
	"paused": {office(func(s *stream.Standing) {
		s.Adapters, s.AtWork, s.Queue, s.Oldest = s.Adapters[:1], false, 3, before(time.Minute)
		s.Set.Paused = &stream.Pause{Since: before(2 * time.Hour), By: "oleg@srv1"}
	})},
	"ready": {office(func(s *stream.Standing) { s.Adapters, s.Owners = s.Adapters[:1], nil })},
	"stopped": {
		office(func(s *stream.Standing) {
			s.Adapters, s.Owners, s.AtWork, s.Queue, s.Oldest = nil, nil, false, 1, before(time.Minute)
		}),
		office(func(s *stream.Standing) {
			s.Target, s.Adapters, s.Owners, s.AtWork, s.Set.Paused = "crm", nil, nil, false, &stream.Pause{Since: before(2 * time.Hour), By: "oleg@srv1"}
		}),
	},
	"no_adapter": {office(func(s *stream.Standing) { s.Adapters, s.Owners, s.AtWork = nil, nil, false })},
	"changing_and_idle": {
		office(func(s *stream.Standing) {
			s.Adapters, s.Owners, s.Set.Change = nil, nil, &stream.Change{Lanes: 5, Since: before(time.Hour)}
		}),
		{Target: "crm", Set: stream.LaneSet{Generation: 1, Lanes: 2}, Queue: 40, Oldest: before(72 * time.Hour), Dead: 2,
			LastDead: stream.Ended{Ending: verdict.Ending{Verdict: verdict.Never("1C refused: Деление на 0 (HTTP 500, SOAP Fault)")}, Time: before(80 * time.Hour), Number: 9}},
		{Target: "old", Set: stream.LaneSet{Generation: 1, Lanes: 2}, AtWork: true},
	},
}

func TestTargetsAreToldInBothLanguages(t *testing.T) {
	for name, all := range cases {
		for _, l := range []lang.Lang{lang.English, lang.Russian} {
			store := stream.Fullness{Used: 10, Room: 100}
			if name == "away" || name == "changing_and_idle" {
				store.Used = 93
			}
			var got bytes.Buffer
			targets.Print(&got, l, all, targets.Around{Now: noon, Store: store, Stopped: name == "stopped", Deserted: targets.Deserted(all), Details: name == "works"})
			file := filepath.Join("testdata", name+"."+string(l)+".txt")
			if *update {
				if err := os.WriteFile(file, got.Bytes(), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			want, err := os.ReadFile(file)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(string(want), got.String()); diff != "" {
				t.Errorf("%s in %s (-want +got):\n%s", name, l, diff)
			}
		}
	}
}

func TestScriptsGetTheStateInOneWord(t *testing.T) {
	want := map[string][]targets.State{
		"works": {targets.Working}, "away": {targets.Away}, "one_of_two_away": {targets.Working}, "paused": {targets.Paused},
		"ready": {targets.Working}, "stopped": {targets.Idle, targets.Paused}, "no_adapter": {targets.Idle},
		"changing_and_idle": {targets.Changing, targets.Idle, targets.Working},
	}
	for name, all := range cases {
		text, err := json.Marshal(targets.Of(all, stream.Fullness{Used: 1, Room: -1}))
		var r targets.Report
		if err == nil {
			err = json.Unmarshal(text, &r)
		}
		if err != nil {
			t.Fatal(err)
		}
		var got []targets.State
		for _, each := range r.Targets {
			got = append(got, each.State)
		}
		if diff := cmp.Diff(want[name], got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}
