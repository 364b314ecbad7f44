// Package ingesttest is ingest without a store: the same front and dialects, and a publisher that says at once that the event
// is kept. It is the limit that the bench holds ingest against, and never ships.
package ingesttest

import (
	"context"
	"io"
	"net"
	"time"

	"github.com/google/uuid"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/ingest/internal/httpfront"
)

// Serve answers phones on l until it fails. Log lines are made as ingest makes them, and written to log.
func Serve(l net.Listener, log io.Writer) error {
	front := httpfront.New(httpfront.Options{Region: "RU", Log: zerolog.New(log).With().Timestamp().Logger()}, nowhere{}, nobody{})
	return front.Serve(l)
}

// nowhere stamps events as a publisher does, and forgets them.
type nowhere struct{}

func (nowhere) Publish(_ context.Context, e call.Event) (call.Event, error) {
	id, err := uuid.NewV7()
	e.ID, e.Time = id.String(), time.Now().UTC().Truncate(time.Microsecond)
	return e, err
}

// nobody hears of refused hits.
type nobody struct{}

func (nobody) Reject(context.Context, httpfront.Rejection) {}
