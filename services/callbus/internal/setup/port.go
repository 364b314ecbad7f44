package setup

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/callbus/callbus/services/callbus/internal/lang"
)

// http asks where phones call, and looks whether that place is free.
func (s *Setup) http(ctx context.Context) error {
	text := strings.TrimPrefix(s.HTTP, ":")
	if s.Yes || s.Given["http"] {
		text = s.HTTP
	}
	err := s.fill(ctx, "http", s.Say("Port that phones call", "Порт, на который обращаются телефоны"), &text, func(text string) error {
		addr := text
		if _, err := strconv.Atoi(text); err == nil && !s.Yes && !s.Given["http"] {
			addr = ":" + text
		}
		if err := s.free(ctx, addr); err != nil {
			return err
		}
		s.HTTP = addr
		return nil
	})
	if err == nil && s.Reach != nil {
		fmt.Fprintln(s.Out, s.Sayf("  phones will call %s", "  телефоны будут обращаться по адресу %s", s.Reach(s.HTTP)))
	}
	return err
}

// free is an error where callbus up could not listen. That a Callbus is there already is none: it is to be stopped first.
func (s *Setup) free(ctx context.Context, addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if number, bad := strconv.Atoi(port); err != nil || bad != nil || number < 1 || number > 65535 {
		return errors.New(s.Sayf("%s: want a port such as 8080, or an address such as :8080", "%s: нужен порт, например 8080, или адрес вида :8080", addr))
	}
	l, err := net.Listen("tcp", addr)
	switch {
	case err == nil:
		return l.Close()
	case errors.Is(err, fs.ErrPermission):
		return nil // below 1024: not for this user, but for the service
	}
	who, there := whoListens(ctx, addr)
	if who == ours {
		fmt.Fprintln(s.Out, "  "+occupied(s.Lang, addr, who))
		return nil
	}
	if there {
		return errors.New(occupied(s.Lang, addr, who))
	}
	return errors.New(nobody(s.Lang, addr, err))
}

// Taken says why an address cannot be listened on, err being what came of the try, and what to do.
func Taken(ctx context.Context, l lang.Lang, addr string, err error) string {
	host, _, _ := net.SplitHostPort(addr)
	if free, no := net.Listen("tcp", net.JoinHostPort(host, "0")); no != nil {
		return l.Sayf("%s: this machine has no such address", "%s: у этой машины нет такого адреса", addr)
	} else if no = free.Close(); no != nil {
		return nobody(l, addr, no)
	}
	if who, there := whoListens(ctx, addr); there {
		return occupied(l, addr, who)
	}
	return nobody(l, addr, err)
}

// occupied is what is said of a port where somebody listens.
func occupied(l lang.Lang, addr, who string) string {
	_, port, _ := net.SplitHostPort(addr)
	switch who {
	case ours:
		return l.Sayf("port %s: a Callbus listens there already; stop it before you start this one", "порт %s уже занят другим Callbus: остановите его, прежде чем запускать этот", port)
	case "":
		return l.Sayf("port %s is taken; by whom, says: %s. Choose another%s", "порт %s занят; кем, покажет команда: %s. Выберите другой%s", port, looking(port), another(l, addr))
	}
	return l.Sayf("port %s is taken: %s answers there. Choose another%s", "порт %s занят: там отвечает %s. Выберите другой%s", port, who, another(l, addr))
}

func nobody(l lang.Lang, addr string, err error) string {
	return l.Sayf("%s: nobody can listen there: %v", "%s: слушать этот адрес нельзя: %v", addr, err)
}

// another names a port nearby that is free.
func another(l lang.Lang, addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	number, _ := strconv.Atoi(port)
	for next := number + 10; next <= number+50; next += 10 {
		if free, err := net.Listen("tcp", net.JoinHostPort(host, strconv.Itoa(next))); err == nil {
			_ = free.Close()
			return l.Sayf(", %d say", ", например %d", next)
		}
	}
	return ""
}

// ours is what whoListens calls a Callbus.
const ours = "Callbus"

// whoListens asks whether somebody is there, and who serves HTTP: what it calls itself, or nothing.
func whoListens(ctx context.Context, addr string) (who string, there bool) {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", local(addr))
	if err != nil {
		return "", false
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err := fmt.Fprint(conn, "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"); err != nil {
		return "", true
	}
	answer, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return "", true
	}
	defer answer.Body.Close()
	head, _ := bufio.NewReader(answer.Body).Peek(len(notOurs))
	switch server := strings.Map(printable, answer.Header.Get("Server")); {
	case string(head) == notOurs:
		return ours, true
	case server != "":
		return server[:min(len(server), 60)], true
	}
	return "HTTP", true
}

// notOurs is how ingest's answer to a path that is no phone's begins (services/ingest/internal/httpfront).
const notOurs = "no such address: it is /checkphone.php"

func printable(r rune) rune {
	if r < ' ' || r > '~' {
		return -1
	}
	return r
}

// local is where this machine reaches what listens on an address.
func local(addr string) string {
	host, port, _ := net.SplitHostPort(addr)
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		host = "127.0.0.1"
	}
	return net.JoinHostPort(host, port)
}

// looking is the command that shows whose a port is.
func looking(port string) string {
	if runtime.GOOS == "windows" {
		return "netstat -ano | findstr :" + port
	}
	return "sudo ss -ltnp sport = :" + port
}
