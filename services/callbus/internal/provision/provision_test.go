package provision

import (
	"bytes"
	"encoding/xml"
	"errors"
	"flag"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/quick"
	"unicode"

	"github.com/google/go-cmp/cmp"

	"github.com/callbus/callbus/internal/call"
	"github.com/callbus/callbus/services/callbus/internal/lang"
)

var update = flag.Bool("update", false, "write testdata anew; then read every line that has changed against the vendors' documents")

var (
	office = Office{URL: "http://callbus.office:8080", DialFrom: netip.MustParseAddr("192.168.10.2")}
	desk   = Phone{ID: "001565aabbcc", MAC: "001565aabbcc", Line: "101", Token: "001565aabbcc.AAAAAAAAAAAAAAAAAAAAAA"}
	hall   = Phone{ID: "hall", Line: "102"}
)

// testdata/<vendor> has what one phone gets, one that has no MAC, and all of a vendor, beside what is pasted.
func TestEachVendorsFilesAreTheGoldenOnes(t *testing.T) {
	for _, v := range Vendors() {
		for _, p := range []Phone{desk, hall, {}} {
			out := written(t, v, p)
			fields := ""
			for _, f := range out.Fields {
				fields += f.Name + "\t" + f.Value + "\n"
			}
			if p == desk {
				out.Files = append(out.Files, File{"fields.txt", fields})
			}
			for _, f := range out.Files {
				golden(t, filepath.Join("testdata", v.Name, filepath.FromSlash(f.Name)), f.Content)
			}
		}
	}
}

func golden(t *testing.T, path, got string) {
	t.Helper()
	if *update {
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", path, diff)
	}
}

func written(t *testing.T, v *Vendor, p Phone) Output {
	t.Helper()
	out, err := v.Write(office, p)
	if err != nil {
		t.Fatalf("%s: %v", v.Name, err)
	}
	if len(out.LeftOut) > 0 {
		t.Errorf("%s: left out %v", v.Name, out.LeftOut)
	}
	return out
}

// An event that nobody configures is never heard of; what tells of a missed call is worth more than what tells of the boot.
func TestEachVendorTellsOfARingAnAnswerAndAnEnd(t *testing.T) {
	for _, v := range Vendors() {
		for _, is := range []call.EventType{call.Incoming, call.Outgoing, call.Answered, call.Ended} {
			if _, err := v.Hit(office, desk, is, Call{Remote: "+74951230001"}); err != nil {
				t.Error(err)
			}
		}
	}
}

func TestNoURLIsLongerThanThePhoneKeeps(t *testing.T) {
	long := office
	long.URL = "http://" + strings.Repeat("a", 460) + ":8080"
	if _, err := yealink.Write(long, desk); err == nil || !strings.Contains(err.Error(), "keeps 511") {
		t.Errorf("error %v, want one of 511 characters", err)
	}
	long.URL = "http://callbus-office.example:8080"
	out, err := mitel.Write(long, desk)
	if err != nil || !cmp.Equal(out.LeftOut, []string{"action uri registration event"}) {
		t.Errorf("Mitel: %v, left out %q: want the event of the phone to yield to those of calls", err, out.LeftOut)
	}
	for _, f := range out.Fields {
		if len(f.Value) > 128 {
			t.Errorf("Mitel: %d characters: %s", len(f.Value), f.Value)
		}
	}
}

func TestTheAddressOfCallbusIsAHostAndAPort(t *testing.T) {
	for _, good := range []string{"http://callbus", "http://10.0.0.2:8080", "https://[fd00::1]:8443/", "http://call_bus-1.office:80"} {
		if err := (Office{URL: good}).Check(lang.English); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "callbus:8080", "ftp://callbus", "http://", "http://:8080", "http://a/b", "http://a?b", "http://u:p@a", "http://a b",
		"http://a&b", `http://a"b`, "http://[fe80::1%25eth0]:80", "http://телефон", "http://-a",
	} {
		if err := (Office{URL: bad}).Check(lang.English); err == nil {
			t.Errorf("%q is taken for an address", bad)
		}
	}
	for _, bare := range []string{"192.0.2.2:8080", "callbus:8080", "callbus", ""} {
		en, ru := (Office{URL: bare}).Check(lang.English), (Office{URL: bare}).Check(lang.Russian)
		if en == nil || ru == nil || !strings.Contains(en.Error(), "want http:// in front") || !strings.Contains(ru.Error(), "впереди нужно http://") {
			t.Errorf("%q: %v, %v", bare, en, ru)
		}
	}
	if got := (Office{URL: "http://10.0.0.2:8080"}).Address(); got != netip.MustParseAddr("10.0.0.2") {
		t.Errorf("address %v", got)
	}
	if got := (Office{URL: "http://callbus:8080"}).Address(); got.IsValid() {
		t.Errorf("of a name: %v", got)
	}
}

func TestWithoutAnAddressNobodyMayDial(t *testing.T) {
	for _, v := range Vendors() {
		out, err := v.Write(Office{URL: office.URL}, desk)
		if err != nil {
			t.Fatal(err)
		}
		for _, s := range v.allow {
			if strings.Contains(out.Files[0].Content, s.key) {
				t.Errorf("%s: %s stands in the file", v.Name, s.key)
			}
		}
	}
}

// Whatever somebody calls a line, the file stays what it is: the XML has as many elements, the text as many lines.
func TestALineWithStrangeSignsStaysInItsPlace(t *testing.T) {
	shape := func(v *Vendor, line string) (lines, elements int) {
		p := desk
		p.Line, p.Token = line, ""
		out, err := v.Write(Office{URL: "http://c"}, p)
		if v.hook != nil && err != nil && strings.ContainsFunc(line, func(r rune) bool { return r == '"' || unicode.IsSpace(r) || unicode.IsControl(r) }) {
			return -1, -1 // refused
		}
		if err != nil {
			t.Fatalf("%s: %v", v.Name, err)
		}
		for _, f := range out.Files {
			lines += strings.Count(f.Content, "\n")
			if strings.HasPrefix(f.Content, "<?xml") {
				elements += elementsOf(t, f.Content)
			}
		}
		return lines, elements
	}
	for _, v := range Vendors() {
		lines, elements := shape(v, "101")
		if err := quick.Check(func(line string) bool {
			if len(line) > 8 {
				line = line[:8] // Mitel keeps 128 characters
			}
			l, e := shape(v, "1"+line)
			return l == lines && e == elements || l < 0
		}, nil); err != nil {
			t.Errorf("%s: %v", v.Name, err)
		}
	}
}

// A phone's account may be called otherwise than its line, and a token that is bound to a line speaks for no other.
func TestAPhoneWithALineNamesNoOther(t *testing.T) {
	for _, v := range Vendors() {
		for _, f := range written(t, v, desk).Files {
			if strings.Contains(f.Content, "acc=") || strings.Contains(f.Content, "local=") {
				t.Errorf("%s: %s names its account too:\n%s", v.Name, f.Name, f.Content)
			}
		}
	}
}

// Bug: a call to an outside number, which the phone has as its own side, was refused.
func TestAPhoneWithSeveralLinesSaysItsAccountAndNotItsOwnSide(t *testing.T) {
	p := desk
	p.Line, p.Bound = "", true
	accounts := 0
	for _, v := range Vendors() {
		out, err := v.Write(office, p)
		if err != nil {
			t.Fatal(err)
		}
		for _, f := range out.Files {
			if strings.Contains(f.Content, "local=") {
				t.Errorf("%s: %s says its own side:\n%s", v.Name, f.Name, f.Content)
			}
			if strings.Contains(f.Content, "acc=") {
				accounts++
			}
		}
	}
	if accounts == 0 {
		t.Error("no vendor's phone says its account")
	}
}

func elementsOf(t *testing.T, text string) (n int) {
	t.Helper()
	for d := xml.NewDecoder(strings.NewReader(text)); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return n
		}
		if err != nil {
			t.Fatalf("%v in\n%s", err, text)
		}
		if _, ok := token.(xml.StartElement); ok {
			n++
		}
	}
}

// What a MicroSIP appends is a caller's text: the line must end where callbus send takes all that follows for data.
func TestALineOfMicroSIPLeavesNoRoomForFlags(t *testing.T) {
	for _, f := range written(t, microsip, desk).Fields {
		if !strings.HasPrefix(f.Value, `C:\callbus\callbus.exe send `) || !strings.HasSuffix(f.Value, " --") || strings.Contains(f.Value, desk.Token) {
			t.Errorf("%s=%s", f.Name, f.Value)
		}
	}
	for _, line := range []string{"1 2", "1\"2", "1\n2", "1\x002", strings.Repeat("1", 200)} { // microsip.ini keeps 255 characters
		p := desk
		p.Line = line
		if out, err := microsip.Write(office, p); err == nil {
			t.Errorf("the line %q stands in a command line: %s", line, out.Fields[0].Value)
		}
	}
}

func TestAFileThatWasChangedByHandIsNotOursAnyMore(t *testing.T) {
	for _, v := range Vendors() {
		for _, f := range written(t, v, desk).Files {
			if !Ours(f.Content) {
				t.Errorf("%s: %s is not known again", v.Name, f.Name)
			}
			if Ours(f.Content+" ") || Ours(strings.NewReplacer("101", "102", "AAAA", "AAAB").Replace(f.Content)) || Ours("x"+f.Content) {
				t.Errorf("%s: %s was changed, and nobody noticed", v.Name, f.Name)
			}
		}
	}
	if Ours("") || Ours("account.1.password = x\n") {
		t.Error("anything is ours")
	}
}

func TestAllThatAFileSaysIsASCII(t *testing.T) {
	for _, v := range Vendors() {
		for _, f := range written(t, v, desk).Files {
			if i := bytes.IndexFunc([]byte(f.Content), func(r rune) bool { return r > 126 }); i >= 0 {
				t.Errorf("%s: %s: %.20q", v.Name, f.Name, f.Content[i:])
			}
		}
	}
}
