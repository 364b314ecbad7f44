//go:build unix

package callbus

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"

	"github.com/callbus/callbus/services/callbus/internal/setup"
)

// serviceUser owns the folder, unless that is root: Callbus needs none of root's rights.
func serviceUser(dir string) string {
	info, err := os.Stat(dir)
	if err != nil {
		return serviceName
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok || stat.Uid == 0 {
		return serviceName
	}
	owner, err := user.LookupId(strconv.Itoa(int(stat.Uid)))
	if err != nil {
		return serviceName
	}
	return owner.Username
}

// prepare makes the user, where there is none, and gives it the folder that Callbus writes to and the secrets that it reads.
func prepare(o *office, unit setup.UnitOptions) error {
	who, err := user.Lookup(unit.User)
	var unknown user.UnknownUserError
	if errors.As(err, &unknown) {
		if out, err := exec.Command("useradd", "--system", "--no-create-home", "--shell", "/usr/sbin/nologin", unit.User).CombinedOutput(); err != nil {
			return fmt.Errorf("make the user %s: %w: %s", unit.User, err, out)
		}
		who, err = user.Lookup(unit.User)
	}
	if err != nil {
		return err
	}
	uid, _ := strconv.Atoi(who.Uid)
	gid, _ := strconv.Atoi(who.Gid)
	if err := os.MkdirAll(unit.Data, 0o750); err != nil {
		return err
	}
	secrets, err := o.adapter.PasswordFiles()
	if err != nil {
		return err
	}
	access := o.ingest.Access
	for _, path := range append(secrets, unit.Data, access.TokenSecret, access.SharedToken, o.ingest.TLSKey) {
		if path == "" {
			continue
		}
		if err := filepath.WalkDir(path, func(path string, _ fs.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, uid, gid))
		}); err != nil {
			return fmt.Errorf("give it to %s: %w", unit.User, err)
		}
	}
	return nil
}
