package httpfront

import (
	"encoding/json"
	"fmt"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/ingest/internal/access"
	"github.com/callbus/callbus/services/ingest/internal/dialect"
)

const (
	hall  = "001565aabb01"
	other = "001565aabb02"
)

// office is a guard with tokens, and what it takes to make them.
type office struct {
	access.Options
	secrets access.Secrets
}

// newOffice has a phone that is bound to everything that can be bound, read from a phones.csv.
func newOffice(t testing.TB) office {
	t.Helper()
	phones, err := access.ReadPhones(strings.NewReader("id,line,allow,mac\n" +
		hall + ",101,,\n" +
		"porter,103 104,127.0.0.0/8,00:15:65:aa:bb:03\n" +
		"gate,,192.0.2.0/24,\n"))
	if err != nil {
		t.Fatal(err)
	}
	o := office{secrets: access.NewSecrets()}
	o.Secrets = func() access.Secrets { return o.secrets }
	o.Shared = func() string { return "shared-by-everyone-1" }
	o.Phones = func() access.Phones { return phones }
	return o
}

func (o office) token(t testing.TB, id string) string {
	t.Helper()
	token, err := o.secrets.Token(id)
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func TestATokenSpeaksForItsPhoneAndItsLinesOnly(t *testing.T) {
	o := newOffice(t)
	h := open(t, Options{Guard: access.New(o.Options)})
	for _, c := range []struct {
		id, hit string
		want    int
		says    string // of a 200 the line and the MAC, else words of the answer
	}{
		{hall, "/yealink/incoming?acc=101&mac=" + hall, 200, "101 " + hall},
		{hall, "/yealink/incoming?acc=101", 200, "101 " + hall},
		{hall, "/yealink/incoming?remote=102", 200, "101 " + hall}, // the only line it has, and nothing to remember it from
		{hall, "/yealink/incoming?acc=102&mac=" + hall, 403, "this line"},
		{hall, "/yealink/incoming?acc=101&local=sip:102@pbx", 403, "this line"},
		{hall, "/yealink/incoming?acc=101&local=sip:101@pbx", 200, "101 " + hall},
		{hall, "/yealink/incoming?acc=101&mac=" + other, 403, "another phone's"},
		{hall, "/yealink/incoming?acc=101&mac=00-15-65-AA-BB-01", 200, "101 " + hall},
		{hall, "/checkphone.php?event=1&p1=1&p2=102", 403, "this line"},
		{hall, "/checkphone.php?event=1&p1=1&p2=101", 200, "101 " + hall},
		{hall, "/checkphone.php?event=1&p1=1&p2=sip:101@pbx;user=phone", 200, "101 " + hall},
		// 1C gets p2 as it stands, and may make another line of it than we do.
		{hall, "/checkphone.php?event=1&p1=1&line=101&p2=102 <>", 403, "this line"},
		{hall, `/checkphone.php?event=1&p1=1&line=101&p2="102" 101`, 403, "this line"},
		{hall, "/checkphone.php?event=1&p1=1&line=101&p2=@102", 403, "this line"},
		{hall, "/checkphone.php?event=1&p1=1&line=101&p2=102 x y", 403, "this line"},
		{hall, "/checkphone.php?event=1&p1=1&line=101&p2=sip:102:1", 403, "this line"},
		{hall, "/phone/incoming?line=101&local=Reception desk", 403, "this line"},
		{hall, `/phone/incoming?line=101&local="Reception" <sip:101@pbx>`, 200, "101 " + hall},
		{other, "/yealink/incoming?acc=102", 200, "102 " + other}, // in no file: a valid token all the same
		{other, "/yealink/incoming?acc=102&mac=" + hall, 403, "another phone's"},
		{"porter", "/yealink/ended?acc=104", 200, "104 001565aabb03"},
		{"porter", "/yealink/ended", 200, "104 001565aabb03"},
		{"porter", "/yealink/ended?acc=101", 403, "this line"},
		{"porter", "/yealink/ended?acc=104&mac=" + hall, 403, "another phone's"},
		{"nobody-in-particular", "/yealink/ended?acc=104&mac=" + other, 200, "104 " + other},
		{"nobody-in-particular", "/yealink/ended?acc=104&mac=" + hall, 403, "another phone's"}, // it has a token of its own
		{"gate", "/yealink/ended?acc=104", 403, "not for this address"},
	} {
		got := h.get(t, "/p/"+o.token(t, c.id)+c.hit)
		said := got.Body
		if got.Status == 200 {
			said = string(h.last(t).Line) + " " + h.last(t).Phone.MAC
		}
		if got.Status != c.want || !strings.Contains(said, c.says) {
			t.Errorf("%s %s: got %d %q, want %d %q", c.id, c.hit, got.Status, said, c.want, c.says)
		}
	}
}

// What an address was last heard of may be a line that this phone may not speak for: then its MAC stands in.
func TestAnotherPhonesLineIsNotRememberedForABoundOne(t *testing.T) {
	o := newOffice(t)
	h := open(t, Options{Guard: access.New(o.Options)})
	h.get(t, "/p/shared-by-everyone-1/phone/incoming?line=999")
	if got := h.get(t, "/p/"+o.token(t, "porter")+"/phone/boot"); got.Status != 200 || h.last(t).Line != "001565aabb03" {
		t.Errorf("got %d, line %q, want the MAC", got.Status, h.last(t).Line)
	}
}

// The token's MAC is the phone's, whatever its User-Agent says.
func TestTheTokensMACBeatsTheUserAgents(t *testing.T) {
	o := newOffice(t)
	h := open(t, Options{Guard: access.New(o.Options)})
	got := h.say(t, "GET /p/"+o.token(t, hall)+"/phone/incoming HTTP/1.0\r\nUser-Agent: Yealink SIP-T46S 66.86.5.20 "+other+"\r\n\r\n")
	if e := h.last(t); got.Status != 200 || e.Phone.MAC != hall || e.Line != "101" {
		t.Errorf("got %d, %+v, want %s", got.Status, e, hall)
	}
}

// Each hit is refused for the first of several reasons that it has.
func TestTheOrderOfTheChecks(t *testing.T) {
	synctest.Test(t, testTheOrderOfTheChecks) // time stands still: nothing of a rate comes back meanwhile
}

func testTheOrderOfTheChecks(t *testing.T) {
	o := newOffice(t)
	o.Rate = 1
	o.Allow = []netip.Prefix{netip.MustParsePrefix("192.0.2.0/24")}
	h := newHouse(Options{Guard: access.New(o.Options)}).Handler()
	from := func(addr, path string) *httptest.ResponseRecorder {
		w, r := httptest.NewRecorder(), httptest.NewRequest("GET", path, nil)
		r.RemoteAddr = addr + ":40000"
		h.ServeHTTP(w, r)
		return w
	}
	good, elsewhere := "/p/"+o.token(t, hall), "/p/"+o.token(t, "porter")
	bad := good[:len(good)-4] + "____"
	const hit = "/phone/incoming?line=101&mac=" + hall
	for _, c := range []struct {
		name, addr, path string
		want             int
	}{
		{"a strange address, even with a good token", "198.51.100.1", good + hit, 403},
		{"a good token", "192.0.2.1", good + hit, 200},
		{"no token", "192.0.2.1", hit, 401},
		{"a wrong token", "192.0.2.1", bad + hit, 403},
		{"a good token from where it may not be used", "192.0.2.1", elsewhere + "/phone/incoming?line=103", 403},
	} {
		if got := from(c.addr, c.path); got.Code != c.want {
			t.Errorf("%s: got %d %q, want %d", c.name, got.Code, got.Body, c.want)
		}
	}
	for range 20 {
		from("192.0.2.1", bad+hit)
	}
	for name, path := range map[string]string{"a wrong token": bad + hit, "no token": hit} {
		if got := from("192.0.2.1", path); got.Code != 429 || got.Header().Get("Retry-After") == "" {
			t.Errorf("%s above the rate: got %d %v, want 429 and Retry-After", name, got.Code, got.Header())
		}
	}
	for range 20 {
		if got := from("192.0.2.1", good+hit); got.Code != 200 {
			t.Errorf("a good token above the rate: got %d, want 200", got.Code)
		}
	}
	if got := from("192.0.2.2", bad+hit); got.Code != 403 {
		t.Errorf("another address: got %d, want 403", got.Code)
	}
}

func TestEveryDenialHasItsStatus(t *testing.T) {
	source, err := os.ReadFile("../access/access.go")
	if err != nil {
		t.Fatal(err)
	}
	if n := len(regexp.MustCompile(`(?m)^\tErr\w+ += errors\.New`).FindAll(source, -1)); n != len(denials) || n == 0 {
		t.Errorf("package access has %d errors, the table %d", n, len(denials))
	}
	for err := range denials {
		if no := denied(err); no.status < 400 || no.outcome == "" || no.text != err.Error() || !no.keep {
			t.Errorf("%v: got %+v", err, no)
		}
	}
	if denied(nil) != nil {
		t.Error("no error was denied")
	}
}

// Whoever may not speak could fill all the connections that there are, for a minute each.
func TestWhoIsRefusedKeepsNoConnection(t *testing.T) {
	h := open(t, Options{Guard: access.New(newOffice(t).Options)})
	for hit, want := range map[string]int{"/yealink/incoming?acc=101": 401, "/p/wrong/yealink/incoming?acc=101": 403} {
		if got := h.say(t, "GET "+hit+" HTTP/1.1\r\nHost: x\r\n\r\n"); got.Status != want || !got.Close {
			t.Errorf("%s: answered %d, close %t, want %d and a close", hit, got.Status, got.Close, want)
		}
	}
}

func TestWhoIsRefusedIsCountedAndKept(t *testing.T) {
	o := newOffice(t)
	h := open(t, Options{Guard: access.New(o.Options)})
	h.get(t, "/yealink/incoming?acc=101")
	h.get(t, "/p/wrong/yealink/incoming?acc=101&was=wrong")
	h.get(t, "/p/"+o.token(t, hall)+"/yealink/incoming?acc=102")
	rejected, outcomes, log := h.told()
	want := []Rejection{
		{Reason: access.ErrNoToken.Error(), Status: 401, Addr: "127.0.0.1", Dialect: "yealink", Event: "incoming", Raw: "acc=101", UserAgent: "Deskphone T46S"},
		{Reason: access.ErrToken.Error(), Status: 403, Addr: "127.0.0.1", Dialect: "yealink", Event: "incoming", Raw: "acc=101&was=***", UserAgent: "Deskphone T46S"},
		{Reason: access.ErrLine.Error(), Status: 403, Addr: "127.0.0.1", Dialect: "yealink", Event: "incoming", Raw: "acc=102", UserAgent: "Deskphone T46S"},
	}
	if diff := cmp.Diff(want, rejected); diff != "" {
		t.Errorf("rejected (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"forbidden/yealink", "forbidden/yealink", "forbidden/yealink"}, outcomes); diff != "" {
		t.Errorf("outcomes (-want +got):\n%s", diff)
	}
	if strings.Count(log, "call.refused") != 3 || strings.Count(log, `"identity":"`+hall+`"`) != 1 {
		t.Errorf("want three lines, one with the identity: %s", log)
	}
}

// Whoever still has a token of a secret that will end is seen in the log, so that it can be given the new one in time.
func TestTheLogTellsWhoseTokenWillExpire(t *testing.T) {
	o := newOffice(t)
	token := o.token(t, hall)
	next, err := o.secrets.Rotate(time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	o.Secrets = func() access.Secrets { return next }
	h := open(t, Options{Guard: access.New(o.Options)})
	h.get(t, "/p/"+token+"/phone/incoming?line=101")
	if _, _, log := h.told(); !strings.Contains(log, `"token_expires":"`) || !strings.Contains(log, "call.accepted") {
		t.Errorf("log %s, want token_expires", log)
	}
}

// places are the ones where a token may stand, right and wrong; %s is the token.
var places = map[string]string{
	"in front":                    "GET /p/%s/yealink/incoming?acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"in front of the script":      "GET /p/%s/checkphone.php?event=1&p1=102&p2=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"in front of nothing":         "GET /p/%s HTTP/1.1\r\nHost: x\r\n\r\n",
	"in front of a slash":         "GET /p/%s/ HTTP/1.1\r\nHost: x\r\n\r\n",
	"in front of half a path":     "GET /p/%s/incoming HTTP/1.1\r\nHost: x\r\n\r\n",
	"in front of no dialect":      "GET /p/%s/nokia/incoming?acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"in front of nothing usable":  "GET /p/%s/phone/incoming HTTP/1.1\r\nHost: x\r\n\r\n",
	"with a capital P":            "GET /P/%s/yealink/incoming?acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"with doubled slashes":        "GET //p//%s//yealink/incoming?acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"with an encoded p":           "GET /%%70/%s/yealink/incoming?acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"twice":                       "GET /p/%[1]s/yealink/incoming?acc=101&again=%[1]s HTTP/1.1\r\nHost: x\r\n\r\n",
	"in the URL of a proxy":       "GET http://x/p/%s/yealink/incoming?acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"in an unfilled URL":          "GET /p/%s/yealink/incoming?acc=$active_user HTTP/1.1\r\nHost: x\r\n\r\n",
	"in HTTP/0.9":                 "GET /p/%s/yealink/incoming?acc=101\r\n",
	"in a head that is refused":   "GET /p/%s/yealink/incoming HTTP/3.0\r\n\r\n",
	"in a method of its own":      "%s /yealink/incoming?acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"where the dialect should be": "GET /%s/yealink/incoming?acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"where the event should be":   "GET /yealink/%s?acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"where the folder should be":  "GET /%s/checkphone.php?event=1&p1=102&p2=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"behind the event":            "GET /yealink/incoming/p/%s/acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"in ?token=":                  "GET /yealink/incoming?acc=101&token=%s HTTP/1.1\r\nHost: x\r\n\r\n",
	"in ?key=":                    "GET /yealink/incoming?key=%s&acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"in ?url=":                    "GET /yealink/incoming?url=http://x/p/%s/yealink/incoming&acc=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"in the Referer":              "GET /yealink/incoming?acc=101 HTTP/1.1\r\nHost: x\r\nReferer: http://x/p/%s/\r\n\r\n",
	"in other headers": "GET /yealink/incoming?acc=101 HTTP/1.1\r\nHost: %[1]s\r\nAuthorization: Bearer %[1]s\r\nCookie: t=%[1]s\r\n" +
		"X-Forwarded-For: %[1]s\r\nX-%[1]s: 1\r\n\r\n",
	"in a User-Agent with its URL": "GET /p/%[1]s/yealink/incoming HTTP/1.1\r\nHost: x\r\nUser-Agent: T46S http://x/p/%[1]s/\r\n\r\n",
	"in a form":                    "POST /p/%[1]s/yealink/incoming HTTP/1.1\r\nHost: x\r\nContent-Length: %[2]d\r\n\r\nacc=101&x=%[1]s",
}

// wrongPlaces are those in which only the guard, which knows the tokens that it would take, can see one.
var wrongPlaces = map[string]string{
	"in ?t=":            "GET /yealink/incoming?acc=101&t=%s HTTP/1.1\r\nHost: x\r\n\r\n",
	"in ?event=":        "GET /checkphone.php?event=%s&p1=102&p2=101 HTTP/1.1\r\nHost: x\r\n\r\n",
	"in the line":       "GET /phone/incoming?line=%s HTTP/1.1\r\nHost: x\r\n\r\n",
	"in the other side": "GET /phone/incoming?line=101&remote=sip:%[1]s@pbx&name=%[1]s&cid=%[1]s&model=%[1]s HTTP/1.1\r\nHost: x\r\n\r\n",
	"as a parameter":    "GET /phone/incoming?line=101&%s HTTP/1.1\r\nHost: x\r\n\r\n",
	"in the User-Agent": "GET /phone/incoming HTTP/1.1\r\nHost: x\r\nUser-Agent: T46S %s\r\n\r\n",
	"in a body's form":  "POST /phone/incoming HTTP/1.1\r\nHost: x\r\nContent-Length: %[2]d\r\n\r\nacc=101&x=%[1]s",
	"in a body's XML":   "POST /phone/incoming HTTP/1.1\r\nHost: x\r\nContent-Type: text/xml\r\nContent-Length: %[2]d\r\n\r\n<a><b>%[1]s</b>",
}

// fill puts a token in its places; a body's length counts what stands before it: 10 bytes, or of XML the tags.
func fill(request, token string) string {
	if strings.Contains(request, "%[2]d") {
		_, body, _ := strings.Cut(request, "\r\n\r\n")
		return fmt.Sprintf(request, token, len(body)-len("%[1]s")+len(token))
	}
	return fmt.Sprintf(request, token)
}

// encoded is every byte as %XX.
func encoded(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02x", s[i])
	}
	return b.String()
}

func TestATokenIsNeverSaidAgain(t *testing.T) {
	o := newOffice(t)
	optional, shared := o.Options, o.Options
	optional.Optional, shared.Secrets = true, nil
	valid, foreign := o.token(t, other), access.Secrets.Token
	stranger, err := foreign(access.NewSecrets(), other)
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, list := range []map[string]string{places, wrongPlaces} {
		for name, request := range list {
			all[name] = request
		}
	}
	for name, c := range map[string]struct {
		guard    access.Options
		token    string
		requests map[string]string
	}{
		"valid":             {o.Options, valid, all},
		"valid, optional":   {optional, valid, all},
		"shared":            {shared, o.Shared(), all},
		"invalid":           {o.Options, stranger, places},
		"invalid, optional": {optional, stranger, places},
		"any":               {access.Options{}, valid, places},
	} {
		for form, written := range map[string]string{
			"plain": c.token, "a dot encoded": strings.ReplaceAll(c.token, ".", "%2E"),
			"encoded": encoded(c.token), "encoded twice": url.QueryEscape(encoded(c.token)),
		} {
			h := open(t, Options{Guard: access.New(c.guard)})
			for place, request := range c.requests {
				if form != "plain" && (place == "in a method of its own" || place == "in other headers") {
					continue // nothing there is ever decoded
				}
				before := len(h.all())
				got := h.say(t, fill(request, written))
				rejected, outcomes, log := h.told()
				var events []call.Event
				if stored := h.all(); len(stored) > before {
					events = stored[before:]
				}
				text, _ := json.Marshal([]any{got, rejected, outcomes, log, events})
				for _, secret := range secretsOf(c.token) {
					if strings.Contains(strings.ToLower(string(text)), strings.ToLower(secret)) {
						t.Fatalf("%s, %s, %s: %q got out: %s", name, form, place, secret, text)
					}
				}
			}
			if rejected, _, log := h.told(); len(rejected) == 0 && len(h.all()) == 0 || !strings.Contains(log, "call.") {
				t.Errorf("%s, %s: nothing was kept at all: this test proves nothing", name, form)
			}
		}
	}
}

// secretsOf is what must not be seen of a token: all of it, its last part, and both percent-encoded.
func secretsOf(token string) []string {
	_, mac, split := strings.Cut(token, ".")
	if !split {
		mac = token
	}
	return []string{token, mac, encoded(mac), url.QueryEscape(encoded(mac))}
}

// Without tokens any word may stand behind /p/, the phone's own line too: the hit must not lose it.
func TestAShortWordInPlaceOfATokenCostsNoLine(t *testing.T) {
	h := open(t, Options{})
	if got := h.get(t, "/p/101/phone/incoming?line=101&remote=102"); got.Status != 200 || h.last(t).Line != "101" || h.last(t).Raw != "line=101&remote=102" {
		t.Errorf("got %d, %+v, want line 101", got.Status, h.last(t))
	}
}

// The word in the dialect's place is said again where it is a slip of a vendor's name, and can be nothing else.
func TestASlipInTheVendorsNameIsSaidAgainAndNoSecretEverIs(t *testing.T) {
	h := open(t, Options{})
	if got := h.get(t, "/Yealnik/incoming?line=101"); got.Status != 404 || got.Body != "no such dialect: yealnik; did you mean yealink?\n" {
		t.Errorf("got %d %q", got.Status, got.Body)
	}
	rejected, _, log := h.told()
	if len(rejected) != 1 || !strings.Contains(rejected[0].Reason, "yealnik") || !strings.Contains(log, "yealnik") {
		t.Errorf("kept %+v, logged %s", rejected, log)
	}
	for _, word := range []string{"hunter2", "correct-horse", "snowball", "yealink-2026", "Yealink1", "yealinkpass", "001565aabb01"} {
		for _, path := range []string{"/" + word + "/incoming", "/" + word + "/yealink/incoming", "/" + word + "/checkphone"} {
			got := h.get(t, path+"?line=101")
			if _, _, log := h.told(); strings.Contains(strings.ToLower(got.Body+log), strings.ToLower(word)) {
				t.Errorf("%s: the word is said again: %s", path, got.Body)
			}
		}
	}
	for _, name := range dialect.Dialects() {
		if most := len(name) + 2; most >= access.LeastShared { // two is dialect's maxSlips; tokens of phones are longer still
			t.Errorf("a slip of %s may have %d characters, as many as a token: it could be one", name, most)
		}
	}
}
