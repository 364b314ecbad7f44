// Package program is what every main has in common: flags, environment and file, a log, signals, an exit code.
package program

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/lifecycle"
	"github.com/callbus/callbus/internal/telemetry"
)

// Program is a command that works until a signal.
type Program struct {
	Name    string // as the user types it, and before its errors
	Version string
	Env     string // prefix of the environment: INGEST
	Flags   func(*flag.FlagSet)
	Run     func(context.Context, zerolog.Logger) error

	// Wrong puts what is wrong with the arguments into the user's words; nil: they stay as they are.
	Wrong func(error) string
	// Failed does so with what ends a run; nil: it stays as it is.
	Failed func(error) string
	// Log is where the log and errors go; nil: standard error.
	Log io.Writer
	// Context ends where something else than a signal stops the program; nil: nothing does.
	Context context.Context
}

// Main parses the arguments, runs the program, and returns its exit code: 0 after a clean stop, 1 after a failure, 2
// for arguments that make no sense.
func (p Program) Main(args []string) int {
	fs := flag.NewFlagSet(p.Name, flag.ContinueOnError)
	p.Flags(fs)
	p.defaults()
	var log telemetry.Options
	log.Flags(fs)
	version := fs.Bool("version", false, "print the version and stop")
	switch err := config.Parse(fs, args, p.Env); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(p.Log, "%s: %s\n", p.Name, p.Wrong(err))
		return 2
	case *version:
		fmt.Println(p.Name, p.Version)
		return 0
	}
	ctx, stop := lifecycle.Signals(p.Context)
	defer stop()
	if err := p.Run(ctx, telemetry.New(p.Log, log)); err != nil {
		fmt.Fprintf(p.Log, "%s: %s\n", p.Name, p.Failed(err))
		return 1
	}
	return 0
}

func (p *Program) defaults() {
	if p.Log == nil {
		p.Log = os.Stderr
	}
	if p.Wrong == nil {
		p.Wrong = error.Error
	}
	if p.Failed == nil {
		p.Failed = error.Error
	}
	if p.Context == nil {
		p.Context = context.Background()
	}
}
