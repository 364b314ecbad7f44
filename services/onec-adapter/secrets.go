package onecadapter

import (
	"github.com/callbus/callbus/internal/config"
)

// secretOf is nil where there is none. One from a file is read again when the file changes: tell hears of that, or why it cannot be
// read; then the last one stays in force.
func secretOf(given config.Secret, file string, tell func(file string, err error)) (func() string, error) {
	switch {
	case given != "":
		return given.Reveal, nil
	case file == "":
		return nil, nil
	}
	fresh, err := config.NewFresh(func() (config.Secret, error) { return config.ReadSecretFile(file) },
		func(err error) { tell(file, err) }, file)
	return func() string { return fresh.Get().Reveal() }, err
}
