package telemetry

import "github.com/rs/zerolog"

// Connection writes what happens to a NATS connection: connected, disconnected, reconnected, moved, error.
func Connection(log zerolog.Logger) func(event string, err error) {
	return func(event string, err error) {
		line := log.Info()
		switch {
		case event == "error", event == "moved":
			line = log.Warn()
		case event == "disconnected" && err != nil:
			line = log.Warn()
		}
		line.Err(err).Msg("nats." + event)
	}
}
