package e2e

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"io/fs"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/callbus/callbus/internal/broker"
	service "github.com/callbus/callbus/services/ingest"
	"github.com/callbus/callbus/test/rig"
)

const (
	sharedToken = "shared-by-all-of-us-1"
	// marker stands beside the token in every request: where it is found, a token would have been.
	marker = "marker77"
	// ringer and mute are phones; both are invented.
	ringer = "001565aabb01"
	mute   = "001565aabb02"
)

// tokenPlaces are the places of a request that may hold a token: TOKEN. What can hold a marker without being refused for it has one.
var tokenPlaces = []string{
	// Where it belongs.
	"GET /p/TOKEN/yealink/incoming?acc=101&cid=marker77",
	"GET /p/TOKEN/checkphone.php?event=1&p1=marker77&p2=101",
	"GET /p/TOKEN/x/checkphone.php?event=2&p1=102&p2=101",
	"GET /p/TOKEN/phone/held/line=101&cid=marker77",
	"GET /p/TOKEN/yealink/registered?acc=101&cid=marker77",
	"GET /P/TOKEN/yealink/incoming?acc=101",
	"GET //p//TOKEN//yealink/incoming?acc=101",
	"GET http://ingest/p/TOKEN/yealink/incoming?acc=101",
	"HEAD /p/TOKEN/yealink/incoming?acc=101",
	"PUT /p/TOKEN/yealink/incoming?acc=101",
	// The URL is not finished, or not ours.
	"GET /p/TOKEN",
	"GET /p/TOKEN/",
	"GET /p/TOKEN/incoming",
	"GET /p/TOKEN/nokia/incoming?acc=101",
	"GET /p/TOKEN/yealink/sneezed?cid=marker77",
	"GET /p/TOKEN/checkphone.php?event=9&p1=marker77",
	// It stands somewhere else.
	"GET /%70/TOKEN/yealink/incoming?acc=101",
	"GET /TOKEN/yealink/incoming?acc=101&cid=marker77",
	"GET /yealink/TOKEN?acc=101&cid=marker77",
	"GET /yealink/TOKEN/incoming?acc=101",
	"GET /yealink/incoming/p/TOKEN/acc=101&cid=marker77",
	"GET /x/p/TOKEN/checkphone.php?event=1&p1=102&p2=101",
	"GET /yealink/incoming?acc=101&token=TOKEN&cid=marker77",
	"GET /yealink/incoming?key=TOKEN&acc=101",
	"GET /yealink/incoming?acc=101&url=http://ingest/p/TOKEN/yealink/incoming",
	"GET /p/TOKEN/yealink/incoming?acc=101&again=TOKEN&t=TOKEN",
	// It is refused before there is a request.
	"GET /p/TOKEN/yealink/incoming?acc=101 HTTP/3.0",
	"TOKEN /yealink/incoming?acc=101",
	"GET /yealink/incoming?acc=101\r\nReferer: http://ingest/p/TOKEN/yealink/incoming",
	"GET /yealink/incoming?acc=101\r\nAuthorization: Bearer TOKEN\r\nCookie: token=TOKEN\r\nX-Forwarded-For: TOKEN\r\nX-Key: TOKEN\r\nTOKEN: 1",
	"GET /yealink/incoming?acc=101\r\nHost: TOKEN\r\nHost: TOKEN",
	"GET /yealink/incoming?acc=101\r\nTOKEN",
	"GET /p/TOKEN/yealink/incoming\r\nUser-Agent: Yealink SIP-T46S marker77 http://ingest/p/TOKEN/",
	"POST /p/TOKEN/yealink/incoming\r\nContent-Length: LENGTH\r\n\r\nacc=101&cid=marker77&t=TOKEN&token=TOKEN",
	"POST /p/TOKEN/yealink/incoming\r\nContent-Type: text/xml\r\nContent-Length: LENGTH\r\n\r\n<marker77>TOKEN</marker77>",
	"POST /p/TOKEN/yealink/incoming\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nx\r\n0\r\n\r\n",
}

// hiddenPlaces are those where nothing but its mac tells that a text is a token.
var hiddenPlaces = []string{
	"GET /yealink/incoming?acc=101&t=TOKEN&cid=marker77",
	"GET /yealink/incoming?acc=101&TOKEN&cid=marker77",
	"GET /phone/incoming?line=TOKEN&cid=marker77",
	"GET /phone/incoming?line=101&remote=sip:TOKEN@pbx&name=TOKEN&cid=TOKEN&model=TOKEN&local=sip:TOKEN@marker77",
	"GET /phone/boot?line=101&fw=TOKEN&model=marker77",
	"GET /checkphone.php?event=TOKEN&p1=marker77&p2=101",
	"GET /checkphone.php?event=1&p1=sip:TOKEN@marker77&p2=TOKEN",
	"GET /phone/incoming\r\nUser-Agent: Yealink SIP-T46S marker77 TOKEN",
	"POST /phone/incoming\r\nContent-Length: LENGTH\r\n\r\nline=101&cid=marker77&t=TOKEN",
	"POST /phone/incoming?line=101\r\nContent-Type: text/xml\r\nContent-Length: LENGTH\r\n\r\n<marker77>TOKEN</marker77>",
	// The same with a valid token where it belongs, so that the hit is stored.
	"GET /p/TOKEN/phone/incoming?line=TOKEN&cid=marker77",
	"GET /p/TOKEN/phone/incoming?line=101&remote=sip:TOKEN@pbx&name=TOKEN&cid=TOKEN&model=TOKEN&lname=marker77",
	"GET /p/TOKEN/phone/boot?line=101&fw=TOKEN&model=marker77",
	"GET /p/TOKEN/checkphone.php?event=1&p1=sip:TOKEN@marker77&p2=TOKEN",
	"POST /p/TOKEN/phone/incoming\r\nContent-Length: LENGTH\r\n\r\nline=101&cid=marker77&t=TOKEN",
}

// request puts a token in its places.
func request(place, token string) string {
	r := strings.ReplaceAll(place, "TOKEN", token)
	head, body, _ := strings.Cut(r, "\r\n\r\n")
	line, headers, more := strings.Cut(head, "\r\n")
	if !strings.Contains(line, "HTTP/") {
		line += " HTTP/1.1"
	}
	if more {
		headers += "\r\n"
	}
	headers = strings.ReplaceAll(headers, "LENGTH", fmt.Sprint(len(body)))
	return line + "\r\n" + headers + "Connection: close\r\n\r\n" + body
}

func hexed(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// tokens are right and wrong ones, and what they are made of.
type tokens struct {
	secrets       service.TokenSecrets
	valid, old    string // of the newest secret, and of the one before
	wrong, broken string // of somebody else's, and one with a slip of the hand
}

func newTokens(t *testing.T) (x tokens) {
	t.Helper()
	first := service.NewTokenSecrets()
	var err error
	if x.secrets, err = first.Rotate(time.Hour); err != nil {
		t.Fatal(err)
	}
	for _, made := range []struct {
		token *string
		by    service.TokenSecrets
	}{{&x.old, first}, {&x.valid, x.secrets}, {&x.wrong, service.NewTokenSecrets()}} {
		if *made.token, err = made.by.Token(ringer); err != nil {
			t.Fatal(err)
		}
	}
	x.broken = x.valid[:len(x.valid)-2] + "__"
	return x
}

// door is an ingest that writes down all it can.
type door struct {
	ingest
	admin, data string
	answers     *rig.Text
	heard       *rig.Text // by those who listen to the live copies
}

func startDoor(t *testing.T, x tokens, flags ...string) *door {
	t.Helper()
	d := &door{data: t.TempDir(), admin: rig.FreeAddr(t), answers: &rig.Text{}, heard: &rig.Text{}}
	files, phones, natsAddr := t.TempDir(), rig.FreeAddr(t), rig.FreeAddr(t)
	write := func(name, text string) {
		if err := os.WriteFile(filepath.Join(files, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("phones.secret", x.secrets.File())
	write("shared", sharedToken+"\n")
	write("phones.csv", "id;line\n"+mute+";102\n")
	for i, f := range flags {
		flags[i] = strings.ReplaceAll(f, "FILES", files)
	}
	d.Program = rig.Start(t, ingestProgram(t), append([]string{"--store", d.data, "--store-max", "16MiB", "--http", phones,
		"--nats-listen", natsAddr, "--admin", d.admin, "--log-level", "trace"}, flags...)...)
	d.Says("phones.welcome")
	d.Ingest = rig.Ingest{Phones: phones, NATS: "nats://" + natsAddr, Creds: filepath.Join(d.data, broker.CredsFile)}
	nc := rig.Connect(t, d.NATS, d.Creds)
	if _, err := nc.Subscribe("lines.>", func(m *nats.Msg) { fmt.Fprintln(d.heard, m.Subject, m.Header, string(m.Data)) }); err != nil {
		t.Fatal(err)
	}
	if err := nc.Flush(); err != nil {
		t.Fatal(err)
	}
	return d
}

// knock sends one request and keeps the whole answer.
func (d *door) knock(t *testing.T, request string) {
	t.Helper()
	c, err := net.Dial("tcp", d.Phones)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(rig.Patience))
	if _, err := io.WriteString(c, request); err != nil {
		t.Fatal(err)
	}
	answer, err := io.ReadAll(c)
	if len(answer) == 0 {
		t.Fatalf("no answer (%v) to %q", err, request)
	}
	_, _ = d.answers.Write(answer)
}

// sendAll sends tokens to places, each written in several ways. Only ten refused hits a second are kept, so that one round goes
// at that pace: all of it is on HITS.
func (d *door) sendAll(t *testing.T, places, tokens []string) {
	t.Helper()
	pace := time.NewTicker(110 * time.Millisecond)
	defer pace.Stop()
	for i, token := range tokens {
		for _, place := range places {
			if i == 0 {
				<-pace.C
			}
			d.knock(t, request(place, token))
		}
		for _, form := range []string{strings.ReplaceAll(token, ".", "%2e"), hexed(token), url.QueryEscape(hexed(token))} {
			for _, place := range places {
				if !neverDecoded(place) {
					d.knock(t, request(place, form))
				}
			}
		}
	}
}

// neverDecoded reports whether the token is a method or in a header, where an escape has no meaning.
func neverDecoded(place string) bool {
	return strings.HasPrefix(place, "TOKEN") || strings.Contains(place, "\r\nTOKEN") || strings.Contains(place, ": TOKEN")
}

// written is everything that came out, by where it came out.
func (d *door) written(t *testing.T) map[string]string {
	t.Helper()
	nc := rig.Connect(t, d.NATS, d.Creds)
	all := map[string]string{"the answers": d.answers.String(), "the live copies": d.heard.String()}
	for _, stream := range []string{"CALLS", "PHONES", "HITS"} {
		all[stream] = messages(t, nc, stream)
	}
	metrics, err := http.Get("http://" + d.admin + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer metrics.Body.Close()
	text, err := io.ReadAll(metrics.Body)
	if err != nil {
		t.Fatal(err)
	}
	all["the metrics"] = string(text)
	d.Signal(syscall.SIGTERM)
	if err := d.Wait(); err != nil {
		t.Errorf("ingest ended with %v", err)
	}
	all["the log"] = d.Out.String() + d.Log.String()
	all["the data folder"] = contents(t, d.data)
	return all
}

// messages are all that a stream holds: subject, headers and data.
func messages(t *testing.T, nc *nats.Conn, name string) string {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), rig.Patience)
	defer cancel()
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	s, err := js.Stream(ctx, name)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for i := uint64(1); i <= s.CachedInfo().State.LastSeq; i++ {
		m, err := s.GetMsg(ctx, i)
		if err != nil {
			t.Fatalf("message %d of %s: %v", i, name, err)
		}
		fmt.Fprintln(&b, m.Subject, m.Header, string(m.Data))
	}
	return b.String()
}

func contents(t *testing.T, dir string) string {
	t.Helper()
	var b bytes.Buffer
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || !entry.Type().IsRegular() {
			return err
		}
		data, err := os.ReadFile(path)
		b.WriteString(path + "\n")
		b.Write(data)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// shapes are the forms in which a token, or the part of it that is secret, would be seen.
func shapes(token string) []string {
	_, mac, split := strings.Cut(token, ".")
	if !split {
		mac = token
	}
	return []string{token, mac, url.QueryEscape(token), hexed(mac), url.QueryEscape(hexed(mac)), strings.ReplaceAll(token, ".", "%2E")}
}

// found are the shapes that stand in a text, in whatever case.
func found(text string, tokens ...string) (all []string) {
	text = strings.ToLower(text)
	for _, token := range tokens {
		for _, shape := range shapes(token) {
			if strings.Contains(text, strings.ToLower(shape)) && !slices.Contains(all, shape) {
				all = append(all, shape)
			}
		}
	}
	return all
}

func TestNoTokenIsWrittenAnywhere(t *testing.T) {
	t.Parallel()
	x := newTokens(t)
	everywhere := slices.Concat(tokenPlaces, hiddenPlaces)
	right, wrong := []string{x.valid, x.old, sharedToken}, []string{x.wrong, x.broken}
	for name, c := range map[string]struct {
		flags  []string
		hidden []string // tokens that are sent to every place; the others only to those where they look like one
		others []string
	}{
		"required": {[]string{"--token-secret", "FILES/phones.secret", "--shared-token-file", "FILES/shared", "--phones", "FILES/phones.csv"}, right, wrong},
		"optional": {[]string{"--token-secret", "FILES/phones.secret", "--shared-token-file", "FILES/shared", "--token-optional"}, right, wrong},
		"any":      {nil, nil, slices.Concat(right, wrong)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := startDoor(t, x, c.flags...)
			d.sendAll(t, everywhere, c.hidden)
			d.sendAll(t, tokenPlaces, c.others)
			all := d.written(t)
			for where, text := range all {
				if leaked := found(text, slices.Concat(right, wrong)...); leaked != nil {
					t.Errorf("%s: a token is written there as %q", where, leaked)
				}
			}
			// The control: what stood beside the tokens is there, so that a token would be too.
			seen := map[string]string{"CALLS": marker, "PHONES": marker, "HITS": marker, "the live copies": marker, "the data folder": marker,
				"the metrics": "callbus_hit_seconds", "the answers": "no such address", "the log": "call.accepted"}
			for where, text := range all {
				if seen[where] == "" || !strings.Contains(text, seen[where]) {
					t.Errorf("%s: no %q in %d bytes: this test would find no token there either", where, seen[where], len(text))
				}
			}
		})
	}
}

// The grep itself: a token planted in any of its shapes is found.
func TestAPlantedTokenIsFound(t *testing.T) {
	x := newTokens(t)
	for _, token := range []string{x.valid, x.old, x.wrong, sharedToken} {
		for _, planted := range append(shapes(token), strings.ToLower(hexed(token)), strings.ToUpper(token)) {
			if found("… "+planted+" …", x.valid, x.old, x.wrong, sharedToken) == nil {
				t.Errorf("%q was planted and not found", planted)
			}
		}
	}
	if got := found("line=101&t=***", x.valid, sharedToken); got != nil {
		t.Errorf("found %q where there is nothing", got)
	}
}

// What an operator does in a year: make tokens, ask for them, rotate while phones call, list, and end the grace.
func TestTokensAreRotatedWhileThePhonesCall(t *testing.T) {
	t.Parallel()
	program, data := callbusProgram(t), t.TempDir()
	secret := filepath.Join(data, "phones.secret")
	var one string // standard output holds nothing else
	made := rig.Start(t, program, "token", "new", "00:15:65:AA:BB:01", "--data", data)
	if err := made.Wait(); err != nil {
		t.Fatal(err)
	}
	if one = strings.TrimSpace(made.Out.String()); !strings.HasPrefix(one, "/p/"+ringer+".") {
		t.Fatalf("callbus token new: got %q", one)
	}
	phones := rig.FreeAddr(t)
	in := rig.Start(t, ingestProgram(t), "--store", t.TempDir(), "--store-max", "16MiB", "--http", phones, "--admin", "", "--token-secret", secret)
	in.Says("phones.welcome")
	const hit = "/phone/incoming?line=101"
	rig.Accepted(t, phones, one+hit)
	if got := rig.Hit(t, phones, hit); got != 401 {
		t.Errorf("without a token: got %d, want 401", got)
	}

	rig.Claim(t, "callbus token rotate", rig.Run(t, program, "token", "rotate", "--yes", "--lang", "en", "--data", data), "callbus token list", "before")
	list := rig.Run(t, program, "token", "list", ringer, "--data", data)
	rig.Claim(t, "callbus token list", list, "are taken until")
	two := ""
	for word := range strings.FieldsSeq(list) {
		if strings.HasPrefix(word, "/p/") {
			two = word
		}
	}
	if two == one || two == "" {
		t.Fatalf("after the rotation: got %q, had %q, want another", two, one)
	}
	rig.Until(t, "the new token to be taken", func() (any, bool) { got := rig.Hit(t, phones, two+hit); return got, got == 200 })
	rig.Accepted(t, phones, one+hit)
	in.Says("token_expires")

	rig.Run(t, program, "token", "rotate", "--yes", "--data", data, "--grace", "0")
	rig.Until(t, "the old token to be refused", func() (any, bool) { got := rig.Hit(t, phones, one+hit); return got, got == 403 })
}
