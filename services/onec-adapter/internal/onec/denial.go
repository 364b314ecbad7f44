package onec

import (
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

// keepOff is how long a password that 1C has refused is not shown to it again, whoever asks: a lane's probe, somebody who wants to
// know whether 1C is there. 1C may lock a user out after a few wrong ones. It is a little shorter than the breaker's first
// pause, so that its probes go through.
const keepOff = 25 * time.Second

// denial remembers the password that was refused last, as a hash: no copy is kept that could be printed.
type denial struct {
	mu       sync.Mutex
	password [sha256.Size]byte
	until    time.Time
	failure  *Failure
}

// note remembers a failure that was the password's.
func (d *denial) note(password string, f *Failure) {
	if f.status != http.StatusUnauthorized {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.password, d.until, d.failure = sha256.Sum256([]byte(password)), time.Now().Add(keepOff), f
}

// of is the refusal of a password not long ago, or nil.
func (d *denial) of(password string) *Failure {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.failure == nil || !time.Now().Before(d.until) || d.password != sha256.Sum256([]byte(password)) {
		return nil
	}
	return d.failure
}
