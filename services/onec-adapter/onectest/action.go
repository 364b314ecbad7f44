package onectest

import (
	"encoding/json"
	"encoding/xml"
	"fmt"
	"html"
	"io"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Kind tells the actions apart.
type Kind int

// What can be done with a call. The status and the shape of each follow recorded answers of real ones.
const (
	KindOK           Kind = iota // the operation runs; m:return "OK" or the action's text
	KindFault                    // 500 and a SOAP Fault with the action's text
	KindFull                     // 406 and exception XML: no free session
	KindLocked                   // 403 and exception JSON: the infobase is locked for maintenance
	KindUpdating                 // 409 and an HTML page: versions of client and server differ
	KindAbsent                   // 503 and a web server's page
	KindGateway                  // 502 after the operation has run
	KindForbidden                // 403 and a web server's page
	KindUnauthorized             // 401
	KindPage                     // 200 and a login page
	KindGarbage                  // 200 and bytes that are nothing
	KindHang                     // no answer until released or the client goes; then the operation runs
	KindResetBefore              // the connection breaks, and the operation does not run
	KindResetAfter               // the operation runs, and the connection breaks
	KindResetWithin              // the operation runs, and the connection breaks in the middle of the answer
	KindStatus                   // any status with any body
	KindHeavy                    // 500 and exception JSON with megabytes of creationStack
	KindBroken                   // 500 and an HTML page of the platform, with the action's text
)

// works reports whether the operation runs.
func (k Kind) works() bool {
	switch k {
	case KindOK, KindHang, KindResetAfter, KindResetWithin, KindGateway:
		return true
	}
	return false
}

// wholeServer reports whether the action concerns ?wsdl as well: such a 1C is away for everyone.
func (k Kind) wholeServer() bool {
	switch k {
	case KindLocked, KindUpdating, KindAbsent, KindForbidden, KindUnauthorized, KindPage:
		return true
	}
	return false
}

// Action is what is done with one call.
type Action struct {
	Kind   Kind
	Text   string // of a Fault or a return value; body of KindStatus
	Status int    // of KindStatus
	Bytes  int    // of KindHeavy
}

var wrongPassword = Action{Kind: KindUnauthorized}

// String tells what a client sees, in short.
func (a Action) String() string {
	switch a.Kind {
	case KindOK, KindHang:
		return a.Text
	case KindFault, KindHeavy, KindBroken:
		return "500 " + a.Text
	case KindFull:
		return "406 " + TextPoolTimeout
	case KindLocked:
		return "403 " + TextLocked
	case KindUpdating:
		return "409 " + textUpdating
	case KindUnauthorized:
		return "401 Unauthorized"
	case KindPage:
		return "200, a web page"
	case KindGarbage:
		return "200, garbage"
	case KindResetBefore, KindResetAfter, KindResetWithin:
		return "the connection is broken"
	}
	status := map[Kind]int{KindAbsent: 503, KindGateway: 502, KindForbidden: 403, KindStatus: a.Status}[a.Kind]
	return fmt.Sprintf("%d %s", status, http.StatusText(status))
}

const textUpdating = "Различаются версии клиента и сервера (8.3.27.1719 - 8.3.27.2130)"

// OK runs the operation and returns "OK".
func OK() Action { return Action{Kind: KindOK, Text: "OK"} }

// Return runs the operation and returns a text.
func Return(text string) Action { return Action{Kind: KindOK, Text: text} }

// Fault refuses with a text, as an exception in the service's code does.
func Fault(text string) Action { return Action{Kind: KindFault, Text: text} }

// Exception is an exception in the service's code as 1C tells of it, wrapped twice.
func Exception(message string) Action {
	const where = "{WebСервис.TelData.Модуль(25)}: "
	return Fault("Неизвестная ошибка. " + where + message + "\nпо причине:\n" + where + message)
}

// DataLock is a transaction that waited for a lock in vain: the same call may go through a moment later.
func DataLock() Action {
	return Exception("Ошибка блокировки данных. Превышено максимальное время ожидания предоставления блокировки")
}

// Deadlock is a transaction that was the victim of another. (The words of SQL Server are general knowledge.)
func Deadlock() Action {
	return Exception("Конфликт блокировок при выполнении транзакции: Microsoft SQL Server: Transaction (Process ID 61) was deadlocked " +
		"on lock resources with another process and has been chosen as the deadlock victim.")
}

// Heavy is an exception whose stack has this many bytes.
func Heavy(text string, bytes int) Action { return Action{Kind: KindHeavy, Text: text, Bytes: bytes} }

// DeviceFull is a server of 1C without room on its disk.
func DeviceFull() Action {
	return Action{Kind: KindBroken, Text: "The device is full 'v8_x.tmp'. 28(0x0000001C): No space left on device"}
}

// Page is a web page that came between, with status 200.
func Page() Action { return Action{Kind: KindPage} }

// Status answers with any status and body.
func Status(status int, body string) Action {
	return Action{Kind: KindStatus, Status: status, Text: body}
}

// Full, Locked and the others are the actions without a text of their own.
func Full() Action { return Action{Kind: KindFull} }

// Locked is a base closed for maintenance.
func Locked() Action { return Action{Kind: KindLocked} }

// Updating is a platform in the middle of an update.
func Updating() Action { return Action{Kind: KindUpdating} }

// Absent is a web server whose 1C is down.
func Absent() Action { return Action{Kind: KindAbsent} }

// Hang never answers, until Server.Release or Close.
func Hang() Action { return Action{Kind: KindHang} }

// ResetBefore breaks the connection without having worked.
func ResetBefore() Action { return Action{Kind: KindResetBefore} }

// ResetAfter breaks the connection after the work.
func ResetAfter() Action { return Action{Kind: KindResetAfter} }

// ResetWithin breaks the connection after the work and half of the answer.
func ResetWithin() Action { return Action{Kind: KindResetWithin, Text: "OK"} }

// Garbage is 200 and bytes that are nothing.
func Garbage() Action { return Action{Kind: KindGarbage} }

// Always does the same with every call.
func Always(a Action) func(*Call) Action { return func(*Call) Action { return a } }

// ForLines does a with the calls of some lines and nothing special with others.
func ForLines(a Action, lines ...string) func(*Call) Action {
	return func(c *Call) Action {
		if slices.Contains(lines, c.Line) {
			return a
		}
		return OK()
	}
}

// First does a with the first n calls, and nothing special afterwards.
func First(n int, a Action) func(*Call) Action {
	var mutex sync.Mutex
	return func(c *Call) Action {
		mutex.Lock()
		defer mutex.Unlock()
		if c.Seq == 0 || n == 0 { // Seq 0 asks for the WSDL
			return OK()
		}
		n--
		return a
	}
}

// Share is a part of a mix: of all calls, Part (0 to 1) get the action.
type Share struct {
	Part   float64
	Action Action
}

// Mix draws an action for each call, the same ones in the same order for the same seed. What the shares leave is OK.
func Mix(seed uint64, shares ...Share) func(*Call) Action {
	var mutex sync.Mutex
	dice := rand.New(rand.NewPCG(seed, seed))
	return func(c *Call) Action {
		if c.Seq == 0 {
			return OK()
		}
		mutex.Lock()
		drawn := dice.Float64()
		mutex.Unlock()
		for _, s := range shares {
			if drawn < s.Part {
				return s.Action
			}
			drawn -= s.Part
		}
		return OK()
	}
}

// reply answers a call.
func (s *Server) reply(w http.ResponseWriter, a Action, c Call) {
	if c.Posted != nil {
		answerPosted(w, a, *c.Posted)
		return
	}
	switch a.Kind {
	case KindOK, KindHang:
		s.respond(w, c, a)
	case KindResetWithin:
		half := httptest.NewRecorder()
		s.respond(half, c, a)
		breakWithin(w, half)
	case KindFault:
		fault(w, c.SOAP12, "Server", a.Text)
	default:
		a.answer(w)
	}
}

// answer is what does not depend on the call.
func (a Action) answer(w http.ResponseWriter) {
	switch a.Kind {
	case KindFull:
		exceptionXML(w, http.StatusNotAcceptable, TextPoolTimeout)
	case KindLocked:
		exceptionJSON(w, http.StatusForbidden, TextLocked+"\nВедутся технические работы", 0)
	case KindUpdating:
		page(w, http.StatusConflict, "1C:Enterprise 8 application error", textUpdating)
	case KindAbsent:
		page(w, http.StatusServiceUnavailable, "503 Service Temporarily Unavailable", "nginx")
	case KindGateway:
		page(w, http.StatusBadGateway, "502 Bad Gateway", "nginx")
	case KindForbidden:
		page(w, http.StatusForbidden, "403 Forbidden", "You don't have permission to access this resource.")
	case KindUnauthorized:
		w.Header().Set("WWW-Authenticate", `Basic realm="1C:Enterprise 8.3"`)
		w.WriteHeader(http.StatusUnauthorized)
	case KindPage:
		page(w, http.StatusOK, "Sign in", "Please sign in to go on.")
	case KindGarbage:
		io.WriteString(w, "\x00\xff\x17 nothing that anyone could read") //nolint:errcheck // the client may have gone
	case KindHeavy:
		exceptionJSON(w, http.StatusInternalServerError, a.Text, a.Bytes)
	case KindBroken:
		page(w, http.StatusInternalServerError, "1C:Enterprise 8 application error", a.Text)
	case KindStatus:
		w.WriteHeader(a.Status)
		io.WriteString(w, a.Text) //nolint:errcheck // the client may have gone
	case KindResetBefore, KindResetAfter:
		reset(w)
	}
}

// respond writes what 1C writes: prefixes soap and m, tabs, no XML declaration, an empty element for an empty text.
func (s *Server) respond(w http.ResponseWriter, c Call, a Action) {
	text := a.Text
	if a.Kind == KindHang && text == "" {
		text = "OK"
	}
	var values strings.Builder
	value(&values, "return", text)
	for _, p := range s.options.Further {
		if p.Out {
			value(&values, p.Name, "")
		}
	}
	envelope(w, http.StatusOK, c.SOAP12, fmt.Sprintf("\t\t<m:%[1]sResponse xmlns:m=\"%[2]s\">\n%[3]s\t\t</m:%[1]sResponse>\n",
		s.options.Operation, escape(s.options.Namespace), &values))
}

func value(b *strings.Builder, name, text string) {
	fmt.Fprintf(b, "\t\t\t<m:%[1]s xmlns:xs=\"http://www.w3.org/2001/XMLSchema\"\n\t\t\t\t\txmlns:xsi=\"%[2]s\">%[3]s</m:%[1]s>\n",
		name, nsInstance, escape(text))
}

func fault(w http.ResponseWriter, soap12 bool, code, text string) {
	body := fmt.Sprintf("<soap:Fault><faultcode>soap:%s</faultcode><faultstring>%s</faultstring></soap:Fault>", code, escape(text))
	if soap12 {
		code = map[string]string{"Client": "Sender", "Server": "Receiver"}[code]
		body = fmt.Sprintf("<soap:Fault><soap:Code><soap:Value>soap:%s</soap:Value></soap:Code>"+
			"<soap:Reason><soap:Text xml:lang=\"ru\">%s</soap:Text></soap:Reason></soap:Fault>", code, escape(text))
	}
	envelope(w, http.StatusInternalServerError, soap12, body)
}

func envelope(w http.ResponseWriter, status int, soap12 bool, body string) {
	namespace, contentType := nsEnvelope11, "text/xml; charset=utf-8"
	if soap12 {
		namespace, contentType = nsEnvelope12, "application/soap+xml; charset=utf-8"
	}
	w.Header().Set("Content-Type", contentType)
	w.WriteHeader(status)
	fmt.Fprintf(w, "<soap:Envelope xmlns:soap=\"%s\">\n\t<soap:Body>\n%s\t</soap:Body>\n</soap:Envelope>", namespace, body)
}

func exceptionXML(w http.ResponseWriter, status int, text string) {
	w.Header().Set("Content-Type", "application/xml; charset=utf-8")
	w.WriteHeader(status)
	fmt.Fprintf(w, `<?xml version="1.0" encoding="UTF-8"?><?xml-stylesheet type="text/xsl" href="http://inside.invalid/base/e1csys/vrscore/exception.xslt"?>`+
		`<exception xmlns="http://v8.1c.ru/8.2/virtual-resource-system" xmlns:xs="http://www.w3.org/2001/XMLSchema" `+
		`xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance" xsi:type="Exception" clsid="580392e6-ba49-4280-ac67-fcd6f2180121" reason="%d">`+
		`<descr xmlns="http://v8.1c.ru/8.1/data/core">%s</descr></exception>`, status, escape(text))
}

// exceptionJSON begins with a byte order mark, as the platform's JSON may. Its stack may have megabytes.
func exceptionJSON(w http.ResponseWriter, status int, text string, stack int) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	const frame = "core83.dll:0x0000000000085928 "
	last := text[strings.LastIndex(text, "\n")+1:]
	innermost := map[string]any{"descr": last, "creationStack": strings.Repeat(frame, 1+stack/len(frame)), "data": "77u/ew0Ke30="}
	body, _ := json.Marshal(map[string]any{ // strings and maps only: it cannot fail
		"#exception": "{http://v8.1c.ru/8.2/virtual-resource-system}Exception",
		"exception": map[string]any{
			"reason": status, "descr": "HTTP: " + http.StatusText(status) + "\nОшибка при выполнении запроса к ресурсу:",
			"inner": map[string]any{"descr": text, "inner": innermost},
		},
	})
	fmt.Fprintf(w, "%s%s", mark, body)
}

func page(w http.ResponseWriter, status int, title, text string) {
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	title, text = html.EscapeString(title), html.EscapeString(text)
	fmt.Fprintf(w, "<!DOCTYPE HTML>\n<html><head><title>%[1]s</title></head><body><h2>%[1]s:</h2><b>by reason: </b><br>%[2]s</body></html>", title, text)
}

// reset sends RST: with linger 0 the kernel throws away what was not sent.
func reset(w http.ResponseWriter) {
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil {
		panic(http.ErrAbortHandler) // no TCP below (a recorder, HTTP/2): aborting is as near as it gets
	}
	if tcp, ok := conn.(*net.TCPConn); ok {
		tcp.SetLinger(0) //nolint:errcheck // it is closed anyway
	}
	conn.Close()
}

// breakWithin sends the head of an answer and half of its body, and resets the connection. The pause lets the half out: what
// is not sent yet goes with the reset.
func breakWithin(w http.ResponseWriter, whole *httptest.ResponseRecorder) {
	maps.Copy(w.Header(), whole.Header())
	w.Header().Set("Content-Length", strconv.Itoa(whole.Body.Len()))
	w.WriteHeader(whole.Code)
	_, _ = w.Write(whole.Body.Bytes()[:whole.Body.Len()/2])
	_ = http.NewResponseController(w).Flush()
	time.Sleep(10 * time.Millisecond)
	reset(w)
}

func escape(s string) string {
	var b strings.Builder
	xml.EscapeText(&b, []byte(s)) //nolint:errcheck // a Builder does not fail
	return b.String()
}
