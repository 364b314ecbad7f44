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
	"strings"
	"syscall"

	"github.com/kardianos/service"

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

// tryAs lets the unit's user read program and configuration as the service will: the program itself, short of its work. A
// folder such as /root, which only root may enter, would make a service that is started again for ever.
func tryAs(unit setup.UnitOptions) error {
	who, err := user.Lookup(unit.User)
	if err != nil {
		return err
	}
	uid, _ := strconv.ParseUint(who.Uid, 10, 32)
	gid, _ := strconv.ParseUint(who.Gid, 10, 32)
	cmd := exec.Command(unit.Program, "service", "install", "--print", "--config", unit.Config, "--user", unit.User)
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
	if _, err := cmd.Output(); err != nil {
		var ended *exec.ExitError
		if errors.As(err, &ended) {
			err = errors.New(strings.TrimSpace(string(ended.Stderr)))
		}
		return err
	}
	return nil
}

// running asks systemd itself: to the library a service that waits for its next start runs.
func running(service.Service) bool {
	state, err := exec.Command("systemctl", "show", "--property=SubState", "--value", serviceName).Output()
	return err == nil && strings.TrimSpace(string(state)) == "running"
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
