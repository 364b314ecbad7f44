package broker

import (
	"errors"
	"fmt"
	"io/fs"
	"os"

	"github.com/nats-io/nkeys"

	"github.com/callbus/callbus/internal/config"
)

// CredsFile is the name of the key file in the data folder, mode 0600. It holds an nkey seed: the server keeps only
// its public half. (A .creds file with a JWT needs a server in operator mode, and that mode knows no guests.)
const CredsFile = "nats.creds"

// serviceKey reads the key of services and commands, or makes one on the first start, and returns its public half.
func serviceKey(path string) (string, error) {
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		text, err = newKey(path)
	}
	if err != nil {
		return "", fmt.Errorf("credentials: %w", err)
	}
	pair, err := nkeys.ParseDecoratedNKey(text)
	if err != nil {
		return "", fmt.Errorf("credentials in %s: %w (remove the file to have new ones made)", path, err)
	}
	defer pair.Wipe()
	return pair.PublicKey()
}

func newKey(path string) ([]byte, error) {
	pair, err := nkeys.CreateUser()
	if err != nil {
		return nil, err
	}
	defer pair.Wipe()
	seed, err := pair.Seed()
	if err != nil {
		return nil, err
	}
	text := fmt.Sprintf("-----BEGIN USER NKEY SEED-----\n%s\n------END USER NKEY SEED------\n", seed)
	return []byte(text), create(path, text, 0o600)
}

// create leaves the file whole or not there, and touches none that is: half a key after a power cut would lock everybody out.
func create(path, text string, mode fs.FileMode) error {
	draft, err := config.File{Path: path, Text: text, Mode: mode}.Draft()
	if err != nil {
		return err
	}
	return draft.Create()
}
