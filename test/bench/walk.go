package main

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// walk is the lanes of a target, worked on in the simplest way that keeps what the adapter promises.
type walk struct {
	onec        *onec
	fence, call bool
	enough      func() // all events have ended

	mu     sync.Mutex
	left   int
	last   time.Time
	err    error
	walked walked
}

const envelope = `<s:Envelope xmlns:s="http://schemas.xmlsoap.org/soap/envelope/"><s:Body><m:TelData xmlns:m="` + onectest.DefaultNamespace +
	`"><m:Nomer_Sobitia>1</m:Nomer_Sobitia><m:Nomer_sip>sip:+74951230000@pbx.example</m:Nomer_sip><m:moi_nomer>101</m:moi_nomer></m:TelData></s:Body></s:Envelope>`

func (w *walk) lane(ctx context.Context, l *stream.Lane) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
	for ctx.Err() == nil {
		if err := w.event(ctx, l, client); err != nil && ctx.Err() == nil {
			w.mu.Lock()
			w.err = err
			w.mu.Unlock()
			w.enough()
		}
	}
}

func (w *walk) event(ctx context.Context, l *stream.Lane, client *http.Client) error {
	var at [5]time.Time
	at[0] = time.Now()
	m, err := l.Next(ctx)
	if err != nil {
		return err
	}
	at[1] = time.Now()
	if w.fence {
		if ours, err := m.Ours(ctx); err != nil || !ours {
			return errors.Join(errors.New("not ours any more"), err)
		}
	}
	at[2] = time.Now()
	if w.call {
		if err := postOne(client, w.onec.URL(), []byte(envelope)); err != nil {
			return err
		}
	}
	at[3] = time.Now()
	if _, err := m.End(ctx, verdict.Ending{Verdict: verdict.Done(), Attempts: 1, Reply: verdict.Reply{Answer: "OK"}}, func(error) {}); err != nil {
		return err
	}
	at[4] = time.Now()
	w.note(at)
	return nil
}

func (w *walk) note(at [5]time.Time) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.walked.next += at[1].Sub(at[0])
	if w.fence {
		w.walked.fence += at[2].Sub(at[1])
	}
	if w.call {
		w.walked.call += at[3].Sub(at[2])
	}
	w.walked.end += at[4].Sub(at[3])
	w.last = at[4]
	if w.left--; w.left == 0 {
		w.enough()
	}
}
