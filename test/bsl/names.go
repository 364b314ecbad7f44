package bsl

import (
	"fmt"
	"slices"
	"strings"
)

// side is where code runs.
type side int

const (
	server side = 1 << iota
	client
	both = server | client
)

// global is a function or procedure of the platform: how many arguments it takes, whether it gives a value, where it is.
// A name of the platform that is not in these tables is a fault, so that a slip of the hand is one: who uses a new one looks
// it up in the syntax assistant and adds it.
type global struct {
	least, most int
	value       bool
	where       side
}

var globals = map[string]global{
	"ЗаписьЖурналаРегистрации":   {1, 6, false, server},
	"ЗаполнитьЗначенияСвойств":   {2, 4, false, both},
	"ЗафиксироватьТранзакцию":    {0, 0, false, server},
	"ИмяПользователя":            {0, 0, true, server},
	"ИнформацияОбОшибке":         {0, 0, true, both},
	"КраткоеПредставлениеОшибки": {1, 1, true, both},
	"Лев":                {2, 2, true, both},
	"МестноеВремя":       {1, 2, true, server},
	"НачатьТранзакцию":   {0, 1, false, server},
	"ОтменитьТранзакцию": {0, 0, false, server},
	"ПерейтиПоНавигационнойСсылке":   {1, 1, false, client},
	"ПодключитьОбработчикОжидания":   {2, 3, false, client},
	"ПодробноеПредставлениеОшибки":   {1, 1, true, both},
	"ПоказатьОповещениеПользователя": {0, 6, false, client},
	"ПолучитьНавигационнуюСсылку":    {1, 3, true, server},
	"Прав":              {2, 2, true, both},
	"ПрочитатьJSON":     {1, 8, true, both},
	"СокрЛП":            {1, 1, true, both},
	"Сред":              {2, 3, true, both},
	"СтрДлина":          {1, 1, true, both},
	"СтрЗаменить":       {3, 3, true, both},
	"СтрНайти":          {2, 5, true, both},
	"СтрРазделить":      {2, 3, true, both},
	"Строка":            {1, 1, true, both},
	"ТекущаяДатаСеанса": {0, 0, true, server},
	"ТекущаяУниверсальнаяДата": {0, 0, true, server},
	"Тип":    {1, 1, true, both},
	"ТипЗнч": {1, 1, true, both},
	"УстановитьПривилегированныйРежим": {1, 1, false, server},
	"ЧасовойПоясСеанса":                {0, 0, true, server},
	"XMLЗначение":                      {2, 2, true, both},
}

// properties of the platform's global context.
var properties = map[string]side{
	"ИспользованиеByteOrderMark": both, "КодировкаТекста": both, "Метаданные": server, "РегистрыСведений": server,
	"СтатусОповещенияПользователя": client, "УровеньЖурналаРегистрации": both, "ФоновыеЗадания": server,
}

// types that Новый makes.
var types = map[string]side{
	"HTTPСервисОтвет": server, "БлокировкаДанных": server, "Запрос": server, "Массив": both, "Соответствие": both,
	"Структура": both, "УникальныйИдентификатор": both, "ЧтениеJSON": both,
}

// house is what a module can see of the others.
type house struct {
	modules map[string]*Module // common modules by name
	sides   map[string]side    // where each can be called from
}

// reader goes through one procedure and knows which names it has made so far.
type reader struct {
	house  house
	module *Module
	where  side
	of     *Procedure
	known  []string
	faults []string
}

// names finds names that nobody defined, and calls that cannot be: of what is not there, not exported, on the other side,
// or with another number of arguments.
func (h house) names(m *Module, where side) (faults []string) {
	for _, p := range m.Procedures {
		r := &reader{house: h, module: m, where: where, of: p, known: slices.Clone(m.variables)}
		for _, parameter := range p.Parameters {
			r.known = append(r.known, parameter.Name)
		}
		for i, t := range p.body {
			if t.kind == word && !isKeyword(t.text) && !r.at(i-1).is(".") {
				r.name(i, t)
			}
		}
		faults = append(faults, r.faults...)
	}
	return faults
}

func (r *reader) at(i int) token {
	if i < 0 || i >= len(r.of.body) {
		return token{kind: symbol, text: ";"}
	}
	return r.of.body[i]
}

func (r *reader) name(i int, t token) {
	switch before := r.at(i - 1); {
	case before.is("Новый"):
		r.available(t, "the type", types)
	case r.at(i + 1).is("("):
		r.call(i, t)
	case r.defines(i):
		r.known = append(r.known, t.text)
	case has(r.known, t.text) || has(literals, t.text):
	case r.house.modules[t.text] != nil:
		r.callOfModule(i, t)
	default:
		r.available(t, "the name", properties)
	}
}

// defines: А = …, Для А = …, Для Каждого А Из.
func (r *reader) defines(i int) bool {
	before, after := r.at(i-1), r.at(i+1)
	begins := before.is(";", "Тогда", "Цикл", "Иначе", "Попытка", "Исключение", "Для")
	return begins && after.is("=") || before.is("Каждого") && after.is("Из")
}

func (r *reader) available(t token, what string, all map[string]side) {
	switch where, ok := all[t.text]; {
	case !ok:
		r.fault(t, "%s %s is not known", what, t.text)
	case where&r.where != r.where:
		r.fault(t, "%s %s is on the other side", what, t.text)
	}
}

func (r *reader) call(i int, t token) {
	if p := r.module.Procedure(t.text); p != nil {
		r.fits(i, i+1, p)
		return
	}
	g, ok := globals[t.text]
	switch n := r.arguments(i + 1); {
	case !ok:
		r.fault(t, "%s is neither here nor known of the platform", t.text)
	case g.where&r.where != r.where:
		r.fault(t, "%s is on the other side", t.text)
	case n < g.least || n > g.most:
		r.fault(t, "%s takes %d to %d arguments, not %d", t.text, g.least, g.most, n)
	case !g.value && !r.isStatement(i):
		r.fault(t, "%s gives no value", t.text)
	case t.is("ПодключитьОбработчикОжидания"):
		r.handler(t, r.at(i+2))
	}
}

// handler holds the name in a string against the module: an idle handler must be there, exported, and take nothing.
func (r *reader) handler(t, name token) {
	if p := r.module.Procedure(name.text); p == nil || !p.Export || p.Function || len(p.Parameters) > 0 {
		r.fault(t, "%q is no exported procedure of this module", name.text)
	}
}

func (r *reader) callOfModule(i int, t token) {
	method := r.at(i + 2)
	p := r.house.modules[t.text].Procedure(method.text)
	switch {
	case !r.at(i+1).is(".") || !r.at(i+3).is("("):
		r.fault(t, "the module %s is no value", t.text)
	case p == nil || !p.Export:
		r.fault(t, "%s has no exported %s", t.text, method.text)
	case r.house.sides[t.text]&r.where != r.where:
		r.fault(t, "%s is on the other side", t.text)
	default:
		r.fits(i, i+3, p)
	}
}

// fits holds a call, which begins at i and opens its bracket later, against the procedure.
func (r *reader) fits(i, bracket int, p *Procedure) {
	least := len(p.Parameters)
	for least > 0 && p.Parameters[least-1].Optional {
		least--
	}
	if n := r.arguments(bracket); n < least || n > len(p.Parameters) {
		r.fault(r.at(i), "%s takes %d to %d arguments, not %d", p.Name, least, len(p.Parameters), n)
	}
	if !p.Function && !r.isStatement(i) {
		r.fault(r.at(i), "%s gives no value", p.Name)
	}
}

func (r *reader) isStatement(i int) bool {
	return r.at(i-1).is(";", "Тогда", "Цикл", "Иначе", "Попытка", "Исключение")
}

// arguments counts what stands between the bracket at i and its other half.
func (r *reader) arguments(i int) int {
	return len(split(r.of.body[min(i, len(r.of.body)):]))
}

// split cuts the tokens behind an opening bracket into arguments, up to its other half.
func split(tokens []token) (arguments [][]token) {
	depth, current := 0, []token(nil)
	for _, t := range tokens {
		switch {
		case t.is("(", "["):
			depth++
		case t.is(")", "]"):
			depth--
		}
		switch {
		case depth == 0 && len(current) == 0 && len(arguments) == 0:
			return nil
		case depth == 0, depth == 1 && t.is(","):
			arguments = append(arguments, current)
			current = []token{}
		case depth > 1 || !t.is("("):
			current = append(current, t)
		}
		if depth == 0 {
			break
		}
	}
	return arguments
}

func (r *reader) fault(t token, format string, args ...any) {
	r.faults = append(r.faults, fmt.Sprintf("%d: %s: ", t.line, r.of.Name)+fmt.Sprintf(format, args...))
}

func has(names []string, name string) bool {
	return slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
}
