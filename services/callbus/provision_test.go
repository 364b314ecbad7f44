package callbus

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// provisioned runs callbus provision in English, in a folder of its own; its files go to DIR/out.
func provisioned(t *testing.T, dir string, args ...string) (code int, out, notes string) {
	t.Helper()
	var o, n bytes.Buffer
	p := newProvisioning(&o, &n)
	flags := []string{"--lang", "en", "--data", filepath.Join(dir, "data"), "--out", filepath.Join(dir, "out")}
	code = p.run(slices.Concat(flags, args))
	return code, o.String(), n.String()
}

// put writes a file of a test.
func put(t *testing.T, path, text string) string {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func TestTheVendorOfPhonesCSVSelectsItsRows(t *testing.T) {
	dir := t.TempDir()
	phones := put(t, filepath.Join(dir, "phones.csv"),
		"id,line,vendor,mac\n001565aabbcc,101,Yealink\n001565aabbcd,102 103,yealink\n000413000001,104,snom\nhall,105,,00:15:65:00:00:01\nx1,106,Yelink\n")
	put(t, filepath.Join(dir, "data", secretsFile), known)
	code, out, notes := provisioned(t, dir, "yealink", "--url", "http://10.0.0.2:8080", "--phones", phones)
	if code != 0 {
		t.Fatalf("exit code %d: %s", code, notes)
	}
	want := ""
	for _, name := range []string{"001565aabbcc.cfg", "001565aabbcd.cfg", "001565000001.cfg"} {
		want += filepath.Join(dir, "out", name) + "\n"
	}
	if diff := cmp.Diff(want, out); diff != "" {
		t.Errorf("files (-want +got):\n%s", diff)
	}
	for name, part := range map[string]string{
		"001565aabbcc.cfg": "/p/001565aabbcc.XDsSDXEFh4MCAxbXiIaVNg/yealink/incoming?mac=$mac&line=101&remote=",
		"001565aabbcd.cfg": "/yealink/incoming?mac=$mac&acc=$active_user&remote=", // two lines: the phone says which
		"001565000001.cfg": "/p/hall.m8sRjo4nq-6yf73mT6R4sw/yealink/incoming?mac=$mac&line=105&",
	} {
		path := filepath.Join(dir, "out", name)
		if text := read(t, path); !strings.Contains(text, part) || !strings.Contains(text, "features.action_uri_limit_ip = 10.0.0.2\n") {
			t.Errorf("%s: want %q in\n%s", name, part, text)
		}
		if info, err := os.Stat(path); err != nil || info.Mode().Perm() != 0o600 {
			t.Errorf("%s holds a token and has the mode %v", name, info.Mode())
		}
	}
	for _, part := range []string{`x1, "Yelink", is none of ours`, "001565aabbcd: it has several lines", "merge these keys", "each phone has its own", "from 10.0.0.2 only; not wanted: --dial-from none"} {
		if !strings.Contains(notes, part) {
			t.Errorf("want %q in the notes\n%s", part, notes)
		}
	}
}

func TestAPhoneMayBePickedOutOfPhonesCSV(t *testing.T) {
	dir := t.TempDir()
	phones := put(t, filepath.Join(dir, "phones.csv"), "id,line\n001565aabbcc,101\n001565aabbcd,102\n")
	code, out, _ := provisioned(t, dir, "snom", "--url", "http://c", "--phones", phones, "--phone", "00:15:65:AA:BB:CD,001565000001=7")
	if code != 0 || strings.Count(out, "\n") != 2 {
		t.Fatalf("exit code %d: %s", code, out)
	}
	for name, part := range map[string]string{"001565AABBCD.xml": "&amp;line=102&", "001565000001.xml": "&amp;line=7&"} {
		if text := read(t, filepath.Join(dir, "out", name)); !strings.Contains(text, part) {
			t.Errorf("%s: want %q in\n%s", name, part, text)
		}
	}
}

// Whoever has opened the file that was there must not read the new token out of it.
func TestATokenIsNotWrittenIntoAFileThatOthersHaveOpen(t *testing.T) {
	if runtime.GOOS == "windows" {
		t.Skip("an open file keeps its name there")
	}
	dir := t.TempDir()
	path := put(t, filepath.Join(dir, "hall.cfg"), "old")
	if err := os.Chmod(path, 0o644); err != nil {
		t.Fatal(err)
	}
	before, err := os.Open(path)
	if err != nil {
		t.Fatal(err)
	}
	defer before.Close()
	if err := writeFile(path, "token", true); err != nil {
		t.Fatal(err)
	}
	old, err := io.ReadAll(before)
	if err != nil || string(old) != "old" || read(t, path) != "token" {
		t.Errorf("the old file now says %q, %v; the new one %q", old, err, read(t, path))
	}
	info, err := os.Stat(path)
	list, _ := os.ReadDir(dir)
	if err != nil || info.Mode().Perm() != 0o600 || len(list) != 1 {
		t.Errorf("mode %v, %v; %v in the folder", info.Mode(), err, list)
	}
}

func TestAFileThatIsNotOursIsNotOverwritten(t *testing.T) {
	dir := t.TempDir()
	run := func(more ...string) (int, string) {
		code, _, notes := provisioned(t, dir, append([]string{"yealink", "--url", "http://c", "--phone", "001565aabbcc=1,001565aabbcd=2"}, more...)...)
		return code, notes
	}
	theirs := put(t, filepath.Join(dir, "out", "001565aabbcd.cfg"), "account.1.password = x\n")
	if code, notes := run(); code != 1 || !strings.Contains(notes, theirs) || read(t, theirs) != "account.1.password = x\n" {
		t.Errorf("exit code %d: %s", code, notes)
	}
	ours := filepath.Join(dir, "out", "001565aabbcc.cfg")
	if _, err := os.Stat(ours); err == nil {
		t.Error("half of the files were written")
	}
	for _, more := range [][]string{{"--force"}, nil, {"--dial-from", "10.0.0.3"}} {
		if code, notes := run(more...); code != 0 {
			t.Errorf("%q: exit code %d: %s", more, code, notes)
		}
	}
	if text := read(t, theirs); !strings.Contains(text, "limit_ip = 10.0.0.3") {
		t.Errorf("got %s", text)
	}
	put(t, ours, read(t, ours)+"account.1.password = x\n")
	if code, _ := run(); code != 1 {
		t.Errorf("merged by hand, and overwritten: exit code %d", code)
	}
}

func TestWhatIsPastedIsPrinted(t *testing.T) {
	dir := t.TempDir()
	shared := put(t, filepath.Join(dir, "shared"), "abcdefghijklmnop\n")
	code, out, notes := provisioned(t, dir, "yealink", "--url", "http://callbus.office:8080", "--print", "--shared-token-file", shared)
	if code != 0 || !strings.Contains(notes, "Features → Action URL") {
		t.Errorf("exit code %d: %s", code, notes)
	}
	if !strings.Contains(out, "Call Remote Canceled     http://callbus.office:8080/p/abcdefghijklmnop/yealink/ended?mac=$mac&acc=$active_user&") {
		t.Errorf("got\n%s", out)
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("files were written")
	}
}

// What is printed has no key that allows it, so nothing is said of it, unless the phone has a page for it.
func TestClickToDialIsSpokenOfWhereItIsWritten(t *testing.T) {
	for _, c := range []struct {
		args     []string
		says     string
		inTheKey bool
	}{
		{[]string{"yealink"}, "the file allows dialling by command from 10.0.0.2 only; not wanted: --dial-from none", true},
		{[]string{"yealink", "--dial-from", "none"}, "left as it is", false},
		{[]string{"yealink", "--print"}, "", false},
		{[]string{"akuvox", "--print"}, "on the web page", false},
	} {
		dir := t.TempDir()
		code, out, notes := provisioned(t, dir, append(c.args, "--url", "http://10.0.0.2:8080", "--phone", "001565aabbcc=101")...)
		if code != 0 || strings.Contains(notes, "click-to-dial") != (c.says != "") || !strings.Contains(notes, c.says) {
			t.Errorf("%q: exit code %d, want %q in\n%s", c.args, code, c.says, notes)
		}
		if text, err := os.ReadFile(filepath.Join(dir, "out", "001565aabbcc.cfg")); strings.Contains(out+string(text), "limit_ip") != c.inTheKey {
			t.Errorf("%q: %v, the key is there: %v", c.args, err, !c.inTheKey)
		}
	}
}

func TestProvisionSaysWhatIsToBeKnown(t *testing.T) {
	dir := t.TempDir()
	put(t, filepath.Join(dir, "data", secretsFile), known)
	for want, args := range map[string][]string{
		"cannot say which line":                  {"gigaset", "--url", "http://c", "--phone", "7c2f80000001"},
		"will not ask for a file":                {"snom", "--url", "http://c", "--phone", "hall=1"},
		"it means the phone itself":              {"snom", "--url", "http://localhost:8080"},
		"Callbus will answer 401":                {"snom", "--url", "http://c"},
		"Partly a guess":                         {"dlink", "--url", "http://c"},
		"left out, the URL":                      {"mitel", "--url", "http://callbus-server.example.org:8080", "--phone", "00085d000001=101"},
		"has no list of addresses":               {"polycom", "--url", "http://c"},
		"callbus.exe (and the phone's token.txt": {"microsip", "--url", "http://c", "--phone", "pc-1=101"},
		"there is no":                            {"yealink", "--url", "http://c", "--data", filepath.Join(dir, "nowhere")},
		"left as it is; --dial-from":             {"yealink", "--url", "http://10.0.0.2", "--dial-from", "none"},
		"from fd00::7 only":                      {"yealink", "--url", "http://10.0.0.2", "--dial-from", "fd00::7"},
	} {
		if code, _, notes := provisioned(t, dir, args...); code != 0 || !strings.Contains(notes, want) {
			t.Errorf("%q: exit code %d, want %q in\n%s", args, code, want, notes)
		}
	}
}

func TestProvisionRefusesWhatMakesNoSense(t *testing.T) {
	dir := t.TempDir()
	phones := put(t, filepath.Join(dir, "phones.csv"), "id,vendor\nhall,snom\n")
	for want, args := range map[string][]string{
		"want a vendor, one of akuvox": {"nokia"},
		"--url is missing":             {"yealink"},
		"want http:// in front":        {"yealink", "--url", "192.0.2.2:8080"},
		"nothing more":                 {"yealink", "--url", "http://c/p/x"},
		"is no IP address":             {"yealink", "--url", "http://c", "--dial-from", "c"},
		"named twice":                  {"yealink", "--url", "http://c", "--phone", "001565aabbcc=101", "--phone", "00:15:65:AA:BB:CC=102"},
		"is no id":                     {"yealink", "--url", "http://c", "--phone", "a b"},
		"has no phone of yealink":      {"yealink", "--url", "http://c", "--phones", phones},
		"no such file":                 {"yealink", "--url", "http://c", "--token-secret", filepath.Join(dir, "none")},
		"keeps 128":                    {"mitel", "--url", "http://" + strings.Repeat("a", 60) + ".example", "--phone", "00085d000001=" + strings.Repeat("1", 40)},
		"unexpected argument":          {"yealink", "x"},
	} {
		if code, out, notes := provisioned(t, dir, args...); code == 0 || out != "" || !strings.Contains(notes, want) {
			t.Errorf("%q: exit code %d, %q, want %q in\n%s", args, code, out, want, notes)
		}
	}
	if _, err := os.Stat(filepath.Join(dir, "out")); err == nil {
		t.Error("files were written")
	}
}

func TestTheListOfVendorsSaysWhatIsAGuessInBothLanguages(t *testing.T) {
	for lang, parts := range map[string][]string{
		"en": {"dlink        D-Link DPH: partly a guess", "does not tell: rejected", "yealink      Yealink T2", "from the vendor's documents"},
		"ru": {"dlink        D-Link DPH: отчасти догадка", "не сообщает: rejected", "по документам производителя"},
	} {
		code, out, notes := provisioned(t, t.TempDir(), "list", "--lang", lang)
		if code != 0 || notes != "" {
			t.Errorf("exit code %d: %s", code, notes)
		}
		for _, part := range parts {
			if !strings.Contains(out, part) {
				t.Errorf("%s: want %q in\n%s", lang, part, out)
			}
		}
	}
}

func TestProvisionTakesWhatTheFileOfCallbusUpSays(t *testing.T) {
	dir := t.TempDir()
	phones := put(t, filepath.Join(dir, "phones.csv"), "id,line\n001565aabbcc,101\n")
	secrets := put(t, filepath.Join(dir, "elsewhere"), known)
	file := put(t, filepath.Join(dir, "callbus.yaml"), "http: 192.0.2.5:8090\nphones: "+phones+"\ntoken-secret: "+secrets+"\nregion: RU\n")
	for _, c := range []struct{ args, want []string }{
		{nil, []string{"http://192.0.2.5:8090/p/001565aabbcc.XDsSDXEFh4MCAxbXiIaVNg/yealink/incoming?", "line=101"}},
		{[]string{"--url", "http://callbus.office"}, []string{"http://callbus.office/p/001565aabbcc.XDsSDXEFh4MCAxbXiIaVNg/"}},
	} {
		code, out, notes := provisioned(t, dir, append([]string{"yealink", "--print", "--config", file}, c.args...)...)
		for _, part := range c.want {
			if code != 0 || !strings.Contains(out, part) || strings.Contains(notes, "another: --url") != (c.args == nil) {
				t.Errorf("%q: exit code %d, %s, want %s in\n%s", c.args, code, notes, part, out)
			}
		}
	}
	if code, _, notes := provisioned(t, dir, "yealink"); code != 1 || !strings.Contains(notes, "--url is missing") {
		t.Errorf("without a file: exit code %d, %s", code, notes)
	}
}
