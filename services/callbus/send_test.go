package callbus

import (
	"bytes"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"testing"

	"github.com/callbus/callbus/internal/call"
)

func TestSendSaysWhatWentOutAndWhatTheAnswerMeans(t *testing.T) {
	door := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.UserAgent() != call.Trial {
			t.Errorf("the User-Agent is %q: ingest would take it for a phone", r.UserAgent())
		}
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
			[]string{"GET " + door.URL + "/p/***/yealink/incoming?line=101&remote=sip:+74951230001@pbx\n", "200 OK, ", "callbus trace 101"}},
		{[]string{"answered", "--vendor", "polycom", "--line", "101", "--mac", "0004F2-000001", "--lang", "ru"}, 1,
			[]string{"POST " + door.URL + "/polycom?line=101\n<PolycomIPPhone>", "<MACAddress>0004f2000001<", "401 Unauthorized", "a token is needed\n", "callbus token new 0004F2-000001"}},
	} {
		var out, notes bytes.Buffer
		s := newSending(&out, &notes)
		code := s.run(append([]string{"--lang", "en", "--to", door.URL}, c.args...))
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

// A MicroSIP's caller writes the end of the command line.
func TestWhatStandsBehindTwoHyphensIsTheOtherSideWhateverItSays(t *testing.T) {
	var got, agent string
	door := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		agent = r.UserAgent()
		got = r.URL.Path + " " + r.URL.Query().Get("remote")
	}))
	defer door.Close()
	file := put(t, filepath.Join(t.TempDir(), "token.txt"), "# Written by callbus provision.\r\nhall.secret\r\n")
	for _, c := range []struct {
		rest []string
		want string
	}{
		{[]string{"+74951230001"}, "+74951230001"},
		{nil, ""},
		{[]string{"+7495", "--to", "http://127.0.0.1:1", "--", "--line=102"}, "+7495 --to http://127.0.0.1:1 -- --line=102"},
		{[]string{"-h"}, "-h"},
		{[]string{"x@" + file}, "x@" + file},
	} {
		var out, notes bytes.Buffer
		args := append([]string{"--to", door.URL, "--vendor", "microsip", "--line=101", "--token-file", file, "--"}, c.rest...)
		if code := newSending(&out, &notes).run(append([]string{"incoming"}, args...)); code != 0 || got != "/p/hall.secret/microsip/incoming "+c.want {
			t.Errorf("%q: exit code %d, %s, got %q", c.rest, code, &notes, got)
		}
		if agent != "callbus microsip" {
			t.Errorf("%q: a MicroSIP sends as %q, which is no phone", c.rest, agent)
		}
		if strings.Contains(out.String(), "hall.secret") {
			t.Errorf("the token was shown: %s", &out)
		}
	}
}

func TestSendRefusesWhatNoPhoneWouldSay(t *testing.T) {
	for want, args := range map[string][]string{
		"one of phone akuvox": {"incoming", "--vendor", "nokia", "--line", "1"},
		"no event off_hook of this phone. There are: incoming outgoing": {"off_hook", "--line", "1"},
		"There are: boot registered":                                    {"rejected", "--vendor", "snom", "--line", "1"},
		"--line is missing":                                             {"incoming"},
		"is no MAC":                                                     {"incoming", "--line", "1", "--mac", "hall"},
		"want http:// in front":                                         {"incoming", "--line", "1", "--to", "192.0.2.2:8080"},
		"--remote: a control character":                                 {"incoming", "--line", "1", "--remote", "1\r\nX: y"},
		"--name: a control character":                                   {"incoming", "--line", "1", "--name", "1\nX: y"},
		"--token: a control character":                                  {"incoming", "--line", "1", "--token", "1\nX"},
		"one of --remote and what stands behind --":                     {"incoming", "--line", "1", "--remote", "1", "--", "2"},
		"what does the phone tell?":                                     {"--line", "1"},
		"unexpected argument: 102":                                      {"incoming", "--line", "1", "102"},
	} {
		var out, notes bytes.Buffer
		if code := newSending(&out, &notes).run(append([]string{"--lang", "en"}, args...)); code != 2 || out.Len() > 0 || !strings.Contains(notes.String(), want) {
			t.Errorf("%q: exit code %d, %q, want %q in %q", args, code, &out, want, &notes)
		}
	}
}

// What callbus.yaml says need not be said again.
func TestSendTakesWhatTheFileOfCallbusUpSays(t *testing.T) {
	var got string
	door := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { got = r.URL.Path }))
	defer door.Close()
	dir := t.TempDir()
	secrets := put(t, filepath.Join(dir, "phones.secret"), known)
	shared := put(t, filepath.Join(dir, "shared"), "abcdefgh12345678\n")
	phones := put(t, filepath.Join(dir, "phones.csv"), "id,mac,line\n001565aabbcc,,101\nhall,00:15:65:aa:bb:cd,102 103\n001565aabbce,,103\n")
	http := "http: " + strings.TrimPrefix(door.URL, "http://") + "\n"
	own := http + "token-secret: " + secrets + "\nregion: RU\nonec-url: http://127.0.0.1:1/ws\n"
	bound := own + "phones: " + phones + "\n"
	for _, c := range []struct {
		file, want string
		args       []string
	}{
		{http, "/phone/incoming", []string{"--line", "101"}},
		{own, "/phone/incoming", []string{"--line", "101"}},
		{own, "/p/001565aabbcc.XDsSDXEFh4MCAxbXiIaVNg/phone/incoming", []string{"--line", "101", "--mac", "00:15:65:AA:BB:CC"}},
		{own, "/p/other/phone/incoming", []string{"--line", "101", "--mac", "00:15:65:AA:BB:CC", "--token", "other"}},
		{bound, "/p/001565aabbcc.XDsSDXEFh4MCAxbXiIaVNg/phone/incoming", []string{"--line", "101"}},
		{bound, "/p/hall.m8sRjo4nq-6yf73mT6R4sw/phone/incoming", []string{"--line", "102"}},
		{bound, "/p/hall.m8sRjo4nq-6yf73mT6R4sw/phone/incoming", []string{"--line", "103", "--mac", "001565aabbcd"}},
		{bound, "several phones have line 103: which one? --mac", []string{"--line", "103"}},
		{http + "shared-token-file: " + shared + "\n", "/p/abcdefgh12345678/phone/incoming", []string{"--line", "101"}},
		{http + "shared-token-file: " + shared + "x\n", "no such file", []string{"--line", "101"}},
		{"htpp: 1\n", "unknown setting", []string{"--line", "101"}},
	} {
		got = ""
		var out, notes bytes.Buffer
		args := append([]string{"--lang", "en", "incoming", "--config", put(t, filepath.Join(dir, "callbus.yaml"), c.file)}, c.args...)
		code := newSending(&out, &notes).run(args)
		if code == 0 && got != c.want || code != 0 && !strings.Contains(notes.String(), c.want) {
			t.Errorf("%q with %q: exit code %d, %s, got %s; want %s", c.file, c.args, code, &notes, got, c.want)
		}
		if strings.Contains(out.String()+notes.String(), "XDsSDX") {
			t.Errorf("the token was shown: %s%s", &out, &notes)
		}
	}
}
