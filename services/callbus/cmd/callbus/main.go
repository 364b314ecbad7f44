// Command callbus is the office edition of Callbus, and its operator's commands.
package main

import (
	"os"

	"github.com/callbus/callbus/services/callbus"
)

// version is set by the build.
var version = "dev"

func main() {
	callbus.Version = version
	os.Exit(callbus.Main(os.Args[1:]))
}
