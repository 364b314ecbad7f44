package telemetry_test

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/telemetry"
)

// Bug: a night without NATS was a line every five seconds.
func TestTheJanitorSaysATroubleOnce(t *testing.T) {
	t.Parallel()
	var log bytes.Buffer
	tell := telemetry.Janitor(zerolog.New(&log))
	away, full := errors.New("away"), errors.New("full")
	for _, err := range []error{away, away, away, full, nil, full} {
		tell(0, 0, err)
	}
	tell(7, 0, full)
	if got, want := strings.Count(log.String(), "cannot look"), 3; got != want {
		t.Errorf("%d lines of trouble, want %d:\n%s", got, want, &log)
	}
	if !strings.Contains(log.String(), `"events":7`) {
		t.Errorf("what was purged in spite of a trouble is not told:\n%s", &log)
	}
}
