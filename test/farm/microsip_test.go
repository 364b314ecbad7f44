package farm_test

import (
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/test/farm"
	"github.com/callbus/callbus/test/rig"
)

// TestACallersTextIsNothingButANumber runs the programs of a file of callbus provision as a MicroSIP does, with what somebody
// has set up for his number. Whatever it is, a hit with that text comes of it, for the line and with the token of the file,
// and nothing else. (Bug: the hooks ran curl, which wrote files by that text.)
func TestACallersTextIsNothingButANumber(t *testing.T) {
	p := newProvisioner(t)
	o := startOffice(t, "--token-secret", p.secret)
	m, _ := farm.MakeNamed("microsip")
	phone := farm.NewPhone(m, 1, "127.9.1.1", "101", "Manager")
	dir := p.write(t, m, o, "--phone", phone.MAC+"=101")
	text, err := os.ReadFile(filepath.Join(dir, phone.MAC+".ini"))
	if err != nil {
		t.Fatal(err)
	}
	hooks, err := m.Reads(string(text))
	if err != nil {
		t.Fatal(err)
	}
	token := filepath.Join(dir, phone.MAC, "token.txt")
	for number, want := range map[string]string{
		"+74951230001": "+74951230001",
		"+7495 -o startup.bat http://127.0.0.1/evil": "+7495 -o startup.bat http://127.0.0.1/evil",
		"x@" + token:                          "x@" + token,
		"--to http://127.0.0.1:1 --line=102":  "--to http://127.0.0.1:1 --line=102",
		"-- --line=102":                       "-- --line=102",
		"-h":                                  "-h",
		`1" --line=102 "`:                     `1 --line=102 `,
		`\" --line=102`:                       `" --line=102`,
		"102 & calc.exe | more > startup.bat": "102 & calc.exe | more > startup.bat",
		"":                                    "",
	} {
		argv := farm.Runs(hooks["cmdIncomingCall"], number)
		if argv[0] != farm.CallbusOnWindows {
			t.Fatalf("%q runs %s", number, argv[0])
		}
		argv[0] = p.binary
		argv[slices.Index(argv, farm.TokenOnWindows)] = token
		got, left := o.runs(t, argv)
		if len(left) > 0 {
			t.Errorf("%q: left behind: %v", number, left)
		}
		if len(got) != 1 || got[0].Type != "incoming" || got[0].Line != "101" || got[0].Remote.URI != want {
			t.Errorf("%q: got %+v, want one incoming call on 101 from %q", number, got, want)
		}
	}
}

// runs starts a program in an empty folder. It returns what ingest has stored of it, and what is in the folder afterwards.
func (o *office) runs(t *testing.T, argv []string) (events []stored, left []os.DirEntry) {
	t.Helper()
	cmd := exec.CommandContext(rig.Context(t), argv[0], argv[1:]...)
	cmd.Dir = t.TempDir()
	if said, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("%q: %v\n%s", argv, err, said)
	}
	for _, s := range o.streams {
		news, err := s.news()
		if err != nil {
			t.Fatal(err)
		}
		events = append(events, news...)
	}
	left, err := os.ReadDir(cmd.Dir)
	if err != nil {
		t.Fatal(err)
	}
	return events, left
}

// The examples are Microsoft's, of "Parsing C command-line arguments".
func TestACommandLineIsSplitAsWindowsDoes(t *testing.T) {
	for line, want := range map[string][]string{
		`"a b c" d e`:      {"a b c", "d", "e"},
		`"ab\"c" "\\" d`:   {`ab"c`, `\`, "d"},
		`a\\\b d"e f"g h`:  {`a\\\b`, "de fg", "h"},
		`a\\\"b c d`:       {`a\"b`, "c", "d"},
		`a\\\\"b c" d e`:   {`a\\b c`, "d", "e"},
		`"a b"" c" ""`:     {`a b" c`, ""},
		` C:\x\y.exe  -- `: {`C:\x\y.exe`, "--"},
	} {
		if diff := cmp.Diff(want, farm.Runs(line, "")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", line, diff)
		}
	}
}

func TestNoNumberChangesWhatStandsBeforeIt(t *testing.T) {
	const signs = "\" \t\\\\--=ox@&|%^'+7я"
	letters, before := []rune(signs), []string{farm.CallbusOnWindows, "send", "incoming", "--line=101", "--"}
	if err := quick.Check(func(picks []uint8) bool {
		number := ""
		for _, n := range picks {
			number += string(letters[int(n)%len(letters)])
		}
		argv := farm.Runs(strings.Join(before, " "), number)
		return len(argv) >= len(before) && slices.Equal(argv[:len(before)], before)
	}, &quick.Config{MaxCount: 20_000}); err != nil {
		t.Error(err)
	}
}
