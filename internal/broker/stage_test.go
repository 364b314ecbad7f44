package broker

import (
	"encoding/json"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
)

// batched starts a broker with a stream that takes batches, and returns the stream's folder.
func batched(t *testing.T, dir string) (b *Broker, folder string) {
	t.Helper()
	b = started(t, Options{Dir: dir})
	nc, err := nats.Connect("", nats.InProcessServer(b), serviceOption(t, b))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	js, err := jetstream.New(nc)
	if err == nil {
		_, err = js.CreateOrUpdateStream(t.Context(), jetstream.StreamConfig{Name: "S", Subjects: []string{"s"}, AllowAtomicPublish: true})
	}
	if err != nil {
		t.Fatal(err)
	}
	folders, err := fs.Glob(os.DirFS(dir), "nats/jetstream/*/streams/S")
	if err != nil || len(folders) != 1 {
		t.Fatalf("folders of the stream: %v (%v)", folders, err)
	}
	return b, filepath.Join(dir, folders[0])
}

func inMemory(t *testing.T, b *Broker, streams ...string) {
	t.Helper()
	if _, err := os.Stat(memory); err != nil {
		t.Skipf("no folder in memory: %v", err)
	}
	if !b.Stage(streams...) {
		t.Fatal("there is a folder in memory, and it was not taken")
	}
}

func TestBatchesAreStagedInAFolderInMemoryThatGoesWithTheBroker(t *testing.T) {
	b, folder := batched(t, t.TempDir())
	inMemory(t, b, "S")
	to, err := os.Readlink(filepath.Join(folder, stageFolder))
	if err != nil {
		t.Fatal(err)
	}
	if info, err := os.Stat(filepath.Dir(to)); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%s: %v (%v), want it readable by nobody else", to, info.Mode(), err)
	}
	if !b.Stage("S") {
		t.Error("a second user of the broker is told that there is none")
	}
	if err := b.Stop(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(filepath.Dir(to)); !os.IsNotExist(err) {
		t.Errorf("it is still there: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(folder, stageFolder)); !os.IsNotExist(err) {
		t.Errorf("the link is still there: %v", err)
	}
}

func TestAStoreWhoseNameHasBracketsIsStaged(t *testing.T) {
	b, _ := batched(t, filepath.Join(t.TempDir(), "store [1]"))
	inMemory(t, b, "S")
}

// As where a backup of a store is tried on the machine that it was made on, while that store is at work.
func TestACopyOfAStoreLeavesTheStageOfTheOtherBrokerAlone(t *testing.T) {
	b, folder := batched(t, t.TempDir())
	inMemory(t, b, "S")
	to, err := os.Readlink(filepath.Join(folder, stageFolder))
	if err != nil {
		t.Fatal(err)
	}
	copied := t.TempDir()
	theirs := filepath.Join(copied, "nats", "jetstream", "$G", "streams", "S")
	if err := os.MkdirAll(theirs, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(to, filepath.Join(theirs, stageFolder)); err != nil {
		t.Fatal(err)
	}
	dropStaged(filepath.Join(copied, "nats"))
	if _, err := os.Stat(to); err != nil {
		t.Errorf("the stage of a broker that is at work: %v", err)
	}
	if _, err := os.Lstat(filepath.Join(theirs, stageFolder)); !os.IsNotExist(err) {
		t.Errorf("the copy still has the link: %v", err)
	}
}

// As after a kill: the link is there, and the folder, or after a power cut the link alone.
func TestWhatAKilledBrokerHasStagedIsRemovedAndStagedAnew(t *testing.T) {
	for _, power := range []string{"on", "cut"} {
		t.Run(power, func(t *testing.T) {
			dir := t.TempDir()
			b, folder := batched(t, dir)
			inMemory(t, b, "S")
			if err := b.Stop(); err != nil {
				t.Fatal(err)
			}
			left, err := os.MkdirTemp(memory, stagePrefix)
			if err != nil {
				t.Fatal(err)
			}
			defer os.RemoveAll(left)
			link := filepath.Join(folder, stageFolder)
			_ = os.Remove(link)
			if err := os.Symlink(filepath.Join(left, "S"), link); err != nil {
				t.Fatal(err)
			}
			if power == "cut" {
				if err := os.RemoveAll(left); err != nil {
					t.Fatal(err)
				}
			}
			again, _ := batched(t, dir)
			inMemory(t, again, "S")
			if _, err := os.Stat(left); !os.IsNotExist(err) {
				t.Errorf("%s is still there: %v", left, err)
			}
			if err := again.Health(); err != nil {
				t.Error(err)
			}
		})
	}
}

// storesABatch sends two messages as one atomic batch, and reports whether the server has stored them so.
func storesABatch(t *testing.T, b *Broker) bool {
	t.Helper()
	nc, err := nats.Connect("", nats.InProcessServer(b), serviceOption(t, b))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	id := nats.NewInbox()
	first := &nats.Msg{Subject: "s", Header: nats.Header{"Nats-Batch-Id": {id}, "Nats-Batch-Sequence": {"1"}}}
	if err := nc.PublishMsg(first); err != nil {
		t.Fatal(err)
	}
	last := &nats.Msg{Subject: "s", Header: nats.Header{"Nats-Batch-Id": {id}, "Nats-Batch-Sequence": {"2"}, "Nats-Batch-Commit": {"1"}}}
	answer, err := nc.RequestMsg(last, patience)
	if err != nil {
		t.Fatal(err)
	}
	var ack struct {
		Count int `json:"count"`
	}
	if err := json.Unmarshal(answer.Data, &ack); err != nil {
		t.Fatal(err)
	}
	return ack.Count == 2
}

// As systemd does when an ordinary user has logged out, and whoever tidies up.
func TestAStageThatSomebodyHasRemovedIsMadeAnew(t *testing.T) {
	for name, remove := range map[string]func(stage string) error{
		"all of it":       os.RemoveAll,
		"a stream's part": func(stage string) error { return os.Remove(filepath.Join(stage, "S")) },
		"another's is there": func(stage string) error {
			return errors.Join(os.RemoveAll(stage), os.MkdirAll(filepath.Join(stage, "S"), 0o700))
		},
	} {
		t.Run(name, func(t *testing.T) {
			b, folder := batched(t, t.TempDir())
			inMemory(t, b, "S")
			if !b.Staged() || !storesABatch(t, b) {
				t.Fatal("it is not staged")
			}
			gone := b.stage.Path()
			defer os.RemoveAll(gone)
			if err := remove(gone); err != nil {
				t.Fatal(err)
			}
			if b.Staged() {
				t.Error("what was removed is said to be there")
			}
			inMemory(t, b, "S")
			if !b.Staged() || !storesABatch(t, b) {
				t.Error("it is not staged anew")
			}
			to, err := os.Readlink(filepath.Join(folder, stageFolder))
			if err != nil || filepath.Dir(to) == gone {
				t.Errorf("the stream is led to %s (%v), as before", to, err)
			}
			if _, err := os.Stat(gone); !os.IsNotExist(err) {
				t.Errorf("the rest of the old one is still there: %v", err)
			}
		})
	}
}

func TestWhereNoStageCanBeMadeAnewBatchesAreStagedOnDisk(t *testing.T) {
	b, folder := batched(t, t.TempDir())
	inMemory(t, b, "S")
	if err := os.RemoveAll(b.stage.Path()); err != nil {
		t.Fatal(err)
	}
	if storesABatch(t, b) {
		t.Fatal("a batch was stored without its stage: nothing of this is needed any more")
	}
	obstacle := filepath.Join(folder, stageFolder+".new", "x")
	if err := os.MkdirAll(obstacle, 0o700); err != nil {
		t.Fatal(err)
	}
	if b.Stage("S") || b.Staged() {
		t.Error("it could be made anew")
	}
	if !storesABatch(t, b) {
		t.Error("the server refuses batches")
	}
}

func TestAStartSweepsUpWhatKilledBrokersHaveLeft(t *testing.T) {
	b, _ := batched(t, t.TempDir())
	left := func(pattern string, age time.Duration) string {
		dir, err := os.MkdirTemp(memory, pattern)
		if err != nil {
			t.Skipf("no folder in memory: %v", err)
		}
		t.Cleanup(func() { os.RemoveAll(dir) })
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "CALLS"), 0o700), os.Chtimes(dir, time.Time{}, time.Now().Add(-age))); err != nil {
			t.Fatal(err)
		}
		return dir
	}
	atWork := left(stagePrefix, 0)
	held := holder(atWork)
	if ok, err := held.TryLock(); !ok {
		t.Fatal(err)
	}
	defer held.Unlock()
	if err := os.Chtimes(atWork, time.Time{}, time.Now().Add(-time.Hour)); err != nil {
		t.Fatal(err)
	}
	killed := left(stagePrefix, time.Hour)
	stay := map[string]string{"a broker at work": atWork, "one that is just starting": left(stagePrefix, 0), "another program": left(stagePrefix+"bench-", time.Hour)}
	inMemory(t, b, "S")
	if _, err := os.Stat(killed); !os.IsNotExist(err) {
		t.Errorf("what a killed broker has left is still there: %v", err)
	}
	for whose, dir := range stay {
		if _, err := os.Stat(dir); err != nil {
			t.Errorf("the folder of %s: %v", whose, err)
		}
	}
}

func TestAStreamThatIsNotThereIsNotStaged(t *testing.T) {
	b, folder := batched(t, t.TempDir())
	if b.Stage("S", "NONE") {
		t.Error("staged for a stream that is not there")
	}
	if _, err := os.Lstat(filepath.Join(folder, stageFolder)); !os.IsNotExist(err) {
		t.Errorf("the other stream's link leads to a folder that is gone: %v", err)
	}
}
