package bsl_test

import (
	"io/fs"
	"os"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/callbus/callbus/test/bsl"
)

const root = "../../deploy/1c/extension"

func TestTheExtensionHasNoFaults(t *testing.T) {
	x, err := bsl.Read(os.DirFS(root))
	if err != nil {
		t.Fatal(err)
	}
	if len(x.Modules) < 7 {
		t.Fatalf("only %d modules were found", len(x.Modules))
	}
	for _, fault := range x.Faults() {
		t.Error(fault)
	}
}

const (
	intake   = "CommonModules/CallbusПрием/Ext/Module.bsl"
	search   = "CommonModules/CallbusПоиск/Ext/Module.bsl"
	calls    = "CommonModules/CallbusВызовСервера/Ext/Module.bsl"
	screen   = "CommonModules/CallbusКлиент/Ext/Module.bsl"
	start    = "Ext/ManagedApplicationModule.bsl"
	web      = "WebServices/TelData/Ext/Module.bsl"
	webXML   = "WebServices/TelData.xml"
	httpXML  = "HTTPServices/Callbus.xml"
	journal  = "InformationRegisters/CallbusЗвонки.xml"
	exchange = "Roles/CallbusОбмен/Ext/Rights.xml"
)

// Each fault is planted in a copy of the real extension, and must be told in these words.
func TestAFaultThatIsPlantedIsNoticed(t *testing.T) {
	for what, c := range map[string]struct{ file, old, planted, want string }{
		"no byte order mark":                 {intake, "\uFEFF", "", "no byte order mark"},
		"windows-1251":                       {intake, "Прием", "\xcf\xf0\xe8\xe5\xec", "not UTF-8"},
		"a string without an end":            {intake, `"OK";`, `"OK;`, "a string has no end"},
		"a continuation without a bar":       {search, "|ИЗ", "ИЗ", "a string has no end in its line"},
		"a sign from nowhere":                {intake, "Цифры = \"\"", "Цифры := \"\" @", "no meaning"},
		"no Тогда":                           {intake, "Если Новое И НЕ Событие.Искали Тогда", "Если Новое И НЕ Событие.Искали", "has no Тогда"},
		"no КонецЕсли":                       {screen, "КонецЕсли;", "", "КонецЦикла is out of place"},
		"another block's end":                {screen, "КонецЕсли;", "КонецЦикла;", "out of place"},
		"Исключение without Попытка":         {start, "Попытка", "", "Исключение is out of place"},
		"a procedure that ends as function":  {start, "КонецПроцедуры", "КонецФункции", "has no КонецПроцедуры"},
		"no semicolon":                       {intake, "НачатьТранзакцию();", "НачатьТранзакцию()", "no ; before Попытка"},
		"no operator":                        {intake, `Цифры + Знак`, `Цифры Знак`, "nothing between"},
		"a bracket too few":                  {intake, "СокрЛП(НомерСобытия)]", "СокрЛП(НомерСобытия]", "closes nothing"},
		"a region without an end":            {intake, "#КонецОбласти", "", "has no #КонецОбласти"},
		"code outside of procedures":         {web, "// Операция", "А = 1;\n// Операция", "outside of procedures"},
		"the same procedure twice":           {intake, "Функция НовоеСобытие()", "Функция ТолькоЦифры()", "there twice"},
		"a function that gives nothing":      {search, "Возврат Образец;", "", "without Возврат"},
		"a value out of a procedure":         {intake, "Событие.Искали = Истина;\n\t\tВозврат;", "Событие.Искали = Истина;\n\t\tВозврат 1;", "in a procedure none"},
		"a slip in a local name":             {intake, "Принять(Событие);\n\tВозврат", "Принять(Собтие);\n\tВозврат", "the name Собтие is not known"},
		"a slip in a local procedure":        {intake, "ЗаблокироватьЛинию(Событие.Линия)", "ЗаблокироватЛинию(Событие.Линия)", "neither here nor known"},
		"a slip in a function of 1C":         {intake, "НачатьТранзакцию", "НачатьТранзакции", "neither here nor known"},
		"a slip in a type":                   {intake, "Новый БлокировкаДанных", "Новый БлокировкиДанных", "the type БлокировкиДанных"},
		"an argument too few":                {intake, "ЗаполнитьЗначенияСвойств(Запись, Событие)", "ЗаполнитьЗначенияСвойств(Запись)", "takes 2 to 4 arguments, not 1"},
		"an argument too many":               {intake, "Записать(Событие, Состояние);", "Записать(Событие, Состояние, 1);", "takes 2 to 2 arguments, not 3"},
		"a procedure as a value":             {intake, "Блокировка.Заблокировать();", "А = Принять(Линия);", "gives no value"},
		"a module's procedure not exported":  {search, "Процедура ЗапуститьВФоне() Экспорт", "Процедура ЗапуститьВФоне()", "CallbusПоиск has no exported ЗапуститьВФоне"},
		"the server called from the client":  {screen, "CallbusВызовСервера.МоиЗвонки()", "CallbusПоиск.НайтиИЗаписать(1)", "CallbusПоиск is on the other side"},
		"a server's function on the client":  {screen, "Возврат \"номер скрыт\"", "Возврат ИмяПользователя()", "ИмяПользователя is on the other side"},
		"an idle handler not exported":       {start, "CallbusПроверитьЗвонки() Экспорт", "CallbusПроверитьЗвонки()", "no exported procedure"},
		"an idle handler that is not there":  {start, `"CallbusПроверитьЗвонки", 3`, `"CallbusПроверить", 3`, "no exported procedure"},
		"a background job that is not there": {search, `"CallbusПоиск.НайтиВсех"`, `"CallbusПоиск.Найти"`, "for a background job"},
		"an annotation from nowhere":         {start, "&После", "&Позже", "is not known here"},
		"an annotation of nothing":           {start, "&После(\"ПриНачалеРаботыСистемы\")", "&После", "must name a method"},

		"a query's parameter not set":   {calls, "= &Пользователь\"", "= &Польователь\"", "&Польователь is not set"},
		"a parameter of no query":       {search, `"НеРаньше"`, `"НеПозже"`, "no query has the parameter &НеПозже"},
		"a placeholder not replaced":    {search, "Справочник.#ИмяСправочника", "Справочник.#Имя", "#Имя is not replaced"},
		"a query without ИЗ":            {search, "|ИЗ", "|", "no ИЗ"},
		"a query's bracket":             {calls, "ПО (Состояния", "ПО ((Состояния", "brackets"},
		"a register that is not there":  {calls, "РегистрСведений.CallbusЛинии", "РегистрСведений.CallbusЛиния", "no register CallbusЛиния"},
		"a field that is not there":     {calls, "Звонки.Ссылка", "Звонки.Ссылки", "CallbusЗвонки has no field Ссылки"},
		"a field gone from metadata":    {journal, "<Name>Искали</Name>", "<Name>Искалось</Name>", "CallbusЗвонки has no field Искали"},
		"XML that is not well-formed":   {journal, "</Properties>", "</Property>", "closed by"},
		"XML with an unknown prefix":    {webXML, "xmlns:v8=", "xmlns:v9=", "the prefix v8 is not declared"},
		"XML without a mark":            {webXML, "\uFEFF", "", "no byte order mark"},
		"an object under another name":  {webXML, "<Name>TelData</Name>", "<Name>Teldata</Name>", "it calls itself"},
		"an operation without function": {webXML, "<ProcedureName>TelData<", "<ProcedureName>Tel<", "there is no function Tel,"},
		"parameters in another order":   {web, "(Nomer_Sobitia, Nomer_sip,", "(Nomer_sip, Nomer_Sobitia,", "in the metadata"},
		"a handler without function":    {httpXML, "<Handler>СобытиеPOST<", "<Handler>Событие<", "there is no function Событие,"},
		"a right to nothing":            {exchange, "InformationRegister.CallbusЗвонки", "InformationRegister.Звонки", "there is no InformationRegister.Звонки"},
		"an operation nobody may call":  {exchange, "Operation.TelData", "Operation.Tel", "no role may use WebService"},
		"a right that is refused":       {exchange, "<value>true", "<value>false", "no role may use WebService"},
		"an object that is not there":   {"Configuration.xml", "<Role>CallbusОбмен", "<Role>Обмен", "named, and not there"},
		"an object that nothing names":  {"Configuration.xml", "<WebService>TelData</WebService>", "", "nothing names it"},
		"a subsystem of nothing":        {"Subsystems/Callbus.xml", "CallbusЛинии", "Линии", "there is no InformationRegister.Линии"},
		"no uuid":                       {"Languages/Русский.xml", `uuid="`, `uuid="x`, "is no uuid"},
	} {
		if got := planted(t, c.file, c.old, c.planted); !told(got, c.want) {
			t.Errorf("%s: got %q, want %q", what, got, c.want)
		}
	}
}

func TestTheSameIdentityTwiceIsNoticed(t *testing.T) {
	files := extension(t)
	files["Roles/CallbusНастройка.xml"].Data = []byte(strings.ReplaceAll(string(files["Roles/CallbusОбмен.xml"].Data), "CallbusОбмен", "CallbusНастройка"))
	if got := faults(t, files); !told(got, "is there twice") {
		t.Errorf("got %q", got)
	}
}

func TestAFileThatIsGoneIsNoticed(t *testing.T) {
	for file := range extension(t) {
		if file == start {
			continue // an extension may do without
		}
		files := extension(t)
		delete(files, file)
		if len(faults(t, files)) == 0 {
			t.Errorf("%s was taken away, and nobody noticed", file)
		}
	}
}

// Whatever holds the blocks, brackets and strings of the real modules together, none of it can be left out.
func TestNothingThatHoldsTheCodeTogetherCanBeLeftOut(t *testing.T) {
	tried := 0
	for file, f := range extension(t) {
		if !strings.HasSuffix(file, ".bsl") {
			continue
		}
		code := string(f.Data)
		for _, held := range []string{`"`, "(", ")", " Тогда", " Цикл", "КонецЕсли", "КонецЦикла", "КонецПопытки", "КонецФункции", "КонецПроцедуры"} {
			for _, at := range places(code, held) {
				tried++
				if m := bsl.Parse(file, code[:at]+code[at+len(held):]); len(m.Faults()) == 0 {
					t.Errorf("%s: %q was left out at %q, and nobody noticed", file, held, code[at:min(at+60, len(code))])
				}
			}
		}
	}
	if tried < 300 {
		t.Errorf("only %d places were tried", tried)
	}
}

// places are where something stands in code that is no comment.
func places(code, what string) (found []int) {
	at := 0
	for line := range strings.Lines(code) {
		for i := 0; !strings.HasPrefix(strings.Trim(line, " \t\uFEFF"), "//"); {
			n := strings.Index(line[i:], what)
			if n < 0 {
				break
			}
			found = append(found, at+i+n)
			i += n + len(what)
		}
		at += len(line)
	}
	return found
}

func planted(t *testing.T, file, old, instead string) []string {
	t.Helper()
	files := extension(t)
	if files[file] == nil || !strings.Contains(string(files[file].Data), old) {
		t.Fatalf("%s has no %q: mend this test", file, old)
	}
	files[file].Data = []byte(strings.Replace(string(files[file].Data), old, instead, 1))
	return faults(t, files)
}

func told(faults []string, words string) bool {
	return slices.ContainsFunc(faults, func(f string) bool { return strings.Contains(f, words) })
}

func faults(t testing.TB, files fs.FS) []string {
	t.Helper()
	x, err := bsl.Read(files)
	if err != nil {
		t.Fatal(err)
	}
	return x.Faults()
}

// extension is a copy of the real one, to be spoilt.
func extension(t testing.TB) fstest.MapFS {
	t.Helper()
	files := fstest.MapFS{}
	err := fs.WalkDir(os.DirFS(root), ".", func(p string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		content, err := fs.ReadFile(os.DirFS(root), p)
		files[p] = &fstest.MapFile{Data: content}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return files
}
