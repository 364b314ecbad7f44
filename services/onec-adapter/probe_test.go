package onecadapter

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
)

func TestAProbeAsksOnceInTenSeconds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		asked, away := 0, errors.New("nobody listens at this address")
		p := probe{alive: func(context.Context) error { asked++; return away }}
		for range 3 {
			if err := p.ask(t.Context()); !errors.Is(err, away) || asked != 1 {
				t.Fatalf("got %v, asked %d times", err, asked)
			}
		}
		time.Sleep(probeEvery)
		away = nil
		if err := p.ask(t.Context()); err != nil || asked != 2 {
			t.Errorf("ten seconds later: got %v, asked %d times", err, asked)
		}
	})
}

func TestAProbeTakesNoSlow1CForADeadOne(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		begin := time.Now()
		p := probe{alive: func(ctx context.Context) error {
			<-ctx.Done()
			return &onec.Failure{Label: "timeout", Why: "no answer in time"}
		}}
		if err := p.ask(t.Context()); err != nil || time.Since(begin) != probeTimeout {
			t.Errorf("got %v after %v, want nothing after %v", err, time.Since(begin), probeTimeout)
		}
	})
}
