package broker

import (
	"github.com/nats-io/nats-server/v2/server"
	"github.com/rs/zerolog"
)

// Log makes the server speak into our log. Its notices (twenty lines of banner and options) are for debugging.
func Log(l zerolog.Logger) server.Logger { return serverLog{l.With().Str("part", "nats").Logger()} }

type serverLog struct{ log zerolog.Logger }

func (s serverLog) Noticef(format string, v ...any) { s.log.Debug().Msgf(format, v...) }
func (s serverLog) Warnf(format string, v ...any)   { s.log.Warn().Msgf(format, v...) }
func (s serverLog) Fatalf(format string, v ...any)  { s.log.Error().Msgf(format, v...) }
func (s serverLog) Errorf(format string, v ...any)  { s.log.Error().Msgf(format, v...) }
func (s serverLog) Debugf(format string, v ...any)  { s.log.Debug().Msgf(format, v...) }
func (s serverLog) Tracef(format string, v ...any)  { s.log.Trace().Msgf(format, v...) }
