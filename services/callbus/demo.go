package callbus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"time"

	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/setup"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
	"github.com/callbus/callbus/services/onec-adapter/onectest"
)

// bringStandin makes the stand-in the only target.
func (o *office) bringStandin() error {
	if o.adapter.Single.URL != "" || o.adapter.Targets != "" {
		return errors.New(o.tongue.Say("--demo brings its own 1C: leave --onec-url and --targets out",
			"--demo приносит свою 1С: уберите --onec-url и --targets"))
	}
	o.standin = newStandin(os.Stdout, *o.tongue, onectest.Options{})
	o.adapter.Single.URL = standinURL
	return nil
}

func (o *office) startStandin(context.Context) error { return o.standin.Start(standinAddr) }
func (o *office) stopStandin(context.Context) error  { return o.standin.Close() }

// welcome says where phones are to call and what 1C will be told, and in the demo plays a call through.
func (o *office) welcome(context.Context) error {
	o.started.Store(true)
	fmt.Print(urlsToPaste(*o.tongue, o.phones, o.ingest.Access.AsksForTokens(), o.demo))
	if !o.demo {
		go o.tellPlans(os.Stdout, planTime)
		return nil
	}
	if err := o.follow(os.Stdout); err != nil {
		return err
	}
	return playCall(*o.tongue, "http://"+net.JoinHostPort(boundTo(o.phones, localhost), port(o.phones)))
}

const (
	planTime = 2 * time.Second // a 1C that is there has described itself long before
	maxPlans = 64
)

// planned keeps what goes where until it is told; nobody asks later.
func (o *office) planned(c onecadapter.Checked) {
	select {
	case o.plans <- c:
	default:
	}
}

// tellPlans tells what goes where in each 1C that is there at the start. Of the others the log tells, when they are.
func (o *office) tellPlans(w io.Writer, wait time.Duration) {
	end := time.After(wait)
	for {
		select {
		case c := <-o.plans:
			if c.Service != "" { // a webhook has no parameters
				setup.Plan(w, *o.tongue, o.tongue.Say("1C ", "1С ")+c.Target, c, o.adapter.Targets == "")
				fmt.Fprintln(w)
			}
		case <-end:
			return
		}
	}
}

// playCall is the original article's call: it rings, is answered, ends.
func playCall(l lang.Lang, base string) error {
	for _, event := range []string{"1", "2", "4"} {
		url := base + "/checkphone.php?event=" + event + "&p1=sip:74951234567@operatorsip.ru&p2=101"
		fmt.Printf("%s %s GET %s\n", time.Now().Format(clock), l.Say("phone ", "трубка"), url)
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

// yealinkEvents are the fields of a Yealink's web page and what they mean here. A ringing call that the caller gives up
// ends with "Call Remote Canceled" and nothing else; the last two end calls of our own that nobody answered.
var yealinkEvents = []struct{ field, event string }{
	{"Incoming Call", "incoming"},
	{"Outgoing Call", "outgoing"},
	{"Established", "answered"},
	{"Terminated", "ended"},
	{"Missed Call", "missed"},
	{"Reject Incoming Call", "rejected"},
	{"Call Remote Canceled", "call_remote_canceled"},
	{"Cancel Call Out", "cancel_callout"},
	{"Remote Busy", "remote_busy"},
}

// urlsToPaste are the action URLs for this machine.
func urlsToPaste(l lang.Lang, phones net.Addr, tokens, demo bool) string {
	var b strings.Builder
	base := "http://" + net.JoinHostPort(boundTo(phones, ownAddress), port(phones))
	fmt.Fprintln(&b, l.Say("\nCallbus is up.", "\nCallbus запущен."))
	if tokens {
		base += "/p/TOKEN"
		fmt.Fprintln(&b, l.Say("\nIn place of /p/TOKEN each phone has its own: callbus token new MAC prints it.",
			"\nВместо /p/TOKEN у каждого телефона своё: его покажет callbus token new MAC."))
	}
	b.WriteString(intoPhones(l, base))
	fmt.Fprintf(&b, "\n%s\n\n", l.Say("Phones that are set up for checkphone.php need only a new host (event: 1 incoming, 2 answered, 3 outgoing, 4 ended):",
		"Телефонам, настроенным на checkphone.php, нужен только новый адрес сервера (event: 1 входящий, 2 ответ, 3 исходящий, 4 завершён):"))
	fmt.Fprintf(&b, "  %s/checkphone.php?event=1&p1=$remote&p2=$display_local\n\n", base)
	if demo {
		fmt.Fprintf(&b, "%s\n\n  curl 'http://%s/checkphone.php?event=1&p1=sip:74951234567@operatorsip.ru&p2=101'\n\n",
			l.Say("Try it yourself:", "Попробуйте сами:"), net.JoinHostPort(boundTo(phones, localhost), port(phones)))
	}
	return b.String()
}

// intoPhones says what is to be pasted, and where.
func intoPhones(l lang.Lang, base string) string {
	return fmt.Sprintf("\n%s\n\n%s", l.Say("Into the phones (a Yealink: Features > Action URL; for others and for many phones: callbus provision list):",
		"В телефоны (Yealink: Features > Action URL; другие модели и сразу много телефонов: callbus provision list):"), yealinkURLs(base))
}

// yealinkURLs has a line for each field of a Yealink's web page.
func yealinkURLs(base string) string {
	var b strings.Builder
	for _, y := range yealinkEvents {
		fmt.Fprintf(&b, "  %-21s %s/yealink/%s?mac=$mac&acc=$active_user&remote=$remote&name=$display_remote&cid=$call_id\n", y.field, base, y.event)
	}
	return b.String()
}

// boundTo is the one address that phones were bound to, or another where it is all of this machine.
func boundTo(phones net.Addr, otherwise func() string) string {
	if tcp, ok := phones.(*net.TCPAddr); ok && tcp.IP != nil && !tcp.IP.IsUnspecified() {
		return tcp.IP.String()
	}
	return otherwise()
}

func localhost() string { return "127.0.0.1" }

// ownAddress is an address of this machine that phones can reach: the first of its network cards.
func ownAddress() string {
	addrs, err := net.InterfaceAddrs()
	if err != nil {
		return localhost()
	}
	for _, a := range addrs {
		if ip, ok := a.(*net.IPNet); ok && ip.IP.To4() != nil && !ip.IP.IsLoopback() && !ip.IP.IsLinkLocalUnicast() {
			return ip.IP.String()
		}
	}
	return localhost()
}
