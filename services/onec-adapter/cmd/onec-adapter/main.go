// Command onec-adapter takes call events from NATS JetStream to 1C:Enterprise.
package main

import (
	"context"
	"os"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/program"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// version is set by the build.
var version = "dev"

func main() {
	var o onecadapter.Options
	os.Exit(program.Program{
		Name: "onec-adapter", Version: version, Env: "ONEC", Flags: o.Flags,
		Run: func(ctx context.Context, log zerolog.Logger) error {
			o.Log = log
			return onecadapter.Run(ctx, o)
		},
	}.Main(os.Args[1:]))
}
