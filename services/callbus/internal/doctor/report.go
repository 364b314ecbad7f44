package doctor

import (
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

// report is what scripts get; docs/operations.md describes it.
type report struct {
	Healthy  bool          `json:"healthy"`
	Findings []Finding     `json:"findings"`
	Phones   int           `json:"phones"`
	Events   []eventReport `json:"events,omitempty"` // of the line that was asked for
}

type eventReport struct {
	ID      string         `json:"id"`
	Time    time.Time      `json:"time"`
	Type    call.EventType `json:"type"`
	Remote  string         `json:"remote"`
	Endings []endingReport `json:"endings"`
}

type endingReport struct {
	Target string    `json:"target"`
	Kind   string    `json:"kind"`
	Time   time.Time `json:"time"`
	Reason string    `json:"reason"`
	Answer string    `json:"answer"`
}

// Report puts together what scripts get.
func Report(all []Finding, s Seen, told []Told) any {
	r := report{Healthy: Healthy(all), Findings: append([]Finding{}, all...), Phones: len(s.Phones)}
	for _, t := range told {
		e := eventReport{ID: t.ID, Time: t.Time, Type: t.Type, Remote: t.Remote.URI, Endings: []endingReport{}}
		for _, end := range t.Endings {
			e.Endings = append(e.Endings, reportOf(end))
		}
		r.Events = append(r.Events, e)
	}
	return r
}

func reportOf(e stream.Ended) endingReport {
	return endingReport{Target: e.Target, Kind: e.Kind.String(), Time: e.Time, Reason: e.Why, Answer: e.Answer}
}
