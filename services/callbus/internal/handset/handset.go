// Package handset is a phone without a phone: it sends a hit as raw as a phone does, and says in plain words what the answer
// means to the one who waits for a call in 1C.
package handset

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
	"github.com/callbus/callbus/services/callbus/internal/provision"
	onecadapter "github.com/callbus/callbus/services/onec-adapter"
)

// Answer is what came back.
type Answer struct {
	Status int
	Body   string
	Took   time.Duration
}

// patience is longer than Callbus ever takes, which is two seconds for its disk.
const patience = 5 * time.Second

// maxBody is more than Callbus ever says.
const maxBody = 4096

// Request is what goes over the wire, byte for byte: no client of net/http would send raw blanks.
func Request(to, agent string, h provision.Hit) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: %s\r\nConnection: close\r\n", h.Method, h.Target, hostOf(to), agent)
	if h.Body != "" {
		fmt.Fprintf(&b, "Content-Type: text/xml\r\nContent-Length: %d\r\n", len(h.Body))
	}
	return append(b.Bytes(), "\r\n"+h.Body...)
}

func hostOf(to string) string {
	_, host, _ := strings.Cut(strings.TrimSuffix(to, "/"), "://")
	return host
}

// Send sends a hit to the Callbus at an address such as http://127.0.0.1:8080, under the name of a User-Agent.
func Send(ctx context.Context, to, agent string, h provision.Hit) (Answer, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	began := time.Now()
	conn, err := dial(ctx, to)
	if err != nil {
		return Answer{}, err
	}
	defer conn.Close()
	deadline, _ := ctx.Deadline()
	_ = conn.SetDeadline(deadline)
	if _, err := conn.Write(Request(to, agent, h)); err != nil {
		return Answer{}, err
	}
	response, err := http.ReadResponse(bufio.NewReader(conn), nil)
	if err != nil {
		return Answer{}, err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBody))
	return Answer{response.StatusCode, strings.TrimSpace(string(body)), time.Since(began)}, err
}

func dial(ctx context.Context, to string) (net.Conn, error) {
	u, err := url.Parse(to)
	if err != nil {
		return nil, err
	}
	port := u.Port()
	if u.Scheme == "https" {
		return (&tls.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(port, "443")))
	}
	return (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort(u.Hostname(), cmp.Or(port, "80")))
}

// meanings of what Callbus answers (docs/wire.md §1), and where to look next.
var meanings = map[int]lang.Text{
	http.StatusOK: {
		En: "The event is on disk, and 1C will be told. What has become of it: callbus trace LINE. Nothing pops up, though trace says delivered: the rest is inside 1C, whose code may wait for another line.",
		Ru: "Событие записано на диск и будет передано в 1С. Что с ним стало: callbus trace ЛИНИЯ. Если trace говорит «доставлено», а окно не появилось, дело уже внутри 1С: возможно, её код ждёт другую линию.",
	},
	http.StatusBadRequest: {
		En: "Callbus cannot use this; the line above says why. A real phone with this URL would be refused the same way.",
		Ru: "Callbus не может это использовать; причина строкой выше. Настоящий телефон с таким адресом получил бы тот же отказ.",
	},
	http.StatusUnauthorized: {
		En: "Callbus asks for a token, and there was none: --token TOKEN, or --config callbus.yaml with --mac MAC, which finds it. callbus token new MAC prints this phone's; it is the same each time.",
		Ru: "Callbus требует токен, а его нет: --token ТОКЕН, или --config callbus.yaml и --mac MAC, чтобы он нашёлся сам. Токен этого телефона покажет callbus token new MAC, он каждый раз один и тот же.",
	},
	http.StatusForbidden: {
		En: "The door is shut: the token is wrong or expired, or it is not for this line, this MAC or this address (phones.csv), or --allow does not name the address. Which of these, says the log of Callbus: call.refused, reason.",
		Ru: "Дверь закрыта: токен неверен или устарел, либо он не для этой линии, этого MAC или этого адреса (phones.csv), либо адреса нет в --allow. Что именно, скажет журнал Callbus: call.refused, reason.",
	},
	http.StatusNotFound: {
		En: "Nobody knows this address there. With a line of text above it was Callbus, and the event has no meaning to it; without one something else may be listening.",
		Ru: "Такого адреса там нет. Если выше есть строка текста, ответил Callbus и это событие для него ничего не значит; если нет, возможно, по этому адресу слушает другая программа.",
	},
	http.StatusTooManyRequests: {
		En: "Too many hits a second from this address without a valid token (--rate-limit). Wait a second, or give --token.",
		Ru: "Слишком много обращений в секунду с этого адреса без верного токена (--rate-limit). Подождите секунду или укажите --token.",
	},
	http.StatusServiceUnavailable: {
		En: "Callbus is there and cannot store anything: its disk is full, slow or broken, or NATS is away. The log says why: call.refused, error. A phone does not try again, so this call would be lost.",
		Ru: "Callbus работает, но не может ничего записать: диск полон, медленный или неисправен, либо недоступен NATS. Причина в журнале: call.refused, error. Телефон не повторяет обращение, такой звонок пропал бы.",
	},
}

var (
	kept = lang.Text{
		En: "The event is on disk. 1C is not told of such events; taps on NATS are (callbus tail).",
		Ru: "Событие записано на диск. В 1С такие события не отправляются, их видно в NATS (callbus tail).",
	}
	foreign = lang.Text{
		En: "Callbus does not answer like this: something else seems to listen at this address.",
		Ru: "Callbus так не отвечает: похоже, по этому адресу слушает другая программа.",
	}
	nobody = lang.Text{
		En: "Nobody listens at this address. Is Callbus running (callbus up), and on this port (--http)?",
		Ru: "По этому адресу никто не слушает. Запущен ли Callbus (callbus up) и на том ли порту (--http)?",
	}
	unnamed = lang.Text{
		En: "There is no such name. A phone would not find it either: use the IP address, or mend the DNS.",
		Ru: "Такого имени нет. Телефон его тоже не найдёт: укажите IP-адрес или исправьте DNS.",
	}
	silent = lang.Text{
		En: "No answer in time: usually a firewall between here and there, or a wrong address.",
		Ru: "Ответа нет: обычно мешает брандмауэр или неверен адрес.",
	}
	untrusted = lang.Text{
		En: "The certificate is not trusted here. A phone that checks certificates does not trust it either, unless its authority was put into the phone.",
		Ru: "Сертификату здесь не доверяют. Телефон, который проверяет сертификаты, ему тоже не поверит, если удостоверяющий центр в него не загружен.",
	}
	broken = lang.Text{
		En: "The connection broke before there was an answer. HTTP and HTTPS have different ports; is this the right one?",
		Ru: "Соединение оборвалось до ответа. У HTTP и HTTPS разные порты; тот ли это?",
	}
)

// Meaning says in plain words what an answer to an event means, or what it means that there was none.
func Meaning(is call.EventType, a Answer, err error) lang.Text {
	var (
		name        *net.DNSError
		certificate *tls.CertificateVerificationError
	)
	switch {
	case err == nil && a.Status == http.StatusOK && !onecadapter.Takes(is):
		return kept
	case err == nil:
		if m, known := meanings[a.Status]; known {
			return m
		}
		return foreign
	case errors.Is(err, syscall.ECONNREFUSED):
		return nobody
	case errors.As(err, &name):
		return unnamed
	case errors.As(err, &certificate):
		return untrusted
	case errors.Is(err, os.ErrDeadlineExceeded), errors.Is(err, context.DeadlineExceeded):
		return silent
	}
	return broken
}
