package callbus

import (
	"context"
	"errors"
	"maps"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/doctor"
	"github.com/callbus/callbus/services/callbus/internal/trace"
)

// traceTimeout is longer than other commands': a search over weeks reads the whole store.
const traceTimeout = 2 * time.Minute

// tracing is one callbus trace.
type tracing struct {
	*line
	since  config.Span
	last   *int
	admins config.List
}

func traceLife(args []string) int {
	t := &tracing{line: newLine("trace"), since: config.Span(time.Hour)}
	t.most = 16 // a number with blanks in it
	t.check = t.asked
	t.fs.Var(&t.since, "since", "how far back to look: 90m, 24h, 7d; an event's id needs none")
	t.last = t.fs.Int("n", 20, "tell the last so many events")
	t.adminFlag(&t.admins)
	return t.run(args, t.tell)
}

func (t *tracing) asked() error {
	if len(t.words) == 0 {
		return errors.New(t.tongue.Say("what? Name a line, a number, a call id or an event id: callbus trace 101",
			"что искать? Назовите линию, номер, звонок или событие: callbus trace 101"))
	}
	return nil
}

func (t *tracing) tell(ctx context.Context, nc *nats.Conn) error {
	ctx, cancel := context.WithTimeout(ctx, traceTimeout)
	defer cancel()
	word, back := strings.Join(t.words, " "), time.Duration(t.since)
	lives, err := stream.Lives(ctx, nc, stream.Search{Word: word, Since: time.Now().Add(-back), Most: max(1, *t.last)})
	if err != nil {
		return err
	}
	if len(lives) == 0 {
		return t.nothing(word, back)
	}
	return trace.Tell(os.Stdout, *t.tongue, lives, trace.Around{Word: word, Stopped: t.stopped, Away: t.away(ctx, lives)})
}

// farBack is how far back somebody is sent who looked in vain.
const farBack = config.Span(7 * config.Day)

func (t *tracing) nothing(word string, back time.Duration) error {
	text := t.tongue.Sayf("nothing of %s %s.", "%s: %s ничего нет.", word, t.tongue.Last(back))
	if back < time.Duration(farBack) {
		text += t.tongue.Sayf(" Further back: --since %v.", " Искать дальше в прошлом: --since %v.", farBack)
	}
	return errors.New(text + t.tongue.Say(" If a phone was refused, callbus doctor says so", " Если телефон получил отказ, об этом скажет callbus doctor"))
}

// away asks the adapter why a target takes nothing, where an event waits: a try that failed is not recorded before the end.
func (t *tracing) away(ctx context.Context, lives []stream.Life) map[string]string {
	away := map[string]string{}
	if t.stopped || !trace.Waits(lives) {
		return away
	}
	for _, admin := range doctor.CollectAdmins(ctx, t.admins.Values) {
		maps.Copy(away, admin.Away)
	}
	return away
}
