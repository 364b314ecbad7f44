//go:build unix

package callbus

import (
	"os/signal"
	"syscall"
)

// readInBackground lets a program that was started with & read its terminal in vain, in place of being stopped by it.
func readInBackground() { signal.Ignore(syscall.SIGTTIN) }
