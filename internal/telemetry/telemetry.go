// Package telemetry makes the logger that every room writes to: one readable line per event on a terminal,
// one JSON object per event anywhere else.
package telemetry

import (
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/mattn/go-isatty"
	"github.com/rs/zerolog"
)

// Format is the value of --log-format. The zero Format is Auto.
type Format string

// Auto is Text on a terminal and JSON elsewhere.
const (
	Auto Format = "auto"
	Text Format = "text"
	JSON Format = "json"
)

// Set implements flag.Value.
func (f *Format) Set(s string) error {
	switch v := Format(strings.ToLower(s)); v {
	case Auto, Text, JSON:
		*f = v
		return nil
	}
	return fmt.Errorf("%q: want auto, text or json", s)
}

// String names the format; the zero Format is auto.
func (f Format) String() string {
	if f == "" {
		return string(Auto)
	}
	return string(f)
}

// Level is the value of --log-level. The zero Level is info.
type Level string

// Set implements flag.Value.
func (l *Level) Set(s string) error {
	switch v := strings.ToLower(s); v {
	case "trace", "debug", "info", "warn", "error":
		*l = Level(v)
		return nil
	}
	return fmt.Errorf("%q: want trace, debug, info, warn or error", s)
}

// String names the level; the zero Level is info.
func (l Level) String() string {
	if l == "" {
		return "info"
	}
	return string(l)
}

// zerolog reads the level; what Set let through always parses, anything else logs as info.
func (l Level) zerolog() zerolog.Level {
	level, err := zerolog.ParseLevel(l.String())
	if err != nil {
		return zerolog.InfoLevel
	}
	return level
}

// Options say how the log looks. The zero Options are --log-format auto --log-level info.
type Options struct {
	Format Format
	Level  Level
}

// Flags adds --log-format and --log-level.
func (o *Options) Flags(fs *flag.FlagSet) {
	fs.Var(&o.Format, "log-format", "`FORMAT` of the log: auto (text on a terminal, else json), text or json")
	fs.Var(&o.Level, "log-level", "least `LEVEL` that is logged: trace, debug, info, warn or error")
}

// jsonTime has milliseconds, always three digits, so that lines sort as text.
const jsonTime = "2006-01-02T15:04:05.000Z07:00"

// zerolog keeps its time format in package variables. They are set here, once and before any logger exists,
// because setting them in New would race with loggers already at work.
func init() {
	zerolog.TimeFieldFormat = jsonTime
	zerolog.TimestampFunc = func() time.Time { return time.Now().UTC() }
}

// New makes a logger that writes to w, whole lines at a time, from any number of goroutines.
// Text lines have the local time, JSON lines UTC.
func New(w io.Writer, opts Options) zerolog.Logger {
	terminal := isTerminal(w)
	out := w
	if opts.Format == Text || (opts.Format != JSON && terminal) {
		out = console(w, terminal && coloursWanted())
	}
	return zerolog.New(zerolog.SyncWriter(out)).Level(opts.Level.zerolog()).With().Timestamp().Logger()
}

// console writes `06:57:08.123 INF message key=value`. On Windows zerolog itself puts go-colorable around os.Stderr.
func console(w io.Writer, colours bool) io.Writer {
	return zerolog.ConsoleWriter{
		Out:           w,
		NoColor:       !colours,
		TimeFormat:    "15:04:05.000",
		FormatPrepare: oneLine,
	}
}

// oneLine keeps a message on its line. zerolog quotes fields with line ends or escape sequences in them, but not the message.
func oneLine(event map[string]any) error {
	if s, ok := event[zerolog.MessageFieldName].(string); ok {
		event[zerolog.MessageFieldName] = strings.Map(printable, s)
	}
	return nil
}

func printable(r rune) rune {
	if r < ' ' || (r >= 0x7f && r < 0xa0) {
		return ' '
	}
	return r
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && (isatty.IsTerminal(f.Fd()) || isatty.IsCygwinTerminal(f.Fd()))
}

// coloursWanted follows NO_COLOR (no-color.org): set and not empty means no colours.
func coloursWanted() bool {
	return os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb"
}
