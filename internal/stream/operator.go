package stream

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/verdict"
)

// Tail tells the events as they are stored; it returns once it listens. It hears the live copies: whoever listens to
// calls.> hears an event when it is offered to the store, up to an fsync before it is there, and even if it is refused
// then. Messages that are no events are left out.
func Tail(nc *nats.Conn, tell func(call.Event)) error {
	_, err := nc.Subscribe("lines.>", func(m *nats.Msg) {
		if e, err := Decode(m.Data); err == nil {
			tell(e)
		}
	})
	if err != nil {
		return fmt.Errorf("listen to calls: %w", err)
	}
	return nc.Flush()
}

// DeadLetter is an event that a target will never take.
type DeadLetter struct{ Ended }

// DeadLetters tells what is dead, oldest first. Errors: ErrNoEndings, NATS.
func DeadLetters(ctx context.Context, nc *nats.Conn, tell func(DeadLetter)) error {
	ends, err := endingsOf(ctx, nc)
	if err != nil {
		return err
	}
	return readEndings(ctx, ends, endingSubject(verdict.Dead.String(), "*", "*"), nil, func(e Ended) {
		tell(DeadLetter{e})
	})
}

// ErrNoDeadLetter says that there is no dead letter with that number.
var ErrNoDeadLetter = errors.New("no dead letter has this number")

// FindDeadLetter reads one dead letter. Errors: ErrNoDeadLetter, ErrNoEndings, NATS.
func FindDeadLetter(ctx context.Context, nc *nats.Conn, number uint64) (DeadLetter, error) {
	ends, err := endingsOf(ctx, nc)
	if err != nil {
		return DeadLetter{}, err
	}
	raw, err := ends.GetMsg(ctx, number)
	if errors.Is(err, jetstream.ErrMsgNotFound) || number == 0 {
		return DeadLetter{}, ErrNoDeadLetter
	}
	if err != nil {
		return DeadLetter{}, fmt.Errorf("read dead letter %d: %w", number, err)
	}
	e, err := decodeEnding(raw.Data, raw.Sequence)
	if err != nil || e.Kind != verdict.Dead {
		return DeadLetter{}, ErrNoDeadLetter
	}
	return DeadLetter{e}, nil
}

// ErrOnItsWay says that a dead letter has been sent again already and waits for its new ending.
var ErrOnItsWay = errors.New("it has been sent again already, and waits for its target")

// Retry sends a dead letter to its target once more, behind what waits there. The letter goes when the event has ended
// anew. Errors: ErrNoDeadLetter, ErrOnItsWay, UnknownTarget, NATS.
func Retry(ctx context.Context, nc *nats.Conn, number uint64) error {
	letter, err := FindDeadLetter(ctx, nc, number)
	if err != nil {
		return err
	}
	if !letter.Event.Type.Known() {
		return fmt.Errorf("dead letter %d holds no event: %s", number, letter.Why)
	}
	r, waits, err := newRepeat(ctx, nc, letter.Target)
	switch {
	case err != nil:
		return fmt.Errorf("dead letter %d: %w", number, err)
	case waits[letter.Event.ID]:
		return fmt.Errorf("dead letter %d: %w", number, ErrOnItsWay)
	}
	_, err = r.send(ctx, letter.Ended)
	return err
}

// dropped is why an event that an operator has dropped did not reach the target.
const dropped = "dropped by an operator: "

// Drop removes a dead letter for good. What was sent again before stays on its way. Errors: ErrNoDeadLetter, NATS.
func Drop(ctx context.Context, nc *nats.Conn, number uint64) error {
	letter, err := FindDeadLetter(ctx, nc, number)
	if err != nil {
		return err
	}
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	ends, err := endingsOf(ctx, nc)
	if err != nil {
		return err
	}
	if err := noteDrop(ctx, js, ends, letter); err != nil {
		return fmt.Errorf("drop dead letter %d: %w", number, err)
	}
	if err := ends.DeleteMsg(ctx, number); err != nil {
		return fmt.Errorf("drop dead letter %d: %w", number, err)
	}
	return nil
}

// noteDrop stores how the event has ended now. A letter that is its lane's last ending is the lane's cursor, and without it
// the event would be open again: there the note stands behind it, in its place, and says the cursor as the letter did. Behind another ending it would take the
// cursor back, so it goes to a lane that there is not.
func noteDrop(ctx context.Context, js jetstream.JetStream, ends jetstream.Stream, letter DeadLetter) error {
	e := letter.Ended
	e.Verdict, e.Time = verdict.Skip(dropped+e.Why), time.Now().UTC()
	e.Again = true // it is an operator's doing, and says nothing of the line's call
	lane, err := lastOfLane(ctx, ends, e.Target, e.Lane)
	if err != nil {
		return err
	}
	last := jetstream.WithExpectLastSequenceForSubject(letter.Number, endingSubject("*", e.Target, e.Lane))
	err = publishEnding(ctx, js, e, lane.header(), last)
	var api *jetstream.APIError
	if errors.As(err, &api) && api.ErrorCode == jetstream.JSErrCodeStreamWrongLastSequence {
		e.Lane = noLane
		err = publishEnding(ctx, js, e, nil)
	}
	return err
}

// noLane has the endings of what was dropped.
const noLane = "dropped"

func publishEnding(ctx context.Context, js jetstream.JetStream, e Ended, h nats.Header, more ...jetstream.PublishOpt) error {
	data, err := encodeEnding(e)
	if err != nil {
		return err
	}
	m := nats.NewMsg(endingSubject(e.Kind.String(), e.Target, e.Lane))
	m.Data, m.Header = data, h
	_, err = js.PublishMsg(ctx, m, append(more, jetstream.WithMsgTTL(keepDelivered))...)
	return err
}

// ErrNoEndings says that no adapter has worked here: it makes the stream of endings.
var ErrNoEndings = errors.New("no adapter has worked on this NATS yet: there is no stream " + Endings)

func endingsOf(ctx context.Context, nc *nats.Conn) (jetstream.Stream, error) {
	js, err := jetstream.New(nc)
	if err != nil {
		return nil, err
	}
	ends, err := js.Stream(ctx, Endings)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, ErrNoEndings
	}
	if err != nil {
		return nil, fmt.Errorf("look at stream %s: %w", Endings, err)
	}
	return ends, nil
}
