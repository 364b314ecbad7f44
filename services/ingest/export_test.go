package ingest

import (
	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/stream"
)

// Dialling is the options of an ingest that reaches NATS in a way of the test's own.
func (o Options) Dialling(dial func(stream.ConnectOptions) (*nats.Conn, error)) Options {
	o.dial = dial
	return o
}
