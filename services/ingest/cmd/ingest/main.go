// Command ingest takes the hits of desk phones and puts them on NATS JetStream.
package main

import (
	"context"
	"os"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/program"
	"github.com/callbus/callbus/services/ingest"
)

// version is set by the build.
var version = "dev"

func main() {
	var o ingest.Options
	os.Exit(program.Program{
		Name: "ingest", Version: version, Env: "INGEST", Flags: o.Flags,
		Run: func(ctx context.Context, log zerolog.Logger) error {
			o.Log = log
			return ingest.Run(ctx, o)
		},
	}.Main(os.Args[1:]))
}
