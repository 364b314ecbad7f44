package ingest

import (
	"errors"
	"flag"
	"fmt"
	"os"
	"regexp"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/services/ingest/internal/access"
)

// Access says which phones may speak. The zero value: all of them, with any token or none.
type Access struct {
	TokenSecret   string      // file with the master secrets of the phones' tokens
	SharedToken   string      // file with one token for all phones
	TokenOptional bool        // phones without a token are served too
	Phones        string      // file that binds tokens to lines and addresses
	Allow         config.List // networks that are served; empty: all
	Rate          int         // hits a second from one address without a valid token; 0: no limit
}

func (a *Access) flags(fs *flag.FlagSet) {
	fs.StringVar(&a.TokenSecret, "token-secret", "", "file with the secrets of the phones' tokens (callbus token new makes it); then every hit needs a token")
	fs.StringVar(&a.SharedToken, "shared-token-file", "", "file with one token for all phones, beside --token-secret or instead of it")
	fs.BoolVar(&a.TokenOptional, "token-optional", false, "serve phones without a token too, while they are being given theirs; a wrong token is refused all the same")
	fs.StringVar(&a.Phones, "phones", "", "CSV file that binds tokens to lines and addresses")
	fs.Var(&a.Allow, "allow", "networks (CIDR) or addresses that are served, several with commas; empty: all")
	fs.IntVar(&a.Rate, "rate-limit", 0, "hits a second that one address may send without a valid token; 0: no limit")
}

// AsksForTokens reports whether phones need a token, or soon will.
func (a Access) AsksForTokens() bool { return a.TokenSecret != "" || a.SharedToken != "" }

func (a Access) check() error {
	switch {
	case a.TokenOptional && !a.AsksForTokens():
		return errors.New("--token-optional belongs to --token-secret or --shared-token-file: without them any token will do")
	case a.Phones != "" && a.TokenSecret == "":
		return errors.New("--phones belongs to --token-secret: it binds the tokens that are made with it")
	case a.Rate < 0:
		return errors.New("--rate-limit: a number of hits a second, or 0 for no limit")
	}
	return nil
}

// guard reads the files, now and whenever they change, and tells the log what is asked of phones.
func (a Access) guard(log zerolog.Logger) (*access.Guard, error) {
	if err := a.check(); err != nil {
		return nil, err
	}
	o := access.Options{Optional: a.TokenOptional, Rate: a.Rate}
	var err error
	if o.Allow, err = access.ParseNets(a.Allow.Values); err != nil {
		return nil, fmt.Errorf("--allow: %w", err)
	}
	if o.Secrets, err = fresh(log, "--token-secret", a.TokenSecret, ReadTokenSecrets); err != nil {
		return nil, err
	}
	if o.Shared, err = fresh(log, "--shared-token-file", a.SharedToken, ReadSharedToken); err != nil {
		return nil, err
	}
	if o.Phones, err = fresh(log, "--phones", a.Phones, ReadPhones); err != nil {
		return nil, err
	}
	for _, path := range []string{a.TokenSecret, a.SharedToken} {
		if config.WorldReadable(path) {
			log.Warn().Str("file", path).Msg("phones.exposed: every user of this machine can read this secret (chmod 600)")
		}
	}
	phones := 0
	if o.Phones != nil {
		phones = len(o.Phones())
	}
	log.Info().Str("token", a.asked()).Bool("shared", o.Shared != nil).Int("phones", phones).
		Strs("allow", a.Allow.Values).Int("rate", a.Rate).Msg("phones.access")
	return access.New(o), nil
}

// asked is what is asked of a phone's token.
func (a Access) asked() string {
	switch {
	case !a.AsksForTokens():
		return "any"
	case a.TokenOptional:
		return "optional"
	}
	return "required"
}

// fresh reads a file and, once it has changed, reads it again; while it is broken the last good one stays. It is nil where
// no file is named.
func fresh[T any](log zerolog.Logger, flag, path string, read func(string) (T, error)) (func() T, error) {
	if path == "" {
		return nil, nil
	}
	f, err := config.NewFresh(func() (T, error) { return read(path) }, func(err error) {
		if err != nil {
			log.Error().Err(err).Msg("phones.kept: a changed file cannot be read, what it said before stays in force")
			return
		}
		log.Info().Str("file", path).Msg("phones.reread: a changed file is in force")
	}, path)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", flag, err)
	}
	return f.Get, nil
}

// sharedForm is what /p/TOKEN/ takes, and long enough not to be guessed.
var sharedForm = regexp.MustCompile(fmt.Sprintf(`^[A-Za-z0-9_.-]{%d,64}$`, access.LeastShared))

// ReadSharedToken reads the file that --shared-token-file names.
func ReadSharedToken(path string) (string, error) {
	secret, err := config.ReadSecretFile(path)
	if err == nil && !sharedForm.MatchString(secret.Reveal()) {
		err = fmt.Errorf("%s: want one line with %d to 64 of A-Z a-z 0-9 _ . -", path, access.LeastShared)
	}
	return secret.Reveal(), err
}

// ReadPhones reads a file such as phones.csv; its errors name file and line.
func ReadPhones(path string) (Phones, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	phones, err := access.ReadPhones(f)
	if errors.Is(err, access.ErrNotUTF8) {
		err = config.ErrNotUTF8
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	return phones, nil
}
