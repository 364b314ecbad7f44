package telemetry

import "github.com/rs/zerolog"

// Janitor writes what came of a sweep of the store, where there is something to say. It sweeps every few seconds, so a trouble is said
// when it is another one than before.
func Janitor(log zerolog.Logger) func(events, endings uint64, err error) {
	said := ""
	return func(events, endings uint64, err error) {
		if events+endings > 0 {
			log.Info().Uint64("events", events).Uint64("endings", endings).Msg("janitor: purged what all have done with")
		}
		why := ""
		if err != nil {
			why = err.Error()
		}
		if err != nil && why != said {
			log.Warn().Err(err).Msg("janitor: cannot look for room in the store")
		}
		said = why
	}
}
