package stream

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// Status is what an adapter knows of its work on a target, and NATS does not. It is asked for and never stored: an adapter
// that is gone says nothing, instead of something that was true once.
type Status struct {
	Adapter  string            `json:"adapter"` // host and process
	State    State             `json:"state"`
	Webhook  bool              `json:"webhook,omitempty"` // the target is no 1C
	Why      string            `json:"why,omitempty"`     // it does not work
	Since    time.Time         `json:"since,omitzero"`    // of an outage
	Sessions int               `json:"sessions"`          // calls at once that its settings ask for
	Held     int               `json:"held"`              // sessions of 1C that it holds
	Owns     map[string]string `json:"owns,omitempty"`    // lane → the mark that the server knows its owner by
	Rules    []Rule            `json:"rules,omitempty"`   // what the target gets, as the settings say
}

// Rule is one setting that keeps events from a target.
type Rule struct {
	Setting string `json:"setting"` // as in the targets file: only.lines, fresh_for
	Value   string `json:"value"`
}

// State is what an adapter does for a target.
type State string

// The states.
const (
	Working  State = "working"
	Starting State = "starting" // the target has not been reached yet, Why says why
	Away     State = "away"     // the target takes nothing
	Paused   State = "paused"
	Changing State = "changing" // its lanes
)

// StatusSubject is where the adapters of a target are asked. Every one of them answers.
func StatusSubject(target string) string { return "callbus.status." + target }

// AnswerStatus answers for one adapter until the connection ends.
func AnswerStatus(nc *nats.Conn, target string, say func() Status) error {
	_, err := nc.Subscribe(StatusSubject(target), func(m *nats.Msg) {
		if answer, err := json.Marshal(say()); err == nil {
			_ = m.Respond(answer) // whoever asked may be gone
		}
	})
	if err != nil {
		return fmt.Errorf("answer on %s: %w", StatusSubject(target), err)
	}
	return nil
}

const (
	// answersWithin is how long the adapters have for their answers, and the others once one has answered.
	answersWithin = 1 * time.Second
	othersWithin  = 300 * time.Millisecond
	// mostAnswers bounds what is read.
	mostAnswers = 200
)

// AskStatus asks the adapters of a target, sorted by name. Where nobody answers there is none. Errors: NATS.
func AskStatus(ctx context.Context, nc *nats.Conn, target string) (all []Status, err error) {
	inbox, err := nc.SubscribeSync(nc.NewRespInbox())
	if err != nil {
		return nil, fmt.Errorf("ask the adapters of %s: %w", target, err)
	}
	defer inbox.Unsubscribe() //nolint:errcheck // it ends with the connection at the latest
	if err := nc.PublishRequest(StatusSubject(target), inbox.Subject, nil); err != nil {
		return nil, fmt.Errorf("ask the adapters of %s: %w", target, err)
	}
	for until := time.Now().Add(answersWithin); len(all) < mostAnswers && ctx.Err() == nil; {
		m, err := inbox.NextMsg(time.Until(until))
		if errors.Is(err, nats.ErrNoResponders) || errors.Is(err, nats.ErrTimeout) || time.Now().After(until) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("ask the adapters of %s: %w", target, err)
		}
		var s Status
		if json.Unmarshal(m.Data, &s) != nil {
			continue
		}
		if all = append(all, s); len(all) == 1 {
			until = time.Now().Add(othersWithin)
		}
	}
	slices.SortFunc(all, func(a, b Status) int { return strings.Compare(a.Adapter, b.Adapter) })
	return all, ctx.Err()
}
