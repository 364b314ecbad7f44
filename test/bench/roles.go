package main

import (
	"context"
	"flag"
	"io"
	"net"
	"net/http"
	"os"
	"runtime/pprof"
	"syscall"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/program"
	"github.com/callbus/callbus/services/ingest"
	"github.com/callbus/callbus/services/ingest/ingesttest"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// roles are what the bench's binary is in a process of its own.
var roles = map[string]func(args []string) error{
	"load":         loadRole,
	"post":         postRole,
	"plain":        plainRole,
	"limit":        limitRole,
	"ingest":       ingestRole,
	"onec-adapter": adapterRole,
}

// limitRole is ingest without a store.
func limitRole(args []string) error {
	l, err := net.Listen("tcp", args[0])
	if err != nil {
		return err
	}
	return ingesttest.Serve(l, os.Stderr)
}

// plainRole is net/http and nothing else.
func plainRole(args []string) error {
	return http.ListenAndServe(args[0], http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
}

// ingestRole and adapterRole are the services with a CPU profile: what ships has no door for one.
func ingestRole(args []string) error {
	var o ingest.Options
	return profiled("ingest", args, o.Flags, func(ctx context.Context, log zerolog.Logger) error {
		o.Log = log
		return ingest.Run(ctx, o)
	})
}

func adapterRole(args []string) error {
	var o onecadapter.Options
	return profiled("onec-adapter", args, o.Flags, func(ctx context.Context, log zerolog.Logger) error {
		o.Log = log
		return onecadapter.Run(ctx, o)
	})
}

func profiled(name string, args []string, flags func(*flag.FlagSet), run func(context.Context, zerolog.Logger) error) error {
	f, err := os.Create(args[0])
	if err != nil {
		return err
	}
	defer f.Close()
	if err := pprof.StartCPUProfile(f); err != nil {
		return err
	}
	code := program.Program{Name: name, Env: "BENCH", Flags: flags, Run: run, Log: io.Discard}.Main(args[1:])
	pprof.StopCPUProfile()
	if code != 0 {
		return syscall.Errno(code)
	}
	return nil
}
