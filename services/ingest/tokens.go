package ingest

import (
	"crypto/rand"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/services/ingest/internal/access"
)

// TokenSecrets make the phones' tokens, the newest first. Their Token is what stands behind /p/ for an id.
type TokenSecrets = access.Secrets

// Phones is what ids are bound to.
type Phones = access.Phones

// Phone is one of them.
type Phone = access.Phone

// NewPhone is a phone that somebody names, by its MAC or another id, and its lines, with blanks between them.
func NewPhone(id, lines string) (Phone, error) { return access.NewPhone(id, lines) }

// NewTokenSecrets makes the first secret.
func NewTokenSecrets() TokenSecrets { return access.NewSecrets() }

// ReadTokenSecrets reads the file that --token-secret names. No error shows a secret.
func ReadTokenSecrets(path string) (TokenSecrets, error) {
	text, err := config.ReadSecretFile(path)
	if err != nil {
		return nil, err
	}
	secrets, err := access.ParseSecrets(text.Reveal())
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return secrets, nil
}

// WriteTokenSecrets puts the file in place of the one that is there, if any, readable to the same owner only. Whoever reads it
// meanwhile sees all of the old one or all of the new one.
func WriteTokenSecrets(path string, s TokenSecrets) error {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		path = real // the link stays one
	}
	if err := put(path, s.File(), config.Draft.Replace); err != nil {
		return fmt.Errorf("write the secrets: %w", err)
	}
	return nil
}

// CreateTokenSecrets makes the file, unless it is there: then the error is os.ErrExist. Of two who make it at once one wins.
func CreateTokenSecrets(path string, s TokenSecrets) error {
	if err := put(path, s.File(), config.Draft.Create); err != nil {
		return fmt.Errorf("make the file of secrets: %w", err)
	}
	return nil
}

// NewSharedToken makes a token for all phones and a file with it, which must not be there yet.
func NewSharedToken(path string) (string, error) {
	token := rand.Text()
	err := put(path, token+"\n", config.Draft.Create)
	if errors.Is(err, os.ErrExist) {
		return "", fmt.Errorf("%s: %w; a new token would lock out the phones that have this one", path, os.ErrExist)
	}
	return token, err
}

// put writes a file in the given way. It belongs to whoever owns the one that it replaces, or else the service could not read what root
// has written.
func put(path, text string, place func(config.Draft) error) error {
	if err := config.MakeFolder(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	draft, err := config.File{Path: path, Text: text, Mode: 0o600, Heir: true}.Draft()
	if err != nil {
		return err
	}
	return place(draft)
}
