package onecadapter

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
)

const (
	// probeEvery bounds how often 1C is asked, however often /targets is.
	probeEvery = 10 * time.Second
	// probeTimeout is below what a check of the admin port may take.
	probeTimeout = 1500 * time.Millisecond
)

// probe asks whether 1C is there while no call tries it: an office that is closed should know of it before its first call.
type probe struct {
	alive func(context.Context) error

	mutex sync.Mutex
	asked time.Time
	why   error
}

// ask returns why 1C is not there, as it was known in the last ten seconds. A 1C that is slow to answer is there: it may
// be waking up, and calls have more time.
func (p *probe) ask(ctx context.Context) error {
	p.mutex.Lock()
	defer p.mutex.Unlock()
	if !p.asked.IsZero() && time.Since(p.asked) < probeEvery {
		return p.why
	}
	ctx, cancel := context.WithTimeout(ctx, probeTimeout)
	defer cancel()
	p.asked, p.why = time.Now(), p.alive(ctx)
	var failure *onec.Failure
	if errors.As(p.why, &failure) && failure.Label == "timeout" {
		p.why = nil
	}
	return p.why
}
