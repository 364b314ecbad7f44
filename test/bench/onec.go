package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"sync"
	"time"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// onec is the stand-in 1C, which remembers when it had which call.
type onec struct {
	*onectest.Server
	mu  sync.Mutex
	got map[string]time.Time // by the other side
}

func newOnec(latency time.Duration) *onec {
	o := &onec{got: map[string]time.Time{}}
	options := onectest.Options{OnCall: o.note}
	if latency > 0 {
		options.Latency = func() time.Duration { return latency }
	}
	o.Server = onectest.New(options)
	return o
}

func (o *onec) note(c onectest.Call) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if _, again := o.got[c.Remote]; !again {
		o.got[c.Remote] = c.Time
	}
}

func (o *onec) count() int {
	o.mu.Lock()
	defer o.mu.Unlock()
	return len(o.got)
}

// envelopes are those that it had, in the order in which they came.
func (o *onec) envelopes() (all [][]byte) {
	for _, c := range o.Calls() {
		all = append(all, c.Raw)
	}
	return all
}

func (o *onec) when(remote string) (time.Time, bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	t, ok := o.got[remote]
	return t, ok
}

// window is from the first call to the last.
func (o *onec) window() time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	var first, last time.Time
	for _, t := range o.got {
		if first.IsZero() || t.Before(first) {
			first = t
		}
		if t.After(last) {
			last = t
		}
	}
	return last.Sub(first)
}

// posting is what the bare loop does: envelopes to a URL, over some connections.
type posting struct {
	URL   string
	Conns int
	File  string // envelopes, one behind the other as JSON
}

type posted struct{ Took time.Duration }

// postRole posts what is to be posted as fast as a loop of Go can, and says how long it took.
func postRole(args []string) error {
	var p posting
	if err := json.Unmarshal([]byte(args[0]), &p); err != nil {
		return err
	}
	data, err := os.ReadFile(p.File)
	if err != nil {
		return err
	}
	var envelopes [][]byte
	if err := json.Unmarshal(data, &envelopes); err != nil {
		return err
	}
	took, err := p.post(envelopes)
	if err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(posted{took})
}

func (p posting) post(envelopes [][]byte) (time.Duration, error) {
	client := &http.Client{Transport: &http.Transport{MaxIdleConnsPerHost: p.Conns, DisableCompression: true}}
	next := make(chan []byte)
	failed := make(chan error, p.Conns)
	begin := time.Now()
	var wg sync.WaitGroup
	for range p.Conns {
		wg.Go(func() {
			for e := range next {
				if err := postOne(client, p.URL, e); err != nil {
					failed <- err
					return
				}
			}
		})
	}
	for _, e := range envelopes {
		select {
		case next <- e:
		case err := <-failed:
			return 0, err
		}
	}
	close(next)
	wg.Wait()
	select {
	case err := <-failed:
		return 0, err
	default:
		return time.Since(begin), nil
	}
}

func postOne(client *http.Client, url string, envelope []byte) error {
	r, err := http.NewRequest(http.MethodPost, url, bytes.NewReader(envelope))
	if err != nil {
		return err
	}
	r.Header.Set("Content-Type", "text/xml; charset=utf-8")
	r.Header.Set("SOAPAction", `"`+onectest.DefaultNamespace+"#"+onectest.DefaultService+":"+onectest.DefaultOperation+`"`)
	answer, err := client.Do(r)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	_, err = io.Copy(io.Discard, answer.Body)
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("1C answered %s", answer.Status)
	}
	return err
}
