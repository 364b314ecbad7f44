package callbus

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/trace"
)

// traceTimeout is longer than other commands': a search over weeks reads the whole store.
const traceTimeout = 2 * time.Minute

func traceLife(args []string) int {
	word, flags := "", args
	if len(args) > 0 && !strings.HasPrefix(args[0], "-") {
		word, flags = shift(args)
	}
	l := newLine("trace")
	tongue := l.tongue
	since := l.fs.Duration("since", time.Hour, "how far back to look; an event's id needs none")
	last := l.fs.Int("n", 20, "tell the last so many events")
	return l.run(flags, func(ctx context.Context, nc *nats.Conn) error {
		if word == "" {
			return fmt.Errorf("%s", tongue.Say("what? Name a line, a call id or an event id, before the flags",
				"что искать? Назовите линию, звонок или событие, до флагов"))
		}
		ctx, cancel := context.WithTimeout(ctx, traceTimeout)
		defer cancel()
		lives, err := stream.Lives(ctx, nc, stream.Search{Word: word, Since: time.Now().Add(-*since), Most: max(1, *last)})
		if err != nil {
			return err
		}
		if len(lives) == 0 {
			return fmt.Errorf("%s", tongue.Sayf("nothing of %s within %v: look further back with --since 24h; a hit that was refused is call.refused in the log",
				"%s: за последние %v ничего нет. Дальше в прошлое: --since 24h; если телефон получил отказ, в журнале есть call.refused", word, *since))
		}
		return trace.Tell(os.Stdout, *tongue, lives, l.stopped)
	})
}
