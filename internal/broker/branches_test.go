package broker

import (
	"errors"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// branch lets a branch in, and connects it.
func (o *office) branch(t *testing.T) *nats.Conn {
	t.Helper()
	o.key = filepath.Join(t.TempDir(), "b2.creds")
	public, err := NewKey(o.key)
	if err != nil {
		t.Fatal(err)
	}
	if err := AdmitBranch(o.dir, Branch{Name: "b2", Key: public}); err != nil {
		t.Fatal(err)
	}
	return o.tap(t)
}

func TestABranchStoresItsCallsAndLooksThemUp(t *testing.T) {
	o := newOffice(t, "calls.*")
	nc := o.branch(t)
	guest, err := nats.Connect(o.URL(), nats.Timeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	defer guest.Close()
	heard, _ := guest.SubscribeSync("lines.>")
	if err := guest.Flush(); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.NewWithAPIPrefix(nc, API)
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second is known by its id
		ack, err := js.PublishMsg(t.Context(), &nats.Msg{Subject: "calls.incoming", Data: []byte("of the branch")}, jetstream.WithMsgID("one"))
		if err != nil || ack.Stream != "CALLS" || ack.Sequence != 3 {
			t.Fatalf("store a call: %+v, %v", ack, err)
		}
	}
	calls, err := js.Stream(t.Context(), "CALLS")
	if err != nil || calls.CachedInfo().State.LastSeq != 3 {
		t.Fatalf("ask how far CALLS is: %v", err)
	}
	if m, err := calls.GetMsg(t.Context(), 3); err != nil || string(m.Data) != "of the branch" || m.Header.Get(nats.MsgIdHdr) != "one" {
		t.Errorf("look a call up: %v, %v", m, err)
	}
	if err := nc.Publish("lines.101.incoming", []byte("ring")); err != nil {
		t.Fatal(err)
	}
	if m, err := heard.NextMsg(30 * time.Second); err != nil || string(m.Data) != "ring" {
		t.Errorf("a guest heard %v of it live (%v)", m, err)
	}
}

func TestABranchCanDoNothingElse(t *testing.T) {
	o := newOffice(t, "calls.*")
	nc := o.branch(t)
	o.wantNothingDone(t, nc, map[string]string{
		"hits.rejected":                                     "{}",
		"phones.registered":                                 "{}",
		"again.main.incoming":                               "{}",
		"onec.delivered.main.1-0":                           "{}",
		"$KV.TARGETS.main":                                  "{}",
		"$JS.API.INFO":                                      "",
		"$JS.API.STREAM.NAMES":                              "",
		"$JS.API.STREAM.INFO.CALLS":                         "",
		"$JS.API.STREAM.MSG.GET.CALLS":                      `{"seq":1}`,
		"CALLBUS.STREAM.INFO.ONEC":                          "",
		"CALLBUS.STREAM.MSG.GET.ONEC":                       `{"seq":1}`,
		"CALLBUS.STREAM.MSG.DELETE.CALLS":                   `{"seq":1}`,
		"CALLBUS.CONSUMER.CREATE.CALLS.onec-main-1-0":       `{"stream_name":"CALLS","config":{"durable_name":"onec-main-1-0"}}`,
		"$JS.API.STREAM.PURGE.CALLS":                        "",
		"$JS.API.STREAM.DELETE.CALLS":                       "",
		"$JS.API.STREAM.UPDATE.CALLS":                       `{"name":"CALLS","subjects":["calls.*","onec.>"]}`,
		"$JS.API.STREAM.CREATE.MINE":                        `{"name":"MINE","subjects":["x"]}`,
		"$JS.API.STREAM.MSG.DELETE.CALLS":                   `{"seq":1}`,
		"$JS.API.DIRECT.GET.CALLS":                          `{"seq":1}`,
		"$JS.API.CONSUMER.CREATE.CALLS.tap-journal.calls.*": `{"stream_name":"CALLS","config":{"durable_name":"tap-journal","deliver_subject":"onec.delivered.main.1-0"}}`,
		"$JS.API.CONSUMER.CREATE.CALLS.onec-main-1-0":       `{"stream_name":"CALLS","config":{"durable_name":"onec-main-1-0"}}`,
		"$JS.API.CONSUMER.DURABLE.CREATE.CALLS.other":       `{"stream_name":"CALLS","config":{"durable_name":"other"}}`,
		"$JS.API.CONSUMER.DELETE.CALLS.onec-main-1-0":       "",
		"$JS.API.CONSUMER.INFO.CALLS.onec-main-1-0":         "",
		"$JS.API.CONSUMER.MSG.NEXT.CALLS.onec-main-1-0":     "1",
		"$JS.API.CONSUMER.MSG.NEXT.CALLS.tap-journal":       "1",
		"$JS.API.CONSUMER.UNPIN.CALLS.onec-main-1-0":        `{"group":"owner"}`,
		"$JS.API.CONSUMER.RESET.CALLS.onec-main-1-0":        `{"seq":1}`,
		"$JS.ACK.CALLS.onec-main-1-0.1.1.1.1.0":             "+ACK",
		"lines.101":                                         "{}",
		"calls.incoming.x":                                  "{}",
		"callbus.status.main":                               "",
		"_INBOX.somebody":                                   "{}",
	}, ">", "calls.>", "lines.>", "*.incoming", "onec.>", "hits.>", "phones.>", "again.>", "$JS.>", "$KV.>", "_R_.>", "callbus.>")
	if js, err := jetstream.New(o.conn); err != nil {
		t.Fatal(err)
	} else if _, err := js.Stream(t.Context(), "MINE"); !errors.Is(err, jetstream.ErrStreamNotFound) {
		t.Errorf("a stream was made: %v", err)
	}
}

// Bug: with rights in the account of the streams, what was looked up went wherever a branch wished: into the endings, the registry, or to an
// adapter's consumer as its acknowledgement.
func TestWhatABranchAsksForGoesNowhereElse(t *testing.T) {
	o := newOffice(t, "calls.*")
	if _, err := o.service.CreateKeyValue(t.Context(), jetstream.KeyValueConfig{Bucket: "TARGETS"}); err != nil {
		t.Fatal(err)
	}
	other, err := o.service.Consumer(t.Context(), "CALLS", "onec-main-1-0")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := other.Next(); err != nil { // in hand, for an acknowledgement to let go
		t.Fatal(err)
	}
	everything, err := o.conn.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	nc, before := o.branch(t), o.state(t)
	spoof := []string{
		"onec.delivered.main.1-0", "$KV.TARGETS.main", "hits.rejected", "again.main.incoming", "_INBOX.somebody", "callbus.status.main",
		"$JS.API.STREAM.DELETE.CALLS", "$JS.API.STREAM.PURGE.CALLS", "$JS.API.CONSUMER.DELETE.CALLS.onec-main-1-0", "$JS.ACK.CALLS.onec-main-1-0.1.1.1.1.0",
	}
	published := uint64(0)
	for _, reply := range spoof {
		for subject, payload := range map[string]string{
			"CALLBUS.STREAM.INFO.CALLS":    "",
			"CALLBUS.STREAM.MSG.GET.CALLS": `{"seq":1}`,
			"calls.incoming":               "+ACK",
			"lines.101.incoming":           "+ACK",
		} {
			if err := nc.PublishRequest(subject, reply, []byte(payload)); err != nil {
				t.Fatal(err)
			}
		}
		published++
		m := &nats.Msg{Subject: "calls.incoming", Header: nats.Header{"Nats-Trace-Dest": {reply}}, Data: []byte("traced")}
		if err := nc.PublishMsg(m); err != nil {
			t.Fatal(err)
		}
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	js, err := jetstream.NewWithAPIPrefix(nc, API)
	if err != nil {
		t.Fatal(err)
	}
	last, err := js.Publish(t.Context(), "calls.incoming", []byte("the last")) // whatever came before it has been answered
	if err != nil {
		t.Fatal(err)
	}
	if after := o.state(t); after[1] != before[1] || after[0] != last.Sequence || last.Sequence < before[0]+published || last.Sequence > before[0]+2*published+1 {
		t.Errorf("CALLS and ONEC end at %v, before at %v; want in CALLS what was published", after, before)
	}
	if info, err := other.Info(t.Context()); err != nil || info.NumAckPending != 1 || info.AckFloor.Stream != 0 {
		t.Errorf("the adapter's consumer was touched: %+v, %v", info, err)
	}
	if kv, err := o.service.KeyValue(t.Context(), "TARGETS"); err != nil {
		t.Error(err)
	} else if keys, _ := kv.Keys(t.Context()); len(keys) > 0 {
		t.Errorf("the registry has %v", keys)
	}
	if err := o.conn.Flush(); err != nil {
		t.Fatal(err)
	}
	for n, _, _ := everything.Pending(); n > 0; n-- {
		m, err := everything.NextMsg(time.Second)
		if err != nil {
			t.Fatal(err)
		}
		for _, reply := range spoof {
			if m.Subject == reply {
				t.Errorf("%q came on %s", m.Data, m.Subject)
			}
		}
	}
}

func TestADismissedBranchIsPutOutAndStaysOut(t *testing.T) {
	o := newOffice(t, "calls.*")
	nc := o.branch(t)
	if known, err := Branches(o.dir); err != nil || len(known) != 1 || known[0].Name != "b2" {
		t.Fatalf("branches %v, %v", known, err)
	}
	if err := DismissBranch(o.dir, "b2"); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(30 * time.Second); nc.IsConnected() && time.Now().Before(deadline); time.Sleep(10 * time.Millisecond) {
	}
	key, _ := nats.NkeyOptionFromSeed(o.key)
	if again, err := nats.Connect(o.URL(), key); err == nil {
		again.Close()
		t.Error("a branch that was dismissed connected")
	}
	if nc.IsConnected() || !o.conn.IsConnected() || o.conn.Stats().Reconnects != 0 {
		t.Error("want the branch put out, and nobody else")
	}
}
