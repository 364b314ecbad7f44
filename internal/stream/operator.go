package stream

import (
	"context"
	"errors"
	"fmt"
	"strconv"

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
// anew. Errors: ErrNoDeadLetter, ErrOnItsWay, the target has been forgotten, NATS.
func Retry(ctx context.Context, nc *nats.Conn, number uint64) error {
	js, err := jetstream.New(nc)
	if err != nil {
		return err
	}
	letter, err := FindDeadLetter(ctx, nc, number)
	if err != nil {
		return err
	}
	if !letter.Event.Type.Known() {
		return fmt.Errorf("dead letter %d holds no event: %s", number, letter.Why)
	}
	if err := takesAgain(ctx, js, letter); err != nil {
		return fmt.Errorf("dead letter %d: %w", number, err)
	}
	m, err := encode(AgainSubject(letter.Target, letter.Event.Type), letter.Event)
	if err != nil {
		return err
	}
	name := strconv.FormatUint(number, 10)
	m.Header.Set(HeaderLetter, name)
	if _, err := js.PublishMsg(ctx, m, jetstream.WithMsgID(letter.Event.ID+".again."+name), jetstream.WithExpectStream(Calls)); err != nil {
		return fmt.Errorf("send dead letter %d again: %w", number, err)
	}
	return nil
}

// takesAgain is an error where nobody would take the letter's event, or where it waits already.
func takesAgain(ctx context.Context, js jetstream.JetStream, letter DeadLetter) error {
	registry, err := openRegistry(ctx, js)
	if err != nil {
		return err
	}
	set, _, err := readSet(ctx, registry, letter.Target)
	if err != nil {
		return err
	}
	if set.Lanes == 0 {
		return fmt.Errorf("its target %s has been forgotten: nobody would take it", letter.Target)
	}
	calls, err := js.Stream(ctx, Calls)
	if err != nil {
		return fmt.Errorf("look at stream %s: %w", Calls, err)
	}
	waits := false
	again := jetstream.ConsumerConfig{FilterSubject: AgainSubject(letter.Target, "*")}
	err = readAll(ctx, calls, again, func(m jetstream.Msg, _ uint64) {
		waits = waits || letterOf(m.Headers()) == letter.Number
	})
	if err == nil && waits {
		return ErrOnItsWay
	}
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
