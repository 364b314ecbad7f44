package lifecycle

import (
	"os"
	"syscall"
)

// endSignals are Ctrl-C and what systemd, Kubernetes and the Windows service manager's console handler send. Go maps a closed
// console and a shutdown of Windows to SIGTERM.
var endSignals = []os.Signal{os.Interrupt, syscall.SIGTERM}
