package lifecycle

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"syscall"
)

// endSignals are Ctrl-C and what systemd and Kubernetes send. Go turns a closed console or a shutdown of Windows into SIGTERM.
var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}

// Signals returns a context that ends with the first SIGINT or SIGTERM (Ctrl-C on Windows) and has it as its cause.
// From then on signals have their default effect again, so that a second one ends the process at once.
//
// It is not signal.NotifyContext with context.AfterFunc: there the context ends first and the default comes back a little
// later, and a second signal in between was lost (seen in one test run of three).
func Signals(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, endSignals...)
	go func() {
		select {
		case s := <-signals:
			signal.Stop(signals) // before cancel: whoever sees the context end may count on the default
			cancel(fmt.Errorf("signal: %s", s))
		case <-ctx.Done():
			signal.Stop(signals)
		}
	}()
	return ctx, func() { cancel(nil) }
}
