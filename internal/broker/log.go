package broker

import (
	"fmt"

	"github.com/rs/zerolog"
)

// serverLog makes the server speak into our log. Its notices (twenty lines of banner and options) are for debugging.
// What it calls fatal (a taken port, an unreadable store) is kept, so that it can be told as an error: the server only
// logs it and stops.
type serverLog struct {
	log   zerolog.Logger
	fatal chan string
}

func (s serverLog) Noticef(format string, v ...any) { s.log.Debug().Msgf(format, v...) }
func (s serverLog) Warnf(format string, v ...any)   { s.log.Warn().Msgf(format, v...) }
func (s serverLog) Errorf(format string, v ...any)  { s.log.Error().Msgf(format, v...) }
func (s serverLog) Debugf(format string, v ...any)  { s.log.Debug().Msgf(format, v...) }
func (s serverLog) Tracef(format string, v ...any)  { s.log.Trace().Msgf(format, v...) }

func (s serverLog) Fatalf(format string, v ...any) {
	select {
	case s.fatal <- fmt.Sprintf(format, v...):
	default:
	}
}
