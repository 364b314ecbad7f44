package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/url"
	"strings"
)

// attack is what a hostile client sends on a connection of its own, and the first answer that it must get.
type attack struct {
	name string
	raw  string
	want []int // empty: any answer below 500, or none
	end  bool  // the client says no more after it: a body that ends early
}

// forged is in whatever must not come out anywhere as a thing of its own: a header, a line of the log, a subject, a hit.
const forged = "forged"

// get is a whole request with a good line in it.
func get(more string, headers ...string) string {
	return "GET /phone/incoming?line=101" + more + " HTTP/1.1\r\nHost: x\r\n" + strings.Join(headers, "") + "\r\n"
}

func post(path, body string, headers ...string) string {
	return fmt.Sprintf("POST %s HTTP/1.1\r\nHost: x\r\n%sContent-Length: %d\r\n\r\n%s", path, strings.Join(headers, ""), len(body), body)
}

// corpus is everything that is sent by HTTP. dialects are those that ingest itself names.
func corpus(dialects []string) (all []attack) {
	all = append(all, tooMuch()...)
	all = append(all, framing()...)
	all = append(all, otherProtocols()...)
	all = append(all, paths()...)
	all = append(all, bodies()...)
	all = append(all, everyParameter(dialects)...)
	return append(all, noise()...)
}

// answers are those that an attack may get.
func answers(statuses ...int) []int { return statuses }

func tooMuch() []attack {
	return []attack{
		{name: "a request line of 100 kB", raw: get("&name=" + strings.Repeat("a", 100<<10)), want: answers(414)},
		{name: "a request line of 100 kB of blanks", raw: "GET " + strings.Repeat(" ", 100<<10) + "/ HTTP/1.1\r\n\r\n", want: answers(414)},
		{name: "a method of 100 kB", raw: strings.Repeat("A", 100<<10) + " / HTTP/1.1\r\n\r\n", want: answers(414)},
		{name: "a header of 100 kB", raw: get("", "X: "+strings.Repeat("a", 100<<10)+"\r\n"), want: answers(431)},
		{name: "10,000 headers", raw: get("", strings.Repeat("a:1\r\n", 10_000)), want: answers(431)},
		{name: "3,000 headers", raw: get("", strings.Repeat("a:1\r\n", 3000)), want: answers(200)},
		{name: "X-Forwarded-For of 1,500 hops", raw: get("", "X-Forwarded-For: "+strings.Repeat("127.0.0.1,", 1500)+"\r\n"), want: answers(200)},
		{name: "800 X-Forwarded-For", raw: get("", strings.Repeat("X-Forwarded-For:\r\n", 800)), want: answers(200)},
		{name: "X-Forwarded-For of noise", raw: get("", "X-Forwarded-For: ::%\xff,[::1]:99999999,,,1.2.3\r\n"), want: answers(200)},
		{name: "10,000 parameters", raw: get(strings.Repeat("&a=1", 10_000)), want: answers(414)},
		{name: "2,000 parameters", raw: get(strings.Repeat("&a=1", 2000)), want: answers(200)},
		{name: "10,000 parameters in a body", raw: post("/phone/incoming?line=101", strings.Repeat("a=1&", 10_000)), want: answers(200)},
		{name: "a parameter of 8 kB", raw: get("&name=" + strings.Repeat("a", 8000)), want: answers(200)},
		{name: "a line of 8 kB", raw: "GET /phone/incoming?line=" + strings.Repeat("1", 8000) + "\r\n", want: answers(200)},
		{name: "a body of 100 kB", raw: post("/phone/incoming?line=101", strings.Repeat("a", 100<<10)), want: answers(413)},
		{name: "8 kB of escapes", raw: get("&name=" + strings.Repeat("\xff", 8000)), want: answers(200)},
		{name: "100 kB of line ends", raw: strings.Repeat("\r\n", 50<<10) + get(""), want: answers(200)},
	}
}

func framing() []attack {
	const path = "/phone/incoming?line=101"
	return []attack{
		{name: "NULs", raw: strings.Repeat("\x00", 10_000), want: answers(400)},
		{name: "NULs in the query", raw: get("&remote=\x00\x00&name=a\x00b&\x00=\x00"), want: answers(200)},
		{name: "NULs in the path", raw: "GET /phone\x00/incoming\x00?line=101 HTTP/1.1\r\n\r\n", want: answers(404)},
		{name: "NULs in a header", raw: get("", "User-Agent: \x00\x00\r\nHost\x00: x\r\n"), want: answers(400)},
		{name: "NULs in a header's value", raw: get("", "User-Agent: a\x00b\r\n"), want: answers(200)},
		{name: "a folded header", raw: get("", "X: a\r\n b: c\r\n"), want: answers(400)},
		{name: "a blank before the colon", raw: get("", "Content-Length : 5\r\n"), want: answers(400)},
		{name: "two hosts", raw: get("", "Host: y\r\n"), want: answers(400)},
		{name: "a length of 20 digits", raw: "POST " + path + " HTTP/1.1\r\nContent-Length: 99999999999999999999\r\n\r\n", want: answers(400)},
		{name: "a length of 10 digits", raw: "POST " + path + " HTTP/1.1\r\nContent-Length: 9999999999\r\n\r\n", want: answers(413)},
		{name: "a negative length", raw: "POST " + path + " HTTP/1.1\r\nContent-Length: -1\r\n\r\n", want: answers(400)},
		{name: "a length with a sign", raw: "POST " + path + " HTTP/1.1\r\nContent-Length: +5\r\n\r\nabcde", want: answers(400)},
		{name: "two lengths", raw: "POST " + path + " HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nabcdef", want: answers(400)},
		{name: "a list of lengths", raw: "POST " + path + " HTTP/1.1\r\nContent-Length: 5, 5\r\n\r\nabcde", want: answers(400)},
		{name: "chunked", raw: "POST " + path + " HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n", want: answers(411)},
		{name: "chunked and a length", raw: "POST " + path + " HTTP/1.1\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", want: answers(400)},
		{name: "a body cut short", raw: "POST " + path + " HTTP/1.1\r\nContent-Length: 100\r\n\r\na=1", want: answers(400), end: true},
		{name: "a request cut short", raw: "GET /phone/incoming?line=101&name=", end: true},
		{name: "bare CR", raw: "GET / HTTP/1.1\rX: " + forged + "\r\r", end: true},
		{name: "the mark of our own refusals", raw: "CALLBUS-REFUSED /crowd HTTP/1.1\r\n\r\n", want: answers(503)},
	}
}

func otherProtocols() []attack {
	all := []attack{
		{name: "TLS", raw: "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + strings.Repeat("\x7f", 512), want: answers(400)},
		{name: "HTTP/2", raw: "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\x00\x00\x00\x04\x00\x00\x00\x00\x00", want: answers(505)},
		{name: "h2c", raw: get("", "Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), want: answers(200)},
		{name: "WebSocket", raw: get("", "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"), want: answers(200)},
		{name: "SSH", raw: "SSH-2.0-OpenSSH_9.6\r\n", want: answers(400)},
		{name: "RTSP", raw: "OPTIONS / RTSP/1.0\r\nCSeq: 1\r\n\r\n", end: true},
		{name: "SIP", raw: "INVITE sip:101@127.0.0.1 SIP/2.0\r\nVia: x\r\n\r\n", end: true},
		{name: "an absolute URI", raw: "GET http://elsewhere.example/phone/incoming?line=101 HTTP/1.1\r\nHost: y\r\n\r\n", want: answers(200)},
		{name: "an absolute URI with a user", raw: "GET http://a:b@c:99999999/phone/incoming?line=101 HTTP/1.1\r\n\r\n", want: answers(200)},
		{name: "OPTIONS *", raw: "OPTIONS * HTTP/1.1\r\nHost: x\r\n\r\n", want: answers(405)},
		{name: "CONNECT", raw: "CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: x\r\n\r\n", want: answers(405)},
		{name: "Expect", raw: "POST /phone/incoming?line=101 HTTP/1.1\r\nExpect: 100-continue\r\nContent-Length: 3\r\n\r\na=1", want: answers(100, 200)},
	}
	for _, method := range []string{"PUT", "DELETE", "PATCH", "TRACE", "PROPFIND", "BREW", "get", "!#$%&'*+-.^_`|~"} {
		all = append(all, attack{name: method, raw: method + " /phone/incoming?line=101 HTTP/1.1\r\n\r\n", want: answers(405)})
	}
	return all
}

func paths() []attack {
	all := []attack{
		{name: "2,000 segments", raw: "GET " + strings.Repeat("/a", 2000) + " HTTP/1.1\r\n\r\n", want: answers(404)},
		{name: "2,000 folders", raw: "GET " + strings.Repeat("/a", 2000) + "/checkphone.php?event=1&p1=1&p2=101 HTTP/1.1\r\n\r\n", want: answers(200)},
		{name: "8,000 slashes", raw: "GET " + strings.Repeat("/", 8000) + " HTTP/1.1\r\n\r\n", want: answers(404)},
		{name: "2,000 times up", raw: "GET " + strings.Repeat("/..", 2000) + "/etc/passwd HTTP/1.1\r\n\r\n", want: answers(404)},
		{name: "escaped slashes", raw: "GET /phone%2Fincoming?line=101 HTTP/1.1\r\n\r\n", want: answers(404)},
		{name: "escaped slashes in the values", raw: "GET /phone/incoming/line=101&name=%2F%2f%5c..%2f HTTP/1.1\r\n\r\n", want: answers(200)},
		{name: "%%%", raw: "GET /%%%/%%%?%%%=%%% HTTP/1.1\r\n\r\n", want: answers(404)},
		{name: "%%% in a value", raw: get("&name=%%%&%=%&%0=%zz"), want: answers(200)},
		{name: "a token of 8 kB", raw: "GET /p/" + strings.Repeat("a", 7000) + "/phone/incoming?line=101 HTTP/1.1\r\n\r\n"},
	}
	for i := range 1000 {
		all = append(all,
			attack{name: "a dialect of its own", raw: fmt.Sprintf("GET /dialect%d/incoming?line=101 HTTP/1.1\r\n\r\n", i), want: answers(404)},
			attack{name: "an event of its own", raw: fmt.Sprintf("GET /phone/event%d?line=101 HTTP/1.1\r\n\r\n", i), want: answers(404)})
	}
	return all
}

// bodies may be accepted where they name an event before they go wrong; what is stored of them is looked at later.
func bodies() (all []attack) {
	entities := `<?xml version="1.0"?><!DOCTYPE a [<!ENTITY a "aaaaaaaaaa">`
	for i := 'b'; i <= 'z'; i++ {
		entities += fmt.Sprintf(`<!ENTITY %c "%s">`, i, strings.Repeat(fmt.Sprintf("&%c;", i-1), 10))
	}
	for name, body := range map[string]string{
		"entities that grow":      entities + `]><PolycomIPPhone><IncomingCallEvent><CallingPartyNumber>&z;</CallingPartyNumber></IncomingCallEvent></PolycomIPPhone>`,
		"an entity from a file":   `<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><PolycomIPPhone><IncomingCallEvent><PhoneIP>&x;</PhoneIP></IncomingCallEvent></PolycomIPPhone>`,
		"20,000 elements deep":    strings.Repeat("<a>", 20_000),
		"9,000 elements and back": strings.Repeat("<a>", 9000) + strings.Repeat("</a>", 9000),
		"60 kB of one name":       "<" + strings.Repeat("a", 60_000) + ">",
		"10,000 attributes":       "<a" + strings.Repeat(` b=""`, 10_000) + "/>",
		"60 kB of NULs":           strings.Repeat("\x00", 60_000),
		"60 kB of noise":          random(60_000),
	} {
		for _, path := range []string{"/polycom", "/polycom/incoming", "/phone/incoming"} {
			all = append(all, attack{name: name + " to " + path, raw: post(path, body, "Content-Type: application/xml\r\n"), want: answers(200, 400)})
		}
	}
	return all
}

// everyParameter puts what would end a line, a header, a subject, a JSON string or a rune into each parameter that the
// dialects know, both as it is and escaped.
func everyParameter(dialects []string) (all []attack) {
	values := map[string]string{
		"a header":           "101\r\nNats-Msg-Id: " + forged + "\r\nX-Forged: yes\r\n\r\n",
		"a request":          "101\r\n\r\nGET /phone/incoming?line=" + forged + " HTTP/1.1\r\n\r\n",
		"a NATS command":     "101\r\nPUB calls.incoming 6\r\n" + forged + "\r\n",
		"a line of the log":  "101\"}\n{\"level\":\"error\",\"message\":\"" + forged + "\",\"" + forged + "\":1}\n",
		"a field of a line":  `101","message":"` + forged + `","` + forged + `":"`,
		"a subject":          "101." + forged + ".>.*",
		"a coloured line":    "\x1b[31m" + forged + "\x1b[0m\x07\x08\x7f\u0085\u2028\u202e",
		"invalid UTF-8":      "\xff\xfe\xc0\xaf\xed\xa0\x80\xf4\x90\x80\x80\xe2\x82",
		"a template":         "${" + forged + "} {{.}} %s%n%d $(id) `id` '; DROP TABLE calls; --",
		"nothing but quotes": `"'<>&;` + "\\",
	}
	names := []string{
		"acc", "local", "lname", "remote", "name", "mac", "ip", "model", "fw", "cid", "host", "dur", "dir", "event", "p1",
		"active_user", "display_remote", "callerID", "call_id", forged, "line", "p2",
	}
	for what, value := range values {
		agent := "User-Agent: " + strings.NewReplacer("\r", "", "\n", "").Replace(value) + "\r\n"
		pairs := ""
		for _, name := range names {
			pair := "&" + name + "=" + url.QueryEscape(value)
			pairs += pair
			all = append(all, attack{name: what + " in " + name, raw: get(pair, agent)})
		}
		for _, dialect := range dialects {
			all = append(all, attack{name: what + " everywhere, to " + dialect, raw: "GET /" + dialect + "/incoming?line=101" + pairs + " HTTP/1.1\r\n" + agent + "\r\n"})
		}
		all = append(all, attack{name: what + " in the old form", raw: "GET /checkphone.php?event=1&p2=101" + pairs + " HTTP/1.1\r\n" + agent + "\r\n"})
	}
	for what, value := range values { // as it is: what follows a line end is the client's own next line, and no part of a parameter
		all = append(all, attack{name: what + " as it is", raw: get("&name=" + value), end: true})
	}
	return all
}

// noise is the same in each run.
func noise() (all []attack) {
	for range 200 {
		all = append(all, attack{name: "noise", raw: random(4000), end: true},
			attack{name: "noise behind GET", raw: "GET /" + random(200) + " HTTP/1.1\r\n" + random(200) + "\r\n\r\n", end: true})
	}
	return all
}

var dice = rand.NewChaCha8([32]byte{})

func random(n int) string {
	b := make([]byte, n)
	_, _ = dice.Read(b) // it never fails
	return string(b)
}
