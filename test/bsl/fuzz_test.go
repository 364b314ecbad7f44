package bsl_test

import (
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/callbus/callbus/test/bsl"
)

const small = "\uFEFF" + `<MetaDataObject><Configuration><Properties><Name>Малое</Name></Properties>
<ChildObjects><CommonModule>М</CommonModule></ChildObjects></Configuration></MetaDataObject>`

const smallModule = "\uFEFF" + `<MetaDataObject><CommonModule><Properties><Name>М</Name><Server>true</Server></Properties></CommonModule></MetaDataObject>`

// Any text at all as code ends in faults that name a line of it.
func FuzzCode(f *testing.F) {
	all := seeds(f)
	f.Add(all[start])
	f.Add(all[web])
	f.Add("\uFEFFПроцедура А()\nЗапрос.УстановитьПараметр(\"П\", 1 + \"ВЫБРАТЬ Р.П ИЗ РегистрСведений.Р КАК Р ГДЕ (&П\n|)\");\nКонецПроцедуры")
	f.Add("\uFEFFФункция А(Б = 1, В)\nВозврат \"а\n//\n|б\"\"\" + '20261122' + [);\nКонецФункции")
	f.Add("\uFEFFПроцедура А()\nЕсли Тогда ИначеЕсли КонецЦикла Возврат(М.А(;\n&После(\"А\")")
	f.Fuzz(func(t *testing.T, code string) {
		files := fstest.MapFS{
			"Configuration.xml":              {Data: []byte(small)},
			"CommonModules/М.xml":            {Data: []byte(smallModule)},
			"CommonModules/М/Ext/Module.bsl": {Data: []byte(code)},
		}
		for _, fault := range faults(t, files) {
			var line int
			rest, ours := strings.CutPrefix(fault, "CommonModules/М/Ext/Module.bsl: ")
			if _, err := fmt.Sscanf(rest, "%d: ", &line); ours && code != "" && (err != nil || line < 1 || line > 1+strings.Count(code, "\n")) {
				t.Errorf("%q names no line of %q", fault, code)
			}
		}
		for _, p := range bsl.Parse("М", code).Procedures {
			if !strings.Contains(code, p.Name) {
				t.Errorf("found a procedure %q in %q", p.Name, code)
			}
		}
	})
}

// Any text at all as metadata: what no reader of XML would take, or what has no mark in front, is a fault of that file.
func FuzzMetadata(f *testing.F) {
	for file, seed := range seeds(f) {
		if strings.HasSuffix(file, ".xml") {
			f.Add(seed)
		}
	}
	f.Add(smallModule)
	f.Fuzz(func(t *testing.T, document string) {
		got := faults(t, fstest.MapFS{
			"Configuration.xml":              {Data: []byte(small)},
			"CommonModules/М.xml":            {Data: []byte(document)},
			"CommonModules/М/Ext/Module.bsl": {Data: []byte("\uFEFF")},
		})
		body, marked := strings.CutPrefix(document, "\uFEFF")
		if (!marked || !wellFormed(body)) && !told(got, "CommonModules/М.xml: ") {
			t.Errorf("got %q for %q", got, document)
		}
	})
}

func wellFormed(document string) bool {
	decoder := xml.NewDecoder(strings.NewReader(document))
	for {
		if _, err := decoder.Token(); err != nil {
			return errors.Is(err, io.EOF)
		}
	}
}

func seeds(f *testing.F) map[string]string {
	f.Helper()
	texts := map[string]string{}
	for name, file := range extension(f) {
		texts[name] = string(file.Data)
	}
	return texts
}
