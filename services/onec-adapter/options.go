package onecadapter

import (
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/admin"
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/internal/phone"
	"github.com/callbus/callbus/internal/stream"
	"github.com/callbus/callbus/services/onec-adapter/internal/mapping"
	"github.com/callbus/callbus/services/onec-adapter/internal/onec"
	"github.com/callbus/callbus/services/onec-adapter/internal/webhook"
)

// Options of the service. Flags sets those that an operator sees.
type Options struct {
	NATS      string
	NATSCreds string
	NATSCA    string
	Admin     string // probes and metrics; empty: none

	Single  Target // the one target that flags describe
	Targets string // file that describes several

	// Broker is somebody else's embedded broker, which outlives Run; it comes before NATS.
	Broker stream.Embedded
	// Monitor is somebody else's admin server, not yet started; it comes before Admin.
	Monitor *admin.Server
	// Metrics takes the metrics; nil: a registry of Run's own.
	Metrics *prometheus.Registry
	// Ready is told once the service works, whether 1C is there or not. It may be nil.
	Ready func()
	// Planned is told what goes where in a target, whenever that was found out anew. It must not block, and may be nil.
	Planned func(Checked)
	Log     zerolog.Logger
}

// Target is one 1C, or another system that wants to know of calls, as a targets file describes it.
type Target struct {
	Name         string            `yaml:"name"`
	Protocol     Protocol          `yaml:"protocol"`
	URL          string            `yaml:"url"`
	User         string            `yaml:"user"`
	PasswordFile string            `yaml:"password_file"`
	Password     config.Secret     `yaml:"-"`           // comes before the file
	BearerFile   string            `yaml:"bearer_file"` // holds a token, in place of user and password
	Operation    string            `yaml:"operation"`
	SOAP12       bool              `yaml:"soap12"`
	Session      onec.Mode         `yaml:"session"`   // how calls come to sessions of 1C: auto, header or none; auto if empty, for HTTP none
	Sessions     int               `yaml:"sessions"`  // calls at once in this 1C
	Timeout      time.Duration     `yaml:"timeout"`   // of one call
	FreshFor     time.Duration     `yaml:"fresh_for"` // older events are skipped; 0: none is too old
	From         From              `yaml:"from"`
	Parameters   map[string]string `yaml:"parameters"` // parameter of the operation → field of the event, or =constant
	Lines        map[string]string `yaml:"lines"`      // SIP login → internal number

	NumberFormat phone.Form                `yaml:"number_format"` // of the field remote
	Events       map[call.EventType]string `yaml:"events"`        // those that the target gets, and its word for each
	Only         mapping.Only              `yaml:"only"`
	Rules        []mapping.Rule            `yaml:"rules"`

	// Of protocol http.
	Method            string            `yaml:"method"`
	Headers           map[string]string `yaml:"headers"`
	Query             map[string]string `yaml:"query"`
	Body              any               `yaml:"body"`
	Form              map[string]string `yaml:"form"`
	Expect            []int             `yaml:"expect"`
	IdempotencyHeader string            `yaml:"idempotency_header"`
}

// Protocol is what a target speaks.
type Protocol string

// The protocols; SOAP if empty.
const (
	ProtocolSOAP Protocol = "soap"
	ProtocolHTTP Protocol = "http"
)

// From says where a new target starts in the store: at its "beginning", at "now", or, if empty, at the beginning for
// the store's first target and at now for a later one.
type From string

// DefaultTarget is the name of the target that flags describe.
const DefaultTarget = "main"

// DefaultOperation is that of the original service.
const DefaultOperation = onec.DefaultOperation

// DefaultSessions is how many calls 1C gets at once: licences are short, and one call takes about 30 ms.
const DefaultSessions = 2

// Flags adds the options to a flag set, with their defaults. The values are in o after the flag set has been parsed.
func (o *Options) Flags(fs *flag.FlagSet) {
	fs.StringVar(&o.NATS, "nats", "nats://127.0.0.1:4222", "URL of the NATS server or cluster that ingest stores calls on")
	fs.StringVar(&o.NATSCreds, "nats-creds", "", "file with the credentials (nats.creds in the folder of an embedded store)")
	fs.StringVar(&o.NATSCA, "nats-ca", "", "file with the certificate authority of --nats")
	fs.StringVar(&o.Admin, "admin", "127.0.0.1:9081", "address of the probes and metrics (/livez /readyz /metrics); empty: none")
	o.TargetFlags(fs)
}

// TargetFlags adds the options that describe 1C.
func (o *Options) TargetFlags(fs *flag.FlagSet) {
	t := &o.Single
	t.Name = DefaultTarget
	fs.StringVar(&t.URL, "onec-url", "", "URL of 1C's web service (http://server/base/ws/teldata.1cws)")
	fs.StringVar(&t.User, "onec-user", "", "user of the infobase")
	fs.StringVar(&t.PasswordFile, "onec-password-file", "", "file with the user's password")
	fs.StringVar(&t.Operation, "onec-operation", DefaultOperation, "operation of the web service")
	fs.BoolVar(&t.SOAP12, "onec-soap12", false, "speak SOAP 1.2 instead of 1.1")
	fs.TextVar(&t.Session, "onec-session", onec.Auto, "sessions of 1C: auto, header (start, keep and finish them by IBSession) or none")
	fs.DurationVar(&t.Timeout, "onec-timeout", onec.DefaultTimeout, "longest call of 1C")
	fs.DurationVar(&t.FreshFor, "fresh-for", 0, "skip events older than this; 0: deliver everything, late rings too")
	fs.IntVar(&t.Sessions, "sessions", DefaultSessions, "calls of 1C at once")
	fs.StringVar(&o.Targets, "targets", "", "YAML file that describes several targets, instead of the --onec-… flags")
}

// ErrNowhere is an error of options that name no target.
var ErrNowhere = errors.New("say where 1C is: --onec-url URL (or --targets FILE for several)")

// targets are what the options describe, checked. The passwords have not been read yet.
func (o Options) targets() ([]Target, error) {
	switch {
	case o.Targets == "" && o.Single.URL == "":
		return nil, ErrNowhere
	case o.Targets != "" && o.Single.URL != "":
		return nil, errors.New("--targets and --onec-url exclude each other")
	case o.Targets == "":
		return check([]Target{o.Single})
	}
	data, err := os.ReadFile(o.Targets)
	if err != nil {
		return nil, fmt.Errorf("targets: %w", err)
	}
	var file struct {
		Targets []Target `yaml:"targets"`
	}
	if err := config.Strict(data, &file); err != nil {
		return nil, fmt.Errorf("targets in %s: %w", o.Targets, err)
	}
	if len(file.Targets) == 0 {
		return nil, fmt.Errorf("targets in %s: there are none", o.Targets)
	}
	return check(file.Targets)
}

func check(targets []Target) ([]Target, error) {
	seen := map[string]bool{}
	for i := range targets {
		t := &targets[i]
		t.defaults()
		if err := t.check(); err != nil {
			return nil, fmt.Errorf("target %q: %w", t.Name, err)
		}
		if seen[t.Name] {
			return nil, fmt.Errorf("target %q: the name is there twice", t.Name)
		}
		seen[t.Name] = true
	}
	return targets, nil
}

func (t *Target) defaults() {
	if t.Sessions == 0 {
		t.Sessions = DefaultSessions
	}
	if t.Timeout == 0 {
		t.Timeout = onec.DefaultTimeout
	}
	if t.Session == "" && t.Protocol == ProtocolHTTP {
		t.Session = onec.None // most webhooks are no 1C, and a header of its sessions would puzzle them
	}
}

func (t *Target) check() error {
	if err := stream.CheckTarget(t.Name); err != nil {
		return err
	}
	switch {
	case t.URL == "":
		return errors.New("has no url")
	case t.Sessions < 1 || t.Sessions > stream.MaxLanes:
		return fmt.Errorf("sessions %d: want 1 to %d", t.Sessions, stream.MaxLanes)
	case t.Timeout < time.Second || t.Timeout > 5*time.Minute:
		return fmt.Errorf("timeout %v: want 1s to 5m", t.Timeout)
	case t.FreshFor < 0:
		return errors.New("fresh_for is negative")
	case !slices.Contains([]From{"", "beginning", "now"}, t.From):
		return fmt.Errorf("from %q: want beginning or now", t.From)
	case !slices.Contains([]Protocol{"", ProtocolSOAP, ProtocolHTTP}, t.Protocol):
		return fmt.Errorf("protocol %q: want soap or http", t.Protocol)
	case t.BearerFile != "" && (t.User != "" || t.PasswordFile != ""):
		return errors.New("bearer_file and user exclude each other")
	}
	return t.foreign()
}

// foreign is an error where a key of the other protocol is set: it would do nothing.
func (t *Target) foreign() error {
	ofSOAP := map[string]bool{
		"operation": t.Operation != "" && t.Operation != DefaultOperation, "soap12": t.SOAP12, "parameters": t.Parameters != nil,
	}
	ofHTTP := map[string]bool{
		"method": t.Method != "", "headers": t.Headers != nil, "query": t.Query != nil, "body": t.Body != nil, "form": t.Form != nil,
		"expect": t.Expect != nil, "idempotency_header": t.IdempotencyHeader != "",
	}
	wrong, protocol := ofHTTP, ProtocolHTTP
	if t.Protocol == ProtocolHTTP {
		wrong, protocol = ofSOAP, ProtocolSOAP
	}
	for _, key := range slices.Sorted(maps.Keys(wrong)) {
		if wrong[key] {
			return fmt.Errorf("%s is for protocol %s only", key, protocol)
		}
	}
	return nil
}

// PasswordFiles are the files with secrets that the options name, for who must make them readable.
func (o Options) PasswordFiles() (files []string, err error) {
	targets, err := o.targets()
	for _, t := range targets {
		for _, file := range []string{t.PasswordFile, t.BearerFile} {
			if file != "" {
				files = append(files, file)
			}
		}
	}
	return files, err
}

// client makes the client of a target and reads its secret once, so that a missing file is noticed at the start.
func (t *Target) client() (*onec.Client, error) {
	c, _, err := t.watched(zerolog.Nop(), func(string, error) {})
	return c, err
}

// watched makes a client that keeps a log, and gives what looks at its secrets: tell hears of changed ones then.
func (t *Target) watched(log zerolog.Logger, tell func(file string, err error)) (c *onec.Client, look func(), err error) {
	password, err := secretOf(t.Password, t.PasswordFile, tell)
	if err != nil {
		return nil, nil, fmt.Errorf("target %q: password: %w", t.Name, err)
	}
	bearer, err := secretOf("", t.BearerFile, tell)
	if err != nil {
		return nil, nil, fmt.Errorf("target %q: bearer_file: %w", t.Name, err)
	}
	c, err = onec.New(onec.Config{
		URL: t.URL, User: t.User, Password: password, Bearer: bearer, Operation: t.Operation, SOAP12: t.SOAP12, Timeout: t.Timeout,
		Parameters: t.Parameters, Mapping: t.mapping(), HTTP: t.webhook(),
		Session: t.Session, Log: log,
	})
	if err != nil {
		return nil, nil, fmt.Errorf("target %q: %w", t.Name, err)
	}
	look = func() {
		for _, secret := range []func() string{password, bearer} {
			if secret != nil {
				secret()
			}
		}
	}
	return c, look, nil
}

func (t *Target) mapping() mapping.Config {
	return mapping.Config{
		Events: t.Events, Only: t.Only, Rules: t.Rules, Lines: t.Lines, Format: t.NumberFormat, JSON: stream.JSON,
	}
}

// webhook is nil for SOAP.
func (t *Target) webhook() *webhook.Config {
	if t.Protocol != ProtocolHTTP {
		return nil
	}
	return &webhook.Config{
		Method: t.Method, Headers: t.Headers, Query: t.Query, Body: t.Body, Form: t.Form, Expect: t.Expect,
		IdempotencyHeader: t.IdempotencyHeader,
	}
}

// file is a targets file with this target and a table of parameters, in the one line that a log has.
func (t *Target) file(parameters string) string {
	fields := []string{"name: " + t.Name, fmt.Sprintf("url: %q", t.URL)}
	for _, row := range []struct{ key, value string }{{"user", t.User}, {"password_file", t.PasswordFile}, {"bearer_file", t.BearerFile}, {"operation", t.Operation}} {
		if row.value != "" {
			fields = append(fields, fmt.Sprintf("%s: %q", row.key, row.value))
		}
	}
	var table []string
	for line := range strings.Lines(parameters) {
		row, _, _ := strings.Cut(line, "  #") // its type
		if row = strings.TrimSpace(row); row != "parameters:" && row != "parameters: {}" {
			table = append(table, row)
		}
	}
	fields = append(fields, fmt.Sprintf("sessions: %d", t.Sessions), "parameters: {"+strings.Join(table, ", ")+"}")
	return "targets: [{" + strings.Join(fields, ", ") + "}]"
}

// endingGrace is what the ending of a call under way may take at a stop, and then the end of 1C's sessions: 3 s for each.
const endingGrace = 6 * time.Second

// Grace checks the options and says how long a stop of Run may take: the longest call, and what its ending needs.
func (o Options) Grace() (time.Duration, error) {
	targets, err := o.targets()
	return graceOf(targets), err
}

func graceOf(targets []Target) time.Duration {
	longest := time.Duration(0)
	for _, t := range targets {
		longest = max(longest, t.Timeout)
	}
	return longest + endingGrace
}
