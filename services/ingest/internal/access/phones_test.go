package access

import (
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/text/encoding/charmap"

	"github.com/callbus/callbus/internal/call"
)

var sameNets = cmp.Comparer(func(a, b netip.Prefix) bool { return a == b })

func TestPhonesAreReadAsSpreadsheetsWriteThem(t *testing.T) {
	want := Phones{
		"001565aabbcc": {ID: "001565aabbcc", MAC: "001565aabbcc", Lines: []call.Line{"101"}, Vendor: "yealink"},
		"porter": {ID: "porter", MAC: "001565aabb01", Lines: []call.Line{"103", "office-porter"},
			Allow: []netip.Prefix{netip.MustParsePrefix("192.168.10.0/24"), netip.MustParsePrefix("2001:db8::7/128")}},
		"gate": {ID: "gate"},
	}
	const commas = "# phones of the office, and its gate\n" +
		"id,name,line,mac,allow,vendor,model\n" +
		"00:15:65:AA:BB:CC,\"Приёмная, 1 этаж\",101,,,yealink,T46S\n" +
		"porter,,103 office-porter,00-15-65-aa-bb-01,192.168.10.7/24 2001:db8::7,,\n" +
		"\n# the gate has no line\n" +
		" gate ,Ворота\n" +
		",,,,,,\n"
	semicolons := strings.NewReplacer(",", ";", "\"Приёмная, 1 этаж\"", "\"Приёмная; 1 этаж\"", "office, and", "office, and").Replace(commas)
	cp1251, err := charmap.Windows1251.NewEncoder().String(semicolons)
	if err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"commas": commas, "a byte order mark": "\xEF\xBB\xBF" + commas, "semicolons": semicolons, "cp1251": cp1251,
		"CR LF": strings.ReplaceAll(semicolons, "\n", "\r\n"), "capitals": strings.Replace(commas, "id,name,line", "ID, Name ,Line", 1),
	} {
		got, err := ReadPhones(strings.NewReader(text))
		if diff := cmp.Diff(want, got, sameNets); err != nil || diff != "" {
			t.Errorf("%s: %v (-want +got):\n%s", name, err, diff)
		}
	}
}

func TestABrokenListOfPhonesSaysWhere(t *testing.T) {
	for text, want := range map[string]string{
		"":                    "is empty",
		"# id\n":              "is empty",
		"\xFF\xFEi\x00d\x00":  "is not UTF-8",
		"name,line\n":         "no column id",
		"id,lines\n":          `line 1: unknown column "lines"; known are id`,
		"# x\nid,line,line\n": "line 2: column line stands here twice",
		"id,line\n001565aabbcc\n\n00-15-65-AA-BB-CC,7\n": "line 4: id 001565aabbcc stands here twice",
		"id\na b\n":                            `line 2: id: "a b" is no id`,
		"id\n1.56512E+09\n":                    "line 2: id:", // what a spreadsheet makes of a MAC
		"id\nshared\n":                         "line 2: id: shared is no id",
		"id,line\n,101\n":                      "line 2: the id is missing",
		"id,mac\nhall,00:15\n":                 `line 2: mac: "00:15" is no MAC`,
		"id,mac\n001565aabbcc,001565aabbcd\n":  "line 2: the id is a MAC, and mac is another",
		"id,allow\nhall,10.0.0.0/33\n":         "line 2: allow:",
		"id,allow\nhall,::ffff:10.0.0.0/104\n": "line 2: allow:",
		"id;line\nhall;101,102\n":              "line 2: line:",
		"id\nhall,101\n":                       "line 2: 2 cells below 1 columns",
		"id,line\n\"hall,101\n":                "line 2",
		"id,line\n\"a\nb\",101\n":              "line 2: id:",
		"id\n" + strings.Repeat("a", 5<<20):    "larger than 4 MiB",
		"id\n" + numbered(maxPhones+1):         "line 10002: more than 10000 phones",
	} {
		if _, err := ReadPhones(strings.NewReader(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%.60q: got %v, want %q", text, err, want)
		}
	}
	if got, err := ReadPhones(strings.NewReader("id\n" + numbered(maxPhones))); err != nil || len(got) != maxPhones {
		t.Errorf("got %d phones, %v, want %d", len(got), err, maxPhones)
	}
}

func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "phone-%d\n", i)
	}
	return b.String()
}

func FuzzPhonesAreWhatTheyShouldBe(f *testing.F) {
	f.Add("id,line,allow,mac,name\n00:15:65:AA:BB:CC,101 102,10.0.0.0/8 ::1,,\"a \"\"b\"\"\"\n")
	f.Add("\xEF\xBB\xBFid;line\r\n#x\r\nhall;101\r\n;;\r\n")
	f.Add("id\n\xcf\xf0\n")
	f.Fuzz(func(t *testing.T, text string) {
		phones, err := ReadPhones(strings.NewReader(text))
		for id, p := range phones {
			if _, wrong := parseID(id); p.ID != id || wrong != nil || p.MAC != "" && call.ParseMAC(p.MAC) != p.MAC {
				t.Errorf("%q: %q is %+v", text, id, p)
			}
			if own := ownMAC(id); own != "" && p.MAC != own {
				t.Errorf("%q: %q has the MAC %q", text, id, p.MAC)
			}
			for _, line := range p.Lines {
				if line == "" || strings.ContainsAny(string(line), " \t,;") {
					t.Errorf("%q: %q has the line %q", text, id, line)
				}
			}
			for _, n := range p.Allow {
				if n != n.Masked() || !n.IsValid() {
					t.Errorf("%q: %q is allowed from %v", text, id, n)
				}
			}
		}
		if err != nil && (phones != nil || strings.ContainsAny(err.Error(), "\n\r")) {
			t.Errorf("%q: got %v and %q, want one line", text, phones, err)
		}
	})
}

func TestAPhoneMayBeNamedWithoutAList(t *testing.T) {
	got, err := NewPhone("00:15:65:AA:BB:CC", "101 102")
	want := Phone{ID: "001565aabbcc", MAC: "001565aabbcc", Lines: []call.Line{"101", "102"}}
	if diff := cmp.Diff(want, got, sameNets); err != nil || diff != "" {
		t.Errorf("%v (-want +got):\n%s", err, diff)
	}
	if got, err := NewPhone("hall", ""); err != nil || got.ID != "hall" || got.MAC != "" || got.Lines != nil {
		t.Errorf("got %+v, %v", got, err)
	}
	for _, id := range []string{"", "a b", "shared", "00:15:65"} {
		if _, err := NewPhone(id, ""); err == nil {
			t.Errorf("%q is taken for an id", id)
		}
	}
}
