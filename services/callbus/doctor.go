package callbus

import (
	"context"
	"errors"
	"flag"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/lifecycle"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/callbus/internal/doctor"
	"github.com/callbus/callbus/services/ingest"
)

// Exit codes of the doctor, for monitoring.
const (
	healthy      = 0
	ill          = 1
	couldNotLook = 2
)

// lastEvents of a line are told.
const lastEvents = 10

// examination is one callbus doctor.
type examination struct {
	*line
	json   *bool
	since  *time.Duration
	admins config.List
	about  call.Line
}

func examine(args []string) int {
	x := &examination{line: newLine("doctor")}
	x.most = 1
	x.json = x.fs.Bool("json", false, "print the findings as JSON, for scripts")
	x.since = x.fs.Duration("since", 24*time.Hour, "how far back refused hits, shared lines and MACs are looked at")
	x.adminFlag(&x.admins)
	switch err := x.parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return healthy
	case err != nil:
		return x.fail(couldNotLook, err)
	case len(x.words) == 1:
		x.about = doctor.Asked(x.words[0])
	}
	ctx, stop := lifecycle.Signals(context.Background())
	defer stop()
	ctx, cancel := context.WithTimeout(ctx, 2*answerTimeout)
	defer cancel()
	code, err := x.work(ctx)
	if err != nil {
		return x.fail(couldNotLook, err)
	}
	return code
}

// work looks at everything and says what it found.
func (x *examination) work(ctx context.Context) (code int, err error) {
	seen := doctor.Seen{Now: time.Now(), NATS: x.url}
	seen.Since = seen.Now.Add(-*x.since)
	seen.Files = x.broken()
	if err := x.findKey(); err != nil {
		return 0, err
	}
	seen.Admins = doctor.CollectAdmins(ctx, x.admins.Values)
	nc, err := x.connect(ctx)
	if err != nil {
		// Whether somebody else is there who does not take our key, or nobody is.
		if strings.Contains(strings.ToLower(err.Error()), "authorization") || ready(seen.Admins) {
			return 0, err
		}
		seen.NATSAway = true
		return x.say(seen, nil)
	}
	defer nc.Close()
	if err := seen.Collect(ctx, nc); err != nil {
		return 0, err
	}
	told, err := x.history(ctx, nc, seen)
	if err != nil {
		return 0, err
	}
	return x.say(seen, told)
}

// broken are the files that the file of --config names and that cannot be read. One that is for another user's eyes only is none,
// nor one that is looked for in another folder than callbus up does.
func (x *examination) broken() (list []doctor.File) {
	var up office
	settings := up.fileFlags()
	path := x.fs.Lookup("config").Value.String()
	if path == "" || config.Parse(settings, []string{"--config", path}, "CALLBUS") != nil { // it has been read once already
		return nil
	}
	try := func(flag, path string, err error) {
		elsewhere := errors.Is(err, fs.ErrNotExist) && !filepath.IsAbs(path)
		if path != "" && err != nil && !elsewhere && !errors.Is(err, fs.ErrPermission) {
			list = append(list, doctor.File{Flag: flag, Path: path, Err: err})
		}
	}
	passwords, err := up.adapter.PasswordFiles()
	if up.adapter.Targets != "" {
		try("targets", up.adapter.Targets, err)
	}
	for _, path := range passwords {
		_, err := config.ReadSecretFile(path)
		try("onec-password-file", path, err)
	}
	a := up.ingest.Access
	_, err = ingest.ReadTokenSecrets(a.TokenSecret)
	try("token-secret", a.TokenSecret, err)
	_, err = ingest.ReadSharedToken(a.SharedToken)
	try("shared-token-file", a.SharedToken, err)
	_, err = ingest.ReadPhones(a.Phones)
	try("phones", a.Phones, err)
	return list
}

// ready reports whether a Callbus says that all is well with it: then its NATS is only not open to us.
func ready(all []doctor.Admin) bool {
	for _, a := range all {
		if a.Answers && len(a.Failing) == 0 {
			return true
		}
	}
	return false
}

func (x *examination) history(ctx context.Context, nc *nats.Conn, seen doctor.Seen) ([]doctor.Told, error) {
	if x.about == "" {
		return nil, nil
	}
	return seen.LineOf(ctx, nc, x.about, lastEvents)
}

// say prints the findings, and what is known of the line that was asked for.
func (x *examination) say(seen doctor.Seen, told []doctor.Told) (code int, err error) {
	whole := seen
	found := doctor.Examine(seen, *x.tongue)
	if x.about != "" {
		seen.Phones = phonesOf(seen.Phones, x.about)
		found = doctor.About(found, x.about, seen.Phones)
		found = append(found, doctor.Unheard(x.about, seen, *x.tongue)...)
	}
	code = healthy
	if !doctor.Healthy(found) {
		code = ill
	}
	if *x.json {
		return code, printJSON(os.Stdout, doctor.Report(found, seen, told))
	}
	if x.about != "" && !seen.NATSAway {
		if len(seen.Phones) > 0 {
			if err := printPhones(os.Stdout, seen.Phones, *x.tongue, seen.Now); err != nil {
				return code, err
			}
		}
		doctor.PrintLine(os.Stdout, x.about, told, *x.tongue)
	}
	doctor.Print(os.Stdout, found, whole, *x.tongue)
	return code, nil
}

func phonesOf(all []stream.KnownPhone, line call.Line) (some []stream.KnownPhone) {
	for _, p := range all {
		if p.Line == line || p.MAC == string(line) {
			some = append(some, p)
		}
	}
	return some
}
