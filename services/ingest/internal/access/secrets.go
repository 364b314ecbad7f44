package access

import (
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"
)

// maxSecrets bounds the cost of a wrong token. One rotation a day with a grace of two weeks needs 15.
const maxSecrets = 16

// Secrets are the master secrets, the one that makes new tokens first. There is always one.
type Secrets []master

// master is one of them.
type master struct {
	key   [32]byte
	Made  time.Time // zero: not known
	Until time.Time // tokens made with it are taken until then; zero for the first, which has no end
}

// Format writes *** for every verb.
func (master) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, stars) }

func (m master) holds(now time.Time) bool { return m.Until.IsZero() || now.Before(m.Until) }

// NewSecrets makes the first secret.
func NewSecrets() Secrets { return Secrets{newMaster(time.Now())} }

func newMaster(now time.Time) master {
	m := master{Made: now.UTC().Truncate(time.Second)}
	_, _ = rand.Read(m.key[:]) // it never fails: crypto/rand ends the program instead
	return m
}

// Rotate puts a new secret in front. The others hold for the grace, unless they were to end sooner; those that have
// ended are gone.
func (s Secrets) Rotate(grace time.Duration) (Secrets, error) {
	now := time.Now()
	next := Secrets{newMaster(now)}
	end := now.Add(grace).UTC().Truncate(time.Second)
	for _, m := range s {
		if m.Until.IsZero() || m.Until.After(end) {
			m.Until = end
		}
		if m.holds(now) {
			next = append(next, m)
		}
	}
	if len(next) > maxSecrets {
		return nil, fmt.Errorf("%d old secrets still hold; at most %d may", len(next)-1, maxSecrets-1)
	}
	return next, nil
}

// File is the text of the secrets' file, which ParseSecrets reads.
func (s Secrets) File() string {
	var b strings.Builder
	b.WriteString("# Master secrets of the phones' tokens. Whoever has them can make a token for any phone.\n" +
		"# The first makes new tokens; the others are taken until their time. Changed by: callbus token rotate\n")
	for _, m := range s {
		b.WriteString(base64.RawURLEncoding.EncodeToString(m.key[:]))
		for _, at := range []struct {
			word string
			time time.Time
		}{{"made", m.Made}, {"until", m.Until}} {
			if !at.time.IsZero() {
				b.WriteString(" " + at.word + " " + at.time.Format(time.RFC3339))
			}
		}
		b.WriteString("\n")
	}
	return b.String()
}

// ParseSecrets reads a file of secrets: one on each line, 32 bytes in base64url, then perhaps "made TIME" and "until TIME"
// (RFC 3339). Lines that begin with # are comments. No error shows anything of the text but its line.
func ParseSecrets(text string) (Secrets, error) {
	var all Secrets
	n := 0
	for line := range strings.Lines(text) {
		n++
		words := strings.Fields(line)
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		m, err := parseMaster(words)
		if err == nil {
			err = all.fits(m)
		}
		if err != nil {
			return nil, fmt.Errorf("line %d: %w", n, err)
		}
		all = append(all, m)
	}
	if len(all) == 0 {
		return nil, errors.New("holds no secret")
	}
	return all, nil
}

// fits says what is wrong with m as the next secret.
func (s Secrets) fits(m master) error {
	switch {
	case len(s) == 0 && !m.Until.IsZero():
		return errors.New("the first secret makes new tokens and has no end")
	case len(s) > 0 && m.Until.IsZero():
		return errors.New("only the first secret has no end; the others want: until 2026-12-31T00:00:00Z")
	case len(s) == maxSecrets:
		return fmt.Errorf("more than %d secrets", maxSecrets)
	case slices.ContainsFunc(s, func(other master) bool { return other.key == m.key }):
		return errors.New("this secret stands here twice")
	}
	return nil
}

func parseMaster(words []string) (m master, err error) {
	key, err := base64.RawURLEncoding.DecodeString(words[0])
	if err != nil || len(key) != len(m.key) {
		return m, errors.New("the secret is not 32 bytes in base64url (43 characters)")
	}
	copy(m.key[:], key)
	for pair := range slices.Chunk(words[1:], 2) {
		if err := m.set(pair); err != nil {
			return m, err
		}
	}
	return m, nil
}

// set reads "made TIME" or "until TIME".
func (m *master) set(pair []string) error {
	at, ok := map[string]*time.Time{"made": &m.Made, "until": &m.Until}[pair[0]]
	if !ok || len(pair) < 2 || !at.IsZero() {
		return errors.New("after the secret want: until TIME, or made TIME, each once")
	}
	t, err := time.Parse(time.RFC3339, pair[1])
	t = t.UTC().Truncate(time.Second)
	if err != nil || t.Year() < 2000 || t.Year() > 9999 {
		return fmt.Errorf("want a time such as 2026-12-31T00:00:00Z after %s", pair[0])
	}
	*at = t
	return nil
}
