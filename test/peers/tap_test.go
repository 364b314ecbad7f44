package peers

import (
	"bufio"
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/test/rig"
)

var tap = filepath.Join("js", "tap.mjs")

// seen is one message as the JavaScript client had it.
type seen struct {
	Subject string
	Headers map[string]string
	Event   struct {
		ID, Type, Line, Source string
		Remote                 struct{ URI, Number, Name string }
	}
}

// lines reads JSON lines.
func lines[T any](t *testing.T, text string) []T {
	t.Helper()
	var all []T
	for s := bufio.NewScanner(strings.NewReader(text)); s.Scan(); {
		var one T
		if err := json.Unmarshal(s.Bytes(), &one); err != nil {
			t.Fatalf("a line of the tap: %v: %s", err, s.Text())
		}
		all = append(all, one)
	}
	return all
}

// addTap lets an operator make a tap, and returns the file with its key.
func addTap(t *testing.T, in rig.Ingest, name, subject string) (creds string) {
	t.Helper()
	creds = filepath.Join(t.TempDir(), name+".creds")
	rig.Run(t, rig.Build(t, "./services/callbus/cmd/callbus"), "tap", "add", name, "--subject", subject, "--out", creds,
		"--nats", in.NATS, "--data", filepath.Dir(in.Creds))
	return creds
}

func TestATapInJavaScriptReadsTheStreamWithItsOwnKey(t *testing.T) {
	peer(t, "nats.js")
	in := rig.StartIngest(t)
	creds := addTap(t, in, "journal", "calls.incoming")
	rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=sip:74951234567@operatorsip.ru&p2=101")
	rig.Accepted(t, in.Phones, "/checkphone.php?event=2&p1=sip:74951234567@operatorsip.ru&p2=101")
	rig.Accepted(t, in.Phones, "/yealink/incoming?acc=102&remote=sip:102@pbx&name="+escape("Мария Тест"))

	got := lines[seen](t, rig.Run(t, "node", tap, "read", in.NATS, creds, "journal", "2"))
	var want []seen
	for _, e := range rig.Stored(t, rig.Connect(t, in.NATS, in.Creds)) {
		if e.Type != "incoming" {
			continue // the consumer filters
		}
		w := seen{Subject: "calls.incoming", Headers: map[string]string{
			"Nats-Msg-Id": e.ID, "Callbus-Line": string(e.Line), "ce-specversion": "1.0", "ce-id": e.ID,
			"ce-type": "callbus.call.incoming.v1", "ce-source": "/callbus/", "ce-subject": string(e.Line),
			"ce-time": e.Time.Format("2006-01-02T15:04:05.999999Z07:00"), "content-type": "application/json",
		}}
		w.Event.ID, w.Event.Type, w.Event.Line, w.Event.Source = e.ID, "incoming", string(e.Line), e.Source
		w.Event.Remote.URI, w.Event.Remote.Number, w.Event.Remote.Name = e.Remote.URI, string(e.Remote.Number), e.Remote.Name
		want = append(want, w)
	}
	if len(want) != 2 || want[1].Event.Remote.Name != "Мария Тест" {
		t.Fatalf("CALLS holds %+v, want two rings, the second of Мария Тест", want)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("the tap's events (-stored +got):\n%s", diff)
	}

	rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=sip:74951234599@operatorsip.ru&p2=103")
	again := lines[seen](t, rig.Run(t, "node", tap, "read", in.NATS, creds, "journal", "1"))
	if len(again) != 1 || again[0].Event.Line != "103" {
		t.Errorf("a durable consumer goes on where it was: got %+v, want the ring of line 103 only", again)
	}
}

func TestAGuestHearsOneLineLive(t *testing.T) {
	peer(t, "nats.js")
	in := rig.StartIngest(t)
	guest := rig.Start(t, "node", tap, "live", in.NATS, "lines.101.>", "2")
	guest.Says(`{"listening":"lines.101.>"}`)
	rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=sip:74951234567@operatorsip.ru&p2=102")
	rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=sip:74951234567@operatorsip.ru&p2=101")
	rig.Accepted(t, in.Phones, "/checkphone.php?event=4&p1=sip:74951234567@operatorsip.ru&p2=101")
	if err := guest.Wait(); err != nil {
		t.Fatalf("the tap: %v", err)
	}
	var got []string
	for _, s := range lines[seen](t, guest.Out.String())[1:] {
		got = append(got, fmt.Sprintf("%s %s %s %s", s.Subject, s.Event.Type, s.Event.Line, s.Event.Remote.Number))
	}
	want := []string{"lines.101.incoming incoming 101 +74951234567", "lines.101.ended ended 101 +74951234567"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("heard on lines.101.> (-want +got):\n%s", diff)
	}
}

// tried is one thing that the tap tried.
type tried struct {
	What   string
	Denied string // what the server said of it
	Answer string
}

// tries lets the tap try everything on a stream with three events, one of which a consumer of ours has and has not
// acknowledged. With credentials all of it works, so that a denial means something.
func tries(t *testing.T, in rig.Ingest, nc *nats.Conn, creds string) []tried {
	t.Helper()
	for _, line := range []string{"101", "102", "103"} {
		rig.Accepted(t, in.Phones, "/checkphone.php?event=1&p1=74951234567&p2="+line)
	}
	return lines[tried](t, rig.Run(t, "node", tap, "try", in.NATS, creds, unacknowledged(t, nc)))
}

// unacknowledged takes one message through the consumer "victim" and returns the subject that acknowledges it.
func unacknowledged(t *testing.T, nc *nats.Conn) string {
	t.Helper()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	victim, err := js.CreateConsumer(rig.Context(t), "CALLS", jetstream.ConsumerConfig{Durable: "victim", AckPolicy: jetstream.AckExplicitPolicy})
	if err != nil {
		t.Fatal(err)
	}
	m, err := victim.Next()
	if err != nil {
		t.Fatal(err)
	}
	return m.Reply()
}

// mayOnly checks that what was tried and is not allowed was refused.
func mayOnly(t *testing.T, who string, may []string, got []tried) {
	t.Helper()
	for _, g := range got {
		switch {
		case slices.Contains(may, g.What):
			if g.Denied != "" {
				t.Errorf("a %s may %s: got %q", who, g.What, g.Denied)
			}
		case !strings.Contains(g.Denied, "Permissions Violation") || g.Answer != "":
			t.Errorf("a %s tries to %s: got denial %q and answer %q, want a permissions violation and no answer", who, g.What, g.Denied, g.Answer)
		}
	}
}

// mayHear are the only things that a guest may do.
var mayHear = []string{"hear calls.>", "hear calls.incoming", "hear lines.>", "hear lines.101.>"}

func TestAGuestCanOnlyListen(t *testing.T) {
	peer(t, "nats.js")
	in := rig.StartIngest(t)
	nc := rig.Connect(t, in.NATS, in.Creds)
	heard := overhear(t, nc)
	heard() // the subscription is there
	got := tries(t, in, nc, "guest")
	if len(got) < 25 {
		t.Errorf("only %d things were tried: %+v", len(got), got)
	}
	mayOnly(t, "guest", mayHear, got)
	if n := heard(); n != 0 {
		t.Errorf("%d messages of the guest arrived at somebody who hears everything, want 0", n)
	}
	want := "3 messages, from 1 to 3; consumers victim; 1 unacknowledged; streams CALLS HITS PHONES"
	if got := state(t, nc); got != want {
		t.Errorf("the store after the guest's tries:\ngot  %s\nwant %s", got, want)
	}
}

func TestATapCanOnlyRead(t *testing.T) {
	peer(t, "nats.js")
	in := rig.StartIngest(t)
	creds := addTap(t, in, "journal", "calls.*")
	nc := rig.Connect(t, in.NATS, in.Creds)
	heard := overhear(t, nc)
	heard()
	// Its inboxes are its own: they are in its own account.
	may := append([]string{"hear _INBOX.>"}, mayHear...)
	mayOnly(t, "tap", may, tries(t, in, nc, creds))
	if n := heard(); n != 0 {
		t.Errorf("%d messages of the tap arrived at somebody who hears everything, want 0", n)
	}
	want := "3 messages, from 1 to 3; consumers tap-journal victim; 1 unacknowledged; streams CALLS HITS PHONES"
	if got := state(t, nc); got != want {
		t.Errorf("the store after the tap's tries:\ngot  %s\nwant %s", got, want)
	}
}

func TestTheCredentialsOpenWhatGuestsAreDenied(t *testing.T) {
	peer(t, "nats.js")
	in := rig.StartIngest(t)
	nc := rig.Connect(t, in.NATS, in.Creds)
	heard := overhear(t, nc)
	for _, g := range tries(t, in, nc, in.Creds) {
		if g.Denied != "" || strings.Contains(g.Answer, `"error"`) {
			t.Errorf("with the credentials, %s: got denial %q and answer %q, want neither denial nor error", g.What, g.Denied, g.Answer)
		}
	}
	rig.Until(t, "the tap's messages at somebody who hears everything", func() (any, bool) { return heard(), heard() > 10 })
	if got, want := state(t, nc), "streams EVIL HITS PHONES"; got != want {
		t.Errorf("the store after the same tries with the credentials:\ngot  %s\nwant %s", got, want)
	}
}

func TestAKeyThatNobodyGaveOutIsNoGuest(t *testing.T) {
	peer(t, "nats.js")
	in := rig.StartIngest(t)
	got := lines[struct{ Refused string }](t, rig.Run(t, "node", tap, "stranger", in.NATS))
	if len(got) != 1 || !strings.Contains(got[0].Refused, "Authorization Violation") {
		t.Errorf("a key that nobody gave out: got %+v, want an authorization violation", got)
	}
}

// overhear counts the tap's own messages: whatever it says has a reply subject of its own. Before it answers, a marker
// goes the same way, behind everything that came before.
func overhear(t *testing.T, nc *nats.Conn) (count func() int) {
	t.Helper()
	const marker = "test.marker"
	var n atomic.Int64
	passed := make(chan struct{}, 1)
	_, err := nc.Subscribe(">", func(m *nats.Msg) {
		switch {
		case m.Subject == marker:
			passed <- struct{}{}
		case strings.HasPrefix(m.Reply, "lines.answer."):
			n.Add(1)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	return func() int {
		if err := nc.Publish(marker, nil); err != nil {
			t.Fatal(err)
		}
		select {
		case <-passed:
		case <-time.After(rig.Patience):
			t.Fatal("somebody who hears everything does not hear the marker")
		}
		return int(n.Load())
	}
}

// state is what a guest could have changed.
func state(t *testing.T, nc *nats.Conn) string {
	t.Helper()
	ctx := rig.Context(t)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	var streams, consumers []string
	for name := range js.StreamNames(ctx).Name() {
		if !strings.HasPrefix(name, "KV_") { // ingest makes its phone book when it gets to it
			streams = append(streams, name)
		}
	}
	slices.Sort(streams)
	end := "streams " + strings.Join(streams, " ")
	calls, err := js.Stream(ctx, "CALLS")
	if err != nil {
		return end
	}
	pending := 0
	for c := range calls.ListConsumers(ctx).Info() {
		consumers = append(consumers, c.Name)
		pending += c.NumAckPending
	}
	s := calls.CachedInfo().State
	return fmt.Sprintf("%d messages, from %d to %d; consumers %s; %d unacknowledged; %s",
		s.Msgs, s.FirstSeq, s.LastSeq, strings.Join(consumers, " "), pending, end)
}
