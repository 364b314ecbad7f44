package targets

import (
	"time"

	"github.com/callbus/callbus/internal/stream"
)

// Report is what scripts get; docs/operations.md describes it.
type Report struct {
	Targets []Target `json:"targets"`
	Store   Store    `json:"store"`
}

// Store is how full CALLS is, in bytes; Room -1: no limit.
type Store struct {
	Used int64 `json:"used"`
	Room int64 `json:"room"`
}

// Target is one target.
type Target struct {
	Target     string            `json:"target"`
	State      State             `json:"state"`
	Lanes      int               `json:"lanes"`
	Generation int               `json:"generation"`
	Change     *stream.Change    `json:"change,omitempty"`
	Paused     *stream.Pause     `json:"paused,omitempty"`
	Waiting    int               `json:"waiting"`
	Oldest     time.Time         `json:"oldest,omitzero"`
	LastMinute int               `json:"lastMinute"`
	LastHour   int               `json:"lastHour"`
	LastEnding time.Time         `json:"lastEnding,omitzero"`
	Dead       int               `json:"dead"`
	LastDead   *DeadLetter       `json:"lastDead,omitempty"`
	Adapters   []stream.Status   `json:"adapters"`
	Owners     map[string]string `json:"owners"` // lane → adapter
}

// DeadLetter is the last one.
type DeadLetter struct {
	Number uint64    `json:"number"`
	Time   time.Time `json:"time"`
	Why    string    `json:"why"`
}

// Of makes the report.
func Of(all []stream.Standing, store stream.Fullness) Report {
	r := Report{Targets: []Target{}, Store: Store{store.Used, store.Room}}
	for _, s := range all {
		t := Target{
			Target: s.Target, State: of(s), Lanes: s.Set.Lanes, Generation: s.Set.Generation, Change: s.Set.Change, Paused: s.Set.Paused,
			Waiting: s.Queue, Oldest: s.Oldest, LastMinute: s.Minute, LastHour: s.Hour, LastEnding: s.Ended,
			Dead: s.Dead, Adapters: append([]stream.Status{}, s.Adapters...), Owners: s.Owners,
		}
		if s.Dead > 0 {
			t.LastDead = &DeadLetter{s.LastDead.Number, s.LastDead.Time, s.LastDead.Why}
		}
		r.Targets = append(r.Targets, t)
	}
	return r
}
