package doctor

import (
	"bufio"
	"context"
	"errors"
	"io"
	"net/http"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/internal/stream"
)

const (
	// latestCalls are looked at: some days of an office, read in a fraction of a second.
	latestCalls = 20_000
	// adminTimeout is above what a probe may take.
	adminTimeout = 3 * time.Second
	mostAnswer   = 1 << 20
)

// CollectAdmins asks the admin ports, side by side.
func CollectAdmins(ctx context.Context, addrs []string) []Admin {
	all := make([]Admin, len(addrs))
	var wg sync.WaitGroup
	for i, addr := range addrs {
		wg.Go(func() { all[i] = askAdmin(ctx, addr) })
	}
	wg.Wait()
	return all
}

func askAdmin(ctx context.Context, addr string) Admin {
	a := Admin{Addr: addr, Away: map[string]string{}}
	ready, err := ask(ctx, addr, "/readyz")
	if err != nil {
		return a
	}
	a.Answers, a.Failing = true, failing(ready)
	if targets, err := ask(ctx, addr, "/targets"); err == nil {
		for _, line := range failing(targets) {
			target, why, _ := strings.Cut(line, ": ")
			a.Away[target] = why
		}
	}
	if metrics, err := ask(ctx, addr, "/metrics"); err == nil {
		a.Certificate, a.Ingest = expires(metrics), strings.Contains(metrics, "\n"+ofIngest+" ")
	}
	return a
}

// failing are the lines of a probe that has something to say, "ok" is none.
func failing(answer string) (lines []string) {
	for line := range strings.Lines(answer) {
		if line = strings.TrimSpace(line); strings.Contains(line, ": ") {
			lines = append(lines, line)
		}
	}
	return lines
}

// ofIngest is a metric that every ingest has from its start.
const ofIngest = "callbus_store_room_bytes"

var expiry = regexp.MustCompile(`^callbus_certificate_expires_seconds ([0-9.e+]+)$`)

func expires(metrics string) time.Time {
	for lines := bufio.NewScanner(strings.NewReader(metrics)); lines.Scan(); {
		if found := expiry.FindStringSubmatch(lines.Text()); found != nil {
			if seconds, err := strconv.ParseFloat(found[1], 64); err == nil {
				return time.Unix(int64(seconds), 0)
			}
		}
	}
	return time.Time{}
}

// ask returns what an address says, whatever the status.
func ask(ctx context.Context, addr, path string) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, adminTimeout)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://"+addr+path, nil)
	if err != nil {
		return "", err
	}
	answer, err := http.DefaultClient.Do(r)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	if answer.StatusCode == http.StatusNotFound {
		return "", errors.New("there is no " + path)
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, mostAnswer))
	return string(body), err
}

// Collect looks at the streams. Errors: NATS.
func (s *Seen) Collect(ctx context.Context, nc *nats.Conn) error {
	s.Embedded = nc.ConnectedServerName() == broker.Name
	var err error
	s.Store, err = stream.Look(ctx, nc)
	if errors.Is(err, stream.ErrNoCalls) {
		s.NoCalls = true
		return nil
	}
	if err != nil {
		return err
	}
	if err := s.askWebhooks(ctx, nc); err != nil {
		return err
	}
	switch hub, err := stream.HubBacklog(ctx, nc); {
	case err == nil:
		s.Hub = &hub
	case !errors.Is(err, stream.ErrNoHub):
		return err
	}
	s.Now = time.Now()
	if s.Calls, err = stream.Latest(ctx, nc, latestCalls); err != nil {
		return err
	}
	if s.Rejected, err = stream.RejectedSince(ctx, nc, s.Since); err != nil {
		return err
	}
	if len(s.Store.Targets) > 0 {
		if err := stream.DeadLetters(ctx, nc, func(d stream.DeadLetter) { s.Dead = append(s.Dead, d) }); err != nil {
			return err
		}
	}
	s.Phones, err = KnownPhones(ctx, nc)
	return err
}

// askWebhooks asks the adapters of what takes nothing whether it is a 1C.
func (s *Seen) askWebhooks(ctx context.Context, nc *nats.Conn) error {
	s.Webhooks = map[string]bool{}
	for _, p := range s.Store.Targets { // not what the admin ports name: the hub is no target
		if !slices.ContainsFunc(s.Admins, func(a Admin) bool { return a.Away[p.Target] != "" }) {
			continue
		}
		all, err := stream.AskStatus(ctx, nc, p.Target)
		if err != nil {
			return err
		}
		s.Webhooks[p.Target] = slices.ContainsFunc(all, func(a stream.Status) bool { return a.Webhook })
	}
	return nil
}

// KnownPhones reads the phone book, and marks old tokens; where no ingest has made one yet, it is empty.
func KnownPhones(ctx context.Context, nc *nats.Conn) ([]stream.KnownPhone, error) {
	book, err := stream.OpenPhoneBook(ctx, nc)
	if errors.Is(err, jetstream.ErrBucketNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	all, err := book.All(ctx)
	return stream.Outdated(all), err
}

// Told is an event of a line, and what 1C said to it.
type Told struct {
	call.Event
	Endings []stream.Ended
}

// LineOf are the last events of a line (or MAC), oldest first, each with how it ended.
func (s *Seen) LineOf(ctx context.Context, nc *nats.Conn, line call.Line, most int) (told []Told, err error) {
	for _, e := range s.Calls {
		if isOf(e, line) {
			told = append(told, Told{Event: e})
		}
	}
	if len(told) == 0 {
		return nil, nil
	}
	told = told[max(0, len(told)-most):]
	err = stream.EndingsSince(ctx, nc, told[0].Time, func(e stream.Ended) {
		for i := range told {
			if told[i].ID == e.Event.ID {
				told[i].Endings = append(told[i].Endings, e)
			}
		}
	})
	return told, err
}
