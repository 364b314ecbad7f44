//go:build unix

package callbus

import (
	"os"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"testing"

	"github.com/callbus/callbus/services/callbus/internal/setup"
)

func TestTheServicesUserOwnsTheFolderAndIsNeverRoot(t *testing.T) {
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	want := me.Username
	if me.Uid == "0" {
		want = "callbus"
	}
	if got := serviceUser(t.TempDir()); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got := serviceUser("/"); got != "callbus" {
		t.Errorf("root's folder: got %s", got)
	}
	if got := serviceUser("no/such/folder"); got != "callbus" {
		t.Errorf("no folder: got %s", got)
	}
}

func TestTheServicesUserGetsDataAndSecrets(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		t.Skip(err)
	}
	dir := t.TempDir()
	password, data := filepath.Join(dir, "password.txt"), filepath.Join(dir, "calls")
	if err := os.WriteFile(password, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	o := &office{}
	o.adapter.Single.Name, o.adapter.Single.URL, o.adapter.Single.PasswordFile = "main", "http://server/ws", password
	if err := prepare(o, setup.UnitOptions{User: "nobody", Data: data}); err != nil {
		t.Fatal(err)
	}
	for _, path := range []string{password, data} {
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Sys().(*syscall.Stat_t).Uid; strconv.Itoa(int(got)) != nobody.Uid {
			t.Errorf("%s belongs to %d, want nobody's %s", path, got, nobody.Uid)
		}
	}
}
