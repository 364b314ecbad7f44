package callbus

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestSendSaysWhatWentOutAndWhatTheAnswerMeans(t *testing.T) {
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasPrefix(r.URL.Path, "/p/hall.secret/") {
			http.Error(w, "a token is needed", http.StatusUnauthorized)
		}
	}))
	defer door.Close()
	for _, c := range []struct {
		args  []string
		code  int
		parts []string
	}{
		{[]string{"incoming", "--vendor", "yealink", "--line", "101", "--remote", "+74951230001", "--token", "/p/hall.secret"}, 0,
			[]string{"GET /p/***/yealink/incoming?line=101&remote=sip:+74951230001@pbx HTTP/1.1\n", "200 OK, ", "callbus trace 101"}},
		{[]string{"answered", "--vendor", "polycom", "--line", "101", "--mac", "0004F2-000001", "--lang", "ru"}, 1,
			[]string{"POST /polycom?line=101 HTTP/1.1\n<PolycomIPPhone>", "<MACAddress>0004f2000001<", "401 Unauthorized", "a token is needed\n", "callbus token list"}},
	} {
		var out, notes bytes.Buffer
		s := newSending(&out, &notes)
		code := s.run(c.args[0], append([]string{"--lang", "en", "--to", door.URL}, c.args[1:]...))
		if code != c.code || notes.Len() > 0 {
			t.Errorf("%q: exit code %d, %s", c.args, code, &notes)
		}
		for _, part := range c.parts {
			if !strings.Contains(out.String(), part) {
				t.Errorf("%q: want %q in\n%s", c.args, part, &out)
			}
		}
	}
}

func TestSendRefusesWhatNoPhoneWouldSay(t *testing.T) {
	for want, args := range map[string][]string{
		"one of phone akuvox":                                {"incoming", "--vendor", "nokia", "--line", "1"},
		"what does the phone tell? One of incoming outgoing": {"off_hook", "--line", "1"},
		"One of boot registered":                             {"rejected", "--vendor", "snom", "--line", "1"},
		"--line is missing":                                  {"incoming"},
		"is no MAC":                                          {"incoming", "--line", "1", "--mac", "hall"},
		"want http://HOST:PORT":                              {"incoming", "--line", "1", "--to", "callbus"},
		"":                                                   {"", "--line", "1"},
	} {
		var out, notes bytes.Buffer
		if code := newSending(&out, &notes).run(args[0], append([]string{"--lang", "en"}, args[1:]...)); code != 2 || out.Len() > 0 || !strings.Contains(notes.String(), want) {
			t.Errorf("%q: exit code %d, %q, want %q in %q", args, code, &out, want, &notes)
		}
	}
}
