package broker

import (
	"fmt"
	"strings"
)

// API is what taps and branches of a NATS with accounts in its configuration say in place of $JS.API: the server gives that to
// each account, and answers there that this one has no JetStream.
const API = "CALLBUS"

// Exporter is the account with the streams, out of which taps and branches import what they may have.
const Exporter = "CALLBUS"

func renamed(service string) string { return strings.Replace(service, "$JS.API.", API+".", 1) }

// Account is what a NATS of one's own needs in its configuration to let a tap or a branch in, beside the exports that stand in
// deploy/nats.
func Account(name string, s stranger) string {
	quoted := func(subjects ...string) string { return `"` + strings.Join(subjects, `", "`) + `"` }
	var asks []string
	var imports strings.Builder
	for _, subject := range s.Live() {
		fmt.Fprintf(&imports, "      { stream: { account: %s, subject: %q } }\n", Exporter, subject)
	}
	for _, service := range s.Services() {
		asks = append(asks, renamed(service))
		fmt.Fprintf(&imports, "      { service: { account: %s, subject: %q }, to: %q }\n", Exporter, service, renamed(service))
	}
	return fmt.Sprintf("  %s {\n    users: [{ nkey: %s, permissions: {\n      publish: [%s]\n      subscribe: [%s]\n    } }]\n    imports: [\n%s    ]\n  }\n",
		name, s.key(), quoted(asks...), quoted(append(s.Live(), "_INBOX.>")...), &imports)
}
