package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
)

// insideEnv is set in the process that has namespaces of its own; its value is the folder with what has been built.
const insideEnv = "CALLBUS_FAULTS_INSIDE"

// withNetwork runs this program again with a network of its own, in which it may lay and cut cables as it likes. Where the system
// does not let it, the second result says why.
func withNetwork(ctx context.Context, b *bench) (there elsewhere, why error) {
	if err := mayHaveNetwork(ctx); err != nil {
		return there, err
	}
	return inside(ctx, b, ownNetwork())
}

// inside runs this program again with namespaces of its own, which go with the process, whatever becomes of it.
func inside(ctx context.Context, b *bench, own *syscall.SysProcAttr) (there elsewhere, why error) {
	self, err := os.Executable()
	if err != nil {
		return there, err
	}
	cmd := exec.CommandContext(ctx, self, "-scenario", b.scenario.name, "-seed", fmt.Sprint(b.seed), "-seconds", fmt.Sprint(b.seconds))
	cmd.Env = append(os.Environ(), insideEnv+"="+b.dir)
	cmd.SysProcAttr = own
	cmd.SysProcAttr.Pdeathsig = syscall.SIGTERM
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	there.said, there.err = cmd.CombinedOutput()
	return there, nil
}

// mayHaveNetwork tries everything that cables need.
func mayHaveNetwork(ctx context.Context) error {
	cmd := exec.CommandContext(ctx, "ip", "link", "add", "one", "type", "veth", "peer", "name", "other")
	cmd.SysProcAttr = ownNetwork()
	if said, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("a network namespace with a veth pair (Debian: iproute2): %w %s", err, strings.TrimSpace(string(said)))
	}
	if _, err := exec.LookPath("nsenter"); err != nil {
		return err
	}
	return nil
}

// ownNetwork needs no rights where user namespaces are allowed; root needs none of them.
func ownNetwork() *syscall.SysProcAttr {
	if os.Getuid() == 0 {
		return &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET}
	}
	return &syscall.SysProcAttr{
		Cloneflags:  syscall.CLONE_NEWNET | syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getuid(), Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: os.Getgid(), Size: 1}},
	}
}

// machine is a network namespace with two cables: one to us, on which its clients are, and one to the other machines.
type machine struct {
	number int
	holder *exec.Cmd // keeps the namespace while the program in it is down
}

func layCables(ctx context.Context, n int) (machines []*machine, err error) {
	if err := ip(ctx, "link set lo up", "link add switch type bridge", "link set switch up"); err != nil {
		return nil, err
	}
	for i := 1; i <= n; i++ {
		m, err := newMachine(ctx, i)
		if err != nil {
			return machines, err
		}
		machines = append(machines, m)
	}
	return machines, nil
}

func newMachine(ctx context.Context, number int) (*machine, error) {
	m := &machine{number: number, holder: exec.Command("sleep", "infinity")}
	m.holder.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	if err := m.holder.Start(); err != nil {
		return nil, err
	}
	pid := m.holder.Process.Pid
	err := ip(ctx,
		fmt.Sprintf("link add %s type veth peer name clients netns %d", m.clients(), pid),
		fmt.Sprintf("address add 10.77.%d.1/24 dev %s", number, m.clients()),
		fmt.Sprintf("link set %s up", m.clients()),
		fmt.Sprintf("link add %s type veth peer name others netns %d", m.others(), pid),
		fmt.Sprintf("link set %s master switch up", m.others()))
	if err != nil {
		return m, err
	}
	for _, line := range []string{
		"link set lo up",
		fmt.Sprintf("address add 10.77.%d.2/24 dev clients", number), "link set clients up",
		fmt.Sprintf("address add 10.77.100.%d/24 dev others", number), "link set others up",
	} {
		words := append(m.enter(), "ip")
		if err := run1(ctx, append(words, strings.Fields(line)...)); err != nil {
			return m, err
		}
	}
	return m, nil
}

// enter is what stands before a command that is to run on the machine.
func (m *machine) enter() []string {
	return []string{"nsenter", fmt.Sprintf("--net=/proc/%d/ns/net", m.holder.Process.Pid)}
}

func (m *machine) clients() string { return fmt.Sprintf("clients%d", m.number) }
func (m *machine) others() string  { return fmt.Sprintf("others%d", m.number) }

// cut pulls the cable to the other machines; unplug that to the clients too.
func (m *machine) cut(ctx context.Context) error { return ip(ctx, "link set "+m.others()+" down") }

func (m *machine) unplug(ctx context.Context) error {
	return errors.Join(m.cut(ctx), ip(ctx, "link set "+m.clients()+" down"))
}

func (m *machine) plug(ctx context.Context) error {
	return ip(ctx, "link set "+m.others()+" up", "link set "+m.clients()+" up")
}

// mute lets nothing pass from the machine to another one; what that one sends arrives.
func (m *machine) mute(ctx context.Context, other *machine) error {
	return m.route(ctx, "add", other)
}

func (m *machine) unmute(ctx context.Context, other *machine) error {
	return m.route(ctx, "delete", other)
}

func (m *machine) route(ctx context.Context, do string, other *machine) error {
	return run1(ctx, append(m.enter(), "ip", "route", do, "blackhole", fmt.Sprintf("10.77.100.%d/32", other.number)))
}

func (m *machine) remove() {
	_ = m.holder.Process.Kill()
	_ = m.holder.Wait()
}

func ip(ctx context.Context, lines ...string) error {
	for _, line := range lines {
		if err := run1(ctx, append([]string{"ip"}, strings.Fields(line)...)); err != nil {
			return err
		}
	}
	return nil
}

func run1(ctx context.Context, words []string) error {
	if said, err := exec.CommandContext(ctx, words[0], words[1:]...).CombinedOutput(); err != nil {
		return fmt.Errorf("%s: %w %s", strings.Join(words, " "), err, strings.TrimSpace(string(said)))
	}
	return nil
}
