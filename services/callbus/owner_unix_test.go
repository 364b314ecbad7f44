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

// asCallbus makes a test's program callbus itself.
const asCallbus = "TEST_IS_CALLBUS"

func TestMain(m *testing.M) {
	if os.Getenv(asCallbus) != "" {
		os.Exit(Main(os.Args[1:]))
	}
	os.Exit(m.Run())
}

// Bug: below /root a service was installed that its user could not start, again and again.
func TestTheServicesUserMustReadProgramAndConfiguration(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root tries what another user may")
	}
	t.Setenv(asCallbus, "1")
	dir := t.TempDir()
	if err := os.Chmod(filepath.Dir(dir), 0o755); err != nil {
		t.Fatal(err)
	}
	place := func(mode os.FileMode) setup.UnitOptions {
		folder := filepath.Join(dir, mode.String())
		unit := setup.UnitOptions{User: "nobody", Program: filepath.Join(folder, "callbus"), Config: filepath.Join(folder, "callbus.yaml")}
		put(t, unit.Config, "data: ./calls\nonec-url: http://server/ws\n")
		put(t, unit.Program, read(t, os.Args[0]))
		for path, mode := range map[string]os.FileMode{unit.Config: 0o644, unit.Program: 0o755, folder: mode} {
			if err := os.Chmod(path, mode); err != nil {
				t.Fatal(err)
			}
		}
		return unit
	}
	open, shut := place(0o755), place(0o700)
	if err := tryAs(open); err != nil {
		t.Errorf("all may be read: %v", err)
	}
	for what, unit := range map[string]setup.UnitOptions{
		"neither":               shut,
		"not the program":       {User: "nobody", Program: shut.Program, Config: open.Config},
		"not the config":        {User: "nobody", Program: open.Program, Config: shut.Config},
		"there is no such user": {User: "nobody-here", Program: open.Program, Config: open.Config},
	} {
		if err := tryAs(unit); err == nil || err.Error() == "" {
			t.Errorf("%s: got %v", what, err)
		} else {
			t.Logf("%s: %v", what, err)
		}
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
