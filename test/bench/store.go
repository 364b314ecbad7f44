package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/broker"
	"github.com/callbus/callbus/internal/stream"
)

// door is a running ingest, or office.
type door struct {
	*process
	phones, admin, nats, store string
}

// creds is the key of its store.
func (d door) creds() string { return filepath.Join(d.store, broker.CredsFile) }

// room for a million events.
const room = "4GiB"

// ingest starts one on a store.
func (b *bench) ingest(ctx context.Context, name, store string) (door, error) {
	d := door{phones: freeAddr(), admin: freeAddr(), nats: freeAddr(), store: store}
	var err error
	d.process, err = b.service(name, "ingest", "--store", store, "--http", d.phones, "--admin", d.admin, "--nats-listen", d.nats, "--store-max", room)
	if err != nil {
		return d, err
	}
	return d, d.ready(ctx, d.admin)
}

// office starts callbus up on a store.
func (b *bench) office(ctx context.Context, name, store, onec string, args ...string) (door, error) {
	d := door{phones: freeAddr(), admin: freeAddr(), nats: freeAddr(), store: store}
	var err error
	d.process, err = b.start(name, b.binary("callbus"), append([]string{"up", "--data", store, "--http", d.phones, "--admin", d.admin, "--nats-listen", d.nats,
		"--store-max", room, "--onec-url", onec, "--log-format", "json"}, args...)...)
	if err != nil {
		return d, err
	}
	return d, d.ready(ctx, d.admin)
}

// connect makes a client of the door's store.
func (d door) connect(ctx context.Context) (*nats.Conn, jetstream.JetStream, error) {
	nc, err := stream.Connect(stream.ConnectOptions{Name: "bench", URL: "nats://" + d.nats, Creds: d.creds()})
	if err != nil {
		return nil, nil, err
	}
	err = d.until(ctx, "open to the bench's client", func() error {
		if nc.IsConnected() {
			return nil
		}
		return errors.Join(errors.New("not connected"), nc.LastError())
	})
	if err != nil {
		nc.Close()
		return nil, nil, err
	}
	js, err := jetstream.New(nc, jetstream.WithPublishAsyncMaxPending(4000))
	return nc, js, err
}

// messages counts what a stream of the store holds.
func (d door) messages(ctx context.Context, name string) (uint64, error) {
	nc, js, err := d.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer nc.Close()
	s, err := js.Stream(ctx, name)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return 0, nil
	}
	if err != nil {
		return 0, err
	}
	return s.CachedInfo().State.Msgs, nil
}

// stored makes a store that holds n events of some lines, as ingest would have written them an hour ago, and returns its folder:
// made in memory by the real program, and copied to the disk. Event i is of line 100000+i%lines, its other side is remote(i).
func (b *bench) stored(ctx context.Context, n, lines int, event string) (string, error) {
	dir, err := b.folder("store")
	if err != nil || n == 0 {
		return dir, err
	}
	made := filepath.Join(dir, "made")
	if b.memory != "" {
		made = filepath.Join(b.memory, "made")
	}
	defer os.RemoveAll(made)
	if err := b.makeStore(ctx, made, n, lines, event); err != nil {
		return "", fmt.Errorf("make a store of %d events: %w", n, err)
	}
	final := filepath.Join(dir, "data")
	if err := os.CopyFS(final, os.DirFS(made)); err != nil {
		return "", err
	}
	// Or the disk would still be writing it while something is measured.
	return final, exec.CommandContext(ctx, "sync").Run()
}

// A hit of the line that stands for all, and what of it each event has for itself.
const (
	hitOf       = "/yealink/%s?mac=0015650000aa&acc=" + modelLine + "&remote=sip:%%2B7495" + modelCaller + "@pbx.example&name=Ivan%%20Petrov&cid=c" + modelCaller
	modelLine   = "990001"
	modelCaller = "8887776"
)

// remote is the other side of event i, as 1C gets it.
func remote(i int) string { return fmt.Sprintf("sip:+7495%07d@pbx.example", i) }

func get(url string) error {
	answer, err := http.Get(url)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusOK {
		return fmt.Errorf("GET %s: %s", url, answer.Status)
	}
	return nil
}

func (b *bench) makeStore(ctx context.Context, dir string, n, lines int, event string) error {
	d := door{phones: freeAddr(), admin: freeAddr(), nats: freeAddr(), store: dir}
	var err error
	d.process, err = b.start("made", b.binary("ingest"), "--store", dir, "--http", d.phones, "--admin", d.admin, "--nats-listen", d.nats, "--store-max", room)
	if err != nil {
		return err
	}
	defer d.kill()
	if err := d.ready(ctx, d.admin); err != nil {
		return err
	}
	if err := get("http://" + d.phones + fmt.Sprintf(hitOf, event)); err != nil {
		return err
	}
	if err := d.multiply(ctx, n, lines); err != nil {
		return err
	}
	return d.stop()
}

// multiply stores n copies of the one event that is there, each with an id, a line and a caller of its own, and takes the original out. They
// are given no id to be known by: those of a store that has grown for weeks are long forgotten.
func (d door) multiply(ctx context.Context, n, lines int) error {
	nc, js, err := d.connect(ctx)
	if err != nil {
		return err
	}
	defer nc.Close()
	calls, err := js.Stream(ctx, stream.Calls)
	if err != nil {
		return err
	}
	model, err := calls.GetMsg(ctx, 1)
	if err != nil {
		return err
	}
	e, err := stream.Decode(model.Data)
	if err != nil {
		return err
	}
	model.Header.Del(nats.MsgIdHdr)
	for i := range n {
		id := e.ID[:24] + fmt.Sprintf("%012d", i)
		line := fmt.Sprint(100000 + i%lines)
		swap := func(s string) string { return string(swapped([]byte(s), e.ID, id, line, i)) }
		m := nats.NewMsg(model.Subject)
		for key, values := range model.Header {
			m.Header[key] = []string{swap(values[0])}
		}
		m.Data = swapped(model.Data, e.ID, id, line, i)
		if _, err := js.PublishMsgAsync(m); err != nil {
			return err
		}
	}
	select {
	case <-js.PublishAsyncComplete():
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(time.Minute):
		return errors.New("the events are not all stored")
	}
	if err := calls.DeleteMsg(ctx, 1); err != nil {
		return err
	}
	info, err := calls.Info(ctx)
	if err == nil && info.State.Msgs != uint64(n) {
		err = fmt.Errorf("%d events of %d are stored", info.State.Msgs, n)
	}
	return err
}

func swapped(b []byte, id, newID, line string, i int) []byte {
	b = bytes.ReplaceAll(b, []byte(id), []byte(newID))
	b = bytes.ReplaceAll(b, []byte(modelLine), []byte(line))
	return bytes.ReplaceAll(b, []byte(modelCaller), fmt.Appendf(nil, "%07d", i))
}
