package ingest

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/services/ingest/internal/access"
)

var anywhere = netip.MustParseAddr("192.0.2.1")

func file(t *testing.T, name, text string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// door is a guard on files, and what it said.
type door struct {
	t   *testing.T
	log bytes.Buffer
	*access.Guard
}

func newDoor(t *testing.T, a Access) *door {
	t.Helper()
	d := &door{t: t}
	guard, err := a.guard(zerolog.New(&d.log))
	if err != nil {
		t.Fatal(err)
	}
	d.Guard = guard
	return d
}

func (d *door) admits(what, token string, want error) access.Caller {
	d.t.Helper()
	c, err := d.Admit(anywhere, token)
	if !errors.Is(err, want) {
		d.t.Errorf("%s: got %v, want %v", what, err, want)
	}
	return c
}

func token(t *testing.T, s TokenSecrets, id string) string {
	t.Helper()
	token, err := s.Token(id)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestARotationIsTakenUpWithinASecondAndItsGraceKept(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		path := filepath.Join(t.TempDir(), "phones.secret")
		first := NewTokenSecrets()
		if err := WriteTokenSecrets(path, first); err != nil {
			t.Fatal(err)
		}
		d := newDoor(t, Access{TokenSecret: path})
		d.admits("the first token", token(t, first, "hall"), nil)

		second, err := first.Rotate(time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		if err := WriteTokenSecrets(path, second); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		d.admits("the new token", token(t, second, "hall"), nil)
		if c := d.admits("the old token in its grace", token(t, first, "hall"), nil); time.Until(c.Expires) > time.Hour || c.Expires.IsZero() {
			t.Errorf("the old token expires %v, want within the hour", c.Expires)
		}
		time.Sleep(time.Hour)
		d.admits("the new token later", token(t, second, "hall"), nil)
		d.admits("the old token after its grace", token(t, first, "hall"), access.ErrToken)
		if log := d.log.String(); strings.Count(log, "phones.reread") != 1 || strings.Contains(log, "phones.kept") {
			t.Errorf("log %s, want that the file was read again, once", log)
		}
	})
}

// A hand that slips while the phones call must not lock them out.
func TestABrokenChangeLeavesWhatWasThereBefore(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		secrets := NewTokenSecrets()
		secret := file(t, "phones.secret", secrets.File())
		shared := file(t, "shared", "shared-by-everyone-1\n")
		phones := file(t, "phones.csv", "id,allow\nhall,198.51.100.0/24\n")
		d := newDoor(t, Access{TokenSecret: secret, SharedToken: shared, Phones: phones})
		check := func(when string) {
			t.Helper()
			d.admits(when+": a token", token(t, secrets, "gate"), nil)
			d.admits(when+": a bound token", token(t, secrets, "hall"), access.ErrTokenAddress)
			d.admits(when+": the shared token", "shared-by-everyone-1", nil)
		}
		check("before")
		const slip = "hunter2-hunter2-hunter2 slipped" // good for none of the three
		for _, path := range []string{secret, shared, phones} {
			if err := os.WriteFile(path, []byte(slip), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		time.Sleep(time.Second)
		check("broken")
		// A secret that was named as --phones by mistake must not be shown either.
		if log := d.log.String(); strings.Count(log, "phones.kept") != 3 || strings.Contains(log, slip[:20]) {
			t.Errorf("log %s, want that three files are broken, and not what is in them", log)
		}
		if err := os.WriteFile(phones, []byte("id,allow\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		time.Sleep(time.Second)
		d.admits("mended: no longer bound", token(t, secrets, "hall"), nil)
	})
}

func TestWhatTheDoorAsksIsSaidAtTheStart(t *testing.T) {
	secret := file(t, "phones.secret", NewTokenSecrets().File())
	shared := file(t, "shared", "shared-by-everyone-1\r\n")
	phones := file(t, "phones.csv", "id\nhall\ngate\n")
	for want, a := range map[string]Access{
		`"token":"any","shared":false,"phones":0,"allow":[],"rate":0`:                             {},
		`"token":"required","shared":false,"phones":2,"allow":[],"rate":0`:                        {TokenSecret: secret, Phones: phones},
		`"token":"optional","shared":true,"phones":0,"allow":["10.0.0.0/8","192.0.2.1"],"rate":5`: {SharedToken: shared, TokenOptional: true, Rate: 5, Allow: config.List{Values: []string{"10.0.0.0/8", "192.0.2.1"}}},
	} {
		if d := newDoor(t, a); !strings.Contains(d.log.String(), want) || !strings.Contains(d.log.String(), "phones.access") {
			t.Errorf("log %s, want %s", d.log.String(), want)
		}
	}
}

func TestASecretThatEverybodyCanReadIsWarnedOf(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("its permission bits say nothing about it")
	}
	path := file(t, "shared", "shared-by-everyone-1")
	if d := newDoor(t, Access{SharedToken: path}); strings.Contains(d.log.String(), "phones.exposed") {
		t.Errorf("log %s, want no warning of a file that is one's own", d.log.String())
	}
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	if d := newDoor(t, Access{SharedToken: path}); !strings.Contains(d.log.String(), "phones.exposed") {
		t.Errorf("log %s, want a warning", d.log.String())
	}
}

func TestAccessThatMakesNoSenseIsRefused(t *testing.T) {
	secret := file(t, "phones.secret", NewTokenSecrets().File())
	for want, a := range map[string]Access{
		"--token-optional belongs to":        {TokenOptional: true},
		"--phones belongs to":                {SharedToken: "x", Phones: "y"},
		"--rate-limit":                       {Rate: -1},
		`--allow: "office" is no network`:    {Allow: config.List{Values: []string{"office"}}},
		"--token-secret: read the secret":    {TokenSecret: filepath.Join(t.TempDir(), "none")},
		"line 1: the secret is not":          {TokenSecret: file(t, "s", "hunter2")},
		"want one line with 16 to 64":        {SharedToken: file(t, "s", "hunter2")},
		"--shared-token-file: ":              {SharedToken: file(t, "s", "two words of sixteen letters")},
		"--phones: ":                         {TokenSecret: secret, Phones: filepath.Join(t.TempDir(), "none")},
		"phones.csv: line 1: unknown column": {TokenSecret: secret, Phones: file(t, "phones.csv", "colour\n")},
	} {
		_, err := a.guard(zerolog.Nop())
		if err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}

func TestSecretFilesAreTheirOwnersAndWhole(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "data")
	path := filepath.Join(dir, "phones.secret")
	for range 2 { // the second time in place of the first
		if err := WriteTokenSecrets(path, NewTokenSecrets()); err != nil {
			t.Fatal(err)
		}
	}
	shared := filepath.Join(dir, "shared")
	one, err := NewSharedToken(shared)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := NewSharedToken(shared); err == nil {
		t.Error("a shared token in use was replaced")
	}
	if got, err := ReadSharedToken(shared); err != nil || got != one {
		t.Errorf("the shared token reads as %q, %v, want %q", got, err, one)
	}
	left, err := os.ReadDir(dir)
	if err != nil || len(left) != 2 {
		t.Errorf("in the folder are %v, %v, want the two files", left, err)
	}
	for _, f := range left {
		if info, err := f.Info(); err != nil || runtime.GOOS != "windows" && info.Mode().Perm() != 0o600 {
			t.Errorf("%s: %v, %v, want 0600", f.Name(), info.Mode(), err)
		}
	}
}
