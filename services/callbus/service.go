package callbus

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"time"

	"github.com/kardianos/service"

	"github.com/callbus/callbus/internal/config"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/setup"
)

const serviceName = "callbus"

// serviceCommand is callbus service install, remove or status.
type serviceCommand struct {
	fs     *flag.FlagSet
	tongue *lang.Lang
	out    io.Writer
	config string
	user   string
	print  bool
	reads  bool // changes nothing
}

func manageService(args []string) int {
	verb, args := takeVerb(args, "install", "remove", "status")
	c := &serviceCommand{fs: flag.NewFlagSet("callbus service "+verb, flag.ContinueOnError), out: os.Stdout}
	c.tongue = lang.Flag(c.fs)
	var work func() error
	switch verb {
	case "install":
		c.fs.StringVar(&c.config, "config", "./"+setup.ConfigFile, "the file for callbus up --config")
		c.fs.StringVar(&c.user, "user", "", "user that Callbus runs as (Linux); default the owner of the file's folder, or callbus where that is root")
		c.fs.BoolVar(&c.print, "print", false, "show what would be installed, and install nothing")
		work = c.install
	case "remove":
		work = c.remove
	case "status":
		c.reads, work = true, c.status
	default:
		fmt.Fprintln(os.Stderr, "callbus service:", spoken(args).Say("want install, remove or status", "нужно: install, remove или status"))
		return 2
	}
	switch err := parseOwn(c.fs, args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		fmt.Fprintf(os.Stderr, "%s: %s\n", c.fs.Name(), c.tongue.Wrong(err))
		return 2
	}
	if err := work(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", c.fs.Name(), c.tongue.Wrong(err))
		return 1
	}
	return 0
}

// parseOwn is config.Parse for a command whose --config is another program's file.
func parseOwn(fs *flag.FlagSet, args []string) error {
	var wrong error
	fs.VisitAll(func(f *flag.Flag) {
		if value, ok := os.LookupEnv("CALLBUS_" + strings.ToUpper(f.Name)); ok {
			wrong = errors.Join(wrong, f.Value.Set(value))
		}
	})
	if wrong != nil {
		return wrong
	}
	if err := fs.Parse(args); err != nil {
		return err
	}
	if fs.NArg() > 0 {
		return fmt.Errorf("unexpected argument: %s", strings.Join(fs.Args(), " "))
	}
	return nil
}

// serviceConfig describes the service to the library.
func serviceConfig(args []string) *service.Config {
	return &service.Config{
		Name: serviceName, DisplayName: "Callbus", Description: "Phone calls into 1C",
		Arguments: append([]string{"up"}, args...),
		Option:    service.KeyValue{"OnFailure": "restart", "OnFailureDelayDuration": "2s"},
	}
}

// install checks the configuration first: a service that ends at its start is started again for ever.
func (c *serviceCommand) install() error {
	o, unit, err := c.read()
	if err != nil {
		return err
	}
	if c.print {
		return c.show(unit)
	}
	cfg := serviceConfig([]string{"--config", unit.Config})
	cfg.Option["SystemdScript"] = setup.Unit(unit)
	s, err := c.manager(cfg)
	if err != nil {
		return err
	}
	if err := prepare(o, unit); err != nil {
		return err
	}
	if err := tryAs(unit); err != nil {
		return errors.New(c.tongue.Sayf("the user %s cannot run it with its configuration: %v. Nothing is installed; put callbus and its files where that user may read them, such as /opt/callbus, and not below /root",
			"пользователь %s не может запустить Callbus с этим файлом: %v. Служба не установлена; положите callbus и его файлы туда, где этот пользователь может их читать, например в /opt/callbus, но не в /root", unit.User, err))
	}
	if err := s.Install(); err != nil {
		return fmt.Errorf("%w (%s)", err, c.tongue.Say("callbus service remove takes away one that is there", "установленную раньше убирает callbus service remove"))
	}
	if err := s.Start(); err != nil {
		return err
	}
	if !stays(func() bool { return running(s) }) {
		return errors.New(c.tongue.Say("installed, and it ends as soon as it is started. ", "служба установлена, но завершается сразу после запуска. ") + c.log())
	}
	fmt.Fprintln(c.out, c.tongue.Say("Callbus is installed as a service and starts with this machine.", "Callbus установлен службой и запускается вместе с машиной."))
	fmt.Fprintln(c.out, c.log())
	return nil
}

// stays looks for a while whether a service that was started goes on: one that ends is started again after two seconds, for ever.
func stays(running func() bool) bool {
	for range 6 {
		time.Sleep(500 * time.Millisecond)
		if !running() {
			return false
		}
	}
	return true
}

// read takes the configuration as callbus up would, and makes of it what a unit needs.
func (c *serviceCommand) read() (*office, setup.UnitOptions, error) {
	var u setup.UnitOptions
	file, err := filepath.Abs(c.config)
	if err != nil {
		return nil, u, err
	}
	o := &office{}
	fs := o.fileFlags()
	// The environment of this command is not the service's, so no variables are read.
	if err := config.Parse(fs, []string{"--config", file}, "NOBODY_SETS_THIS"); err != nil {
		return nil, u, err
	}
	if err := os.Chdir(filepath.Dir(file)); err != nil { // relative paths in it are the service's
		return nil, u, err
	}
	stop, err := o.adapter.Grace()
	if err != nil {
		return nil, u, err
	}
	u = setup.UnitOptions{Config: file, User: c.user, Stop: stop + storeGrace}
	if u.User == "" {
		u.User = serviceUser(filepath.Dir(file))
	}
	if u.Program, err = os.Executable(); err != nil {
		return nil, u, err
	}
	if u.Data, err = filepath.Abs(o.data); err == nil {
		err = u.Check()
	}
	return o, u, err
}

func (c *serviceCommand) show(unit setup.UnitOptions) error {
	if runtime.GOOS == "windows" {
		_, err := fmt.Fprintf(c.out, "%q up --config %q\n", unit.Program, unit.Config)
		return err
	}
	_, err := io.WriteString(c.out, setup.Unit(unit))
	return err
}

// manager is the service manager of this machine.
func (c *serviceCommand) manager(cfg *service.Config) (service.Service, error) {
	switch platform := service.Platform(); {
	case platform != "linux-systemd" && platform != "windows-service":
		return nil, errors.New(c.tongue.Say("there is no systemd here: start callbus up --config FILE with what this machine has; callbus service install --print shows the unit",
			"здесь нет systemd: запускайте callbus up --config ФАЙЛ тем, что есть на этой машине; файл юнита показывает callbus service install --print"))
	case runtime.GOOS == "linux" && !c.reads && os.Geteuid() != 0:
		return nil, errors.New(c.tongue.Say("needs root: sudo callbus service …", "нужны права root: sudo callbus service …"))
	}
	return service.New(nil, cfg)
}

func (c *serviceCommand) remove() error {
	s, err := c.manager(serviceConfig(nil))
	if err != nil {
		return err
	}
	if err := s.Stop(); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %v\n", c.fs.Name(), err) // it may not run at all
	}
	if err := s.Uninstall(); err != nil {
		return err
	}
	fmt.Fprintln(c.out, c.tongue.Say("The service is removed. Files and stored calls stay where they are.", "Служба удалена. Файлы и записанные звонки остались на месте."))
	return nil
}

func (c *serviceCommand) status() error {
	s, err := c.manager(serviceConfig(nil))
	if err != nil {
		return err
	}
	status, err := s.Status()
	switch {
	case errors.Is(err, service.ErrNotInstalled):
		return errors.New(c.tongue.Say("not installed", "не установлена"))
	case err != nil:
		return err
	case status != service.StatusRunning, !running(s):
		return errors.New(c.tongue.Say("installed, and does not run. ", "установлена, но не работает. ") + c.log())
	}
	fmt.Fprintln(c.out, c.tongue.Say("runs. ", "работает. ")+c.log())
	return nil
}

// log says where it is.
func (c *serviceCommand) log() string {
	if runtime.GOOS == "windows" {
		return c.tongue.Say("The log: Event Viewer > Windows Logs > Application, source callbus.",
			"Журнал: Просмотр событий > Журналы Windows > Приложение, источник callbus.")
	}
	return c.tongue.Say("The log: journalctl -u callbus", "Журнал: journalctl -u callbus")
}
