package callbus

import (
	"context"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/rs/zerolog"

	"github.com/callbus/callbus/internal/program"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

const (
	standinAddr = "127.0.0.1:8081"
	// graceBeyondCall is what a stop may take beyond the longest call of 1C.
	graceBeyondCall = 5 * time.Second
)

// newStandin makes a 1C that prints what it gets, as the article's TelData would be called.
func newStandin(w io.Writer) *onectest.Server {
	return onectest.New(onectest.Options{OnCall: func(c onectest.Call) {
		fmt.Fprintf(w, "%s 1C     TelData(%s, %s, %s)\n", time.Now().Format(clock), c.Number, c.Remote, c.Line)
	}})
}

// standin is the stand-in as a command of its own, for Docker Compose and for trying things out.
func standin(args []string) int {
	addr := ""
	return program.Program{
		Name: "callbus standin", Version: Version, Env: "CALLBUS",
		Flags: func(fs *flag.FlagSet) { fs.StringVar(&addr, "http", standinAddr, "address of the stand-in") },
		Run: func(ctx context.Context, log zerolog.Logger) error {
			s := newStandin(os.Stdout)
			if err := s.Start(addr); err != nil {
				return err
			}
			log.Info().Str("url", s.URL()).Msg("standin.ready")
			<-ctx.Done()
			return s.Close()
		},
	}.Main(args)
}

func (o *office) addStandin() error {
	if o.adapter.Single.URL != "" || o.adapter.Targets != "" {
		return fmt.Errorf("--demo brings its own 1C: leave --onec-url and --targets out")
	}
	s := newStandin(os.Stdout)
	o.adapter.Single.URL = "http://" + standinAddr + onectest.DefaultPath
	o.group.Add("standin", func(context.Context) error { return s.Start(standinAddr) }, func(context.Context) error { return s.Close() })
	return nil
}

// welcome says where phones are to call, and in the demo plays a call through.
func (o *office) welcome(context.Context) error {
	fmt.Print(urlsToPaste(o.phones, o.demo))
	if !o.demo {
		return nil
	}
	if err := o.follow(os.Stdout); err != nil {
		return err
	}
	return o.playCall(port(o.phones))
}

// playCall is the original article's call: it rings, is answered, ends.
func (o *office) playCall(port string) error {
	for _, event := range []string{"1", "2", "4"} {
		url := "http://127.0.0.1:" + port + "/checkphone.php?event=" + event + "&p1=sip:74951234567@operatorsip.ru&p2=101"
		fmt.Printf("%s phone  GET %s\n", time.Now().Format(clock), url)
		answer, err := http.Get(url)
		if err != nil {
			return fmt.Errorf("play a call: %w", err)
		}
		answer.Body.Close()
		if answer.StatusCode != http.StatusOK {
			return fmt.Errorf("play a call: the answer is %s", answer.Status)
		}
	}
	return nil
}

func port(a net.Addr) string {
	_, port, _ := net.SplitHostPort(a.String())
	return port
}

// urlsToPaste are the action URLs for this machine.
func urlsToPaste(phones net.Addr, demo bool) string {
	var b strings.Builder
	base := "http://" + net.JoinHostPort(ownAddress(phones), port(phones))
	fmt.Fprintf(&b, "\nCallbus is up. Paste into the phones (Yealink: Features > Action URL):\n\n")
	for _, row := range [][2]string{{"Incoming call", "incoming"}, {"Outgoing call", "outgoing"}, {"Established", "answered"}, {"Terminated", "ended"}, {"Missed call", "missed"}} {
		fmt.Fprintf(&b, "  %-14s %s/yealink/%s?mac=$mac&acc=$active_user&remote=$remote&name=$display_remote&cid=$call_id\n", row[0], base, row[1])
	}
	fmt.Fprintf(&b, "\nPhones that are set up for checkphone.php need only a new host:\n\n  %s/checkphone.php?event=1&p1=$remote&p2=$display_local\n\n", base)
	if demo {
		fmt.Fprintf(&b, "Try it yourself:\n\n  curl 'http://127.0.0.1:%s/checkphone.php?event=1&p1=sip:74951234567@operatorsip.ru&p2=101'\n\n", port(phones))
	}
	return b.String()
}

// ownAddress is an address of this machine that phones can reach: the one it listens on, or the first of its network
// cards.
func ownAddress(phones net.Addr) string {
	if tcp, ok := phones.(*net.TCPAddr); ok && !tcp.IP.IsUnspecified() {
		return tcp.IP.String()
	}
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return "localhost"
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			return ip.IP.String()
		}
	}
	return "localhost"
}
