package setup

import (
	"fmt"
	"path/filepath"
	"strings"
	"time"
	"unicode"
)

// UnitOptions are what differs between the units of two offices.
type UnitOptions struct {
	Program, Config string // absolute paths
	User            string
	Data            string        // absolute; the one folder that Callbus writes to
	Stop            time.Duration // how long a stop may take
}

// Check refuses what would begin a line of its own in the unit or in callbus.yaml.
func (o UnitOptions) Check() error {
	for _, word := range []string{o.Program, o.Config, o.User, o.Data} {
		if strings.ContainsFunc(word, unicode.IsControl) {
			return fmt.Errorf("%q: a control character stands in it", word)
		}
	}
	return nil
}

// slack is what systemd waits beyond the time that a stop may take: it kills then.
const slack = 10 * time.Second

// Unit is a systemd unit for callbus up, which stops in order on SIGTERM.
func Unit(o UnitOptions) string {
	return fmt.Sprintf(`[Unit]
Description=Callbus: phone calls into 1C
Wants=network-online.target
After=network-online.target

[Service]
ExecStart=%s up --config %s
WorkingDirectory=%s
User=%s
# A phone's URL may want port 80.
AmbientCapabilities=CAP_NET_BIND_SERVICE
CapabilityBoundingSet=CAP_NET_BIND_SERVICE
NoNewPrivileges=yes
ProtectSystem=strict
ReadWritePaths=%s
PrivateTmp=yes
Restart=always
RestartSec=2
TimeoutStopSec=%d

[Install]
WantedBy=multi-user.target
`, argument(o.Program), argument(o.Config), specifier.Replace(filepath.Dir(o.Config)), o.User, word(o.Data), int((o.Stop + slack).Seconds()))
}

var specifier = strings.NewReplacer("%", "%%")

// argument is a word of a command line, where systemd reads $ as a variable.
func argument(path string) string { return strings.ReplaceAll(word(path), "$", "$$") }

// word makes one word of a path: systemd reads blanks as the end of a word, and a per cent sign as a specifier.
func word(path string) string {
	path = specifier.Replace(strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(path))
	if strings.ContainsAny(path, " \t'\"") {
		return `"` + path + `"`
	}
	return path
}
