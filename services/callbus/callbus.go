// Package callbus is the office edition: broker, ingest and adapter in one process (callbus up), and the operator's
// commands.
package callbus

import (
	"fmt"
	"io"
	"os"
	"strings"
)

// command is one word after "callbus".
type command struct {
	name, args, does string
	run              func(args []string) int
}

// Version is the build's; main sets it.
var Version = "dev"

func commands() []command {
	return []command{
		{"init", "", "the first run: asks where 1C is, tries it out, writes callbus.yaml", initialise},
		{"up", "", "run everything in one process: store, ingest, adapter (--demo: with a stand-in 1C)", up},
		{"service", "install|remove|status", "run with this machine: systemd, or a service of Windows", manageService},
		{"tail", "", "show events as they come, one line each", tail},
		{"dead", "list|show N|retry N", "events that 1C would not take: see why, send again", dead},
		{"trace", "WORD", "the life of a line's, a call's or one event: hit, store, each try at 1C, ending", traceLife},
		{"targets", "forget NAME", "let go of a target that is gone: it keeps the store from being emptied", targets},
		{"token", "new ID…|list|rotate", "what phones show at the door: make it, list it, make all anew", token},
		{"provision", "VENDOR|list", "files of settings for phones, or what to paste into their web pages", provisionPhones},
		{"send", "EVENT", "be a phone: send what a vendor's phone would, and say what the answer means", send},
		{"phones", "", "which phones have called, and which events each has ever sent", phones},
		{"doctor", "[LINE]", "say what is wrong, and what to do: phones, store, 1C; exit code for monitoring", examine},
		{"standin", "", "a stand-in for 1C that prints the calls it gets", standin},
		{"version", "", "print the version", func([]string) int { fmt.Println("callbus", Version); return 0 }},
	}
}

// Main runs the command that the arguments name, and returns the exit code.
func Main(args []string) int {
	if len(args) == 0 || args[0] == "help" || args[0] == "-h" || args[0] == "--help" {
		usage(os.Stdout)
		return 0
	}
	for _, c := range commands() {
		if c.name == args[0] {
			return c.run(args[1:])
		}
	}
	fmt.Fprintf(os.Stderr, "callbus: there is no command %q\n\n", args[0])
	usage(os.Stderr)
	return 2
}

func usage(w io.Writer) {
	fmt.Fprintln(w, "Callbus carries phone calls into 1C.\n\nUsage: callbus COMMAND [flags], and callbus COMMAND -h for its flags.")
	fmt.Fprintln(w)
	for _, c := range commands() {
		fmt.Fprintf(w, "  %-28s %s\n", strings.TrimSpace(c.name+" "+c.args), c.does)
	}
}
