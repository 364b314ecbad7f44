package broker

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// office is a broker with streams, two events, and a tap that may read them.
type office struct {
	*Broker
	dir     string
	service jetstream.JetStream
	conn    *nats.Conn
	key     string // file of the tap's
	refused chan error
}

func newOffice(t *testing.T, subject string) *office {
	t.Helper()
	o := &office{dir: t.TempDir(), refused: make(chan error, 100)}
	o.Broker = started(t, Options{Dir: o.dir, Listen: "127.0.0.1:0"})
	var err error
	if o.conn, err = nats.Connect(o.URL(), nats.Timeout(patience), serviceOption(t, o.Broker)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(o.conn.Close)
	if o.service, err = jetstream.New(o.conn); err != nil {
		t.Fatal(err)
	}
	for name, subjects := range map[string]string{"CALLS": "calls.*", "ONEC": "onec.*.*.*"} {
		if _, err := o.service.CreateStream(t.Context(), jetstream.StreamConfig{Name: name, Subjects: []string{subjects}}); err != nil {
			t.Fatal(err)
		}
	}
	o.key = filepath.Join(t.TempDir(), "journal.creds")
	public, err := NewKey(o.key)
	if err != nil {
		t.Fatal(err)
	}
	for _, event := range []string{"incoming", "ended"} {
		if _, err := o.service.Publish(t.Context(), "calls."+event, []byte(event)); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{"tap-journal", "onec-main-1-0"} {
		if _, err := o.service.CreateConsumer(t.Context(), "CALLS", jetstream.ConsumerConfig{
			Durable: name, FilterSubject: subject, AckPolicy: jetstream.AckExplicitPolicy,
		}); err != nil {
			t.Fatal(err)
		}
	}
	if err := AdmitTap(o.dir, Tap{Name: "journal", Key: public, Subject: subject}); err != nil {
		t.Fatal(err)
	}
	return o
}

func (o *office) tap(t *testing.T) *nats.Conn {
	t.Helper()
	key, err := nats.NkeyOptionFromSeed(o.key)
	if err != nil {
		t.Fatal(err)
	}
	nc, err := nats.Connect(o.URL(), key, nats.Timeout(patience), nats.MaxReconnects(-1), nats.ReconnectWait(50*time.Millisecond),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { o.refused <- err }))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

func (o *office) state(t *testing.T) (messages [2]uint64) {
	t.Helper()
	for i, name := range []string{"CALLS", "ONEC"} {
		s, err := o.service.Stream(t.Context(), name)
		if err != nil {
			t.Fatal(err)
		}
		messages[i] = s.CachedInfo().State.LastSeq
	}
	return messages
}

func TestATapIsLetInWhileTheBrokerRunsAndReadsThroughItsConsumer(t *testing.T) {
	o := newOffice(t, "calls.*")
	js, err := jetstream.New(o.tap(t))
	if err != nil {
		t.Fatal(err)
	}
	journal, err := js.Consumer(t.Context(), "CALLS", "tap-journal")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"incoming", "ended"} {
		m, err := journal.Next(jetstream.FetchMaxWait(patience))
		if err != nil {
			t.Fatal(err)
		}
		if string(m.Data()) != want {
			t.Errorf("got %s, want %s", m.Data(), want)
		}
		if err := m.DoubleAck(t.Context()); err != nil {
			t.Errorf("acknowledge: %v", err)
		}
	}
	if info, err := journal.Info(t.Context()); err != nil || info.NumAckPending != 0 || info.NumPending != 0 {
		t.Errorf("after reading everything: %+v, %v", info, err)
	}
}

func TestATapHearsItsSubjectLive(t *testing.T) {
	o := newOffice(t, "calls.incoming")
	nc := o.tap(t)
	heard, _ := nc.SubscribeSync("calls.incoming")
	line, _ := nc.SubscribeSync("lines.101.incoming")
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	for _, subject := range []string{"calls.incoming", "lines.101.incoming"} {
		if err := o.conn.Publish(subject, []byte("ring")); err != nil {
			t.Fatal(err)
		}
	}
	for _, s := range []*nats.Subscription{heard, line} {
		if m, err := s.NextMsg(patience); err != nil || string(m.Data) != "ring" {
			t.Errorf("on %s the tap heard %v, %v", s.Subject, m, err)
		}
	}
	if _, err := nc.SubscribeSync("calls.ended"); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	o.wantRefused(t, "hear calls.ended")
}

func (o *office) wantRefused(t *testing.T, what string) {
	t.Helper()
	select {
	case err := <-o.refused:
		if !errors.Is(err, nats.ErrPermissionViolation) {
			t.Errorf("%s: %v, want a permissions violation", what, err)
		}
	case <-time.After(patience):
		t.Errorf("a tap could %s", what)
	}
}

// wantNothingDone fails where a client may publish or hear one of these, or where CALLS and ONEC have changed by its trying.
func (o *office) wantNothingDone(t *testing.T, nc *nats.Conn, publish map[string]string, hear ...string) {
	t.Helper()
	before := o.state(t)
	for subject, payload := range publish {
		if err := errors.Join(nc.PublishRequest(subject, "_INBOX.answer", []byte(payload)), nc.Flush()); err != nil {
			t.Fatal(err)
		}
		o.wantRefused(t, "publish to "+subject)
	}
	for _, subject := range hear {
		if _, err := nc.SubscribeSync(subject); err != nil {
			t.Fatal(err)
		}
		if err := nc.Flush(); err != nil {
			t.Fatal(err)
		}
		o.wantRefused(t, "hear "+subject)
	}
	if after := o.state(t); after != before {
		t.Errorf("CALLS and ONEC end at %v, before at %v", after, before)
	}
}

func TestATapCanDoNothingElse(t *testing.T) {
	o := newOffice(t, "calls.*")
	nc := o.tap(t)
	o.wantNothingDone(t, nc, map[string]string{
		"calls.incoming":                                    "{}",
		"onec.delivered.main.1-0":                           "{}",
		"$KV.TARGETS.main":                                  "{}",
		"$JS.API.INFO":                                      "",
		"$JS.API.STREAM.NAMES":                              "",
		"$JS.API.STREAM.INFO.CALLS":                         "",
		"$JS.API.STREAM.PURGE.CALLS":                        "",
		"$JS.API.STREAM.DELETE.CALLS":                       "",
		"$JS.API.STREAM.MSG.GET.CALLS":                      `{"seq":1}`,
		"$JS.API.STREAM.MSG.DELETE.CALLS":                   `{"seq":1}`,
		"$JS.API.DIRECT.GET.CALLS":                          `{"seq":1}`,
		"$JS.API.CONSUMER.CREATE.CALLS.tap-journal.calls.*": `{"stream_name":"CALLS","config":{"durable_name":"tap-journal","deliver_subject":"onec.delivered.main.1-0"}}`,
		"$JS.API.CONSUMER.CREATE.CALLS.onec-main-1-0":       `{"stream_name":"CALLS","config":{"durable_name":"onec-main-1-0"}}`,
		"$JS.API.CONSUMER.DURABLE.CREATE.CALLS.other":       `{"stream_name":"CALLS","config":{"durable_name":"other"}}`,
		"$JS.API.CONSUMER.DELETE.CALLS.tap-journal":         "",
		"$JS.API.CONSUMER.DELETE.CALLS.onec-main-1-0":       "",
		"$JS.API.CONSUMER.INFO.CALLS.onec-main-1-0":         "",
		"$JS.API.CONSUMER.MSG.NEXT.CALLS.onec-main-1-0":     "1",
		"$JS.API.CONSUMER.UNPIN.CALLS.onec-main-1-0":        `{"group":"owner"}`,
		"$JS.API.CONSUMER.RESET.CALLS.tap-journal":          `{"seq":1}`,
		"$JS.ACK.CALLS.onec-main-1-0.1.1.1.1.0":             "+ACK",
		"callbus.status.main":                               "",
	}, ">", "*.incoming", "onec.>", "hits.>", "phones.>", "again.>", "$JS.>", "$KV.>", "callbus.>")
}

// Bug: with rights in the account of the streams, the answer to a pull or to an acknowledgement went wherever the tap wished: old
// calls into CALLS, anything into the endings.
func TestWhatATapAsksForComesToItAlone(t *testing.T) {
	o := newOffice(t, "calls.*")
	nc := o.tap(t)
	before := o.state(t)
	spoof := []string{"calls.incoming", "onec.delivered.main.1-0", "$KV.TARGETS.main", "$JS.API.STREAM.DELETE.CALLS", "$JS.ACK.CALLS.onec-main-1-0.1.1.1.1.0"}
	for _, reply := range spoof {
		for subject, payload := range map[string]string{
			"$JS.API.CONSUMER.MSG.NEXT.CALLS.tap-journal":    `{"batch":1,"expires":200000000}`,
			"$JS.API.CONSUMER.INFO.CALLS.tap-journal":        "",
			"$JS.ACK.CALLS.tap-journal.1.1.1.1700000000.0":   "+ACK",
			"$JS.ACK.CALLS.tap-journal.1.1.1.1700000000.1":   "+NXT",
			"$JS.ACK.CALLS.tap-journal.1.99.99.1700000000.1": "-NAK",
		} {
			if err := nc.PublishRequest(subject, reply, []byte(payload)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	time.Sleep(time.Second) // pulls have expired: whatever they were answered is there
	if after := o.state(t); after != before {
		t.Errorf("CALLS and ONEC end at %v, before at %v: an answer was stored", after, before)
	}
	other, err := o.service.Consumer(t.Context(), "CALLS", "onec-main-1-0")
	if err != nil {
		t.Fatal(err)
	}
	if info := other.CachedInfo(); info.AckFloor.Stream != 0 || info.Delivered.Stream != 0 {
		t.Errorf("the adapter's consumer was touched: %+v", info)
	}
}

func TestADismissedTapIsPutOutAndStaysOut(t *testing.T) {
	o := newOffice(t, "calls.*")
	nc := o.tap(t)
	if err := DismissTap(o.dir, "journal"); err != nil {
		t.Fatal(err)
	}
	deadline := time.Now().Add(patience)
	for nc.IsConnected() && time.Now().Before(deadline) {
		time.Sleep(10 * time.Millisecond)
	}
	key, _ := nats.NkeyOptionFromSeed(o.key)
	if again, err := nats.Connect(o.URL(), key); err == nil {
		again.Close()
		t.Error("a tap that was dismissed connected")
	}
	if nc.IsConnected() {
		t.Error("a tap that was dismissed is still connected")
	}
	if !o.conn.IsConnected() || o.conn.Stats().Reconnects != 0 {
		t.Error("the service's connection was broken too")
	}
}

func TestAKeyWithoutItsSecretHalfOpensNothing(t *testing.T) {
	o := newOffice(t, "calls.*")
	taps, err := Taps(o.dir)
	if err != nil || len(taps) != 1 {
		t.Fatalf("taps %v, %v", taps, err)
	}
	service, err := serviceKey(o.Creds())
	if err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{taps[0].Key, service} {
		for name, sign := range map[string]nats.SignatureHandler{
			"another key": func(nonce []byte) ([]byte, error) { return make([]byte, 64), nil },
			"none":        func(nonce []byte) ([]byte, error) { return nil, nil },
		} {
			if nc, err := nats.Connect(o.URL(), nats.Nkey(key, sign)); err == nil {
				nc.Close()
				t.Errorf("signed by %s: connected", name)
			}
		}
	}
	if nc, err := nats.Connect(o.URL(), nats.UserInfo("callbus", "x")); err == nil {
		nc.Close()
		t.Error("a user with a password connected, where there are none")
	}
}

func TestAFileThatMakesNoSenseAdmitsNobody(t *testing.T) {
	dir := t.TempDir()
	if err := os.MkdirAll(filepath.Join(dir, tapsFolder), 0o755); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{"empty": "", "text": "hello world", "key": "UABC calls.*"} {
		if err := os.WriteFile(filepath.Join(dir, tapsFolder, name), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if taps, err := Taps(dir); err != nil || len(taps) != 0 {
		t.Errorf("got %v, %v", taps, err)
	}
	if taps, err := Taps(t.TempDir()); err != nil || len(taps) != 0 {
		t.Errorf("a folder without taps: %v, %v", taps, err)
	}
}

func TestATapsKeyIsItsOwnersOnlyAndNeverReplaced(t *testing.T) {
	path := filepath.Join(t.TempDir(), "journal.creds")
	public, err := NewKey(path)
	if err != nil || !strings.HasPrefix(public, "U") {
		t.Fatalf("%s, %v", public, err)
	}
	if info, _ := os.Stat(path); info.Mode().Perm()&0o077 != 0 && os.PathSeparator == '/' {
		t.Errorf("mode %v, want 0600", info.Mode())
	}
	if _, err := NewKey(path); !errors.Is(err, fs.ErrExist) {
		t.Errorf("a second key in one file: %v", err)
	}
	if live := (Tap{Subject: "calls.ended"}).Live(); !slices.Equal(live, []string{"calls.ended", "lines.*.ended"}) {
		t.Errorf("live: %v", live)
	}
}
