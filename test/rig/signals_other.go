//go:build !unix

package rig

import (
	"os"
	"syscall"
)

// Here a program is signalled alone, and cannot be frozen.

func ofItsOwnGroup() *syscall.SysProcAttr               { return nil }
func signalGroup(p *os.Process, s syscall.Signal) error { return p.Signal(s) }

// Freeze skips the test.
func (p *Program) Freeze() { p.t.Skip("this system cannot freeze a process") }

// Thaw does nothing.
func (p *Program) Thaw() {}
