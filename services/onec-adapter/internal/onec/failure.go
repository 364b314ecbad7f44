package onec

import (
	"bytes"
	"context"
	"crypto/tls"
	"encoding/base64"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/callbus/callbus/internal/verdict"
	"github.com/callbus/callbus/services/onec-adapter/internal/soap"
	"github.com/callbus/callbus/services/onec-adapter/internal/transport"
)

// Failure is what every failed call gives. It implements verdict.Failure: it knows whose failure it is.
type Failure struct {
	// Label names the row of the table, for metrics: "unauthorized", "fault", "timeout".
	Label string
	// Why is for the operator: in English, with 1C's own words shortened. It never holds a password.
	Why string

	status     int
	blame      verdict.Blame
	unsure     bool
	full, lost bool // it is for want of room, or of a session that 1C knows
	outage     verdict.Outage
	err        error
}

var _ verdict.Failure = (*Failure)(nil)

// Error is Why.
func (f *Failure) Error() string { return f.Why }

// Unwrap gives the cause, where there is one.
func (f *Failure) Unwrap() error { return f.err }

// Blame says whose failure it is.
func (f *Failure) Blame() verdict.Blame { return f.blame }

// Unsure reports that 1C may have processed the call.
func (f *Failure) Unsure() bool { return f.unsure }

// Outage says how long the target is left alone, if the failure is the target's.
func (f *Failure) Outage() verdict.Outage { return f.outage }

// Status is that of HTTP, 0 where there was no answer.
func (f *Failure) Status() int { return f.status }

// cause is how far a call came. The first four end before anything was sent.
type cause string

const (
	refused   cause = "refused"   // the connection was refused
	lookup    cause = "lookup"    // the name of the server is unknown
	insecure  cause = "insecure"  // TLS failed
	unreached cause = "unreached" // anything else before the first byte of the request
	timedOut  cause = "timed out" // no answer in time
	stopped   cause = "stopped"   // we ended the call ourselves
	broken    cause = "broken"    // the connection broke while we waited
	answered  cause = "answered"  // there was an answer of HTTP
	misread   cause = "misread"   // the WSDL is none, or does not fit
)

// evidence is all that is known of a failed call.
type evidence struct {
	cause   cause
	status  int
	answer  soap.Answer
	said    string // by the phone: an answer that repeats it says nothing by that
	hint    string // where a redirect points
	http    bool   // the target's protocol is http
	reading bool   // it was the WSDL that was asked for, not a call
	err     error
}

// row is one line of the table. What is left out fits everything.
type row struct {
	label    string
	http     bool // of protocol http only
	causes   []cause
	statuses [2]int // from, to
	kinds    []soap.Kind
	texts    []string // lower case, any of them; in an error's text, never in a return value
	blame    verdict.Blame
	unsure   bool
	full     bool // 1C has no room: if it has for others of ours, fewer at once are tried
	pause    pause
	means    string
}

// pause is how long the target is left alone after a failure of its own: first, then twice as long each time, up to longest.
type pause struct {
	first, longest time.Duration
	sure           bool // one such failure is enough to leave all lanes waiting; else five in a row
	alarm          bool // it does not pass by itself: somebody has to do something
}

var (
	short    = pause{first: time.Second, longest: 5 * time.Second}
	absent   = pause{first: time.Second, longest: 5 * time.Second, sure: true}
	locked   = pause{first: 5 * time.Second, longest: 30 * time.Second, sure: true}
	crowded  = pause{first: 10 * time.Second, longest: 30 * time.Second, sure: true} // longer than a lane is kept: another adapter may have licences
	updating = pause{first: 10 * time.Second, longest: 30 * time.Second, sure: true}
	mistake  = pause{first: 5 * time.Second, longest: time.Minute, alarm: true}
	denied   = pause{first: 30 * time.Second, longest: 5 * time.Minute, sure: true, alarm: true} // 1C may lock a user out after a few tries
)

var (
	bySOAP     = []soap.Kind{soap.Fault}
	byPlatform = []soap.Kind{soap.Exception}
	byAnyWords = []soap.Kind{soap.Fault, soap.Exception, soap.HTML, soap.Other}
	byPage     = []soap.Kind{soap.HTML}
	byNo1C     = []soap.Kind{soap.HTML, soap.Other, soap.Empty}
)

// failures is the one table of status × body × text → whose failure it is, and how long the target is left alone then. The
// first row that fits decides.
//
//	the target's    no budget: nothing is thrown away because 1C is down, full, locked or set up wrongly
//	the message's   two tries, then a dead letter
//	unclear         the message's if the target works for others, else the target's
//
// Texts come before statuses, because 1C says the same thing under several: a locked base was seen with 403, a missing
// licence is reported with 500 and 406. Sources: facts collected from public projects (docs/adr/0004); texts marked (k)
// are general knowledge of the platform and could not be confirmed on the wire.
var failures = []row{
	// Nothing was sent.
	{label: "refused", causes: []cause{refused}, pause: absent, means: "nobody listens at this address"},
	{label: "lookup", causes: []cause{lookup}, means: "the name of the server cannot be found"},
	{label: "tls", causes: []cause{insecure}, pause: mistake, means: "no secure connection"},
	{label: "unreached", causes: []cause{unreached}, means: "the server cannot be reached"},
	{label: "description", causes: []cause{misread}, pause: mistake, means: "the description of the service"},
	// Sent, and no answer.
	{label: "timeout", causes: []cause{timedOut}, blame: verdict.Unclear, unsure: true, means: "no answer in time"},
	{label: "stopped", causes: []cause{stopped}, blame: verdict.Unclear, unsure: true, means: "the call was broken off on our side"},
	{label: "broken", causes: []cause{broken}, blame: verdict.Unclear, unsure: true, means: "the connection broke in mid-call"},
	// What 1C says of itself, under any status.
	{label: "locked", kinds: byAnyWords, texts: []string{
		"начало сеанса с информационной базой запрещено", // 403, exception JSON
		"информационная база заблокирована",              // (k)
		"монопольн", // (k) exclusive mode
	}, pause: locked, means: "the infobase is locked for maintenance"},
	{label: "licence", kinds: byAnyWords, texts: []string{
		"свободной лицензии", "не найдена лицензия", "лицензия не найдена", "ключ защиты программы",
		"license not found", "license is not found", "free license", "no license", // (k)
	}, full: true, pause: crowded, means: "1C has no free licence"},
	{label: "full", kinds: byAnyWords, texts: []string{
		"истекло время ожидания сеанса",             // 406, exception XML: pool full, or nothing can be started
		"превышено максимальное количество сеансов", // (k)
	}, full: true, pause: crowded, means: "1C had no free session in time"},
	{label: "session", kinds: byAnyWords, texts: []string{
		"заголовок управления сеансами", // 400 or 404 where reuseSessions="use"
		"сеанс отсутствует или удален",  // 500?
		"сеанс работы завершен",         // 500?
	}, means: "1C does not know the session"},
	{label: "updating", kinds: byAnyWords, texts: []string{
		"различаются версии клиента и сервера", // 409, HTML
	}, pause: updating, means: "the 1C platform is being updated"},
	{label: "lock", kinds: byAnyWords, texts: []string{
		"ошибка блокировки данных", "конфликт блокировок", "deadlock", "взаимоблокировк",
		"предоставления блокировки", "lock request time", "lock timeout", // (k)
	}, means: "a lock in the database of 1C"},
	// A proxy may have passed the call on before it gave up.
	{label: "gateway", statuses: [2]int{502, 502}, unsure: true, means: "the web server has lost 1C behind it"},
	{label: "gateway", statuses: [2]int{504, 504}, unsure: true, means: "the web server got no answer of 1C in time"},
	{label: "unavailable", statuses: [2]int{503, 503}, means: "1C is not available behind the web server"},
	// The web server's and the publication's statuses.
	{label: "redirect", statuses: [2]int{300, 399}, pause: mistake, means: "a redirect, which is not followed; is the URL right"},
	{label: "unauthorized", statuses: [2]int{401, 401}, pause: denied, means: "1C does not accept the user or the password"},
	{label: "forbidden", statuses: [2]int{403, 403}, pause: denied, means: "1C or its web server refuses access; rights of the user, or the address is not allowed"},
	{label: "absent", statuses: [2]int{404, 405}, pause: mistake, means: "no web service is published at this URL"},
	{label: "proxy", statuses: [2]int{407, 407}, pause: mistake, means: "a proxy stands between and wants a password"},
	{label: "full", statuses: [2]int{406, 406}, full: true, pause: crowded, means: "1C had no free session in time"},
	{label: "updating", statuses: [2]int{409, 409}, pause: updating, means: "1C is being updated"},
	{label: "absent", statuses: [2]int{410, 410}, pause: mistake, means: "no web service is published at this URL any more"},
	{label: "throttled", statuses: [2]int{429, 429}, means: "too many calls for the web server"},
	{label: "unexpected", statuses: [2]int{501, 599}, unsure: true, means: "an error of the web server"},
	// What is left: 2xx, 400, 500 and rare 4xx, told apart by the body.
	{label: "fault", kinds: bySOAP, blame: verdict.Message, means: "1C refused"},
	{label: "exception", statuses: [2]int{400, 499}, kinds: byPlatform, blame: verdict.Message, means: "1C refused"},
	// Of a target that is no 1C the status is all that can be understood. A 500 may be this event's, or nobody's.
	{label: "later", http: true, statuses: [2]int{408, 408}, means: "the receiver wants to be asked again"},
	{label: "later", http: true, statuses: [2]int{425, 425}, means: "the receiver wants to be asked again"},
	{label: "refusal", http: true, statuses: [2]int{400, 499}, blame: verdict.Message, means: "the receiver refuses the event"},
	{label: "failure", http: true, statuses: [2]int{500, 500}, kinds: byNo1C, blame: verdict.Unclear, unsure: true, means: "the receiver failed"},
	{label: "unexpected", statuses: [2]int{413, 414}, blame: verdict.Message, means: "the call is too large for the web server"},
	{label: "page", kinds: byPage, pause: mistake, means: "a web page instead of an answer"},
	{label: "exception", kinds: byPlatform, blame: verdict.Unclear, means: "1C failed"},
	{label: "status", http: true, statuses: [2]int{200, 299}, blame: verdict.Unclear, unsure: true, means: "none of the statuses that were expected"},
	{label: "unexpected", blame: verdict.Unclear, unsure: true, means: "not an answer of 1C"},
}

// mayHaveWorked is said where the answer is not known.
const mayHaveWorked = "; 1C may have processed the call"

// Meanings are all phrases that Failure.Why may begin with, and what may stand behind them.
func Meanings() (all []string) {
	for _, r := range failures {
		all = append(all, r.means)
	}
	return append(all, mayHaveWorked)
}

// judge finds the row.
func judge(e evidence) row {
	for _, r := range failures {
		if r.fits(e) {
			return r
		}
	}
	return failures[len(failures)-1]
}

func (r row) fits(e evidence) bool {
	if len(r.causes) > 0 || e.cause != answered {
		return slices.Contains(r.causes, e.cause)
	}
	if r.http && !e.http {
		return false
	}
	if r.statuses[0] > 0 && (e.status < r.statuses[0] || e.status > r.statuses[1]) {
		return false
	}
	if len(r.kinds) > 0 && !slices.Contains(r.kinds, e.answer.Kind) {
		return false
	}
	return len(r.texts) == 0 || containsAny(e.answer.Text, r.texts) && !containsAny(e.said, r.texts)
}

// outage is what the row means for all lanes, if its failure is the target's.
func (r row) outage() verdict.Outage {
	p := r.pause
	if p.first == 0 {
		p = short
	}
	return verdict.Outage{Cause: r.label, Sure: p.sure, Alarm: p.alarm, First: p.first, Longest: p.longest}
}

func containsAny(text string, parts []string) bool {
	text = strings.ReplaceAll(strings.ToLower(text), "ё", "е")
	return slices.ContainsFunc(parts, func(p string) bool { return strings.Contains(text, p) })
}

// failure makes the error. Where only the WSDL was asked for, nothing of the event was sent, so the failure is certain
// and the target's, whatever the row says.
func (c *Client) failure(e evidence) *Failure {
	e.http = c.hook != nil
	r := judge(e)
	f := &Failure{Label: r.label, status: e.status, blame: r.blame, unsure: r.unsure, full: r.full, outage: r.outage(), err: e.err}
	f.Why = c.redact(why(r, e))
	if e.reading {
		f.blame, f.unsure = verdict.Target, false
		f.Why = c.redact("read " + c.address.shown + "?wsdl: " + why(r, e))
	}
	return f
}

// why joins what it means, what 1C said and the status: "1C refused: Деление на 0 (HTTP 500)".
func why(r row, e evidence) string {
	text := r.means
	if r.unsure && !e.reading {
		text += mayHaveWorked
	}
	switch {
	case e.hint != "":
		text += ": " + soap.Shorten(e.hint, 200)
	case e.answer.Text != "" && e.answer.Kind != soap.Returned:
		text += ": " + e.answer.Text
	case e.cause == misread:
		text += ": " + e.err.Error() // its override has lines of its own, to be pasted
	case e.err != nil:
		text += ": " + soap.Shorten(e.err.Error(), 300)
	}
	if e.status != 0 {
		text += fmt.Sprintf(" (HTTP %d, %s)", e.status, e.answer.Kind)
	}
	return text
}

// redact is the last line of defence: a proxy's error page may repeat the headers of the request.
func (c *Client) redact(text string) string {
	var secrets []string
	if password := c.password(); password != "" {
		secrets = append(secrets, password, base64.StdEncoding.EncodeToString([]byte(c.config.User+":"+password)))
	}
	if c.hook != nil {
		secrets = append(secrets, c.hook.Constants()...)
	}
	for _, s := range secrets {
		if len(s) >= 4 { // what is shorter would be shown by its absence
			text = strings.ReplaceAll(text, s, "***")
		}
	}
	return text
}

// winRefused is WSAECONNREFUSED: Windows reports its own number, which is not its syscall.ECONNREFUSED.
const winRefused = syscall.Errno(10061)

// causeOf reads an error of the transport.
func causeOf(err error) cause {
	var failed *transport.Error
	written := errors.As(err, &failed) && failed.Written
	var dns *net.DNSError
	var timeout net.Error
	switch {
	case !written && (errors.Is(err, syscall.ECONNREFUSED) || errors.Is(err, winRefused)):
		return refused
	case !written && errors.As(err, &dns):
		return lookup
	case !written && isTLS(err):
		return insecure
	case !written:
		return unreached
	case errors.Is(err, context.Canceled):
		return stopped
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &timeout) && timeout.Timeout():
		return timedOut
	}
	return broken
}

func isTLS(err error) bool {
	var record tls.RecordHeaderError
	var certificate *tls.CertificateVerificationError
	var alert tls.AlertError
	return errors.As(err, &record) || errors.As(err, &certificate) || errors.As(err, &alert) ||
		strings.Contains(err.Error(), "tls: ") || strings.Contains(err.Error(), "x509: ") ||
		strings.Contains(err.Error(), "TLS handshake") ||
		strings.Contains(err.Error(), "HTTP response to HTTPS client")
}

// isWSDL looks at the beginning: enough to tell a WSDL from a login page that comes with 200.
func isWSDL(body []byte) bool {
	return bytes.Contains(body[:min(len(body), 4096)], []byte("http://schemas.xmlsoap.org/wsdl/"))
}
