//go:build unix

package rig

import (
	"os"
	"syscall"
)

// ofItsOwnGroup has a program and what it starts go together: strace and its child.
func ofItsOwnGroup() *syscall.SysProcAttr { return &syscall.SysProcAttr{Setpgid: true} }

// signalGroup signals a program of its own group, and what it has started.
func signalGroup(p *os.Process, s syscall.Signal) error { return syscall.Kill(-p.Pid, s) }

// Freeze stops the program as a machine does that is busy with something else.
func (p *Program) Freeze() { p.Signal(syscall.SIGSTOP) }

// Thaw lets a frozen program go on.
func (p *Program) Thaw() { p.Signal(syscall.SIGCONT) }
