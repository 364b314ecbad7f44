package telemetry

import "github.com/rs/zerolog"

// Janitor writes what came of a sweep of the store, where there is something to say.
func Janitor(log zerolog.Logger) func(purged uint64, err error) {
	return func(purged uint64, err error) {
		switch {
		case err != nil:
			log.Warn().Err(err).Msg("janitor: cannot look for room in the store")
		case purged > 0:
			log.Info().Uint64("events", purged).Msg("janitor: purged what all have done with")
		}
	}
}
