package peers

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"

	"github.com/callbus/callbus/services/onec-adapter/onectest"
	"github.com/callbus/callbus/test/rig"
)

// recorder is a 1C that publishes one description under many addresses, one for each operation, and keeps what it is sent.
type recorder struct {
	*httptest.Server
	description []byte
	mutex       sync.Mutex
	sent        map[int][]byte // operation → the first envelope
}

func startRecorder(t *testing.T, description []byte) *recorder {
	r := &recorder{description: description, sent: make(map[int][]byte)}
	r.Server = httptest.NewServer(r)
	t.Cleanup(r.Close)
	return r
}

func (r *recorder) ServeHTTP(w http.ResponseWriter, q *http.Request) {
	w.Header().Set("Content-Type", "text/xml; charset=utf-8")
	if q.Method == http.MethodGet {
		w.Write(r.description)
		return
	}
	body, err := io.ReadAll(q.Body)
	i, _ := strconv.Atoi(strings.TrimPrefix(q.URL.Path, "/base/ws/"))
	if err == nil {
		r.mutex.Lock()
		if r.sent[i] == nil {
			r.sent[i] = body
		}
		r.mutex.Unlock()
	}
	io.WriteString(w, `<soap:Envelope xmlns:soap="`+soap11+`"><soap:Body><m:R xmlns:m="r"><m:return>OK</m:return></m:R></soap:Body></soap:Envelope>`)
}

// callEach makes Callbus call each operation of a description once, with one event of a phone, and gives the envelopes.
// Every parameter with a simple type gets a constant; an object is left to nil, or made empty where it may not be nil.
func callEach(t *testing.T, d description) [][]byte {
	t.Helper()
	recorder := startRecorder(t, d.Text)
	var targets []map[string]any
	for i, op := range d.Operations {
		parameters := make(map[string]string)
		for _, p := range op.Parameters {
			if !p.Object || !p.Nillable {
				parameters[p.Name] = "=" + p.Value
			}
		}
		targets = append(targets, map[string]any{
			"name": fmt.Sprint("op", i), "url": fmt.Sprint(recorder.URL, "/base/ws/", i), "operation": op.Name, "sessions": 1,
			"from": "beginning", "soap12": op.SOAP12 && i%2 == 1, "parameters": parameters,
		})
	}
	file, err := yaml.Marshal(map[string]any{"targets": targets})
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "targets.yaml")
	write(t, path, string(file))
	in := rig.StartIngest(t)
	rig.StartAdapterOf(t, in, path)
	rig.Accepted(t, in.Phones, rig.CheckPhone(1, "74951234567", "101"))
	rig.Until(t, "a call of each operation", func() (any, bool) {
		recorder.mutex.Lock()
		defer recorder.mutex.Unlock()
		return fmt.Sprintf("%d of %d", len(recorder.sent), len(targets)), len(recorder.sent) == len(targets)
	})
	recorder.mutex.Lock()
	defer recorder.mutex.Unlock()
	envelopes := make([][]byte, len(targets))
	for i, sent := range recorder.sent {
		envelopes[i] = sent
	}
	return envelopes
}

// judge asks xmllint about many documents at once: "" for a valid one, else what it said.
func (s schema) judge(t *testing.T, documents [][]byte) []string {
	t.Helper()
	dir := t.TempDir()
	args := []string{"--noout", "--nonet", "--schema", s.file}
	for i, d := range documents {
		name := filepath.Join(dir, fmt.Sprintf("%d.xml", i))
		if err := os.WriteFile(name, d, 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, name)
	}
	out, _ := exec.Command("xmllint", args...).CombinedOutput() // it fails where one of them does
	said := make([]string, len(documents))
	var spoken int
	for line := range strings.Lines(string(out)) {
		rest, ours := strings.CutPrefix(line, dir+"/")
		i, _, _ := strings.Cut(rest, ".")
		n, err := strconv.Atoi(i)
		switch {
		case !ours || err != nil:
			t.Fatalf("xmllint: %s", out)
		case strings.HasSuffix(line, " validates\n"):
			spoken++
		case strings.HasSuffix(line, " fails to validate\n"):
			spoken++
		default:
			said[n] += line
		}
	}
	if spoken != len(documents) {
		t.Fatalf("xmllint judged %d of %d documents:\n%s", spoken, len(documents), out)
	}
	return said
}

// limit is the one that is known: Callbus has no fields for an object (an XDTO type), so where it may not be nil it is sent
// empty, and a type that wants something inside refuses that.
func limit(op operation, said string) bool {
	return slices.ContainsFunc(op.Parameters, func(p parameter) bool {
		return p.Object && !p.Nillable && strings.Contains(said, "}"+p.Name+"': Missing child element(s).")
	})
}

// plants are faults that a request may have, each made of one that is valid.
func plants(op operation, valid []byte) (faulty [][]byte) {
	at := make([][]int, len(op.Parameters))
	for i, p := range op.Parameters {
		one := regexp.MustCompile(`(?s)<m:` + regexp.QuoteMeta(p.Name) + `(?: [^>]*/>|>.*?</m:` + regexp.QuoteMeta(p.Name) + `>)`)
		if at[i] = one.FindIndex(valid); at[i] == nil {
			return nil
		}
	}
	replaced := func(i int, by string) []byte {
		return slices.Concat(valid[:at[i][0]], []byte(by), valid[at[i][1]:])
	}
	for i, p := range op.Parameters {
		text := string(valid[at[i][0]:at[i][1]])
		if !p.Optional {
			faulty = append(faulty, replaced(i, ""))
		}
		faulty = append(faulty, replaced(i, strings.NewReplacer("<m:", "<f:", "</m:", "</f:").Replace(text)), replaced(i, text+"<m:x/>"))
		if i > 0 {
			before := string(valid[at[i-1][0]:at[i-1][1]])
			faulty = append(faulty, slices.Concat(valid[:at[i-1][0]], []byte(text+before), valid[at[i][1]:]))
		}
	}
	for i, f := range faulty { // a prefix of another namespace
		faulty[i] = bytes.Replace(f, []byte("<soap:Body>"), []byte(`<soap:Body xmlns:f="http://callbus.example/other">`), 1)
	}
	return faulty
}

// checkDescription gives the operations whose requests the description's own schema takes, and those of the known limit.
func checkDescription(t *testing.T, text []byte) (valid, limited []string) {
	t.Helper()
	d := readDescription(t, text)
	schema := d.schema(t, t.TempDir())
	envelopes := callEach(t, d)
	var planted [][]byte
	for i, said := range schema.judge(t, envelopes) {
		op := d.Operations[i]
		switch {
		case said == "":
			valid = append(valid, op.Name)
			faulty := plants(op, envelopes[i])
			if len(faulty) == 0 && len(op.Parameters) > 0 {
				t.Errorf("%s: nothing was planted into\n%s", op.Name, envelopes[i])
			}
			planted = append(planted, faulty...)
		case limit(op, said):
			limited = append(limited, op.Name)
		default:
			t.Errorf("%s: xmllint says\n%sof\n%s", op.Name, said, envelopes[i])
		}
	}
	for i, said := range schema.judge(t, planted) {
		if said == "" {
			t.Errorf("a planted fault was not noticed:\n%s", planted[i])
		}
	}
	t.Logf("%d operations: %d valid, %d planted faults noticed", len(d.Operations), len(valid), len(planted))
	if len(limited) > 0 {
		t.Logf("KNOWN LIMIT, %d operations: an object that may not be nil goes empty, and its type wants more: %s", len(limited), strings.Join(limited, ", "))
	}
	return valid, limited
}

func TestRequestsFitTheSchemasOfOurOwnDescriptions(t *testing.T) {
	peer(t, "xmllint")
	packages, err := os.ReadFile(filepath.Join("testdata", "packages.wsdl"))
	if err != nil {
		t.Fatal(err)
	}
	contact := []onectest.Parameter{{Name: "Имя", Type: "xs:string"}}
	cyrillic := onectest.Options{
		Namespace: "telephony", Service: "Телефония", Operation: "Звонок", Parameters: []string{"НомерСобытия", "НомерСип", "МойНомер"},
		Further: []onectest.Parameter{
			{Name: "Контакт", Type: "tns:Контакт", Fields: contact, Nillable: true}, {Name: "Когда", Type: "xs:dateTime"},
			{Name: "Ответ", Type: "xs:string", Out: true},
		},
	}
	for name, tt := range map[string]struct {
		description    []byte
		valid, limited []string
	}{
		"TelData":  {[]byte(onectest.New(onectest.Options{}).WSDL()), []string{"TelData"}, nil},
		"Cyrillic": {[]byte(onectest.New(cyrillic).WSDL()), []string{"Звонок"}, nil},
		"packages": {packages, []string{"RegisterCall", "ВсплывающаяКарточка", "SetContacts", "Ping"}, []string{"SetContact"}},
	} {
		t.Run(name, func(t *testing.T) {
			valid, limited := checkDescription(t, tt.description)
			if diff := cmp.Diff([][]string{tt.valid, tt.limited}, [][]string{valid, limited}); diff != "" {
				t.Errorf("valid and limited operations (-want +got):\n%s", diff)
			}
		})
	}
}

func TestRequestsFitTheSchemasOfCollectedDescriptions(t *testing.T) {
	peer(t, "xmllint")
	for _, path := range collected(t) {
		t.Run(filepath.Base(path), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			if valid, _ := checkDescription(t, text); len(valid) == 0 {
				t.Error("no operation at all has got a valid request")
			}
		})
	}
}
