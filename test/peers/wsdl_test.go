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
// Every parameter with a simple type gets a constant; an object is left to Callbus, which has no fields for it.
func callEach(t *testing.T, d description) [][]byte {
	t.Helper()
	recorder := startRecorder(t, d.Text)
	var targets []map[string]any
	for i, op := range d.Operations {
		parameters := make(map[string]string)
		for _, p := range op.Parameters {
			if !p.Object {
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

// plants are faults that a request may have, each made of one that is valid.
func plants(op operation, valid []byte) (faulty [][]byte) {
	at := make([][]int, len(op.Parameters))
	for i, p := range op.Parameters {
		one := regexp.MustCompile(`(?s)<m:` + regexp.QuoteMeta(p.Name) + `(?: [^>]*/>|(?: [^>]*)?>.*?</m:` + regexp.QuoteMeta(p.Name) + `>)`)
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
		if tag, inside, _ := strings.Cut(text, ">"); strings.Count(inside, "<") > 1 { // an object whose type wants something
			faulty = append(faulty, replaced(i, tag+"></m:"+p.Name+">"))
		}
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

// checkDescription wants the description's own schema to take a request for each operation, and to refuse what is planted.
func checkDescription(t *testing.T, text []byte) {
	t.Helper()
	d := readDescription(t, text)
	schema := d.schema(t, t.TempDir())
	var planted [][]byte
	for i, envelope := range validRequests(t, d, schema) {
		faulty := plants(d.Operations[i], envelope)
		if len(faulty) == 0 && len(d.Operations[i].Parameters) > 0 {
			t.Errorf("%s: nothing was planted into\n%s", d.Operations[i].Name, envelope)
		}
		planted = append(planted, faulty...)
	}
	for i, said := range schema.judge(t, planted) {
		if said == "" {
			t.Errorf("a planted fault was not noticed:\n%s", planted[i])
		}
	}
	t.Logf("%d operations, %d planted faults", len(d.Operations), len(planted))
}

// validRequests gives a request for each operation.
func validRequests(t *testing.T, d description, schema schema) [][]byte {
	t.Helper()
	envelopes := callEach(t, d)
	for i, said := range schema.judge(t, envelopes) {
		if said != "" {
			t.Errorf("%s: xmllint says\n%sof\n%s", d.Operations[i].Name, said, envelopes[i])
		}
	}
	return envelopes
}

func TestRequestsFitTheSchemasOfOurOwnDescriptions(t *testing.T) {
	peer(t, "xmllint")
	contact := []onectest.Parameter{{Name: "Имя", Type: "xs:string"}}
	cyrillic := onectest.Options{
		Namespace: "telephony", Service: "Телефония", Operation: "Звонок", Parameters: []string{"НомерСобытия", "НомерСип", "МойНомер"},
		Further: []onectest.Parameter{
			{Name: "Контакт", Type: "tns:Контакт", Fields: contact, Nillable: true}, {Name: "Когда", Type: "xs:dateTime"},
			{Name: "Ответ", Type: "xs:string", Out: true},
		},
	}
	for name, description := range map[string][]byte{
		"TelData":    []byte(onectest.New(onectest.Options{}).WSDL()),
		"Cyrillic":   []byte(onectest.New(cyrillic).WSDL()),
		"packages":   ours(t, "testdata", "packages.wsdl"),
		"structures": ours(t, "..", "..", "services", "onec-adapter", "internal", "soap", "testdata", "structures.wsdl"),
	} {
		t.Run(name, func(t *testing.T) { checkDescription(t, description) })
	}
}

func ours(t *testing.T, path ...string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(path...))
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestRequestsFitTheSchemasOfCollectedDescriptions(t *testing.T) {
	peer(t, "xmllint")
	for _, path := range collected(t) {
		t.Run(filepath.Base(path), func(t *testing.T) { checkDescription(t, ours(t, path)) })
	}
}
