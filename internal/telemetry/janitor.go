package telemetry

import "github.com/rs/zerolog"

// Janitor writes what came of a sweep of the store, where there is something to say.
func Janitor(log zerolog.Logger) func(events, endings uint64, err error) {
	return func(events, endings uint64, err error) {
		switch {
		case err != nil:
			log.Warn().Err(err).Msg("janitor: cannot look for room in the store")
		case events+endings > 0:
			log.Info().Uint64("events", events).Uint64("endings", endings).Msg("janitor: purged what all have done with")
		}
	}
}
